"""
Shadow mode: where writes are only simulated.

In: switches as ``soar shadow on`` writes them. Out: the same form. Never: a change off the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from soar import shadow
from soar.api import bodies
from soar.api.door import Call, Shape, route
from soar.api.permissions import SETTINGS
from soar.domain import shapes
from soar.store.listing import SHARED, Field, Listing
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House


SHADOWS = Listing(
    noun="shadow switch",
    source="shadow x",
    ours=SHARED,
    columns="x.*",
    fields={
        "id": Field(sql="x.id", kind="int"),
        "scope": Field(sql="x.scope"),
        "name": Field(sql="x.name"),
        "created_by": Field(sql="x.created_by"),
        "create_time": Field(sql="x.create_time", kind="time"),
    },
)


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    return [
        route(house, "/rest/shadow", needs=SETTINGS, get=switches, post=on),
        route(house, "/rest/shadow/{id}", needs=SETTINGS, get=switch, delete=off),
    ]


def switches(call: Call) -> Shape:
    """Return a page of the switches that are on."""
    return call.envelope(SHADOWS, _shape)


def switch(call: Call) -> Shape:
    """Return one switch."""
    return _shape(call.one(SHADOWS))


def on(call: Call) -> Shape:
    """Switch shadow mode on; a second time changes nothing."""
    raw = bodies.an_object(call.body)
    row, new = shadow.on(call.work, raw, by=call.person.username)
    return {"success": True, "new": new, **_shape(row)}


def off(call: Call) -> Shape:
    """Switch shadow mode off."""
    row = call.one(SHADOWS)
    shadow.off(call.work, _named(row), by=call.person.username)
    return {"success": True, "id": row["id"]}


def _named(row: Row) -> Shape:
    return {name: value for name, value in shadow.shape(row).items() if value}


def _shape(row: Row) -> Shape:
    made = {"created_by": row["created_by"], "create_time": shapes.stamp(row["create_time"])}
    return {"id": row["id"], **shadow.shape(row), **made}
