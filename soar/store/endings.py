"""
How a call ends: the one statement that records its outcome and counts it.

In: an :class:`Outcome`. Out: the statement of its kind (a read, a lookup that others follow, a
write with its intent) and its values. Never: a call that ends twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain.model import Outcome
from soar.store.claims import END_AND_COUNT, END_LOOKUP
from soar.store.effects import END_WRITE
from soar.store.rows import as_json, storable


def ending(outcome: Outcome) -> str:
    """Return the statement that ends a call: a lookup takes those along that follow it."""
    if outcome.writes:
        return END_WRITE
    return END_LOOKUP if outcome.shared else END_AND_COUNT


def end_values(outcome: Outcome) -> Mapping[str, Any]:
    """Return the values of the statement that ends a call."""
    return {
        "id": outcome.app_run_id,
        "attempt": outcome.attempt,
        "status": "success" if outcome.succeeded else "failed",
        "message": storable(outcome.message),
        "summary": as_json(outcome.summary),
        "data": as_json(list(outcome.data)),
        "effect": outcome.effect,
        "made": outcome.made,
        "reused_from": outcome.reused_from,
        "lasts": outcome.lasts.total_seconds() if outcome.lasts else None,
        "vendor_ends": outcome.vendor_ends,
    }
