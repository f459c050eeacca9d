"""
What is told about an approval, and how far the telling of it has come.

In: nothing. Out: the events and statuses of notices, and for how long a failed one waits.
Never: the words of a message; a channel chooses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from soar.domain.states import ApprovalStatus

MOST_TRIES = 12
"""So often a notice is tried; with the waits between them that is about an hour."""
LONGEST_WAIT = timedelta(minutes=15)
FIRST_WAIT = timedelta(seconds=5)
CLOSES_AFTER = 3
"""So many messages in a row fail until their channel is closed for a while."""
FIRST_CLOSED = timedelta(minutes=1)
LONGEST_CLOSED = timedelta(minutes=30)
"""Each further failure, one message at a time, doubles the first span up to the longest."""


class Event(StrEnum):
    """What happened to an approval."""

    OPENED = "opened"
    REMINDER = "reminder"
    ESCALATED = "escalated"
    """The next step of its ladder has begun: further people may answer."""
    DECIDED = "decided"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REPLY = "reply"
    """Not of the approval: what one person is told who pressed a button in vain."""


class NoticeStatus(StrEnum):
    """How far one notice is. Moot: there was nothing to tell any more when its turn came."""

    PLANNED = "planned"
    SENT = "sent"
    FAILED = "failed"
    MOOT = "moot"


PUBLIC_EVENTS = tuple(event for event in Event if event is not Event.REPLY)
WHILE_OPEN = frozenset({Event.OPENED, Event.REMINDER, Event.ESCALATED})
"""Told only as long as the approval waits for an answer."""
ENDINGS: Mapping[str, Event] = {
    ApprovalStatus.ANSWERED.value: Event.DECIDED,
    ApprovalStatus.EXPIRED.value: Event.EXPIRED,
    ApprovalStatus.CANCELLED.value: Event.CANCELLED,
}


def backoff(tries: int, *, chance: float) -> timedelta:
    """Return how long to wait after so many failed tries; *chance* (0 to 1) spreads them."""
    doubled = FIRST_WAIT * (1 << min(max(tries - 1, 0), 10))
    return min(LONGEST_WAIT, doubled) * (0.5 + chance / 2)
