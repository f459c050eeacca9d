"""
``soar doctor``: what is older than it should be, and who will move it on.

In: nothing. Out: the findings of :mod:`soar.health`, and exit code 6 where a person is needed.
Never: a change; the elected clock sweeps each second by itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from soar.cli import entry
from soar.cli.exits import NEEDS_PERSON
from soar.cli.lanes import span
from soar.cli.screen import AsJson, show, table

if TYPE_CHECKING:
    from soar.health import Finding

COLUMNS = ("severity", "what", "id", "age", "may be", "detail", "what happens")


def doctor(as_json: AsJson = False) -> None:
    """Show what is older than it should be, and what becomes of it; 6 if a person is needed."""
    from soar import health

    with entry.opened() as house, house.database.begin() as work:
        found = health.findings(work, house.settings)
    document = {
        "healthy": not health.needs_person(found),
        "findings": [health.shape(finding) for finding in found],
    }
    empty = "Nothing is older than it should be."
    show(as_json, document, table(COLUMNS, map(_row, found), empty=empty))
    if health.needs_person(found):
        raise typer.Exit(NEEDS_PERSON)


def _row(finding: Finding) -> tuple[str, ...]:
    timed = finding.age > 0
    return (
        finding.severity,
        finding.kind,
        str(finding.id or ""),
        span(timedelta(seconds=finding.age)) if timed else "",
        span(timedelta(seconds=finding.allowed)) if timed else "",
        finding.detail,
        finding.then,
    )
