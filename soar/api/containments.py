"""
Effects: what stands at the vendors, by which run, until when.

In: ids. Out: rows of the ledger. Never: a change: an undo is a playbook's or an operator's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from soar.api.door import Call, Shape, route
from soar.api.nouns import CONTAINMENTS
from soar.api.permissions import of
from soar.domain import shapes
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    needs = of("containers")
    return [
        route(house, "/rest/containment", needs=needs, get=containments),
        route(house, "/rest/containment/{id}", needs=needs, get=containment),
    ]


def containments(call: Call) -> Shape:
    """Return a page of the ledger: every write, those that stand have no end."""
    return call.envelope(CONTAINMENTS, _shape)


def containment(call: Call) -> Shape:
    """Return one row of the ledger."""
    return _shape(call.one(CONTAINMENTS))


def _shape(row: Row) -> Shape:
    return {
        "id": row["id"],
        "asset": row["asset"],
        "action": row["action"],
        "target": row["target"].partition("=")[2],
        "status": row["status"],
        "undo": row["undo"],
        "app_run": row["app_run_id"],
        "playbook_run": row["run_id"],
        "container": row["container_id"],
        "undo_run": row["undo_run_id"],
        "vendor_ends": row["vendor_ends"],
        "create_time": shapes.stamp(row["create_time"]),
        "since": shapes.stamp(row["confirmed_at"]),
        "until": shapes.stamp(row["expires_at"]),
        "checked": shapes.stamp(row["checked_at"]),
        "ended": shapes.stamp(row["ended_at"]),
        "ended_because": row["ended_because"],
    }
