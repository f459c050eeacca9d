"""
The pump: lets the heads of lanes go, each at the moment its asset's budget allows.

In: the lanes in PostgreSQL, the budgets in Redis. Out: pending rows and their messages.
Never: more calls released than may go, or a Redis call per waiting call: one look plans many
releases, and what was released asks again at the vendor's door, where alone it is decided.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from soar.domain.budget import Budget
from soar.domain.errors import RetryLater
from soar.limiter import Limiter
from soar.parking import send
from soar.store.database import Database
from soar.store.work import Work
from soar.telemetry import log

LEAD = 0.045
"""Seconds that a released call needs to the vendor's door; there it may wait for a moment."""
LATE = 0.1
"""Seconds that a slow lane's calls are released after their time: those before may have been late,
and who comes too early has asked in vain."""
TURN = 0.015
"""Shortest seconds between two turns: a fast lane's calls are released several at once."""
FEWEST, MOST = 2, 64
"""Releases that one look plans: within a window, for later ones depend on how these go."""
SLIP = 0.3
"""Seconds after which a released call that nobody took has spoiled the plan of those behind it."""
SLOW, MOST_SLOW = 1.0, 16
"""Seconds between two calls of a lane so slow that later ones hardly depend on earlier ones."""
SOON = 0.06
"""A plan that ends so soon is made anew, so that a fast lane never waits for one."""
STALE = 120.0
"""Seconds after which a plan is made anew: budgets change, vendors ask to wait."""
IDLE, ACTIVE = 0.25, 0.05
"""Longest seconds between two looks at the lanes: while none waits, while some do."""
OVERDUE_TURN = 4
"""Every fourth call of a lane is the one that has waited longest, if it is overdue."""


@dataclass
class _Lane:
    """What the pump knows of one lane: its budget, and when calls may go."""

    changed: datetime | None
    budget: Budget
    plan: deque[float] = field(default_factory=deque)
    planned_at: float = float("-inf")
    released_at: float = 0.0
    slipped: bool = False
    rank: int = 0
    turns: int = 0

    def watch(self, released: int, now: float) -> None:
        """Forget the plan if what was released was taken late: it counted on their times."""
        if released:
            self.slipped = self.slipped or now - self.released_at > SLIP
        elif self.slipped:
            self.forget()

    def forget(self) -> None:
        """Look again before anything else is released."""
        self.plan.clear()
        self.planned_at, self.slipped = float("-inf"), False

    def is_fresh(self, row: Mapping[str, Any], now: float) -> bool:
        """Tell whether the plan still holds for the lane as it is."""
        if self.budget.reserved and (self.rank == 0) != (row["head_rank"] == 0):
            return False
        age = now - self.planned_at
        if not self.plan:
            return age < ACTIVE
        return age < STALE and (self.plan[-1] > now + SOON or age < SOON)

    def room(self, row: Mapping[str, Any]) -> int:
        """Return how many more calls may be on their way or under way at once."""
        most = self.budget.concurrency
        return max(0, most - row["released"] - row["running"]) if most else MOST

    @property
    def slow(self) -> bool:
        """Whether its calls are seconds apart."""
        return any(
            limit.per.total_seconds() / limit.calls >= SLOW
            for limit in self.budget.limits
            if not limit.pace
        )

    @property
    def lead(self) -> float:
        """How many seconds before its time a call is released."""
        return -LATE if self.slow else LEAD

    @property
    def ahead(self) -> int:
        """How many releases one look plans."""
        if self.slow:
            return MOST_SLOW
        calls = [limit.calls for limit in self.budget.limits if not limit.pace]
        return max(FEWEST, min([MOST, *calls]))


@dataclass
class Pump:
    """Releases the heads of all lanes; one at a time, elected by whoever runs it."""

    database: Database
    limiter: Limiter
    overdue: timedelta = timedelta(minutes=30)
    clock: Callable[[], float] = time.monotonic
    lanes: dict[str, _Lane] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    def listen(self, stopped: threading.Event) -> None:
        """Learn which lanes refuse what was released, until *stopped*: their plans were wrong."""
        self.limiter.refusals(self.refused.add, stopped)

    def turn(self) -> float:
        """Release what may go now and return the seconds until somebody should look again."""
        with self.database.begin() as work:
            rows = work.lanes.waiting()
            waits = [self._pump(work, row) for row in rows]
        for slug in self.lanes.keys() - {row["asset"] for row in rows}:
            self.lanes[slug].plan.clear()
        longest = max(ACTIVE, 0.001 * len(rows)) if rows else IDLE
        return max(TURN, min([longest, *waits]))

    def _pump(self, work: Work, row: Mapping[str, Any]) -> float:
        """Release from one lane; a closed asset or one that is gone keeps its calls."""
        slug = row["asset"]
        if row["changed"] is None or row["closed"]:
            return IDLE
        lane = self._lane(work, row)
        now = self.clock()
        if slug in self.refused:
            self.refused.discard(slug)
            lane.forget()
        lane.watch(row["released"], now)
        room = lane.room(row)
        if not room:
            return ACTIVE
        if not lane.is_fresh(row, now):
            try:
                self._plan(slug, lane, row, now)
            except RetryLater as error:
                log.warning("lane_cannot_look", asset=slug, reason=str(error))
                return IDLE
        due = 0
        while due < room and lane.plan and lane.plan[0] <= now + lane.lead:
            lane.plan.popleft()
            due += 1
        self._release(work, slug, lane, row, due)
        return max(0.0, lane.plan[0] - lane.lead - now) if lane.plan else ACTIVE

    def _lane(self, work: Work, row: Mapping[str, Any]) -> _Lane:
        """Return what is known of a lane; of an edited asset nothing is."""
        slug, known = row["asset"], self.lanes.get(row["asset"])
        if known is None or known.changed != row["changed"]:
            budget = work.assets.get(slug).budget
            self.lanes[slug] = known = _Lane(changed=row["changed"], budget=budget)
        return known

    def _plan(self, slug: str, lane: _Lane, row: Mapping[str, Any], now: float) -> None:
        """Ask the budget when calls may go; those on their way already take the first places."""
        rank, released = row["head_rank"], row["released"]
        budget = lane.budget.for_rank(rank)
        times = self.limiter.look(slug, budget, released + lane.ahead, edited=lane.changed)
        lane.plan = deque(
            now + at.total_seconds() if at else now - LATE for at in times[released:]
        )  # what may go at once goes at once
        lane.planned_at, lane.rank = now, rank

    def _release(
        self, work: Work, slug: str, lane: _Lane, row: Mapping[str, Any], count: int
    ) -> None:
        if not count:
            return
        turns, lane.turns = lane.turns, lane.turns + count
        lane.released_at = self.clock()
        late = 0
        oldest = lane.turns // OVERDUE_TURN - turns // OVERDUE_TURN
        if oldest and row["head_rank"] > 0:  # nobody goes before a critical one
            seconds = self.overdue.total_seconds()
            late = send(work, work.lanes.release_overdue(slug, oldest, seconds=seconds))
        send(work, work.lanes.release(slug, count - late))
