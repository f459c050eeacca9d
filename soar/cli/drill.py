"""
``soar drill``: prove on a live system how long recovery takes.

In: a word of consent. Out: what was killed and how long it took; exit code 6 if it took too long
or went wrong. Never: a kill without consent.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from soar.cli import entry
from soar.cli.exits import NEEDS_PERSON
from soar.cli.screen import AsJson, say
from soar.domain.errors import BadInput

if TYPE_CHECKING:
    from soar.drill import Drilled

app = typer.Typer(no_args_is_help=True)


@app.command("kill-worker")
def kill_worker(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Kill an action worker of this machine in a harmless call, and measure the recovery."""
    from soar import drill

    if not yes:
        if not entry.interactive():
            raise BadInput("--yes", "is needed where nobody can be asked")
        typer.confirm("Kill an action worker of this machine?", abort=True, err=True)
    with entry.opened() as house:
        drilled = drill.kill_worker(house)
    document = {**asdict(drilled), "target": drill.TARGET_SECONDS, "passed": drilled.passed}
    say(as_json, document, _sentence(drilled, drill.TARGET_SECONDS))
    if not drilled.passed:
        raise typer.Exit(NEEDS_PERSON)


def _sentence(drilled: Drilled, target: float) -> str:
    end = "; ".join(drilled.problems) or "nothing lost, nothing done twice"
    return (
        f"killed worker {drilled.pid}; its call was claimed again after"
        f" {drilled.claimed_again:.1f} s, run {drilled.run} done after {drilled.done:.1f} s"
        f" (at most {target:g} s): {end}"
    )
