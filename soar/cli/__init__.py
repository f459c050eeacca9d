"""
``soar …``: the command line, one module per group of commands.

In: words typed by an operator or an analyst. Out: tables for people, one JSON document with
``--json``, and exit codes that scripts can rely on (``soar.cli.exits``).
Never: a rule of its own: each command calls a room's front door.
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from soar.cli import (
    alerts,
    approvals,
    assets,
    audit,
    blast,
    channels,
    contained,
    delegations,
    doctor,
    drill,
    handover,
    keys,
    lanes,
    lists,
    playbooks,
    policies,
    roles,
    runs,
    servers,
    shadow,
    tenants,
    tokens,
    users,
)
from soar.cli.exits import Front
from soar.cli.screen import output

__all__ = ["app", "main"]

DISTRIBUTION = "soar-celery"
DEMO = "soar.demo.commands"
GROUPS = (
    ("asset", assets.app, "Connections to vendors."),
    ("playbook", playbooks.app, "What runs."),
    ("trigger", playbooks.triggers_app, "When it runs."),
    ("list", lists.app, "Custom lists that playbooks look things up in."),
    ("alert", alerts.app, "What comes in."),
    ("run", runs.app, "One playbook run."),
    ("contained", contained.app, "What stands at the vendors."),
    ("audit", audit.app, "Who decided or changed what."),
    ("delegation", delegations.app, "Who answers for whom while they are away."),
    ("policy", policies.app, "Who must agree before which call."),
    ("shift", policies.shifts_app, "Who is on call."),
    ("blast", blast.app, "What needs a second approval."),
    ("user", users.app, "Who signs in."),
    ("role", roles.app, "What people may do."),
    ("tenant", tenants.app, "Whose containers are whose."),
    ("shadow", shadow.app, "Where writes are only simulated."),
    ("channel", channels.app, "How people hear of approvals."),
    ("token", tokens.app, "Who may ask."),
    ("drill", drill.app, "Prove the recovery on a live system."),
    ("vault", keys.app, "The keys that seal secrets."),
)
COMMANDS = (
    ("migrate", servers.migrate, "Examples:\n\nsoar migrate\n\nsoar migrate --to base --down"),
    ("init", users.init, "Examples:\n\nsoar init\n\nsoar init --json"),
    ("worker", servers.worker, "Examples:\n\nsoar worker engine"),
    ("lab", servers.lab, "Examples:\n\nsoar lab --port 8800 --tls-port 8843"),
    ("runs", runs.runs, "Examples:\n\nsoar runs --waiting\n\nsoar runs --status failed --json"),
    (
        "lanes",
        lanes.lanes,
        "Examples:\n\nsoar lanes\n\nsoar lanes virustotal_prod --watch\n\nsoar lanes --call 41",
    ),
    ("doctor", doctor.doctor, "Examples:\n\nsoar doctor\n\nsoar doctor --json"),
    ("reassign", handover.reassign, "Examples:\n\nsoar reassign 3 ben"),
    ("withdraw", handover.withdraw, "Examples:\n\nsoar withdraw 3 --reason 'false alarm'"),
    ("approvals", approvals.approvals, "Examples:\n\nsoar approvals\n\nsoar approvals 3"),
    (
        "approve",
        approvals.approve,
        "Examples:\n\nsoar approve 3\n\n"
        'soar approve 3 "Isolate Host" --reason "confirmed with the user" --yes\n\n'
        'soar approve 3 --response Yes --response "it beacons" --response 80',
    ),
    ("report", runs.report, "Examples:\n\nsoar report 12"),
    ("signing-key", keys.signing_key, "Examples:\n\nsoar signing-key signing.pem verify.pem"),
)

app = typer.Typer(
    cls=Front,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Security orchestration, automation and response.",
)


def _version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        found = version(DISTRIBUTION)
    except PackageNotFoundError:
        found = "unknown (not installed)"
    output().print(f"soar {found}")
    raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Security orchestration, automation and response."""


def _register() -> None:
    """Put every command into the tree; the demo's are there once its module is."""
    for name, group, promise in GROUPS:
        app.add_typer(group, name=name, help=promise)
    for name, function, epilog in COMMANDS:
        app.command(name, epilog=epilog or None)(function)
    try:
        demo = importlib.import_module(DEMO)
    except ModuleNotFoundError as error:
        if error.name not in (DEMO, DEMO.rpartition(".")[0]):
            raise
        return
    app.command("up")(demo.up)
    app.command("demo")(demo.demo)


def main() -> None:
    """Run one command line and leave with its exit code."""
    app()


_register()
