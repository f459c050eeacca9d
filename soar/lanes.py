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
from soar.domain.shapes import Shape
from soar.limiter import LaneState, Limiter
from soar.store.work import Work

PLANNED = 64  # places whose times are asked of the budget itself; later ones follow its rate
SPANS = {"day": timedelta(days=1), "month": timedelta(days=30)}
STATES: Mapping[str, str] = {
    "open": "calls go as the budget allows",
    "waits": "its vendor asked to wait",
    "closed": "its vendor does not answer; one call will try again",
    "disabled": "somebody disabled the asset",
    "broken": "its vendor refused the credentials; closed until the asset is edited",
    "unknown": "Redis cannot be asked",
    "deleted": "calls wait for an asset that is gone",
}


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
    """One of :data:`STATES`."""
    why: str
    waiting: Mapping[str, int]
    """How many calls wait, by severity."""
    oldest: timedelta | None
    """How long the first of them has waited."""
    spent: tuple[Spent, ...]
    last_minute: int
    """Calls granted in the last minute, to the second."""
    grants: int
    """Calls granted since Redis was last empty."""
    under_way: int
    saved: int
    """Lookups of the last day that another one's answer has spared."""
    opens_in: timedelta | None
    """When the next call may go; none while somebody has to act first, or nobody knows."""

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
    """When it may go if nobody more severe comes; none while its asset is closed or gone, or where
    it waits for calls under way of which nobody knows how long they take."""


def lanes(work: Work, limiter: Limiter, *, only: str | None = None) -> list[Lane]:
    """Return the lane of every asset, or of *only* one; a deleted one's while calls wait."""
    assets = work.assets.all()
    counts: dict[str, list[Mapping[str, Any]]] = {}
    for row in work.lanes.counts():
        counts.setdefault(row["asset"], []).append(row)
    if only:
        assets = [asset for asset in assets if asset.slug == only]
        counts = {only: counts[only]} if only in counts else {}
        if not (assets or counts):
            raise NotFound(f"there is no asset {only!r}: see `soar asset list`")
    saved, going = work.lanes.saved(hours=24), work.lanes.under_way(asset=only or "")
    asking = _Asking(work=work, limiter=limiter, going=going)
    found = [_lane(asset, counts.pop(asset.slug, []), saved, asking) for asset in assets]
    found += [_deleted(slug, rows) for slug, rows in counts.items()]
    return sorted(found, key=lambda lane: lane.asset)


@dataclass(kw_only=True, slots=True)
class _Asking:
    """Asks Redis about one lane after the other; one that is away is not asked again."""

    work: Work
    limiter: Limiter
    going: Mapping[str, int]
    """The calls under way of each asset that limits them."""
    away: bool = False

    def __call__(self, asset: Asset, rank: int) -> tuple[LaneState | None, timedelta | None]:
        """Return a lane's state, and when a call of that severity may go."""
        if self.away:
            return None, None
        try:
            state = self.limiter.state(asset.slug, asset.budget, edited=asset.updated_at)
            budget = asset.budget.for_rank(rank)
            times = self.limiter.look(asset.slug, budget, 1, edited=asset.updated_at)
        except RetryLater:
            self.away = True
            return None, None
        going = self.going.get(asset.slug, 0)
        return state, _with_slots(self.work, asset, going, 1, next(iter(times), None))


def _lane(
    asset: Asset, rows: list[Mapping[str, Any]], saved: Mapping[str, int], asking: _Asking
) -> Lane:
    found, next_in = asking(asset, min((row["severity_rank"] for row in rows), default=0))
    state, why = _state(asset, found)
    return Lane(
        asset=asset.slug,
        app=asset.app,
        budget=str(asset.budget),
        state=state,
        why=why,
        waiting=_waiting(rows),
        oldest=_oldest(rows),
        spent=tuple(_spent(rule, n) for rule, n in found.spent) if found else (),
        last_minute=found.last_minute if found else 0,
        grants=found.grants if found else 0,
        under_way=asking.going.get(asset.slug, 0),
        saved=saved.get(asset.slug, 0),
        opens_in=None if asset.closed else next_in,
    )


def _deleted(slug: str, rows: list[Mapping[str, Any]]) -> Lane:
    return Lane(
        asset=slug,
        app="",
        budget="",
        state="deleted",
        why="its calls wait until there is an asset of that name again",
        waiting=_waiting(rows),
        oldest=_oldest(rows),
        spent=(),
        last_minute=0,
        grants=0,
        under_way=0,
        saved=0,
        opens_in=None,
    )


def _waiting(rows: list[Mapping[str, Any]]) -> dict[str, int]:
    found = {SEVERITIES[row["severity_rank"]]: int(row["waiting"]) for row in rows}
    return dict.fromkeys(SEVERITIES, 0) | found


def _oldest(rows: list[Mapping[str, Any]]) -> timedelta | None:
    since = min((row["since"] for row in rows if row["since"]), default=None)
    return datetime.now(UTC) - since if since else None


def _state(asset: Asset, found: LaneState | None) -> tuple[str, str]:
    if asset.closed:
        return ("disabled" if asset.disabled else "broken"), asset.closed
    if found is None:
        return "unknown", STATES["unknown"]
    if found.closed:
        seconds = int(found.closed.total_seconds()) + 1
        return "closed", f"the vendor does not answer; one call tries again in {seconds} s"
    if found.blocked:
        return "waits", f"the vendor asked to wait {int(found.blocked.total_seconds()) + 1} s more"
    if found.half_open:
        return "closed", "the vendor did not answer; one call tries whether it does now"
    return "open", ""


def _spent(rule: Limit | Quota, spent: int) -> Spent:
    return Spent(limit=str(rule), calls=rule.calls, spent=spent)


def place(work: Work, limiter: Limiter, app_run_id: int, *, asset: str | None = None) -> Place:
    """Return where a call waits (for *asset*, if given); one that waits in no lane is not found."""
    row = work.lanes.place(app_run_id)
    if row is None:
        raise NotFound(f"call {app_run_id} does not wait in a lane")
    if asset and row["asset"] != asset:
        raise NotFound(f"call {app_run_id} does not wait for {asset!r} but for {row['asset']!r}")
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
    try:
        asset = work.assets.get(row["asset"])
    except NotFound:
        return None
    budget = asset.budget.for_rank(row["severity_rank"])
    if asset.closed:
        return None
    position = int(row["ahead"]) + 1
    try:
        count, edited = min(position, PLANNED), asset.updated_at
        times = limiter.look(asset.slug, budget, count, edited=edited)
    except RetryLater:
        return None
    rest = (position - len(times)) * _interval(budget)
    permitted = (times[-1] if times else timedelta(0)) + rest
    going = work.lanes.under_way(asset=asset.slug).get(asset.slug, 0)
    return _with_slots(work, asset, going, position, permitted)


def _with_slots(
    work: Work, asset: Asset, going: int, position: int, permitted: timedelta | None
) -> timedelta | None:
    """
    Return when a call may go that its limits permit then, if calls at once are limited too.

    Those that find no free slot go as calls under way end, each after a call's usual time.
    """
    slots = asset.budget.concurrency
    behind = position - max(0, slots - going)
    if not slots or behind <= 0 or permitted is None:
        return permitted
    usual = work.lanes.duration(asset.slug)
    return None if usual is None else max(permitted, usual * behind / slots)


def _interval(budget: Budget) -> timedelta:
    """Return the time between two calls at a budget's own rate, in the long run."""
    gaps = [limit.per / limit.calls for limit in budget.limits]
    gaps += [SPANS[quota.period] / quota.calls for quota in budget.quotas]
    return max(gaps, default=timedelta(0))


def lane_shape(lane: Lane) -> Shape:
    """Return a lane as JSON shows it, the same on the command line and in REST."""
    return {
        "asset": lane.asset,
        "app": lane.app,
        "budget": lane.budget,
        "state": lane.state,
        "why": lane.why,
        "waiting": dict(lane.waiting),
        "total": lane.total,
        "oldest_seconds": _seconds(lane.oldest),
        "spent": [
            {"limit": s.limit, "calls": s.calls, "spent": s.spent, "left": s.left}
            for s in lane.spent
        ],
        "last_minute": lane.last_minute,
        "grants": lane.grants,
        "under_way": lane.under_way,
        "saved_24h": lane.saved,
        "opens_in_seconds": _seconds(lane.opens_in),
    }


def place_shape(place: Place) -> Shape:
    """Return the place of a call as JSON shows it."""
    return {
        "app_run": place.app_run,
        "playbook_run": place.run,
        "asset": place.asset,
        "action": place.action,
        "severity": place.severity,
        "position": place.position,
        "waited_seconds": _seconds(place.waited),
        "expected_in_seconds": _seconds(place.expected_in),
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else round(span.total_seconds(), 3)
