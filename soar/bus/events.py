"""
The events of a worker's tasks, which Flower reads, sent together a few times a second.

In: word that an event waits in the worker's buffer, from any of its threads. Out: all that wait,
sent from the worker's loop. Never: a lost event where the worker ends in order, or one that waits
longer than a moment.

Celery sends its buffer at the next turn of the loop: three times per task, and each time the loop
waits for the broker's answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps
from celery.worker import state

MOMENT = 0.25
"""Seconds for which an event waits for others."""
LATE = 2.0
"""What was planned so many seconds ago was lost with its loop."""


class Flush:
    """Told of each event that waits, sends all of them a moment later."""

    def __init__(self, consumer: Any, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._consumer, self._clock = consumer, clock
        self._planned: float | None = None

    def __call__(self) -> None:
        """Plan to send what waits, unless that is planned."""
        now = self._clock()
        if self._planned is None or now - self._planned > LATE:
            self._planned = now
            self._consumer.hub.call_soon(self._plan)  # only the loop's own thread sets its timers

    def _plan(self) -> None:
        self._consumer.hub.call_later(MOMENT, self._send)

    def _send(self) -> None:
        self._planned = None
        self._consumer._flush_events()


class EventsTogether(bootsteps.StartStopStep):
    """Takes the place of what a worker with a loop does when an event waits."""

    requires = ("celery.worker.consumer.events:Events",)

    def __init__(self, consumer: Any, **given: Any) -> None:
        super().__init__(consumer, **given)
        if consumer.hub:
            consumer.on_send_event_buffered = Flush(consumer)

    def start(self, consumer: Any) -> None:
        """Wait for events."""

    def stop(self, consumer: Any) -> None:
        """Send what waits if the worker ends; a lost connection leaves it for the next one."""
        if state.should_stop is not None:
            consumer._flush_events()


def send_together(app: Celery) -> None:
    """Let the workers of an app send their events together."""
    app.steps["consumer"].add(EventsTogether)
