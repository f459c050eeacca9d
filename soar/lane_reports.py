"""
What the lanes are still to be told by this process: kept until it is due.

In: reports of calls that were late or are over. Out: those of one lane, or all of them.
Never: a thread woken for each call, or a report lost because Redis was away.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

AGAIN = 5.0
"""Seconds after which what could not be sent is due again."""


@dataclass
class Reports:
    """What the lanes are still to be told by this process, at the latest when it is due."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    due: float = float("inf")
    woken: threading.Event = field(default_factory=threading.Event)

    def add(self, slug: str, report: dict[str, Any], *, within: float) -> None:
        """Keep a report for the next call of that lane, or for *within* seconds."""
        due = time.monotonic() + within
        with self.lock:
            self.waiting.setdefault(slug, []).append(report)
            sooner, self.due = due < self.due, min(due, self.due)
        if sooner:  # to wake a thread for each call would cost more than what it reports
            self.woken.set()

    def keep(self, slug: str, reports: list[dict[str, Any]]) -> None:
        """Take reports back that could not be sent."""
        for report in reports:
            self.add(slug, report, within=AGAIN)

    def of(self, slug: str) -> list[dict[str, Any]]:
        """Take the reports of one lane."""
        with self.lock:
            return self.waiting.pop(slug, [])

    def all(self) -> dict[str, list[dict[str, Any]]]:
        """Take every report."""
        with self.lock:
            taken, self.waiting, self.due = self.waiting, {}, float("inf")
            return taken
