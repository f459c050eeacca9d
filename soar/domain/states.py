"""
Every status and its table of legal moves.

In: a status and the one wanted. Out: the new status, or :class:`IllegalMove`.
Never: a status written in the store that these tables do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from soar.domain.errors import IllegalMove


class RunStatus(StrEnum):
    """What a playbook run is doing. A run that waits for a human is RUNNING."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ActionStatus(StrEnum):
    """What one act, prompt or sub-playbook of a run is doing."""

    RUNNING = "running"
    SUCCEEDED = "success"
    FAILED = "failed"


class AppRunStatus(StrEnum):
    """What one call (an action on one asset with one set of parameters) is doing."""

    PENDING = "pending"
    RUNNING = "running"
    PARKED = "parked"
    SUCCEEDED = "success"
    FAILED = "failed"


class ParkedFor(StrEnum):
    """Why a call waits."""

    BUDGET = "budget"
    APPROVAL = "approval"
    SCHEDULE = "schedule"
    LOOKUP = "lookup"
    EFFECT = "effect"
    SUSPICION = "suspicion"


class Effect(StrEnum):
    """What a call knows of its own write at the vendor's side."""

    NONE = "none"
    SENT = "sent"
    CONFIRMED = "confirmed"
    UNKNOWN = "unknown"


class LedgerStatus(StrEnum):
    """How far an effect has come: one row of the ledger."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    SENT = "sent"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class ApprovalStatus(StrEnum):
    """What became of a question to a human."""

    OPEN = "open"
    ANSWERED = "answered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


S = TypeVar("S", bound=StrEnum)

RUN_MOVES: Mapping[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.FAILED, RunStatus.CANCELLED}),
    RunStatus.RUNNING: frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED}),
    RunStatus.SUCCEEDED: frozenset(),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}

ACTION_MOVES: Mapping[ActionStatus, frozenset[ActionStatus]] = {
    ActionStatus.RUNNING: frozenset({ActionStatus.SUCCEEDED, ActionStatus.FAILED}),
    ActionStatus.SUCCEEDED: frozenset(),
    ActionStatus.FAILED: frozenset(),
}

APP_RUN_MOVES: Mapping[AppRunStatus, frozenset[AppRunStatus]] = {
    AppRunStatus.PENDING: frozenset(
        {AppRunStatus.RUNNING, AppRunStatus.PARKED, AppRunStatus.FAILED}
    ),
    AppRunStatus.RUNNING: frozenset(
        {
            AppRunStatus.PENDING,
            AppRunStatus.PARKED,
            AppRunStatus.SUCCEEDED,
            AppRunStatus.FAILED,
        }
    ),
    AppRunStatus.PARKED: frozenset({AppRunStatus.PENDING, AppRunStatus.FAILED}),
    AppRunStatus.SUCCEEDED: frozenset(),
    AppRunStatus.FAILED: frozenset(),
}

_SETTLED = frozenset({LedgerStatus.CONFIRMED, LedgerStatus.FAILED, LedgerStatus.UNKNOWN})

LEDGER_MOVES: Mapping[LedgerStatus, frozenset[LedgerStatus]] = {
    LedgerStatus.PLANNED: frozenset({LedgerStatus.CLAIMED, LedgerStatus.FAILED}),
    LedgerStatus.CLAIMED: frozenset({LedgerStatus.PLANNED, LedgerStatus.SENT, *_SETTLED}),
    # Back to planned: its vendor has answered that it must wait, and it cannot be verified.
    LedgerStatus.SENT: frozenset({LedgerStatus.PLANNED, *_SETTLED}),
    LedgerStatus.CONFIRMED: frozenset(),
    LedgerStatus.FAILED: frozenset(),
    # The vendor or a person tells what became of it, or a person has it done again.
    LedgerStatus.UNKNOWN: frozenset(
        {LedgerStatus.PLANNED, LedgerStatus.SENT, LedgerStatus.CONFIRMED, LedgerStatus.FAILED}
    ),
}

APPROVAL_MOVES: Mapping[ApprovalStatus, frozenset[ApprovalStatus]] = {
    ApprovalStatus.OPEN: frozenset(
        {ApprovalStatus.ANSWERED, ApprovalStatus.EXPIRED, ApprovalStatus.CANCELLED}
    ),
    ApprovalStatus.ANSWERED: frozenset(),
    ApprovalStatus.EXPIRED: frozenset(),
    ApprovalStatus.CANCELLED: frozenset(),
}


def moved(table: Mapping[S, frozenset[S]], what: str, now: S, wanted: S) -> S:
    """Return *wanted* if the table knows the way there from *now*."""
    if wanted not in table[now]:
        raise IllegalMove(f"{what}: {now.value} -> {wanted.value}")
    return wanted


def sources(table: Mapping[S, frozenset[S]], wanted: S) -> list[str]:
    """The statuses from which *wanted* may be reached: the guard of an UPDATE."""
    return [status.value for status, targets in table.items() if wanted in targets]
