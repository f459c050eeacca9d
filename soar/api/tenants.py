"""
Tenants: whose containers are whose.

In: a name, and whether it takes new containers. Out: Splunk's shape.
Never: a tenant that is not the reader's, or one removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from soar import tenants
from soar.api import bodies
from soar.api.door import Call, Shape, route
from soar.api.permissions import of
from soar.domain import shapes
from soar.domain.errors import BadInput
from soar.store.listing import Field, Listing
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

TENANTS = Listing(
    noun="tenant",
    source="tenant x",
    columns="x.*",
    ours="x.id = any(:tenants)",
    fields={
        "id": Field(sql="x.id", kind="int"),
        "name": Field(sql="x.name"),
        "active": Field(sql="x.active", kind="bool"),
        "disabled": Field(sql="(not x.active)", kind="bool"),
        "create_time": Field(sql="x.create_time", kind="time"),
    },
)


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    needs = of("system_settings")
    return [
        route(house, "/rest/tenant", needs=needs, get=page, post=add),
        route(house, "/rest/tenant/{id}", needs=needs, get=one, post=change),
    ]


def page(call: Call) -> Shape:
    """Return a page of tenants."""
    return call.envelope(TENANTS, _shape)


def one(call: Call) -> Shape:
    """Return one tenant."""
    return _shape(call.one(TENANTS))


def add(call: Call) -> Shape:
    """Add a tenant."""
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("name",))
    row = tenants.add(call.work, bodies.text(raw, "name"), by=call.person.username)
    return {"success": True, **_shape(row)}


def change(call: Call) -> Shape:
    """Rename a tenant, or say whether it takes new containers."""
    number, raw = int(call.one(TENANTS)["id"]), bodies.an_object(call.body)
    bodies.only(raw, ("name", "active"))
    active: Any = raw.get("active")
    if active is not None and not isinstance(active, bool):
        raise BadInput("active", "must be true or false")
    name = bodies.text(raw, "name") if "name" in raw else None
    who = call.person.username
    row = tenants.edit(call.work, str(number), by=who, name=name, active=active)
    return {"success": True, **_shape(row)}


def _shape(row: Row) -> Shape:
    return {
        "id": row["id"],
        "name": row["name"],
        "active": row["active"],
        "disabled": not row["active"],
        "create_time": shapes.stamp(row["create_time"]),
    }
