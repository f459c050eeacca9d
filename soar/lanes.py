"""
Lanes as people see them: who waits for which asset, what is spent, when a call may go.

In: rows that wait, and budgets as Redis knows them. Out: one value per asset; a call's place.
Never: a change; who looks takes nothing from a budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from soar.domain.budget import Budget, Limit, Quota
from soar.domain.errors import NotFound, RetryLater
from soar.domain.model import SEVERITIES, Asset
from soar.limiter import LaneState, Limiter
from soar.store.work import Work

PLANNED = 64  # places whose times are asked of the budget itself; later ones follow its rate
SPANS = {"day": timedelta(days=1), "month": timedelta(days=30)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """One limit or quota of a budget: what is spent of it now, and what is left."""

    limit: str
    calls: int
    spent: int

    @property
    def left(self) -> int:
        """How many calls may still be made in this window."""
        return max(0, self.calls - self.spent)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """The lane of one asset at one moment."""

    asset: str
    app: str
    budget: str
    state: str
    """open; waits (its vendor asked to); closed (it does not answer); disabled; broken
    (credentials refused); unknown (Redis is away)."""
    why: str
    waiting: Mapping[str, int]
    """How many calls wait, by severity."""
    oldest: timedelta | None
    """How long the first of them has waited."""
    spent: tuple[Spent, ...]
    last_minute: int
    """Calls granted in the last minute, as far as a limit counts them."""
    grants: int
    """Calls granted since Redis was last empty."""
    under_way: int
    saved: int
    """Lookups of the last day that another one's answer has spared."""
    opens_in: timedelta | None
    """When the next call may go; none while somebody has to act first."""

    @property
    def total(self) -> int:
        """How many calls wait."""
        return sum(self.waiting.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where one waiting call stands in its lane."""

    app_run: int
    run: int
    asset: str
    action: str
    severity: str
    position: int
    """1 is the next to go."""
    waited: timedelta
    expected_in: timedelta | None
    """When it may go if nobody more severe comes; none while its asset is closed."""


def lanes(work: Work, limiter: Limiter, *, only: str | None = None) -> list[Lane]:
    """Return the lane of every asset, or of *only* one."""
    assets = [work.assets.get(only)] if only else work.assets.all()
    counts: dict[str, list[Mapping[str, Any]]] = {}
    for row in work.lanes.counts():
        counts.setdefault(row["asset"], []).append(row)
    saved = work.lanes.saved(hours=24)
    return [_lane(asset, counts.get(asset.slug, []), saved, limiter) for asset in assets]


def _lane(
    asset: Asset, rows: list[Mapping[str, Any]], saved: Mapping[str, int], limiter: Limiter
) -> Lane:
    found, next_in = _asked(asset, limiter)
    state, why = _state(asset, found)
    since = min((row["since"] for row in rows if row["since"]), default=None)
    return Lane(
        asset=asset.slug,
        app=asset.app,
        budget=str(asset.budget),
        state=state,
        why=why,
        waiting={SEVERITIES[row["severity_rank"]]: int(row["waiting"]) for row in rows},
        oldest=datetime.now(UTC) - since if since else None,
        spent=tuple(_spent(rule, n) for rule, n in found.spent) if found else (),
        last_minute=found.last_minute if found else 0,
        grants=found.grants if found else 0,
        under_way=found.busy if found else 0,
        saved=saved.get(asset.slug, 0),
        opens_in=None if asset.closed else next_in,
    )


def _asked(asset: Asset, limiter: Limiter) -> tuple[LaneState | None, timedelta | None]:
    try:
        state = limiter.state(asset.slug, asset.budget)
        return state, next(iter(limiter.look(asset.slug, asset.budget, 1)), None)
    except RetryLater:
        return None, None


def _state(asset: Asset, found: LaneState | None) -> tuple[str, str]:
    if asset.closed:
        return ("disabled" if asset.disabled else "broken"), asset.closed
    if found is None:
        return "unknown", "Redis cannot be asked"
    if found.closed:
        seconds = int(found.closed.total_seconds()) + 1
        return "closed", f"the vendor does not answer; one call tries again in {seconds} s"
    if found.blocked:
        return "waits", f"the vendor asked to wait {int(found.blocked.total_seconds()) + 1} s more"
    return "open", ""


def _spent(rule: Limit | Quota, spent: int) -> Spent:
    return Spent(limit=str(rule), calls=rule.calls, spent=spent)


def place(work: Work, limiter: Limiter, app_run_id: int) -> Place:
    """Return where a waiting call stands; one that does not wait in a lane is not found."""
    row = work.lanes.place(app_run_id)
    if row is None:
        raise NotFound(f"call {app_run_id} does not wait in a lane")
    severity = SEVERITIES[row["severity_rank"]]
    return Place(
        app_run=row["id"],
        run=row["run_id"],
        asset=row["asset"],
        action=row["action"],
        severity=severity,
        position=row["ahead"] + 1,
        waited=datetime.now(UTC) - row["lane_since"],
        expected_in=_expected(work, limiter, row),
    )


def _expected(work: Work, limiter: Limiter, row: Mapping[str, Any]) -> timedelta | None:
    asset = work.assets.get(row["asset"])
    budget = asset.budget.for_rank(row["severity_rank"])
    if asset.closed:
        return None
    try:
        times = limiter.look(asset.slug, budget, min(row["ahead"] + 1, PLANNED))
    except RetryLater:
        return None
    rest = int(row["ahead"]) + 1 - len(times)
    return (times[-1] if times else timedelta(0)) + rest * _interval(budget)


def _interval(budget: Budget) -> timedelta:
    """Return the time between two calls at a budget's own rate, in the long run."""
    gaps = [limit.per / limit.calls for limit in budget.limits]
    gaps += [SPANS[quota.period] / quota.calls for quota in budget.quotas]
    return max(gaps, default=timedelta(0))
