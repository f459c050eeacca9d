"""
``soar lanes``: who waits for which vendor, what is spent, and when the next call may go.

In: the name of an asset, or the id of a waiting call. Out: the read model of lanes, once or anew
each second. Never: a write, or a call taken from a budget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import pairwise
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from soar.cli import entry
from soar.cli.screen import AsJson, cell, grid, output, plain, show
from soar.domain.errors import BadInput
from soar.domain.model import SEVERITIES

if TYPE_CHECKING:
    from soar.lanes import Lane, Place, Spent

PAUSE = 1.0  # seconds between two looks of --watch
COLOURS: Mapping[str, str] = {
    "open": "green",
    "waits": "yellow",
    "unknown": "magenta",
    "disabled": "magenta",
    "closed": "red",
    "broken": "red",
    "deleted": "red",
}
COLUMNS = (
    "asset",
    "budget",
    "state",
    *SEVERITIES,
    "oldest",
    "spent",
    "last minute",
    "saved",
    "next in",
)
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))

Look = Callable[[], RenderableType]


def lanes(
    asset: Annotated[str, typer.Argument(help="Only the lane of this asset.")] = "",
    call: Annotated[
        int | None,
        typer.Option(min=1, metavar="ID", help="The place of one waiting call: its app run's id."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again each second, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the lanes of assets: who waits, what is spent, when the next call may go."""
    from soar import lanes as model

    if watch and as_json:
        raise BadInput("watch", "draws for a person and does not go with --json")
    with entry.opened() as house:
        limiter = entry.limiter(house)

        def one(number: int) -> Place:
            with house.database.begin() as work:
                return model.place(work, limiter, number, asset=asset or None)

        def many() -> list[Lane]:
            with house.database.begin() as work:
                return busiest(model.lanes(work, limiter, only=asset or None))

        if watch:
            _watch(lambda: _lanes(many()) if call is None else _place(one(call)))
        elif call is None:
            found = many()
            documents = [model.lane_shape(lane) for lane in found]
            show(as_json, documents, lambda console: console.print(_lanes(found)))
        else:
            place = one(call)
            show(as_json, model.place_shape(place), lambda console: console.print(_place(place)))


def busiest(found: list[Lane]) -> list[Lane]:
    """Return lanes in the order in which people look at them."""
    return sorted(found, key=lambda lane: (-lane.total, -lane.last_minute, lane.asset))


def span(length: timedelta | None) -> str:
    """Return a time to wait in the two units that matter."""
    if length is None:
        return ""
    rest = max(0, round(length.total_seconds()))
    for (size, unit), (below, smaller) in pairwise(UNITS):
        if rest >= size:
            more = rest % size // below
            return f"{rest // size} {unit}" + (f" {more} {smaller}" if more else "")
    return f"{rest} s"


def _watch(look: Look) -> None:
    pause = Event()
    with Live(look(), console=output(), auto_refresh=False) as live:
        while not pause.wait(PAUSE):
            live.update(look(), refresh=True)


def _lanes(found: list[Lane]) -> RenderableType:
    """Draw a row for each lane, and below it why some are not open."""
    if not found:
        return Text("No assets: add some with `soar asset add`.", style="dim")
    reasons = [Text(plain(f"{lane.asset}: {lane.why}"), "dim") for lane in found if lane.why]
    return Group(grid(COLUMNS, map(_row, found)), *reasons)


def _row(lane: Lane) -> tuple[str | Text, ...]:
    return (
        lane.asset,
        lane.budget,
        cell(lane.state, COLOURS),
        *(str(lane.waiting[severity] or "") for severity in SEVERITIES),
        span(lane.oldest),
        ", ".join(map(_spent, lane.spent)),
        str(lane.last_minute or ""),
        str(lane.saved or ""),
        _next(lane.opens_in),
    )


def _next(wait: timedelta | None) -> str:
    return "now" if wait is not None and wait < timedelta(seconds=0.5) else span(wait)


def _spent(of: Spent) -> str:
    return f"{of.spent}/{of.limit.replace('/', ' ')}"


def _place(place: Place) -> RenderableType:
    """Draw where one call stands."""
    rows = [
        ("call", f"{place.app_run} ({place.action} on {place.asset}, run {place.run})"),
        ("position", str(place.position)),
        ("severity", place.severity),
        ("waited", span(place.waited)),
        ("expected in", _next(place.expected_in) or "unknown"),
    ]
    return grid(("", ""), rows)
