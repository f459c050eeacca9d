"""
Park a call, wake a call: waiting is a row with a due time.

In: a claimed call and why it waits. Out: a parked row; later, the message that wakes it.
Never: a sleeping process. A call's message is made anew from its row, with the same id.
"""

from __future__ import annotations

import random
from datetime import timedelta

from soar.domain.model import Claim
from soar.domain.states import ParkedFor
from soar.limiter import Limiter
from soar.store.calls import PARK, messages
from soar.store.database import Database
from soar.store.work import Work

LONGEST_BACKOFF = timedelta(minutes=1)


def park(
    database: Database,
    claim: Claim,
    reason: ParkedFor,
    *,
    wait: timedelta,
    message: str = "",
    counts: bool = False,
) -> bool:
    """Park a claimed call for *wait*; *counts* makes it one of its tries."""
    return bool(
        database.run(
            PARK,
            {
                "id": claim.id,
                "attempt": claim.attempt,
                "reason": reason.value,
                "seconds": wait.total_seconds(),
                "tries": int(counts),
                "message": message,
            },
        )
    )


def backoff(tries: int, *, chance: random.Random) -> timedelta:
    """
    Return how long to wait after *tries* failed tries: exponential with full jitter.

    Source: "Exponential Backoff And Jitter" (AWS Architecture Blog), base 1 s, cap 60 s.
    """
    ceiling = min(LONGEST_BACKOFF.total_seconds(), 2.0 ** min(tries, 6))
    return timedelta(seconds=chance.uniform(0.2, ceiling))


def wake_due(work: Work) -> int:
    """Send the calls whose schedule is due."""
    return _send(work, work.calls.wake_due())


def pump_lanes(work: Work, limiter: Limiter) -> int:
    """Send the heads of all lanes: as many as their budgets allow and are not on their way."""
    woken, budgets = 0, {asset.slug: asset.budget for asset in work.assets.all()}
    for lane in work.calls.lanes():
        budget = budgets.get(lane["asset"])  # none: an asset that is gone holds nothing up
        free = limiter.free(lane["asset"], budget) if budget else lane["waiting"]
        count = min(free - lane["released"], lane["waiting"])
        if count > 0:
            woken += _send(work, work.calls.wake_head(lane["asset"], count))
    return woken


def wake_approved(work: Work, approval_id: int) -> int:
    """Send the calls that an approval held."""
    return _send(work, work.calls.wake_approved(approval_id))


def _send(work: Work, rows: list[dict[str, object]]) -> int:
    for body in messages(rows):
        work.send("member", body)
    return len(rows)
