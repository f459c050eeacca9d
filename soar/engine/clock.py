"""
The clock: the one process that sweeps and pumps, elected among any number of them.

In: an advisory lock in PostgreSQL. Out: the sweep each second, the pump when a lane opens.
Never: a message about time: a broker or engine that stands still cannot stop the clock. Two
clocks at once (one lost its connection and does not know yet) do no harm: they skip locked rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from soar.engine.sweep import Sweep
from soar.pump import Pump
from soar.store.election import Election
from soar.telemetry import log

STANDBY = 1.0
"""Seconds between two tries to be elected."""
WAKE = 0.25
"""Seconds between two looks for calls whose time has come: one that waits for it is woken soon."""


@dataclass
class Clock:
    """Sweeps and pumps while it is elected, until it is told to stop."""

    election: Election
    sweep: Sweep
    pump: Pump
    sweep_seconds: float
    stopped: threading.Event = field(default_factory=threading.Event)
    leading: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Keep time until :meth:`stop`."""
        pumping = threading.Thread(target=self._pump, name="pump", daemon=True)
        pumping.start()
        waking = threading.Thread(target=self._wake, name="waking", daemon=True)
        waking.start()
        listening = threading.Thread(
            target=self.pump.listen, args=(self.stopped,), name="refusals", daemon=True
        )
        listening.start()
        while not self.stopped.is_set():
            self._stand()
            if self.leading.is_set():
                _guarded("sweep_failed", self.sweep)
            self.stopped.wait(self.sweep_seconds if self.leading.is_set() else STANDBY)
        pumping.join(timeout=5.0)
        waking.join(timeout=5.0)
        self.election.resign()

    def stop(self) -> None:
        """End after what is under way."""
        self.stopped.set()
        self.leading.set()  # whoever waits for the election is woken to end

    def _stand(self) -> None:
        """Find out whether this is the elected clock, and say so when that changes."""
        won = self.election.stand()
        if won and not self.leading.is_set():
            log.info("clock_leads")
            self.leading.set()
        elif not won and self.leading.is_set() and not self.stopped.is_set():
            log.warning("clock_follows")
            self.leading.clear()

    def _wake(self) -> None:
        """Wake calls that are due in a thread of its own: a long sweep must not hold them up."""
        while not self.stopped.is_set():
            self.leading.wait()
            if self.stopped.is_set():
                return
            _guarded("waking_failed", self.sweep.wake_due)
            self.stopped.wait(WAKE)

    def _pump(self) -> None:
        """Pump in a thread of its own: a long sweep must not hold up a fast lane."""
        while not self.stopped.is_set():
            self.leading.wait()
            if self.stopped.is_set():
                return
            wait = _guarded("pump_failed", self.pump.turn)
            self.stopped.wait(STANDBY if wait is None else wait)


def _guarded(event: str, step: Callable[[], float | None]) -> float | None:
    """Take one step; one that fails (a database that restarts) is logged and taken again."""
    try:
        return step()
    except Exception as error:
        log.warning(event, error=type(error).__name__)
        return None
