"""
What a command shows: tables for people, one JSON document for machines.

In: values and rows. Out: standard output; progress and errors go to standard error.
Never: a control character from an alert on somebody's terminal, or rich markup from data.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from soar.domain.shapes import stamp

AsJson = Annotated[
    bool, typer.Option("--json", help="Write one JSON document to standard output, nothing else.")
]
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
WIDE = 140  # columns where no terminal says how many it has
STYLES = {
    "success": "green",
    "closed": "green",
    "answered": "green",
    "ok": "green",
    "failed": "red",
    "broken": "red",
    "error": "red",
    "critical": "red",
    "high": "red",
    "running": "cyan",
    "queued": "cyan",
    "open": "yellow",
    "waiting": "yellow",
    "parked": "yellow",
    "medium": "yellow",
    "warning": "yellow",
    "expired": "magenta",
    "cancelled": "magenta",
}


def plain(value: Any) -> str:
    """Return a value as text that cannot command a terminal."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, Mapping | list | tuple):
        value = json.dumps(value, default=_shape, ensure_ascii=False)
    return CONTROLS.sub("\ufffd", str(value))


def output() -> Console:
    """Return the console of standard output as it is now."""
    return _console(stderr=False)


def progress_console() -> Console:
    """Return the console of standard error: progress, questions and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, WIDE)
    return console


def show(as_json: bool, document: Any, draw: Callable[[Console], None]) -> None:
    """Write the document for a machine, or draw it for a person."""
    if as_json:
        write_json(document)
    else:
        draw(output())


def say(as_json: bool, document: Mapping[str, Any], sentence: str) -> None:
    """Write what was done: the document for a machine, or one sentence for a person."""
    show(as_json, document, lambda console: console.print(plain(sentence), soft_wrap=True))


def write_json(document: Any) -> None:
    """Write one JSON document, the only thing on standard output."""
    sys.stdout.write(json.dumps(document, default=_shape, indent=2) + "\n")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str, title: str = ""
) -> Callable[[Console], None]:
    """Return what draws rows as a table, or says in one sentence that there are none."""
    drawn = grid(columns, rows, title=title)

    def draw(console: Console) -> None:
        console.print(drawn if drawn.row_count else Text(empty, style="dim"))

    return draw


def grid(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> Table:
    """Return rows as a table that something else draws."""
    made = Table(title=title or None, title_justify="left", header_style="bold", box=None)
    for name in columns:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*(value if isinstance(value, Text) else cell(value) for value in row))
    return made


def cell(value: Any, styles: Mapping[str, str] = STYLES) -> Text:
    """Return a value as a cell; words that are statuses carry their colour."""
    text = plain(value)
    return Text(text, style=styles.get(text, ""))


def progress() -> Progress:
    """Return a progress bar on standard error; without a terminal it stays silent."""
    console = progress_console()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def error_line(sentence: str, *, prefix: str = "error: ") -> None:
    """Write one sentence to standard error."""
    text = Text(prefix, style="bold red") + Text(plain(sentence))
    progress_console().print(text, soft_wrap=True)


def _shape(value: Any) -> Any:
    """Return what JSON has no word for: times as Splunk writes them, anything else as text."""
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)
