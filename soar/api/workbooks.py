"""
Workbooks: templates of phases and tasks, and what containers have of them.

In: templates, and how far a task has come. Out: Splunk's shapes.
Never: a task that is complete without ever having been in progress, or without the note it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from soar.api import bodies, notes
from soar.api.case_nouns import (
    PHASE_TEMPLATES,
    PHASES,
    TASK_TEMPLATES,
    TASKS,
    WORKBOOKS,
)
from soar.api.door import Call, Shape, route
from soar.api.errors import Duplicate
from soar.api.permissions import PARTS, of
from soar.domain import case_shapes
from soar.domain.errors import BadInput
from soar.store.listing import Listing
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

OPEN, COMPLETE, IN_PROGRESS = 0, 1, 2
MOVES: Mapping[int, frozenset[int]] = {
    OPEN: frozenset({IN_PROGRESS}),
    IN_PROGRESS: frozenset({OPEN, COMPLETE}),
    COMPLETE: frozenset({IN_PROGRESS}),
}
TASK = (
    "status", "owner", "owner_id", "role", "role_id", "name", "description", "note", "title",
    "note_format",
)  # fmt: skip
OLDER = "/rest/workflow_task/{id}"
"""What Splunk called a task before it had workbooks."""
MOST = 1000
"""So many phases, and tasks of a phase, a template may have."""

Shaped = Callable[[Row], Shape]


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    both: dict[str, tuple[Listing, Shaped]] = {
        "workbook_phase": (PHASES, case_shapes.phase),
        "workbook_phase_template": (PHASE_TEMPLATES, case_shapes.phase),
        "workbook_task_template": (TASK_TEMPLATES, case_shapes.task),
    }
    templates, tasks = (WORKBOOKS, case_shapes.template), (TASKS, case_shapes.task)
    books, task = of("workbooks"), "/rest/workbook_task/{id}"
    found: list[Route] = [
        route(house, "/rest/workbook_template", needs=books, get=_page(*templates), post=add),
        route(house, "/rest/workbook_template/{id}", needs=books, get=_one(*templates)),
        route(house, "/rest/workbook_task", needs=PARTS, get=_page(*tasks)),
        *(route(house, a, needs=PARTS, get=_one(*tasks), post=change) for a in (task, OLDER)),
    ]
    for name, what in both.items():
        needs = books if name.endswith("_template") else PARTS
        found.append(route(house, f"/rest/{name}", needs=needs, get=_page(*what)))
        found.append(route(house, f"/rest/{name}/{{id}}", needs=needs, get=_one(*what)))
    return found


def _page(listing: Listing, shape: Shaped) -> Callable[[Call], Shape]:
    return lambda call: call.envelope(listing, shape)


def _one(listing: Listing, shape: Shaped) -> Callable[[Call], Shape]:
    return lambda call: shape(call.one(listing))


def add(call: Call) -> Shape:
    """Keep a template with its phases and tasks."""
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("name", "description", "is_default", "phases", "is_note_required"))
    name = _name(raw, "name")
    if call.work.workbooks.template(name) is not None:
        raise Duplicate(f"duplicate: there is a template {name!r}", existing={"success": False})
    phases = [_phase(p, n) for n, p in enumerate(_several(raw, "phases"), start=1)]
    number = call.work.workbooks.add_template(
        name,
        phases,
        by=call.person.username,
        description=bodies.text(raw, "description", longest=100_000),
        default=raw.get("is_default") is True,
    )
    call.work.audit(call.person.username, "workbook template added", {"template": name})
    return {"success": True, "id": number}


def _phase(raw: Any, number: int) -> dict[str, Any]:
    phase = bodies.an_object(raw)
    return {
        "name": _name(phase, "name"),
        "position": bodies.number({"order": number, **phase}, "order"),
        "tasks": [_task(t, n) for n, t in enumerate(_several(phase, "tasks"), start=1)],
    }


def _task(raw: Any, number: int) -> dict[str, Any]:
    task = bodies.an_object(raw)
    return {
        "name": _name(task, "name"),
        "description": bodies.text(task, "description", longest=100_000),
        "position": bodies.number({"order": number, **task}, "order"),
        "owner_name": bodies.text(task, "owner"),
        "role": bodies.text(task, "role"),
        "is_note_required": task.get("is_note_required") is True,
    }


def _name(raw: Shape, field: str) -> str:
    text = bodies.text(raw, field, longest=200).strip()
    if not text or text.isdigit():
        raise BadInput(field, "must be a text of up to 200 letters that is no number")
    return text


def _several(raw: Shape, field: str) -> list[Any]:
    value = raw.get(field) or []
    if not isinstance(value, list) or len(value) > MOST:
        raise BadInput(field, f"must be a list of at most {MOST}")
    return value


def change(call: Call) -> Shape:
    """Change a task: how far it has come, whose it is, what it says; with a note if given."""
    row = call.one(TASKS)
    raw = bodies.an_object(call.body)
    bodies.only(raw, TASK, case_shapes.task(row))
    changes = _changes(call, row, raw)
    call.work.workbooks.update_task(row["id"], changes)
    if raw.get("note"):
        note = {**raw, "content": raw["note"]}
        notes.write(call, row["container_id"], note, kind="task", task_id=row["id"])
    told = {"task": row["id"], "container": row["container_id"], "fields": sorted(changes)}
    call.work.audit(call.person.username, "task changed", told)
    return {"success": True, "id": row["id"]}


def _changes(call: Call, row: Row, raw: Shape) -> dict[str, Any]:
    changes: dict[str, Any] = {
        n: bodies.text(raw, n, longest=100_000) for n in ("name", "description") if n in raw
    }
    if raw.get("status") is not None:
        changes["status"] = _status(row, raw)
    for name in ("owner", "owner_id"):
        if name in raw:
            changes["owner_name"] = _person(call, name, raw[name])
    for name in ("role", "role_id"):
        if name in raw:
            changes["role"] = str(raw[name] or "")[:200]
    return changes


def _status(row: Row, raw: Shape) -> int:
    wanted = bodies.number(raw, "status")
    if wanted == row["status"]:
        return wanted
    if wanted not in MOVES[row["status"]]:
        possible = ", ".join(str(n) for n in sorted(MOVES[row["status"]]))
        raise BadInput("status", f"{wanted} does not follow {row['status']}: possible: {possible}")
    if wanted == COMPLETE and row["is_note_required"] and not raw.get("note"):
        raise BadInput("note", "is missing: this task is completed with a note")
    return wanted


def _person(call: Call, name: str, value: Any) -> str:
    if value in (None, ""):
        return ""
    for person in call.work.people.all():
        if str(value) in {person["username"], str(person["id"])}:
            return str(person["username"])
    raise BadInput(name, f"there is no person {str(value)[:80]!r}")
