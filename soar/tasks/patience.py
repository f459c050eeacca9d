"""
How long a call waits for its vendor, and what its lane hears of the vendor.

In: a call that was made, or put off. Out: the lane knows; how the call waits, or why no longer.
Never: time in a lane behind others taken for patience, a call ended while its lane is closed
because nobody answers, or a wait that all calls share counted as one call's try.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from soar.connector import Notes, RetryLater
from soar.domain.model import Asset, Claim
from soar.domain.states import ParkedFor
from soar.limiter import Admission, Limiter
from soar.parking import NOTHING, backoff
from soar.tasks.shop import Shop
from soar.tasks.visit import Visit

STEPS = 7
"""The last step of a lane's growing wait is the longest that there is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """How a call that was put off waits."""

    delay: timedelta
    reason: ParkedFor = ParkedFor.SCHEDULE
    counts: bool = False
    """Whether it was one of the call's tries."""
    costs: timedelta = NOTHING
    """How much of the call's patience it uses up."""
    over: str = ""
    """Why the call waits no longer."""


def tell_lane(shop: Shop, visit: Visit, *, requests: int, answered: bool) -> None:
    """Tell the asset's lane when the call left, and what the vendor's headers say."""
    assert visit.admission
    assert visit.session
    notes = visit.session.notes
    one = requests == 1  # else the last request may have left just now
    shop.limiter.ended(
        visit.asset.slug,
        visit.asset.budget,
        visit.admission,
        sent=notes.sent if one else None,
        answered=notes.answered if one else None,
    )
    hear(shop.limiter, visit.asset, visit.admission, notes, answered=answered, wait=visit.wait)


def hear(
    limiter: Limiter,
    asset: Asset,
    admission: Admission,
    notes: Notes,
    *,
    answered: bool,
    wait: RetryLater | None,
) -> None:
    """Tell a lane what its vendor's headers say, and whether it answers again, or was not asked."""
    if notes.wait:
        limiter.block(asset.slug, notes.wait, edited=asset.updated_at)
    if not admission.shaky:
        return
    no_end = wait is not None and _is_no_end(wait)
    if not no_end and (answered or notes.heard or notes.answered is not None):
        limiter.answered(asset.slug)
    elif not no_end and notes.sent is None:
        limiter.unasked(asset.slug, admission)


def _is_no_end(wait: RetryLater) -> bool:
    """Tell whether what made a lane wait goes on: nobody answers, or no time is named again."""
    return wait.no_answer or (wait.all_calls and not wait.after)


def put_off(shop: Shop, claim: Claim, visit: Visit | None, wait: RetryLater) -> Wait:
    """Tell the lane what its vendor asks for, and return how the call waits."""
    after = wait.after or None  # no time at all is no word of when to come back
    delay = after or backoff(claim.tries, chance=shop.chance)
    if visit is None or not visit.made:
        return Wait(delay=delay)
    edited = visit.asset.updated_at
    if wait.no_answer and shop.limiter.no_answer(claim.asset, edited=edited):
        return Wait(delay=delay, reason=ParkedFor.BUDGET)
    if wait.all_calls and after:
        shop.limiter.block(claim.asset, after, edited=edited)
    elif wait.all_calls:
        delay = put_off_lane(shop.limiter, visit.asset, shop.chance)
    counts = after is None and not wait.all_calls
    return Wait(
        delay=delay,
        reason=ParkedFor.BUDGET if wait.all_calls else ParkedFor.SCHEDULE,
        counts=counts,
        costs=delay,
        over=_enough(shop, claim, wait, counts=counts),
    )


def put_off_lane(limiter: Limiter, asset: Asset, chance: Random) -> timedelta:
    """Keep a lane closed whose vendor asked to wait and named no time; return for how long."""
    spans = [backoff(step, chance=chance) for step in range(STEPS)]
    return limiter.put_off(asset.slug, spans, edited=asset.updated_at)


def _enough(shop: Shop, claim: Claim, wait: RetryLater, *, counts: bool) -> str:
    """Return why a call has waited enough for its vendor, or nothing."""
    settings = shop.settings
    patience = timedelta(seconds=settings.retry_patience_seconds)
    left = patience - claim.waited
    if left <= NOTHING:
        return f"{wait}; gave up after {_seconds(claim.waited)} s"
    if wait.after and wait.after > left:
        rest = f"{_seconds(left)} s left of the " if left < patience else ""
        return (
            f"{wait}; it asks for {_seconds(wait.after)} s, longer than the"
            f" {rest}{settings.retry_patience_seconds} s that a call may wait"
        )
    if counts and claim.tries + 1 >= settings.retry_attempts:
        return f"{wait}; gave up after {claim.tries + 1} tries"
    return ""


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
