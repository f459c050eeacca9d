"""
How questions ended, and which of those that were asked before is most like a new one.

In: rows of approvals. Out: what a page says of them, in words that cannot hide anything.
Never: a write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from soar.domain.differences import Difference, differences, likeness
from soar.domain.visible import visible
from soar.store.rows import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """How a question ended."""

    status: str
    time: datetime
    choice: str = ""
    by: str = ""
    instead_of: str = ""
    reason: str = ""
    channel: str = ""
    key_id: str = ""

    @property
    def sentence(self) -> str:
        """Say who decided what and when, or why nobody can any more."""
        when = f"{self.time:%Y-%m-%d %H:%M:%S} UTC"
        if self.status == "answered":
            instead = f", for {self.instead_of}" if self.instead_of else ""
            return f"Already decided by {self.by}{instead} at {when}: {self.choice}"
        if self.status == "cancelled":
            return f"Withdrawn at {when}: nothing is to decide any more"
        return f"Nobody answered by {when}: nothing was done, and a late answer does nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """A question about the same container that was asked before."""

    id: int
    public_id: str
    name: str
    assignee: str
    time: datetime
    run: int
    decision: Decision | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """The earlier question that is most like this one, and what differs."""

    earlier: Earlier
    differences: tuple[Difference, ...]


def earlier_of(row: Row) -> Earlier:
    """Return a question that was asked before."""
    return Earlier(
        id=row["id"],
        public_id=row["public_id"],
        name=visible(row["name"]),
        assignee=visible(row["assignee"]),
        time=row["create_time"].astimezone(UTC),
        run=row["run_id"],
        decision=decision_of(row),
    )


def compared(earlier: list[Row], payload: Mapping[str, Any]) -> Compared | None:
    """Compare with the question that is most like this one, the newest of them."""
    like = max(earlier, key=lambda row: likeness(row["payload"], payload), default=None)
    if like is None or not likeness(like["payload"], payload):
        return None
    found = (
        Difference(field=visible(d.field), then=visible(d.then), now=visible(d.now))
        for d in differences(like["payload"], payload)
    )
    return Compared(earlier=earlier_of(like), differences=tuple(found))


def decision_of(row: Row) -> Decision | None:
    """Return how a question ended; None while it is open."""
    if row["status"] == "open":
        return None
    signed: Mapping[str, Any] = row["signed"] or {}
    return Decision(
        status=row["status"],
        time=row["close_time"].astimezone(UTC),
        choice=visible(row["answer"] or ""),
        by=visible(row["answered_by"] or ""),
        instead_of=visible(signed.get("for") or ""),
        reason=visible(row["reason"]),
        channel=visible(signed.get("channel") or ""),
        key_id=row["key_id"],
    )
