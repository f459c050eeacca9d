"""
A lane by hand: the reference that ``lane.lua`` is compared with.

In: a budget, a moment, what happens. Out: what the lane must answer then.
Never: code shared with the script; it counts lists of grants and tries moments.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from soar.domain.budget import Budget, Limit, Quota
from soar.limiter import GUARD, HOLD, LEASE, Admission, Breaker

BREAKER = Breaker(failures=2, closed=timedelta(seconds=1), longest=timedelta(seconds=5))
MICRO = timedelta(microseconds=1)


def micros(span: timedelta) -> int:
    """Return a span in microseconds."""
    return span // MICRO


def window(limit: Limit) -> int:
    """Return how long a call counts in a limit."""
    return micros(limit.per + limit.slack)


def period(quota: Quota, moment: int) -> tuple[int, int]:
    """Return begin and end of the period that holds a moment."""
    begin, end = quota.around(datetime.fromtimestamp(moment // 1_000_000, UTC))
    return int(begin.timestamp()) * 1_000_000, int(end.timestamp()) * 1_000_000


def second(moment: int) -> int:
    """Return the whole second that holds a moment."""
    return moment // 1_000_000


class Counts(NamedTuple):
    """What grants are counted for."""

    keep: int
    """For how long a grant is in the log; 0: it is in none."""
    paced: bool
    quotas: frozenset[tuple[str, timedelta]]


def counts_of(budget: Budget) -> Counts:
    """Return what the grants of a budget are counted for."""
    return Counts(
        keep=micros(budget.longest) + 2_000_000 if budget.limits else 0,
        paced=any(limit.pace for limit in budget.limits),
        quotas=frozenset((quota.period, quota.reset) for quota in budget.quotas),
    )


@dataclass(eq=False)
class Grant:
    """One granted call: when it goes, and how late it was on its way."""

    at: int
    cost: int
    late: int = 0
    told: int = 0
    """So much of *late* the lane knows."""
    admission: Admission | None = None
    budget: Budget = field(default_factory=Budget)
    spread: int = -1
    """When a pace counts it, if not when it was to go."""

    @property
    def seen(self) -> int:
        """When it reached the vendor, as far as the lane knows."""
        return self.at + self.told

    def by(self, limit: Limit) -> int:
        """When a limit counts it: a pace of our own counts when it was to go."""
        if not limit.pace:
            return self.seen
        return self.at if self.spread < 0 else self.spread


@dataclass
class Model:
    """A lane by hand: it counts its grants and tries every moment at which one may be free."""

    grants: list[Grant] = field(default_factory=list)
    spent: dict[tuple[str, int], int] = field(default_factory=dict)
    reports: list[Grant] = field(default_factory=list)
    counts: Counts | None = None
    """What the last grant was counted for; none: the lane is empty."""
    seconds: dict[int, int] = field(default_factory=dict)
    edited: int = 0
    failures: int = 0
    blocked: int = 0
    closed: int = 0
    probe: int = 0
    prober: str = ""
    """The one call that tries the closed lane."""

    @property
    def shaky(self) -> bool:
        """Whether only a probe may go."""
        return self.failures >= BREAKER.failures

    def note(self, edited: int) -> None:
        """Learn for which state of its asset somebody asks: what closed an older one is over."""
        if self.edited and edited > self.edited:
            self.failures = self.closed = self.probe = self.blocked = 0
        self.edited = max(self.edited, edited)

    def hear(self, now: int) -> None:
        """Learn of calls that left late; one that is forgotten counts from now."""
        for grant in self.reports:
            grant.told = grant.late
            if grant not in self.grants:
                self.grants.append(Grant(at=now, cost=grant.cost))
        self.reports.clear()

    def is_cold(self, budget: Budget) -> bool:
        """Whether a budget needs to know more than was counted."""
        needs, has = counts_of(budget), self.counts
        return has is None or not (
            needs.keep <= has.keep and needs.paced <= has.paced and needs.quotas <= has.quotas
        )

    def warm(self, now: int, budget: Budget, recent: int, spent: list[int]) -> None:
        """Learn what was not counted, as if just spent."""
        needs, has = counts_of(budget), self.counts or Counts(-1, False, frozenset())
        self.counts = needs
        if needs.keep > max(0, has.keep):
            known = sum(g.cost for g in self.grants if g.seen > now - needs.keep)
            missing = max(recent, self.since(now, now - needs.keep)) - known
            if missing > 0:
                self.grants.append(Grant(at=now + micros(HOLD), cost=missing))
        if needs.paced and not (has.paced and has.keep >= needs.keep):
            for grant in self.grants:
                grant.spread = grant.seen
        for quota, used in zip(budget.quotas, spent, strict=True):
            if (quota.period, quota.reset) not in has.quotas:
                begin = period(quota, now)[0]
                known = self.spent.get((quota.period, begin), 0)
                self.spent[quota.period, begin] = max(known, used, self.since(now, begin))

    def since(self, now: int, moment: int) -> int:
        """Return how many calls were granted since a moment of the last minute."""
        begin = max(second(moment), second(now) - 59)
        return sum(calls for of, calls in self.seconds.items() if of >= begin)

    def fits(self, at: int, budget: Budget, cost: int) -> bool:
        """Whether a call may go at a moment that lies behind every grant."""
        for limit in budget.limits:
            inside = sum(g.cost for g in self.grants if g.by(limit) > at - window(limit))
            if inside + cost > limit.calls:
                return False
        for quota in budget.quotas:
            begin, end = period(quota, at)
            if at < begin + micros(GUARD) or at >= end - micros(GUARD):
                return False
            if self.spent.get((quota.period, begin), 0) + cost > quota.calls:
                return False
        return True

    def earliest(self, start: int, budget: Budget, cost: int, call: str = "") -> int:
        """Return the first moment at which a call may go."""
        held = self.shaky and not (call and call == self.prober)
        start = max(start, self.blocked, self.closed, self.probe if held else 0)
        start = max([start, *(g.seen for g in self.grants)])
        moments = {start}
        moments |= {g.by(x) + window(x) for g in self.grants for x in budget.limits}
        for quota in budget.quotas:
            moments |= {edge + micros(GUARD) for edge in period(quota, start)}
        return next(m for m in sorted(moments) if m >= start and self.fits(m, budget, cost))

    def grant(self, at: int, budget: Budget, cost: int) -> Grant:
        """Write down a call that goes at a moment."""
        made = Grant(at=at, cost=cost)
        if budget.limits:
            self.grants.append(made)
        for quota in budget.quotas:
            key = quota.period, period(quota, at)[0]
            self.spent[key] = self.spent.get(key, 0) + cost
        return made

    def count(self, now: int, budget: Budget, cost: int) -> None:
        """Count a call by its second, and forget what its budget does not need."""
        self.seconds[second(now)] = self.seconds.get(second(now), 0) + cost
        self.counts = counts_of(budget)
        if budget.limits:
            self.grants = [g for g in self.grants if g.seen > now - self.counts.keep]

    def take(self, now: int, budget: Budget, cost: int, call: str) -> tuple[Admission, Grant]:
        """Return what the lane must answer, and the grant if there is one."""
        self.hear(now)
        none = Grant(at=0, cost=0)
        at = self.earliest(now, budget, cost, call)
        wait = (at - now) * MICRO
        if wait > HOLD:
            return Admission(granted=False, wait=wait, why="budget"), none
        if self.shaky:
            self.probe, self.prober = at + micros(LEASE), call
        shaky = self.failures > 0
        made = self.grant(at, budget, cost)
        self.count(now, budget, cost)
        return Admission(granted=True, wait=wait, shaky=shaky, cost=cost, call=call), made

    def look(self, now: int, budget: Budget, count: int) -> list[timedelta]:
        """Return when the next calls go if each goes at its first moment."""
        ahead = replace(self, grants=list(self.grants), spent=dict(self.spent))
        times: list[timedelta] = []
        at = now
        for _ in range(1 if self.shaky else count):
            at = ahead.earliest(at, budget, 1)
            ahead.grant(at, budget, 1)
            times.append((at - now) * MICRO)
        return times

    def no_answer(self, now: int) -> bool:
        """Count a failure; enough of them close the lane, each time for twice as long."""
        if self.closed > now:
            return True
        self.failures += 1
        self.probe = 0
        if self.shaky:
            span = BREAKER.closed * 2 ** (self.failures - BREAKER.failures)
            self.closed = now + micros(min(span, BREAKER.longest))
        return self.shaky

    def unasked(self, call: str) -> None:
        """Let another call try the lane, if this one was to."""
        if call == self.prober:
            self.probe, self.prober = 0, ""

    def answered(self) -> None:
        """Open the lane."""
        self.failures = self.closed = self.probe = 0
