"""
A question to an asset's vendor outside any run: does it answer, does an effect stand.

In: an asset, the vault and a function of its room. Out: what the function returns; its lane knows
what was heard. Never: a write: whoever asks has claimed nothing. A question that the asset's
budget has no call for, or one that waits for it without an end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import SystemRandom
from threading import Event
from typing import Any, Generic, TypeVar
from uuid import uuid4

from soar.catalog import ActionSpec
from soar.connector import ActionContext, AssetConfig, Output, Params, VendorSession
from soar.deadline import within
from soar.domain.errors import NotYet, RetryLater
from soar.domain.model import SEVERITY_RANK, Asset
from soar.limiter import Admission, LaneState, Limiter
from soar.tasks import patience
from soar.tasks.binding import function_of
from soar.vault import Vault

PROBE_SECONDS = 30.0
Found = TypeVar("Found", Output, Output | None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question(Generic[Found]):
    """What a vendor is asked outside any run, and what that takes of its asset's budget."""

    name: str
    function: Callable[[ActionContext, Params], Found]
    cost: int
    parameters: Mapping[str, Any] = field(default_factory=dict)
    patience: timedelta = timedelta(0)
    """How long it waits for a free call."""


def connectivity(asset: Asset, spec: ActionSpec, vault: Vault, limiter: Limiter) -> Output:
    """Ask an asset's vendor its test, if its budget has the requests free."""
    test: Question[Output] = Question(name="test", function=function_of(spec), cost=spec.requests)
    try:
        return probe(asset, test, vault, limiter)
    except NotYet as early:
        why = f"{asset.slug} cannot be tested now: {early}"
        raise NotYet(why, after=early.after) from None


def probe(asset: Asset, question: Question[Found], vault: Vault, limiter: Limiter) -> Found:
    """Ask an asset's vendor within its budget, and tell its lane what was heard."""
    context = _context(asset, vault)
    admission = _taken(asset, question, limiter)
    answered, put_off = False, None
    try:
        Event().wait(admission.wait.total_seconds())
        with within(PROBE_SECONDS):
            found = question.function(context, Params(question.parameters))
        answered = True
    except RetryLater as wait:
        put_off = wait
        _put_off(asset, limiter, wait)
        raise
    finally:
        limiter.ended(asset.slug, asset.budget, admission)
        limiter.flush()  # at once: this process may end
        notes = context.http.notes
        patience.hear(limiter, asset, admission, notes, answered=answered, wait=put_off)
    return found


def _put_off(asset: Asset, limiter: Limiter, wait: RetryLater) -> None:
    """Tell the lane that its vendor did not answer, or asked to wait."""
    if wait.no_answer:
        limiter.no_answer(asset.slug, edited=asset.updated_at)
    elif wait.all_calls and wait.after:
        limiter.block(asset.slug, wait.after, edited=asset.updated_at)
    elif wait.all_calls:
        patience.put_off_lane(limiter, asset, SystemRandom())


def _context(asset: Asset, vault: Vault) -> ActionContext:
    config = AssetConfig(slug=asset.slug, values=vault.open_all(asset.configuration))
    session = VendorSession(ca_file=config.text("ca_file"), proxy=config.text("proxy"))
    return ActionContext(asset=config, http=session, key=f"soar-test-{asset.slug}")


def _taken(asset: Asset, question: Question[Found], limiter: Limiter) -> Admission:
    """Take a question from the budget, as a call that is not critical, or say why it may not go."""
    budget, edited = asset.budget.for_rank(SEVERITY_RANK["low"]), asset.updated_at
    call = f"{question.name}-{uuid4().hex}"
    until = time.monotonic() + question.patience.total_seconds()
    while True:
        # Asked first: an emptied lane would take this call for one that PostgreSQL knows of.
        state = limiter.state(asset.slug, budget, edited=edited)
        admission = limiter.take(asset.slug, budget, call=call, cost=question.cost, edited=edited)
        if admission.granted:
            return admission
        wait = admission.wait.total_seconds()
        if time.monotonic() + wait > until:
            raise NotYet(_why(asset, state, admission), after=admission.wait)
        Event().wait(wait)


def _why(asset: Asset, state: LaneState, admission: Admission) -> str:
    if state.closed:
        return "its vendor does not answer"
    if state.blocked:
        return "its vendor asked to wait"
    if state.half_open:
        return "its vendor did not answer, and another call tries whether it does now"
    if admission.why == "concurrency":
        return "as many calls as may be at once are under way"
    return f"its budget ({asset.budget}) is spent"
