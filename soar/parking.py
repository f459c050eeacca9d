"""
Park a call, wake a call: waiting is a row with a due time.

In: a claimed call and why it waits. Out: a parked row; later, the message that wakes it.
The lanes of assets are released by ``soar.pump``.
Never: a sleeping process. A call's message is made anew from its row, with the same id.
"""

from __future__ import annotations

import random
from datetime import timedelta

from soar.bus.app import RESUME_RUN
from soar.domain.model import Claim
from soar.domain.states import ParkedFor
from soar.store.calls import messages
from soar.store.claims import PARK
from soar.store.database import Database
from soar.store.effects import PARK_WRITE
from soar.store.lanes import DOUBTFUL
from soar.store.work import Work

LONGEST_BACKOFF = timedelta(minutes=1)
NOTHING = timedelta(0)


def park(
    database: Database,
    claim: Claim,
    reason: ParkedFor,
    *,
    wait: timedelta,
    message: str = "",
    counts: bool = False,
    costs: timedelta = NOTHING,
    made: int = 0,
    writes: bool = False,
    answered: bool = False,
    unsent: bool = False,
    lost: bool = False,
) -> bool:
    """
    Park a claimed call for *wait*; *counts* makes it one of its tries.

    *costs*: so much of its patience is used up: its vendor lets it wait. *made*: so many requests
    its vendor may have got. *writes*: the ledger hears that an intent is only planned again, and
    whether the vendor has *answered*, or its answer was *lost*; *unsent*: it counts as never sent.
    """
    return bool(
        database.run(
            PARK_WRITE if writes else PARK,
            {
                "id": claim.id,
                "attempt": claim.attempt,
                "reason": reason.value,
                "seconds": wait.total_seconds(),
                "tries": int(counts),
                "message": message,
                "costs": costs.total_seconds(),
                "made": made,
                "answered": answered,
                "unsent": unsent,
                "lost": lost,
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
    return send(work, work.calls.wake_due())


def wake_followers(work: Work) -> int:
    """Send the lookups that follow one which is over and has not told them."""
    return send(work, work.calls.wake_followers())


def wake_approved(work: Work, approval_id: int) -> int:
    """Send the calls that an approval held."""
    return send(work, work.calls.wake_approved(approval_id))


def dismiss(work: Work, slug: str, why: str) -> int:
    """
    Fail what waits for an asset, tell the runs, and return how many calls that were.

    A write that may have been sent does not fail: people are asked whether it took effect.
    """
    work.lanes.doubt(slug, f"{DOUBTFUL}: {why}")
    count = work.lanes.open_calls(slug)
    for join in work.lanes.send_away(slug, why):
        if join["remaining"] <= 0:
            work.send_task(RESUME_RUN, join["run_id"], join["id"])
    return count


def dismiss_shut_out(work: Work) -> None:
    """Fail what came back to a lane that was closed meanwhile, where calls are not to wait."""
    for slug in work.lanes.shut_out():
        asset = work.assets.get(slug)
        if asset.closed and not asset.parks_when_closed:
            dismiss(work, slug, asset.closed)


def send(work: Work, rows: list[dict[str, object]]) -> int:
    """Send calls again that have become pending."""
    for body in messages(rows):
        work.send("member", body)
    return len(rows)
