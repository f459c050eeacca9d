"""
Lanes without limits that were found open a moment ago: their next calls need not ask.

In: an asset's slug. Out: whether a call may go unasked, and how many went so.
Never: a pass for an asset whose calls are counted by time, or one that outlives word of a closed
lane.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

PASS = 0.05
"""Seconds for which a lane that has no limits and is open is not asked again by the same process.
What would close it (a vendor that asks to wait, or is away) finds calls on their way as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Untold:
    """Calls that went unasked, and how long ago: they lie within a moment."""

    calls: int
    ago: timedelta


@dataclass
class Passes:
    """Lanes without limits that were found open a moment ago, and the calls let through since."""

    clock: Callable[[], float] = time.monotonic
    lock: threading.Lock = field(default_factory=threading.Lock)
    until: dict[str, float] = field(default_factory=dict)
    untold: dict[str, tuple[int, float]] = field(default_factory=dict)

    def use(self, slug: str, cost: int) -> bool:
        """Let a call through that need not ask; the lane is told of it with the next question."""
        with self.lock:
            now = self.clock()
            if now >= self.until.get(slug, 0.0):
                return False
            self._add(slug, cost, now)
            return True

    def give(self, slug: str) -> None:
        """Let the next calls through for a moment."""
        with self.lock:
            self.until[slug] = self.clock() + PASS

    def end(self, slug: str) -> None:
        """Let the next call ask."""
        with self.lock:
            self.until.pop(slug, None)

    def count(self, slug: str) -> Untold:
        """Take the calls that the lane was not told of."""
        with self.lock:
            calls, at = self.untold.pop(slug, (0, 0.0))
            return Untold(calls=calls, ago=timedelta(seconds=self.clock() - at if calls else 0.0))

    def keep(self, slug: str, untold: Untold) -> None:
        """Take calls back that the lane could not be told of."""
        if untold.calls:
            with self.lock:
                self._add(slug, untold.calls, self.clock() - untold.ago.total_seconds())

    def _add(self, slug: str, calls: int, at: float) -> None:
        known, last = self.untold.get(slug, (0, at))
        self.untold[slug] = known + calls, max(last, at)
