"""
``soar tenant``: whose containers are whose; and which tenants assets and people are for.

In: names or ids, an operator's word. Out: tenants in the store, and in the audit trail.
Never: a tenant removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from soar.cli import assets, entry, users
from soar.cli.screen import AsJson, plain, say, show, table
from soar.cli.tokens import COMMAND_LINE
from soar.domain.errors import BadInput

app = typer.Typer(no_args_is_help=True)
SHOWN = ("id", "name", "active", "create_time")
COLUMNS = ("id", "tenant", "takes new containers", "since (UTC)")
Tenant = Annotated[str, typer.Argument(help="Name or id of the tenant.")]
Tenants = Annotated[list[str] | None, typer.Argument(help="Names or ids of tenants.")]
All = Annotated[bool, typer.Option("--all", help="All tenants, also those to come.")]


@app.command("list", epilog="Examples:\n\nsoar tenant list --json")
def listed(as_json: AsJson = False) -> None:
    """List the tenants."""
    with entry.working() as (_, work):
        found = [entry.pick(row, *SHOWN) for row in work.tenants.all()]
    rows = [(d["id"], d["name"], "yes" if d["active"] else "no", d["create_time"]) for d in found]
    show(as_json, found, table(COLUMNS, rows, empty="There are no tenants."))


@app.command("add", epilog="Examples:\n\nsoar tenant add Acme")
def add(
    name: Annotated[str, typer.Argument(help="What alerts and people call it.")],
    as_json: AsJson = False,
) -> None:
    """Make a tenant."""
    from soar import tenants

    with entry.working() as (_, work):
        row = tenants.add(work, name, by=COMMAND_LINE)
    say(as_json, entry.pick(row, *SHOWN), f"tenant {row['id']} is {plain(row['name'])}")


@app.command(
    "edit",
    epilog="Examples:\n\nsoar tenant edit Acme --name 'Acme Europe'\n\n"
    "soar tenant edit Acme --enable",
)
def edit(
    tenant: Tenant,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    enable: Annotated[bool, typer.Option("--enable", help="Let it take containers again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Rename a tenant, or let it take new containers again."""
    if name is None and not enable:
        raise BadInput("name", "is missing: give --name, --enable or both")
    _change(tenant, as_json, name=name, active=True if enable else None)


@app.command("disable", epilog="Examples:\n\nsoar tenant disable Acme")
def disable(tenant: Tenant, as_json: AsJson = False) -> None:
    """Let a tenant take no new containers; those it has stay, and go on."""
    _change(tenant, as_json, active=False)


def _change(named: str, as_json: bool, **changes: Any) -> None:
    from soar import tenants

    with entry.working() as (_, work):
        row = tenants.edit(work, named, by=COMMAND_LINE, **changes)
    takes = "takes new containers" if row["active"] else "takes no new containers"
    said = f"tenant {row['id']}, {plain(row['name'])}, {takes}"
    say(as_json, entry.pick(row, *SHOWN), said)


@users.app.command(
    "tenants", epilog="Examples:\n\nsoar user tenants anna Acme\n\nsoar user tenants anna --all"
)
def of_user(
    user: users.User, tenant: Tenants = None, everything: All = False, as_json: AsJson = False
) -> None:
    """Let somebody see and answer for these tenants only; it holds at once."""
    from soar import tenants

    wanted = _wanted(tenant, everything)
    with entry.working() as (_, work):
        given = tenants.give_person(work, user, wanted, by=COMMAND_LINE)
        names = tenants.names(work, given)
    document = {"user": user, "tenants": given}
    say(as_json, document, f"{user} sees {_spoken(names)}")


@assets.app.command(
    "tenants",
    epilog="Examples:\n\nsoar asset tenants edr_acme Acme\n\nsoar asset tenants edr_acme --all",
)
def of_asset(
    name: assets.Name, tenant: Tenants = None, everything: All = False, as_json: AsJson = False
) -> None:
    """Let an asset be called for these tenants only; it holds from the next call on."""
    from soar import tenants

    wanted = _wanted(tenant, everything)
    with entry.working() as (_, work):
        given = tenants.give_asset(work, name, wanted, by=COMMAND_LINE)
        names = tenants.names(work, given)
    document = {"asset": name, "tenants": given}
    say(as_json, document, f"{name} serves {_spoken(names)}")


def _wanted(named: Sequence[str] | None, everything: bool) -> list[str]:
    """Return the tenants that were named; none only where all were meant."""
    if bool(named) == everything:
        raise BadInput("tenant", "name tenants, or say --all")
    return list(named or ())


def _spoken(names: Sequence[str]) -> str:
    return plain(", ".join(names)) if names else "all tenants"
