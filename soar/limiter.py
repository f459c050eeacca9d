"""
The budget of an asset, one for the whole pool, kept in Redis.

In: an asset's slug and budget. Out: one call granted, or how long until one may be.
Never: more than the budget at the vendor's door in any sliding window, also when a worker was
slow to send, and after Redis lost everything: an empty lane first learns from PostgreSQL.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any, Protocol

import redis

from soar.domain.budget import MAX_CALLS, Budget, Limit, Quota
from soar.domain.errors import RetryLater
from soar.lane_reports import Reports
from soar.passes import Passes
from soar.telemetry import log

NOW = timedelta(0)
OUTAGE = timedelta(seconds=5)
HOLD = timedelta(milliseconds=80)
"""A call that may go so soon takes its place at once: parking it would cost more."""
GUARD = timedelta(seconds=1)
"""Around the moment a quota begins anew nobody calls: clocks differ."""
EDGES = 8
"""How many beginnings of a quota's periods the script is told: so far a look sees exactly."""
LEASE = timedelta(seconds=100)
"""So long is waited for the one call that tries a closed lane: longer than any call takes."""
BUSY = timedelta(milliseconds=200)
CHANNEL = "soar:lanes"
"""Where the script tells which lane had to refuse a call, or opens, for whoever planned by it."""
ON_THE_WAY, ON_THE_WAY_SHARE = 0.1, 0.25
"""Seconds, or share of the shortest window if more, in which what was sent reaches its vendor."""
FLUSH_SHARE = 0.6  # of the shortest window: so soon Redis must know of a call that was late


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """Whether a call may go, and after what wait: a moment if granted, else until it may ask."""

    granted: bool
    wait: timedelta
    why: str = ""
    grant: int = 0
    cost: int = 1
    call: str = ""
    shaky: bool = False
    """Whether the vendor did not answer of late, or put calls off: an answer is news."""
    asked: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneState:
    """What is spent of a budget now, and what keeps the lane closed."""

    spent: tuple[tuple[Limit | Quota, int], ...]
    grants: int
    asked: int
    """How often this lane's script ran since Redis was last empty."""
    last_minute: int
    """How many calls were granted within a minute, to the second."""
    failures: int
    half_open: bool
    """Whether one call may go, to try whether the vendor answers again, and no other."""
    blocked: timedelta
    closed: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """After so many connection errors in a row a lane closes, at first for so long."""

    failures: int = 5
    closed: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(minutes=5)


class Slots(Protocol):
    """Who counts the calls at once of each asset; such a limit is no matter of time."""

    def take(self, asset: str, most: int, call: str) -> bool:
        """Take one of *most* slots for a call, or keep its own; False if all are taken."""

    def leave(self, call: str) -> None:
        """Give a slot back, unless the call's own end does."""


class Limiter:
    """
    Takes calls from budgets; every decision about time is one run of one script.

    *edited* is when the asset that is asked for was edited last: a newer one opens its lane.
    What a cold lane learns from PostgreSQL: *recent_calls* of an asset within so many seconds.
    Calls at once are limited by *slots*, in PostgreSQL: those that end there need tell nobody.
    """

    def __init__(
        self,
        client: redis.Redis,
        recent_calls: Callable[[str, int], int],
        *,
        slots: Slots | None = None,
        breaker: Breaker | None = None,
        clock: Callable[[], str] = str,
        passes: Passes | None = None,
    ) -> None:
        script = resources.files("soar").joinpath("lane.lua").read_text(encoding="utf-8")
        self._client: Any = client
        self._script: Any = client.register_script(script)
        self._recent_calls, self._slots = recent_calls, slots
        self._breaker, self._clock = breaker or Breaker(), clock
        self._reports = Reports()
        self._passes = passes or Passes()
        self._thread: threading.Thread | None = None
        self.asked = 0
        """How often this process has asked Redis."""

    def take(
        self,
        slug: str,
        budget: Budget,
        *,
        call: str = "",
        cost: int = 1,
        edited: datetime | None = None,
    ) -> Admission:
        """Take one call (that makes *cost* requests) from the asset's budget, if it is free."""
        if not budget.concurrency:
            return self._take(slug, budget, call=call, cost=cost, edited=edited)
        assert self._slots
        if not self._slots.take(slug, budget.concurrency, call):
            return Admission(granted=False, wait=BUSY, why="concurrency")
        admission = None
        try:
            admission = self._take(slug, budget, call=call, cost=cost, edited=edited)
        finally:
            if admission is None or not admission.granted:
                self._slots.leave(call)
        return admission

    def _take(
        self, slug: str, budget: Budget, *, call: str, cost: int, edited: datetime | None
    ) -> Admission:
        asked = time.monotonic()
        if budget.untimed and self._passes.use(slug, cost):
            return Admission(granted=True, wait=NOW, cost=cost, call=call, asked=asked)
        reports, also = self._reports.of(slug), self._passes.count(slug)
        asking = {"cost": cost, "call": call, "edited": _moment(edited), "reports": reports}
        try:
            answer = self._ask(slug, budget, "take", **asking, also=[also.calls, _micro(also.ago)])
        except RetryLater:
            self._reports.keep(slug, reports)
            self._passes.keep(slug, also)
            raise
        if answer[0] == b"yes":
            if budget.untimed and answer[1] == answer[3] == b"0":
                self._passes.give(slug)
            return Admission(
                granted=True,
                wait=_span(answer[1]),
                grant=int(answer[2]),
                cost=cost,
                call=call,
                shaky=int(answer[3]) > 0,
                asked=asked,
            )
        return Admission(granted=False, wait=_span(answer[1]), why="budget")

    def look(
        self, slug: str, budget: Budget, count: int, *, edited: datetime | None = None
    ) -> list[timedelta]:
        """Return when the next *count* calls could go, if each goes at its first moment."""
        times = self._ask(slug, budget, "look", count=count, edited=_moment(edited))
        return [_span(value) for value in times]

    def state(self, slug: str, budget: Budget, *, edited: datetime | None = None) -> LaneState:
        """Return what is spent now; nothing is taken."""
        found = json.loads(self._ask(slug, budget, "state", edited=_moment(edited))[0])
        limits = zip(budget.limits, found["limits"] or (), strict=True)
        quotas = zip(budget.quotas, found["quotas"] or (), strict=True)
        return LaneState(
            spent=tuple((limit, int(n)) for limit, n in limits if not limit.pace)
            + tuple((quota, int(n)) for quota, n in quotas),
            grants=int(found["grants"]),
            asked=int(found["asked"]),
            last_minute=int(found["minute"]),
            failures=int(found["failures"]),
            half_open=found["failures"] >= self._breaker.failures and not found["closed"],
            blocked=timedelta(microseconds=found["blocked"]),
            closed=timedelta(microseconds=found["closed"]),
        )

    def ended(
        self,
        slug: str,
        budget: Budget,
        admission: Admission,
        *,
        sent: float | None = None,
        answered: float | None = None,
    ) -> None:
        """
        Tell the lane that a call has left for its vendor, or is over.

        *sent* and *answered* are the moments (``time.monotonic``, none: now) at which its request
        was sent and the vendor's answer came. A call that was slower on its way than its grant
        allowed for is counted from when it had arrived at the latest.
        """
        if budget.concurrency and self._slots:
            self._slots.leave(admission.call)
        if not (windows := [limit for limit in budget.limits if not limit.pace]):
            return
        now = time.monotonic()
        shortest = min(w.per.total_seconds() for w in windows)
        on_the_way = max(ON_THE_WAY, shortest * ON_THE_WAY_SHARE)
        arrived = min(now, answered or now, (sent or now) + on_the_way)
        way = arrived - admission.asked - admission.wait.total_seconds()
        late = _micro(timedelta(seconds=way) - min(w.slack for w in windows))
        if late > 0:
            report = {"grant": admission.grant, "cost": admission.cost, "late": late}
            self._reports.add(slug, report, within=shortest * FLUSH_SHARE)
            self._start_reporting()

    def block(self, slug: str, span: timedelta, *, edited: datetime | None = None) -> None:
        """Keep the lane closed for *span*: its vendor asked to wait."""
        self._tell(slug, "block", span=_micro(span), edited=_moment(edited))

    def put_off(
        self, slug: str, spans: Sequence[timedelta], *, edited: datetime | None = None
    ) -> timedelta:
        """Keep the lane closed for the next of *spans*: its vendor asked to wait, not how long."""
        told = self._tell(slug, "put off", spans=[*map(_micro, spans)], edited=_moment(edited))
        return _span(told[0]) if told else OUTAGE

    def no_answer(self, slug: str, *, edited: datetime | None = None) -> bool:
        """Note that the vendor could not be reached; True if that closed the lane."""
        return self._tell(slug, "no answer", edited=_moment(edited)) == [b"closed"]

    def answered(self, slug: str) -> None:
        """Note that the vendor answers again: the lane is open."""
        self._tell(slug, "answer")

    def unasked(self, slug: str, admission: Admission) -> None:
        """Note that a call has ended without having asked its vendor: another may try the lane."""
        self._tell(slug, "unasked", call=admission.call)

    def refusals(self, tell: Callable[[str], None], stopped: threading.Event) -> None:
        """Tell the asset of each call that was refused at the door, or whose lane opens again."""
        while not stopped.is_set():
            try:
                with self._client.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(CHANNEL)
                    while not stopped.is_set():
                        message = channel.get_message(timeout=1.0)
                        if message:
                            tell(message["data"].decode())
            except redis.RedisError as error:
                log.warning("refusals_not_heard", error=type(error).__name__)
                stopped.wait(1.0)

    def flush(self) -> None:
        """Send the reports that no later call has taken along."""
        for slug, reports in self._reports.all().items():
            self._tell(slug, "end", reports=reports)

    def _tell(self, slug: str, doing: str, **more: Any) -> list[bytes]:
        """Tell a lane something that no call depends on; a Redis that is away hears nothing."""
        self._passes.end(slug)
        try:
            return self._run(slug, Budget(), doing, more)
        except RetryLater as error:
            log.warning("lane_not_told", what=doing, asset=slug, reason=str(error))
            self._reports.keep(slug, more.get("reports", []))
            return []

    def _ask(self, slug: str, budget: Budget, doing: str, **more: Any) -> list[bytes]:
        answer = self._run(slug, budget, doing, more)
        if answer == [b"cold"]:
            recent, spent = self._past(slug, budget, claimed=doing == "take")
            answer = self._run(slug, budget, doing, {**more, "recent": recent}, spent=spent)
        return answer

    def _past(self, slug: str, budget: Budget, *, claimed: bool) -> tuple[int, list[int]]:
        """Return the calls PostgreSQL knows: recent ones, those of quotas; without who asks."""
        recent = 0
        if budget.limits:
            seconds = int(budget.longest.total_seconds()) + 2
            recent = max(0, min(self._recent_calls(slug, seconds) - claimed, MAX_CALLS))
        now = datetime.now(UTC)
        begun = [int((now - q.around(now)[0]).total_seconds()) + 1 for q in budget.quotas]
        past = [max(0, self._recent_calls(slug, seconds) - claimed) for seconds in begun]
        return recent, past

    def _run(
        self, slug: str, budget: Budget, doing: str, more: Any, *, spent: Sequence[int] = ()
    ) -> list[bytes]:
        key = f"soar:lane:{{{slug}}}"
        self.asked += 1
        try:
            answer: list[bytes] = self._script(
                keys=[f"{key}:log", key, f"{key}:pace"],
                args=[
                    doing,
                    self._clock(),
                    json.dumps({**self._given(budget, spent), "slug": slug, **more}),
                ],
            )
        except redis.RedisError as error:
            reason = f"the budget cannot be asked for ({type(error).__name__})"
            raise RetryLater(reason, after=OUTAGE) from None
        return answer

    def _given(self, budget: Budget, spent: Sequence[int]) -> dict[str, Any]:
        """Return what the script must know: the same for each of its questions."""
        now = datetime.fromtimestamp(float(self._clock() or time.time() * 1e6) / 1e6, UTC)
        past = list(spent) or [0] * len(budget.quotas)
        return {
            "limits": [
                {"calls": x.calls, "window": _micro(x.per + x.slack), "pace": x.pace}
                for x in budget.limits
            ],
            "paced": any(x.pace for x in budget.limits),
            "quotas": [_quota(q, now, used) for q, used in zip(budget.quotas, past, strict=True)],
            "keep": _keep(budget),
            "counts": _counts(budget),
            "edited": 0,
            "lease": _micro(LEASE),
            "hold": _micro(HOLD),
            "told": CHANNEL,
            "failures": self._breaker.failures,
            "closed": _micro(self._breaker.closed),
            "longest": _micro(self._breaker.longest),
        }

    def _start_reporting(self) -> None:
        with self._reports.lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._report, name="lanes", daemon=True)
                self._thread.start()

    def _report(self) -> None:
        """Send reports when they are due, in a thread of their own."""
        while True:
            self._reports.woken.clear()
            rest = self._reports.due - time.monotonic()
            if rest <= 0:
                self.flush()
            else:
                self._reports.woken.wait(min(rest, 3600.0))


def _quota(quota: Quota, now: datetime, spent: int) -> dict[str, Any]:
    edges = [*quota.around(now)]
    while len(edges) < EDGES:
        edges.append(quota.around(edges[-1])[1])
    return {
        "name": _name(quota),
        "calls": quota.calls,
        "edges": [int(edge.timestamp()) * 1_000_000 for edge in edges],
        "guard": _micro(GUARD),
        "spent": spent,
    }


def _name(quota: Quota) -> str:
    return f"{quota.period}:{int(quota.reset.total_seconds())}"


def _keep(budget: Budget) -> int:
    """Return for how long a grant is kept in the log, in microseconds."""
    return _micro(budget.longest + timedelta(seconds=2)) if budget.limits else 0


def _counts(budget: Budget) -> str:
    """Return what a grant of that budget is counted for; a share of it counts the same."""
    paced = any(limit.pace for limit in budget.limits)
    return " ".join([str(_keep(budget)), *["pace"] * paced, *map(_name, budget.quotas)])


def _moment(edited: datetime | None) -> int:
    return round(edited.timestamp() * 1e6) if edited else 0


def _micro(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _span(value: bytes) -> timedelta:
    return timedelta(microseconds=int(value))
