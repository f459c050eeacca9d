"""
Custom lists in Splunk's form: made, read, edited as a whole or row by row, removed.

In: rows. Out: rows, as JSON or as text with separators. Never: an edit that overwrites another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from soar.api import bodies
from soar.api.case_nouns import CUSTOM_LISTS
from soar.api.door import Call, Shape, route
from soar.api.errors import Duplicate
from soar.api.permissions import of
from soar.domain import custom_list, shapes
from soar.domain.changes import ListEdit
from soar.domain.errors import BadInput, NotFound
from soar.store.listing import Condition, Wanted, lists
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

EDITS = ("content", "append_rows", "update_rows", "delete_rows")


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    one_list = "/rest/decided_list/{id}"
    needs = of("custom_lists", delete=("custom_lists", "edit"))
    return [
        route(house, "/rest/decided_list", needs=needs, get=page, post=add),
        route(house, one_list, needs=needs, get=one, post=change, delete=remove),
        route(house, f"{one_list}/formatted_content", needs=needs, get=formatted),
    ]


def shape(row: Row) -> Shape:
    """Return a list; its content only if it was read."""
    return {
        "id": row["id"],
        "name": row["name"],
        "version": row["version"],
        "changed_by": row["changed_by"],
        "create_time": shapes.stamp(row["create_time"]),
        "modified_time": shapes.stamp(row["update_time"]),
        **({"content": row["content"]} if "content" in row else {}),
    }


def page(call: Call) -> Shape:
    """Return a page of lists."""
    return call.envelope(CUSTOM_LISTS, shape)


def one(call: Call) -> Shape:
    """Return one list, by its id or its name."""
    return shape(_row(call))


def _row(call: Call) -> Row:
    wanted = str(call.path["id"])
    tests = [Condition(field="name", value=wanted)]
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 19:
        tests.insert(0, Condition(field="id", value=int(wanted)))
    for test in tests:
        asked = Wanted(conditions=[test], heavy=True)
        rows = lists(call.work).page(CUSTOM_LISTS, asked, tenants=call.person.tenants).rows
        if rows:
            return rows[0]
    raise NotFound(f"there is no custom list {wanted[:80]!r}")


def add(call: Call) -> Shape:
    """Make a list."""
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("name", "content"))
    name = custom_list.name(raw.get("name"))
    known = call.work.custom_lists.find(name)
    if known is not None:
        raise Duplicate(
            f"duplicate: list {known} has the name {name!r}", existing={"existing_list_id": known}
        )
    edits = custom_list.edit_of(name, {"content": raw.get("content") or []})
    _edit(call, edits, "custom list added", name)
    return {"success": True, "id": call.work.custom_lists.find(name)}


def change(call: Call) -> Shape:
    """Change the content of a list, or some of its rows."""
    row = _row(call)
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("name", *EDITS))
    if raw.get("name") not in (None, row["name"]):
        raise BadInput("name", "cannot be changed: playbooks know a list by it")
    edits = custom_list.edit_of(row["name"], raw)
    if not edits:
        raise BadInput("body", f"must have one of {', '.join(EDITS)}")
    _edit(call, edits, "custom list changed", row["name"])
    return {"success": True, "id": row["id"]}


def remove(call: Call) -> Shape:
    """Remove a list."""
    row = _row(call)
    _edit(call, [ListEdit(name=row["name"], verb="remove")], "custom list removed", row["name"])
    return {"success": True, "id": row["id"]}


def _edit(call: Call, edits: list[ListEdit], what: str, name: str) -> None:
    call.work.custom_lists.edit(edits, by=call.person.username)
    call.work.audit(call.person.username, what, {"list": name})


def formatted(call: Call) -> Response:
    """Return the content as text: cells and rows between the separators that were asked for."""
    given = dict(call.parameters)
    cells, rows = given.get("_fs", ","), given.get("_rs", "\n")
    return PlainTextResponse(rows.join(cells.join(row) for row in _row(call)["content"]))
