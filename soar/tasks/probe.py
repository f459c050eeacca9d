"""
A question to an asset's vendor outside any run: does it answer, does an effect stand.

In: an asset, the vault and a function of its room. Out: what the function returns.
Never: a write: whoever asks has claimed nothing. A test that the asset's budget has no call for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, TypeVar
from uuid import uuid4

from soar.catalog import ActionSpec
from soar.connector import ActionContext, AssetConfig, Output, Params, VendorSession
from soar.deadline import within
from soar.domain.errors import NotYet, RetryLater
from soar.domain.model import SEVERITY_RANK, Asset
from soar.limiter import Admission, LaneState, Limiter
from soar.tasks.binding import function_of
from soar.vault import Vault

PROBE_SECONDS = 30.0
Found = TypeVar("Found", Output, Output | None)


def probe(
    asset: Asset,
    vault: Vault,
    function: Callable[[ActionContext, Params], Found],
    parameters: Mapping[str, Any] | None = None,
) -> Found:
    """Ask an asset's vendor at once, outside any run: a connectivity test, or what stands."""
    with within(PROBE_SECONDS):
        return function(_context(asset, vault), Params(parameters or {}))


def connectivity(asset: Asset, spec: ActionSpec, vault: Vault, limiter: Limiter) -> Output:
    """Ask an asset's vendor its test, if its budget has the requests free, and tell its lane."""
    function, context = function_of(spec), _context(asset, vault)
    admission = _taken(asset, spec, limiter)
    answered = False
    try:
        with within(PROBE_SECONDS):
            output: Output = function(context, Params({}))
        answered = True
    except RetryLater as wait:
        if wait.no_answer:
            limiter.no_answer(asset.slug, edited=asset.updated_at)
        elif wait.all_calls and wait.after:
            limiter.block(asset.slug, wait.after, edited=asset.updated_at)
        raise
    finally:
        _tell_lane(asset, limiter, admission, context, answered=answered)
    return output


def _context(asset: Asset, vault: Vault) -> ActionContext:
    config = AssetConfig(slug=asset.slug, values=vault.open_all(asset.configuration))
    session = VendorSession(ca_file=config.text("ca_file"), proxy=config.text("proxy"))
    return ActionContext(asset=config, http=session, key=f"soar-test-{asset.slug}")


def _taken(asset: Asset, spec: ActionSpec, limiter: Limiter) -> Admission:
    """Take a test from the budget, as a call that is not critical; a lane that waits refuses it."""
    budget, edited = asset.budget.for_rank(SEVERITY_RANK["low"]), asset.updated_at
    # Asked first: an emptied lane would take this call for one that PostgreSQL knows of.
    state = limiter.state(asset.slug, budget, edited=edited)
    admission = limiter.take(
        asset.slug, budget, call=f"test-{uuid4().hex}", cost=spec.requests, edited=edited
    )
    if not admission.granted:
        why = _why(asset, state, admission)
        raise NotYet(f"{asset.slug} cannot be tested now: {why}", after=admission.wait)
    Event().wait(admission.wait.total_seconds())
    return admission


def _why(asset: Asset, state: LaneState, admission: Admission) -> str:
    if state.closed:
        return "its vendor does not answer"
    if state.blocked:
        return "its vendor asked to wait"
    if admission.why == "concurrency":
        return "as many calls as may be at once are under way"
    return f"its budget ({asset.budget}) is spent"


def _tell_lane(
    asset: Asset, limiter: Limiter, admission: Admission, context: ActionContext, *, answered: bool
) -> None:
    """Tell the lane that the test is over, and what its vendor said; at once: we may end now."""
    notes = context.http.notes
    limiter.ended(asset.slug, asset.budget, admission)
    limiter.flush()
    if notes.wait:
        limiter.block(asset.slug, notes.wait, edited=asset.updated_at)
    if admission.shaky and (answered or notes.answered is not None):
        limiter.answered(asset.slug)
