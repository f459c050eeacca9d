"""
``soar shadow``: where writes are only simulated.

In: a playbook, an asset, or everything. Out: the switch in the store, and in the audit trail.
Never: a switch turned for what does not exist.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from soar.cli import entry
from soar.cli.screen import AsJson, say, show, table
from soar.cli.tokens import COMMAND_LINE
from soar.domain.errors import BadInput

app = typer.Typer(no_args_is_help=True)
COLUMNS = ("scope", "name", "switched on by", "since (UTC)")
SHOWN = ("id", "scope", "name", "created_by", "create_time")
Playbook = Annotated[str, typer.Option(help="A playbook, with whatever it starts.")]
Asset = Annotated[str, typer.Option(help="An asset, whoever writes there.")]
All = Annotated[bool, typer.Option("--all", help="The whole system.")]


@app.command("list")
def list_switches(as_json: AsJson = False) -> None:
    """List what is in shadow, since when and by whom."""
    with entry.working() as (_, work):
        found = [entry.pick(row, *SHOWN) for row in work.shadow.all()]
    rows = [(d["scope"], d["name"], d["created_by"], d["create_time"]) for d in found]
    show(as_json, found, table(COLUMNS, rows, empty="Nothing is in shadow: writes are made."))


@app.command(
    "on",
    epilog="Examples:\n\nsoar shadow on --playbook phishing_triage\n\n"
    "soar shadow on --asset crowdstrike_prod\n\nsoar shadow on --all",
)
def switch_on(
    playbook: Playbook = "", asset: Asset = "", everything: All = False, as_json: AsJson = False
) -> None:
    """Simulate writes from now on: nobody is asked, and no vendor gets any."""
    from soar import shadow

    with entry.working() as (_, work):
        row, new = shadow.on(work, _named(playbook, asset, everything), by=COMMAND_LINE)
    what = shadow.spoken(row["scope"], row["name"])
    said = f"{what} is in shadow: writes are simulated" if new else f"{what} was in shadow already"
    say(as_json, {**entry.pick(row, *SHOWN), "new": new}, said)


@app.command(
    "off", epilog="Examples:\n\nsoar shadow off --playbook phishing_triage\n\nsoar shadow off --all"
)
def switch_off(
    playbook: Playbook = "", asset: Asset = "", everything: All = False, as_json: AsJson = False
) -> None:
    """Make writes again; what was simulated is not made up for."""
    from soar import shadow

    with entry.working() as (_, work):
        row = shadow.off(work, _named(playbook, asset, everything), by=COMMAND_LINE)
        others = work.shadow.all()
    what = shadow.spoken(row["scope"], row["name"])
    also = [shadow.spoken(r["scope"], r["name"]) for r in others]
    said = f"{what} is out of the shadow" + (f"; still in it: {', '.join(also)}" if also else "")
    say(as_json, {"off": entry.pick(row, *SHOWN), "still": list(map(shadow.shape, others))}, said)


def _named(playbook: str, asset: str, everything: bool) -> dict[str, Any]:
    given: list[dict[str, Any]] = []
    given += [{"scope": "playbook", "name": playbook}] if playbook else []
    given += [{"scope": "asset", "name": asset}] if asset else []
    given += [{"scope": "all"}] if everything else []
    if len(given) != 1:
        raise BadInput("shadow", "name one thing: --playbook, --asset or --all")
    return given[0]
