"""
``soar playbook candidate``, ``compare``, ``promote``, ``drop``: try a version before it is live.

In: a playbook's name, and a file. Out: a candidate in the store, and how it differs.
Never: playbook code run here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from soar.cli import entry
from soar.cli.screen import AsJson, plain, say, show, table
from soar.cli.tokens import COMMAND_LINE

if TYPE_CHECKING:
    from soar.candidate import Comparison
    from soar.store.rows import Row

Name = Annotated[str, typer.Argument(help="Name of the playbook.")]
SHOWN = ("id", "name", "title", "version", "sha256")
COLUMNS = ("case", "alert", "live", "candidate", "only live", "only the candidate", "")


def register(app: typer.Typer) -> None:
    """Put these commands into the group of playbooks."""
    app.command(
        "candidate", epilog="Examples:\n\nsoar playbook candidate phishing_triage --file new.py"
    )(candidate)
    app.command("compare", epilog="Examples:\n\nsoar playbook compare phishing_triage --different")(
        compare
    )
    app.command("promote", epilog="Examples:\n\nsoar playbook promote phishing_triage")(promote)
    app.command("drop", epilog="Examples:\n\nsoar playbook drop phishing_triage")(drop)


def candidate(
    name: Name,
    file: Annotated[Path, typer.Option(help="The candidate's file (.py).")],
    as_json: AsJson = False,
) -> None:
    """Let a version run in shadow beside the live one: it does nothing and asks nobody."""
    from soar import candidate as candidates
    from soar import library

    read = library.read(file)
    with entry.working() as (_, work):
        row = candidates.keep(work, name, read, by=COMMAND_LINE)
    said = f"runs in shadow beside the live version: see `soar playbook compare {row['name']}`"
    say(as_json, entry.pick(row, *SHOWN), f"{_named(row)} {said}")


def promote(name: Name, as_json: AsJson = False) -> None:
    """Make the candidate the live version."""
    from soar import candidate as candidates

    with entry.working() as (_, work):
        row = candidates.promote(work, name, by=COMMAND_LINE)
    say(as_json, entry.pick(row, *SHOWN), f"{_named(row)} is live: it acts from the next run on")


def drop(name: Name, as_json: AsJson = False) -> None:
    """Give the candidate up; the live version stays."""
    from soar import candidate as candidates

    with entry.working() as (_, work):
        row = candidates.drop(work, name, by=COMMAND_LINE)
    say(as_json, entry.pick(row, *SHOWN), f"{_named(row)} is no candidate any more")


def compare(
    name: Name,
    limit: Annotated[
        int, typer.Option(min=1, max=5000, help="How many alerts, newest first.")
    ] = 50,
    different: Annotated[
        bool, typer.Option("--different", help="Only alerts on which the two differ.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare verdicts and actions of the live version and the candidate, alert by alert."""
    from soar import candidate as candidates

    with entry.working() as (house, work):
        live, other = work.playbooks.newest(name), work.playbooks.candidate(name)
        found = candidates.compare(work, name, catalog=house.catalog, limit=limit)
    wanted = [one for one in found if not (different and one.same)]
    document = {
        "playbook": live["name"],
        "live": entry.pick(live, *SHOWN),
        "candidate": entry.pick(other or {}, *SHOWN),
        "alerts": len(found),
        "different": sum(not one.same for one in found),
        "compared": [candidates.shape(one) for one in wanted],
    }
    show(as_json, document, lambda console: _draw(console, document, wanted))


def _draw(console: Console, document: dict[str, Any], found: Sequence[Comparison]) -> None:
    said = f"{document['playbook']}: {document['different']} of {document['alerts']} alerts differ"
    console.print(plain(said), style="bold")
    empty = "No alert has come since the candidate was added, or none on which they differ."
    table(COLUMNS, map(_row, found), empty=empty)(console)


def _row(one: Comparison) -> tuple[Any, ...]:
    end = "" if one.finished else "not finished"
    return (
        one.case,
        one.name,
        one.live.verdict or one.live.status,
        one.candidate.verdict or one.candidate.status,
        "\n".join(f"{what} ({one.live.writes[what]})" for what in one.only_live),
        "\n".join(f"would have: {what}" for what in one.only_candidate),
        one.candidate.error or end or ("same" if one.same else "differs"),
    )


def _named(row: Row) -> str:
    return f"{row['name']} {row['version']} (id {row['id']})"
