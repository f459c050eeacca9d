"""
``soar delegation``: who answers for whom while they are away.

In: the token of who gives, or the operator's word. Out: delegations that end.
Never: more than what the giver may answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soar.cli import entry
from soar.cli.screen import AsJson, plain, say, show, table
from soar.cli.tokens import COMMAND_LINE

app = typer.Typer(no_args_is_help=True)
COLUMNS = ("id", "for", "answers", "until (UTC)")


@app.command(
    "add",
    epilog="Examples:\n\nsoar delegation add ben --for 8h\n\n"
    "soar delegation add ben --for 2w --from anna",
)
def add(
    taker: Annotated[str, typer.Argument(help="Who is to answer.")],
    span: Annotated[str, typer.Option("--for", metavar="SPAN", help="How long: 8h, 5d, 2w.")],
    giver: Annotated[
        str, typer.Option("--from", help="For whom; without it, for whom the token is.")
    ] = "",
    token_file: Annotated[
        Path | None, typer.Option(help="File with your token, instead of SOAR_TOKEN.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody answer the approvals that you may answer, for a time."""
    from soar import access, delegation

    with entry.working() as (house, work):
        by = COMMAND_LINE
        if not giver:
            giver = by = entry.person(work, house.settings, token_file).username
        made = delegation.give(
            work, giver=giver, taker=taker, lasts=access.lifetime(span, field="for"), by=by
        )
    say(as_json, made, f"{taker} answers for {giver} until {plain(made['until'])} UTC")


@app.command("list", epilog="Examples:\n\nsoar delegation list --json")
def listed(as_json: AsJson = False) -> None:
    """List the delegations that stand."""
    with entry.working() as (_, work):
        found = work.delegations.standing()
    rows = [[row["id"], row["giver"], row["taker"], row["until"]] for row in found]
    show(as_json, found, table(COLUMNS, rows, empty="Nobody answers for somebody else."))


@app.command("end", epilog="Examples:\n\nsoar delegation end 4")
def end(
    delegation_id: Annotated[int, typer.Argument(metavar="ID", min=1, help="Its id.")],
    as_json: AsJson = False,
) -> None:
    """End a delegation before its time."""
    from soar import delegation

    with entry.working() as (_, work):
        ended = delegation.end(work, delegation_id, by=COMMAND_LINE)
    say(as_json, ended, f"{ended['taker']} no longer answers for {ended['giver']}")
