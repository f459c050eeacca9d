"""
Approval policies: who must agree before which call.

In: rules as ``soar policy add`` writes them. Out: the same form. Never: a change off the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from soar import policy
from soar.api import bodies
from soar.api.door import Call, Shape, route
from soar.api.permissions import SETTINGS
from soar.api.rules import POLICIES
from soar.domain import shapes
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    return [
        route(house, "/rest/approval_policy", needs=SETTINGS, get=rules, post=add),
        route(house, "/rest/approval_policy/{id}", needs=SETTINGS, get=rule, delete=remove),
    ]


def rules(call: Call) -> Shape:
    """Return a page of rules."""
    return call.envelope(POLICIES, _shape)


def rule(call: Call) -> Shape:
    """Return one rule."""
    return _shape(call.one(POLICIES))


def add(call: Call) -> Shape:
    """Add a rule."""
    raw = bodies.an_object(call.body)
    row = policy.add(call.work, raw, catalog=call.house.catalog, by=call.person.username)
    return {"success": True, **_shape(row)}


def remove(call: Call) -> Shape:
    """Remove a rule."""
    row = policy.remove(call.work, call.number, by=call.person.username)
    return {"success": True, "id": row["id"]}


def _shape(row: Row) -> Shape:
    made = {"created_by": row["created_by"], "create_time": shapes.stamp(row["create_time"])}
    return {"id": row["id"], **policy.shape(row), **made}
