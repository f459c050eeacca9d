"""
Roles: what people may do, in Splunk's form.

In: names and permissions as clients write them. Out: Splunk's shapes.
Never: a change off the record, a built-in role changed, or more given than the giver has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.routing import Route

from soar import roles
from soar.api import bodies
from soar.api.door import Call, Shape, route
from soar.api.nouns import columns_of
from soar.api.permissions import of
from soar.domain import shapes
from soar.domain.errors import BadInput
from soar.domain.roles import in_splunks_form, of_splunk
from soar.store.listing import SHARED, Listing
from soar.store.roles import EVERY
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

NEW = ("name", "description", "permissions")
CHANGES = (*NEW, "disabled")

EVERY_ROLE = Listing(
    noun="role",
    source=f"{EVERY} x",
    columns="x.*",
    ours=SHARED,
    fields={
        **columns_of("int", id="x.id"),
        **columns_of("text", name="x.name", description="x.description"),
        **columns_of("bool", immutable="x.immutable", disabled="x.disabled"),
        **columns_of("time", create_time="x.create_time", update_time="x.update_time"),
    },
)
ROLES = replace(EVERY_ROLE, always="not x.disabled")
"""A disabled role leaves the list, and is found by its id."""


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    needs = of("users_roles")
    return [
        route(house, "/rest/role", needs=needs, get=page, post=add),
        route(house, "/rest/role/{id}", needs=needs, get=one, post=change, delete=disable),
    ]


def shape(row: Row) -> Shape:
    """Return a role."""
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "disabled": row["disabled"],
        "immutable": row["immutable"],
        "version": 1,
        "type": "normal",
        "permissions": in_splunks_form(row["id"], row["permissions"]),
        "create_time": shapes.stamp(row["create_time"]),
        "update_time": shapes.stamp(row["update_time"]),
    }


def page(call: Call) -> Shape:
    """Return a page of roles."""
    return call.envelope(ROLES, shape)


def one(call: Call) -> Shape:
    """Return one role; it may be disabled."""
    return shape(call.one(EVERY_ROLE))


def add(call: Call) -> Shape:
    """Make a role."""
    raw = bodies.an_object(call.body)
    bodies.only(raw, NEW)
    row = roles.add(
        call.work,
        bodies.text(raw, "name"),
        description=bodies.text(raw, "description"),
        permissions=of_splunk(raw.get("permissions", [])),
        by=call.person,
    )
    return {"success": True, "id": row["id"], "name": row["name"]}


def change(call: Call) -> Shape:
    """Change a role: the permissions that are sent are all that it has."""
    row, raw = call.one(EVERY_ROLE), bodies.an_object(call.body)
    bodies.only(raw, CHANGES)
    if not isinstance(raw.get("disabled", False), bool):
        raise BadInput("disabled", "must be true or false")
    if raw.get("name", row["name"]) != row["name"]:
        raise BadInput("name", "cannot be changed: people and approvals know the role by it")
    done = roles.edit(
        call.work,
        row["name"],
        description=bodies.text(raw, "description") if "description" in raw else None,
        permissions=of_splunk(raw["permissions"]) if "permissions" in raw else None,
        disabled=raw.get("disabled"),
        by=call.person,
    )
    return {"success": True, "id": done["id"], "name": done["name"]}


def disable(call: Call) -> Shape:
    """Disable a role, as Splunk's DELETE does."""
    row = roles.disable(call.work, call.one(EVERY_ROLE)["name"], by=call.person)
    return {"success": True, "id": row["id"]}
