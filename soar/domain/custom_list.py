"""
Custom lists: rows of texts, and what an edit makes of them.

In: rows and an edit, in any form that playbooks and clients write. Out: new rows.
Never: a cell that is no text, or an edit of anything but a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from soar.domain.changes import Cells, ListEdit
from soar.domain.errors import BadInput

Rows = list[list[str]]

LONGEST_NAME = 200
MOST_CELLS = 1_000_000


def cell(value: Any) -> str:
    """Return what a cell holds of a value: its text; nothing is an empty one."""
    return "" if value is None else str(value)


def row(values: Any) -> Cells:
    """Return one row: of a list its cells, of anything else one cell."""
    several = isinstance(values, list | tuple | set | frozenset)
    return tuple(cell(v) for v in values) if several else (cell(values),)


def rows(values: Any, *, each: bool = False) -> tuple[Cells, ...]:
    """
    Return rows: a list of lists as it is, a plain list as one row, or (*each*) a row for each.
    """
    if isinstance(values, list | tuple) and (
        each or any(isinstance(v, list | tuple) for v in values)
    ):
        return tuple(row(v) for v in values)
    return (row(values),)


def name(value: Any) -> str:
    """Return the name of a list, or say what is wrong with it."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or len(text) > LONGEST_NAME:
        raise BadInput("list_name", f"must be a text of 1 to {LONGEST_NAME} letters")
    return text


def applied(content: Sequence[Sequence[str]] | None, edit: ListEdit) -> Rows | None:
    """Return the rows after an edit, none where the list is gone; None means there was none."""
    now = [list(r) for r in content or ()]
    match edit.verb:
        case "remove":
            return None
        case "set":
            now = [list(r) for r in edit.rows]
        case "add":
            now += [list(r) for r in edit.rows]
        case "delete":
            return _deleted(now, edit) if content is not None else None
        case "replace rows":
            _replace(now, edit)
        case "delete rows":
            now = [r for place, r in enumerate(now) if place not in edit.places]
    if sum(map(len, now)) > MOST_CELLS:
        raise BadInput("list", f"{edit.name!r} would have more than {MOST_CELLS:,} cells")
    return now


def _replace(now: Rows, edit: ListEdit) -> None:
    for place, cells in zip(edit.places, edit.rows, strict=True):
        if not 0 <= place < len(now):
            raise BadInput("update_rows", f"there is no row {place}: the list has {len(now)}")
        now[place] = list(cells)


def _deleted(now: Rows, edit: ListEdit) -> Rows:
    """Remove a value: its row, or only its cell; a row in which nothing is left goes too."""
    kept, done = [], False
    for cells in now:
        hits = (
            places([cells], edit.value, column=edit.column) if edit.everywhere or not done else []
        )
        done = done or bool(hits)
        if not hits:
            kept.append(cells)
            continue
        if len(edit.value) > 1 or edit.whole_row:
            continue
        hit = {column for _, column in (hits if edit.everywhere else hits[:1])}
        left = ["" if column in hit else text for column, text in enumerate(cells)]
        if any(left):
            kept.append(left)
    return kept


def places(
    content: Iterable[Sequence[str]], value: Cells, *, column: int | None = None
) -> list[tuple[int, int]]:
    """Return (row, column) of every cell that is a value; of several cells, of equal rows."""
    found = []
    for number, cells in enumerate(content):
        if len(value) > 1:
            found += [(number, 0)] if tuple(cells) == value else []
            continue
        found += [
            (number, at)
            for at, text in enumerate(cells)
            if (text,) == value and column in (None, at)
        ]
    return found


def matching(
    content: Iterable[Sequence[str]], value: str, *, case_sensitive: bool, substring: bool
) -> int:
    """Return how many rows have a cell that is, or holds, a text."""

    def fold(text: str) -> str:
        return text if case_sensitive else text.casefold()

    wanted = fold(value)
    return sum(
        any(wanted in fold(c) if substring else wanted == fold(c) for c in cells)
        for cells in content
    )


def edit_of(list_name: str, raw: Mapping[str, Any]) -> list[ListEdit]:
    """Return the edits that a client asks for: all content, or some of its rows."""
    edits = []
    if raw.get("content") is not None:
        edits.append(ListEdit(name=list_name, verb="set", rows=_content(raw["content"])))
    if raw.get("update_rows") is not None:
        edits.append(_updates(list_name, raw["update_rows"]))
    if raw.get("delete_rows") is not None:
        gone = tuple(_place(v, "delete_rows") for v in _listed(raw["delete_rows"], "delete_rows"))
        edits.append(ListEdit(name=list_name, verb="delete rows", places=gone))
    if raw.get("append_rows") is not None:
        more = rows(_listed(raw["append_rows"], "append_rows"))
        edits.append(ListEdit(name=list_name, verb="add", rows=more))
    return edits


def _content(value: Any) -> tuple[Cells, ...]:
    found = _listed(value, "content")
    return rows(found) if found else ()


def _updates(list_name: str, raw: Any) -> ListEdit:
    if not isinstance(raw, Mapping):
        raise BadInput("update_rows", 'must be an object, such as {"3": ["a", "b"]}')
    numbers = tuple(_place(place, "update_rows") for place in raw)
    changed = tuple(row(cells) for cells in raw.values())
    return ListEdit(name=list_name, verb="replace rows", places=numbers, rows=changed)


def _listed(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadInput(field, "must be a list")
    return value


def _place(value: Any, field: str) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadInput(field, f"{text[:40]!r} is no number of a row")
    return int(text)
