"""
Splunk's custom lists: rows of texts that playbooks and people look things up in.

In: names, values. Out: (success, message[, rows]), and edits on the desk.
Never: an edit before the block has ended; what the block itself has edited it reads at once.
"""

from __future__ import annotations

from typing import Any

from soar.domain import custom_list
from soar.domain.changes import ListEdit
from soar.domain.custom_list import Rows
from soar.domain.errors import BadInput
from soar.phantom.answers import Done, declined
from soar.phantom.desk import desk

LISTS = "lists"


def rows_of(list_name: Any) -> Rows | None:
    """Return the rows of a list as this block sees it, or None where there is none."""
    name, pending = custom_list.name(list_name), desk().pending[LISTS]
    if name not in pending:
        pending[name] = desk().view.reader.custom_list(name)
    found: Rows | None = pending[name]
    return found


def _edit(edit: ListEdit) -> None:
    after = custom_list.applied(rows_of(edit.name), edit)
    desk().pending[LISTS][edit.name] = after
    desk().ask(edit)


def _missing(list_name: Any) -> str:
    return f"there is no custom list {list_name!r}"


def get_list(
    list_name: str = "", values: Any = None, column_index: int = -1, trace: bool = False
) -> tuple[bool, str, Any]:
    """
    Return (success, message, rows); the rows of a list that does not exist are none.

    With *values*, one or several, the third is ``{"matches": [{"location": …, "value": row}]}``:
    the rows that have one of them in any column, or in *column_index*.
    """
    found = rows_of(list_name)
    if found is None:
        return False, _missing(list_name), [] if values is None else {"matches": []}
    rows = [list(row) for row in found]
    if values is None:
        return True, f"{len(rows)} rows", rows
    matches = _matches(rows, values, column_index)
    return True, f"{len(matches)} rows", {"matches": matches}


def _matches(rows: Rows, values: Any, column: int) -> list[dict[str, Any]]:
    wanted = custom_list.row(values)
    hits = {
        number
        for value in wanted
        for number, _ in custom_list.places(rows, (value,), column=None if column < 0 else column)
    }
    return [{"location": number, "value": rows[number]} for number in sorted(hits)]


def add_list(
    list_name: str = "", values: Any = None, value: Any = None, trace: bool = False
) -> Done:
    """Add a row (a list of lists: several) to a list, which is made where there is none."""
    given = values if value is None else value
    if given is None:
        return declined(f"nothing was added to the list {list_name!r}: values are missing")
    name = custom_list.name(list_name)
    _edit(ListEdit(name=name, verb="add", rows=custom_list.rows(given)))
    return True, "the list has got a row"


def set_list(list_name: str = "", values: Any = None, trace: bool = False) -> Done:
    """Put rows in place of all that is in a list; each plain value is a row of one cell."""
    name = custom_list.name(list_name)
    _edit(ListEdit(name=name, verb="set", rows=custom_list.rows(values or [], each=True)))
    return True, "the list has got new content"


def delete_from_list(
    list_name: str = "",
    value: Any = None,
    column: Any = None,
    remove_all: bool = False,
    remove_row: bool = False,
    trace: bool = False,
) -> Done:
    """
    Delete the first cell that is *value*, or with *remove_all* every one, in *column* or any.

    *remove_row* deletes its whole row. A row in which no text is left goes too. Several values
    are a row that is to go.
    """
    found = rows_of(list_name)
    if found is None:
        return declined(_missing(list_name))
    wanted = custom_list.rows(value)[0]
    place = None if column in (None, "") else _number(column)
    if not custom_list.places(found, wanted, column=place):
        return declined(f"the list {list_name!r} has no {value!r}")
    _edit(
        ListEdit(
            name=custom_list.name(list_name),
            verb="delete",
            value=wanted,
            column=place,
            everywhere=remove_all,
            whole_row=remove_row,
        )
    )
    return True, "deleted"


def _number(column: Any) -> int:
    if not str(column).isdigit():
        raise BadInput("column", f"must be the number of a column, counted from 0, not {column!r}")
    return int(column)


def remove_list(list_name: str = "", empty_list: bool = False, trace: bool = False) -> Done:
    """Remove a list, or with *empty_list* only all its rows."""
    if rows_of(list_name) is None:
        return declined(_missing(list_name))
    verb: Any = "set" if empty_list else "remove"
    _edit(ListEdit(name=custom_list.name(list_name), verb=verb))
    return True, "the list is empty" if empty_list else "the list was removed"


def check_list(
    list_name: str = "",
    value: Any = None,
    case_sensitive: bool = False,
    substring: bool = False,
    trace: bool = False,
) -> tuple[bool, str, int]:
    """Return (success, message, how many rows have a cell that is, or holds, the value)."""
    found = rows_of(list_name)
    if found is None:
        return False, _missing(list_name), 0
    text = custom_list.cell(value)
    count = custom_list.matching(found, text, case_sensitive=case_sensitive, substring=substring)
    return True, f"{count} rows", count


def datastore_get(list_name: str) -> Rows:
    """Return the rows of a list, none where there is no such list (1.x)."""
    return [list(row) for row in rows_of(list_name) or ()]


def datastore_add(list_name: str, values: Any) -> Done:
    """Add a row to a list (1.x)."""
    return add_list(list_name, values)


def datastore_set(list_name: str, values_list_of_lists: Any) -> Done:
    """Put rows in place of all that is in a list (1.x)."""
    return set_list(list_name, values_list_of_lists)


def datastore_present(list_name: str, values: Any, column_index: int = -1) -> dict[str, Any]:
    """Return whether a list has one of the values, and its rows that do (1.x)."""
    matches = _matches(datastore_get(list_name), values, column_index)
    return {"present": bool(matches), "matches": [match["value"] for match in matches]}
