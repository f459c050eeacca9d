"""
``soar list``: custom lists, which playbooks look things up in.

In: names, cells, CSV. Out: the lists in the store, and who changed one in the audit trail.
Never: an edit that overwrites one that was made meanwhile.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from soar.cli import entry
from soar.cli.screen import AsJson, say, show, table
from soar.cli.tokens import COMMAND_LINE
from soar.domain import custom_list
from soar.domain.changes import ListEdit
from soar.domain.custom_list import Rows
from soar.domain.errors import BadInput, NotFound

if TYPE_CHECKING:
    from soar.store.work import Work

app = typer.Typer(no_args_is_help=True)
COLUMNS = ("list", "rows", "version", "changed by", "changed")
Name = Annotated[str, typer.Argument(help="Name of the list.")]
Row = Annotated[int, typer.Argument(min=0, help="Number of the row, from 0.")]


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """List the custom lists."""
    with entry.working() as (_, work):
        found = work.custom_lists.all()
    documents = [
        {**entry.pick(row, "id", "name", "rows", "version", "changed_by"), **_times(row)}
        for row in found
    ]
    rows = [
        [row["name"], row["rows"], row["version"], row["changed_by"], f"{row['update_time']:%F %R}"]
        for row in found
    ]
    show(as_json, documents, table(COLUMNS, rows, empty="There are no custom lists."))


def _times(row: dict[str, Any]) -> dict[str, str]:
    return {name: row[name].isoformat() for name in ("create_time", "update_time")}


@app.command("show", epilog="Examples:\n\nsoar list show allowed")
def shown(name: Name, as_json: AsJson = False) -> None:
    """Show the rows of a list, with their numbers."""
    with entry.working() as (_, work):
        content = _content(work, name)
    width = max(map(len, content), default=0)
    numbered = [[n, *cells, *[""] * (width - len(cells))] for n, cells in enumerate(content)]
    columns = ("row", *(str(n) for n in range(width)))
    draw = table(columns, numbered, empty="The list has no rows.")
    show(as_json, {"name": name, "content": content}, draw)


@app.command("set", epilog="Examples:\n\nsoar list set allowed 0 1 'mail gateway'")
def set_cell(
    name: Name,
    row: Row,
    column: Annotated[int, typer.Argument(min=0, max=999, help="Number of the column, from 0.")],
    value: Annotated[str, typer.Argument(help="What the cell is to hold.")],
    as_json: AsJson = False,
) -> None:
    """Set one cell of a list; a row that is too short for it grows."""
    with entry.working() as (_, work):
        content = _held(work, name)
        if row >= len(content):
            raise NotFound(f"the list {name!r} has no row {row}: it has {len(content)}")
        cells = [*content[row], *[""] * (column + 1 - len(content[row]))]
        cells[column] = value
        edit = ListEdit(name=name, verb="replace rows", places=(row,), rows=(tuple(cells),))
        content = _edited(work, edit)
    say(as_json, {"name": name, "rows": len(content), "row": cells}, f"row {row} is: {cells}")


@app.command("append", epilog="Examples:\n\nsoar list append allowed 192.0.2.9 printer")
def append(
    name: Name,
    cells: Annotated[list[str], typer.Argument(help="The cells of one row.")],
    as_json: AsJson = False,
) -> None:
    """Add a row to a list, which is made if there is none."""
    with entry.working() as (_, work):
        edit = ListEdit(name=custom_list.name(name), verb="add", rows=(tuple(cells),))
        content = _edited(work, edit)
    _tell(as_json, name, content)


@app.command("remove", epilog="Examples:\n\nsoar list remove allowed 3 4")
def remove(
    name: Name,
    rows: Annotated[list[int], typer.Argument(min=0, help="Numbers of rows, from 0.")],
    as_json: AsJson = False,
) -> None:
    """Remove rows of a list, by their numbers."""
    with entry.working() as (_, work):
        have = len(_held(work, name))
        gone = sorted({row for row in rows if row >= have})
        if gone:
            raise NotFound(f"the list {name!r} has no row {gone[0]}: it has {have}")
        content = _edited(work, ListEdit(name=name, verb="delete rows", places=tuple(rows)))
    _tell(as_json, name, content)


@app.command(
    "import",
    epilog="Examples:\n\nsoar list import allowed allowed.csv\n\n"
    "soar list import allowed - --append < more.csv",
)
def import_rows(
    name: Name,
    file: Annotated[str, typer.Argument(help="A CSV file in UTF-8; - is standard input.")],
    append: Annotated[
        bool, typer.Option("--append", help="Add the rows to those that are there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put the rows of a CSV file in place of those of a list, which is made if there is none."""
    rows = tuple(map(tuple, _read(file)))
    with entry.working() as (_, work):
        verb: Any = "add" if append else "set"
        content = _edited(work, ListEdit(name=custom_list.name(name), verb=verb, rows=rows))
    _tell(as_json, name, content)


def _read(source: str) -> Rows:
    text = entry.read_text(source).removeprefix("\ufeff")
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise BadInput("file", f"{source} is not CSV: {error}") from None


@app.command("export", epilog="Examples:\n\nsoar list export allowed allowed.csv")
def export(
    name: Name,
    file: Annotated[str, typer.Argument(help="Where to; - is standard output.")] = "-",
    as_json: AsJson = False,
) -> None:
    """Write the rows of a list as CSV, as ``import`` reads them."""
    with entry.working() as (_, work):
        content = _content(work, name)
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(content)
    if file == "-" and not as_json:
        typer.echo(written.getvalue(), nl=False)
        return
    if file != "-":
        _write(file, written.getvalue())
    document = {"name": name, "rows": len(content), "file": file}
    shown = {**document, "content": content} if file == "-" else document
    say(as_json, shown, f"{len(content)} rows written to {file}")


def _write(file: str, text: str) -> None:
    try:
        Path(file).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput("file", f"{file} cannot be written: {error.strerror}") from None


@app.command("delete", epilog="Examples:\n\nsoar list delete allowed")
def delete(name: Name, as_json: AsJson = False) -> None:
    """Remove a list; what playbooks look up in it is then not there."""
    with entry.working() as (_, work):
        _held(work, name)
        edit = ListEdit(name=name, verb="remove")
        work.custom_lists.edit([edit], by=COMMAND_LINE)
        work.audit(COMMAND_LINE, "custom list removed", {"list": name})
    say(as_json, {"name": name, "removed": True}, f"the list {name} was removed")


def _content(work: Work, name: str) -> Rows:
    return _known(name, work.custom_lists.content(name))


def _held(work: Work, name: str) -> Rows:
    return _known(name, work.custom_lists.held(name))


def _known(name: str, content: Rows | None) -> Rows:
    if content is None:
        raise NotFound(f"there is no custom list {name!r}: see `soar list list`")
    return content


def _edited(work: Work, edit: ListEdit) -> Rows:
    """Carry out an edit; return the rows that the list has then."""
    new = work.custom_lists.held(edit.name) is None
    work.custom_lists.edit([edit], by=COMMAND_LINE)
    what = "custom list added" if new else "custom list changed"
    work.audit(COMMAND_LINE, what, {"list": edit.name})
    return work.custom_lists.content(edit.name) or []


def _tell(as_json: bool, name: str, content: Rows) -> None:
    document = {"name": name, "rows": len(content)}
    say(as_json, document, f"the list {name} has {len(content)} rows")
