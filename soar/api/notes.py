"""
Notes, comments and pins: listed, written and changed.

In: texts of people and playbooks. Out: Splunk's shapes. Never: a comment that changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from soar.api import bodies
from soar.api.case_nouns import ALL_NOTES, PINS
from soar.api.door import Call, Shape, route
from soar.api.permissions import PARTS
from soar.domain import case_shapes
from soar.domain.errors import BadInput
from soar.store.pins import FIELDS

if TYPE_CHECKING:
    from soar.bootstrap import House

LONGEST = 1_000_000
FORMATS = ("markdown", "html")
NOTE = ("title", "content", "note_format")
ABOUT = ("container_id", "container", "note_type", "task_id", "artifact_id", "phase", "phase_id")


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    a_pin = "/rest/container_pin/{id}"
    return [
        route(house, "/rest/note", needs=PARTS, get=page, post=add),
        route(house, "/rest/note/{id}", needs=PARTS, get=one, post=change, delete=remove),
        route(house, "/rest/container_comment", needs=PARTS, post=comment),
        route(house, "/rest/container_pin", needs=PARTS, get=pins, post=add_pin),
        route(house, a_pin, needs=PARTS, get=pin, post=change_pin, delete=remove_pin),
    ]


def page(call: Call) -> Shape:
    """Return a page of notes."""
    return call.envelope(ALL_NOTES, case_shapes.note)


def one(call: Call) -> Shape:
    """Return one note."""
    return case_shapes.note(call.one(ALL_NOTES))


def add(call: Call) -> Shape:
    """Write a note on a container, or on one of its tasks or artifacts."""
    raw = bodies.an_object(call.body)
    bodies.only(raw, (*ABOUT, *NOTE))
    kind = bodies.text(raw, "note_type") or "general"
    if kind not in case_shapes.NOTE_TYPES:
        raise BadInput("note_type", f"{kind[:40]!r} is none of {', '.join(case_shapes.NOTE_TYPES)}")
    about = {
        f"{name}_id": bodies.number(raw, f"{name}_id") if kind == name else None
        for name in ("task", "artifact")
    }
    number = write(call, _container(call, raw), raw, kind=kind, **about)
    return {"success": True, "id": number}


def write(call: Call, container_id: int, raw: Shape, *, kind: str, **about: int | None) -> int:
    """Keep a note as a client wrote it; return its id."""
    return call.work.containers.add_note(
        container_id,
        content=bodies.text(raw, "content", longest=LONGEST),
        title=bodies.text(raw, "title"),
        format=_format(raw),
        kind=kind,
        author=call.person.username,
        run_id=call.person.run_id,
        **about,
    )


def _format(raw: Shape) -> str:
    found = bodies.text(raw, "note_format") or "markdown"
    if found not in FORMATS:
        raise BadInput("note_format", f"{found[:40]!r} is none of {', '.join(FORMATS)}")
    return found


def _container(call: Call, raw: Shape) -> int:
    number = bodies.number(raw, "container_id", "container")
    call.container(number)
    return number


def change(call: Call) -> Shape:
    """Change the title, content or format of a note."""
    row = call.one(ALL_NOTES)
    raw = bodies.an_object(call.body)
    bodies.only(raw, (*ABOUT, *NOTE), case_shapes.note(row))
    texts = {n: bodies.text(raw, n, longest=LONGEST) for n in NOTE[:2] if n in raw}
    changes: dict[str, str] = {**texts, **({"format": _format(raw)} if NOTE[2] in raw else {})}
    call.work.cases.update_note(row["id"], changes)
    return {"success": True, "id": row["id"]}


def remove(call: Call) -> Shape:
    """Remove a note."""
    row = call.one(ALL_NOTES)
    call.work.cases.delete_note(row["id"])
    told = {"note": row["id"], "container": row["container_id"]}
    call.work.audit(call.person.username, "note removed", told)
    return {"success": True, "id": row["id"]}


def comment(call: Call) -> Shape:
    """Write a comment on a container."""
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("container_id", "container", "comment"))
    text = bodies.text(raw, "comment", longest=LONGEST)
    number = write(call, _container(call, raw), {"content": text}, kind="comment")
    return {"success": True, "id": number}


def pins(call: Call) -> Shape:
    """Return a page of pins."""
    return call.envelope(PINS, case_shapes.pin)


def pin(call: Call) -> Shape:
    """Return one pin."""
    return case_shapes.pin(call.one(PINS))


def add_pin(call: Call) -> Shape:
    """Pin something to a container; a pin of that name is changed instead."""
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("container_id", "container", "name", *FIELDS))
    container_id, name = _container(call, raw), bodies.text(raw, "name")
    fields = {"pin_type": "card", "pin_style": "grey", **_pin(raw)}
    same = [p["id"] for p in call.work.pins.of(container_id) if name and p["name"] == name]
    number = same[0] if same else call.work.cases.next_id("pin")
    author, run_id = call.person.username, call.person.run_id
    if same:
        call.work.pins.update(number, fields)
    else:
        call.work.pins.add(number, container_id, fields, name=name, author=author, run_id=run_id)
    return {"success": True, "id": number}


def change_pin(call: Call) -> Shape:
    """Change a pin."""
    row = call.one(PINS)
    raw = bodies.an_object(call.body)
    bodies.only(raw, FIELDS)
    call.work.pins.update(row["id"], _pin(raw))
    return {"success": True, "id": row["id"]}


def _pin(raw: Shape) -> dict[str, Any]:
    return {n: bodies.text(raw, n, longest=LONGEST) for n in FIELDS if raw.get(n) is not None}


def remove_pin(call: Call) -> Shape:
    """Remove a pin."""
    row = call.one(PINS)
    call.work.pins.delete(row["id"])
    return {"success": True, "id": row["id"]}
