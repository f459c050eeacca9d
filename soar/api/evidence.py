"""
Evidence: the artifacts, actions, notes and files that prove something in a container.

In: what is to be marked. Out: Splunk's shapes. Never: a part of another container.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from soar.api import bodies
from soar.api.door import Call, Shape, route
from soar.api.errors import Duplicate
from soar.api.nouns import columns_of
from soar.api.permissions import PARTS
from soar.domain import shapes
from soar.domain.errors import BadInput, NotFound
from soar.store.listing import Listing
from soar.store.marks import KINDS
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

EVIDENCE = Listing(
    noun="evidence",
    source="evidence x join container c on c.id = x.container_id",
    columns="x.*",
    fields={
        **columns_of("int", id="x.id", object_id="x.object_id"),
        **columns_of("int", container="x.container_id", container_id="x.container_id"),
        **columns_of("text", content_type="x.content_type", user="x.added_by"),
        **columns_of("time", create_time="x.create_time"),
    },
)


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    return [
        route(house, "/rest/evidence", needs=PARTS, get=page, post=add),
        route(house, "/rest/evidence/{id}", needs=PARTS, get=one, delete=remove),
    ]


def shape(row: Row) -> Shape:
    """Return a piece of evidence."""
    return {
        "id": row["id"],
        "container": row["container_id"],
        "container_id": row["container_id"],
        "content_type": row["content_type"],
        "object_id": row["object_id"],
        "user": row["added_by"],
        "create_time": shapes.stamp(row["create_time"]),
    }


def page(call: Call) -> Shape:
    """Return a page of evidence."""
    return call.envelope(EVIDENCE, shape)


def one(call: Call) -> Shape:
    """Return one piece of evidence."""
    return shape(call.one(EVIDENCE))


def add(call: Call) -> Shape:
    """Mark a part of a container as evidence."""
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("container_id", "object_id", "content_type"))
    container = bodies.number(raw, "container_id")
    call.container(container)
    kind, number = bodies.text(raw, "content_type").lower(), bodies.number(raw, "object_id")
    if kind not in KINDS:
        raise BadInput("content_type", f"{kind[:40]!r} is none of {', '.join(KINDS)}")
    if not call.work.marks.belongs(kind, number, container):
        raise NotFound(f"container {container} has no {kind} {number}")
    by = call.person.username
    added = call.work.marks.add_evidence(container, kind, number, by=by)
    if added is None:
        raise Duplicate("Already added to Evidence.", existing={})
    told = {"container": container, kind: number}
    call.work.audit(by, "evidence added", told)
    return {"success": True, "id": added}


def remove(call: Call) -> Shape:
    """Let something be evidence no more."""
    row = call.one(EVIDENCE)
    call.work.marks.drop_evidence(row["id"])
    told = {"container": row["container_id"], row["content_type"]: row["object_id"]}
    call.work.audit(call.person.username, "evidence removed", told)
    return {"success": True, "id": row["id"]}
