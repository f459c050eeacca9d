"""
What would make the broker deliver a message twice, refused before it happens.

In: settings at start-up; the wait of each message about to be sent. Out: nothing, or a refusal.
Never: a message that waits in the broker: what waits is a parked row.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from soar.domain.errors import BadInput
from soar.settings import Settings

LONGEST_WAIT = timedelta(seconds=60)
"""No countdown and no ETA is longer: what waits is parked, as a row."""
HARD_MARGIN, SOFT_MARGIN = 5, 15
"""Seconds by which the time limits of tasks stay below half the visibility timeout."""


def time_limits(settings: Settings) -> tuple[int, int]:
    """Return the hard and the soft time limit of tasks."""
    half = settings.visibility_timeout // 2
    return half - HARD_MARGIN, half - SOFT_MARGIN


def check(settings: Settings) -> None:
    """Refuse settings with which something outlives half the visibility timeout."""
    half = settings.visibility_timeout // 2
    _, soft = time_limits(settings)
    if settings.block_seconds >= soft:
        raise BadInput(
            "SOAR_BLOCK_SECONDS",
            f"is {settings.block_seconds:g}: must be less than {soft}, which is half of"
            f" SOAR_VISIBILITY_TIMEOUT less {SOFT_MARGIN} s, or a block may run twice at once",
        )
    for name in ("worker_lease_seconds", "sweep_seconds"):
        if getattr(settings, name) >= half:
            raise BadInput(
                f"SOAR_{name.upper()}",
                f"is {getattr(settings, name):g}: must be less than {half}, which is half of"
                " SOAR_VISIBILITY_TIMEOUT: what is lost would be found later than a call may take",
            )


def refuse_long_wait(countdown: Any, eta: Any) -> None:
    """Refuse a message that would wait longer in the broker than any may."""
    wait = timedelta(seconds=float(countdown or 0))
    if eta is not None:
        due = datetime.fromisoformat(eta) if isinstance(eta, str) else eta
        due = due if due.tzinfo else due.replace(tzinfo=UTC)
        wait = max(wait, due - datetime.now(UTC))
    if wait > LONGEST_WAIT:
        seconds = int(LONGEST_WAIT.total_seconds())
        raise BadInput("countdown", f"and eta are at most {seconds} s: park what waits longer")
