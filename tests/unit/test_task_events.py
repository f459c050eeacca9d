"""
Events of tasks wait a moment for each other, and none is forgotten.

In: a loop as a worker has it, threads that send. Out: nothing.
Never: a wait for the wall clock to say that something did not happen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from celery.worker import state
from kombu.asynchronous import Hub

from soar.bus import events
from soar.bus.app import create
from soar.bus.events import EventsTogether, Flush
from soar.settings import Settings


class Worker:
    """What a worker's consumer is to its events."""

    def __init__(self, hub: Hub | None) -> None:
        self.hub: Any = hub
        self.waiting = 0
        self.sent: list[int] = []

    def event(self) -> None:
        """Let an event wait."""
        self.waiting += 1
        self.on_send_event_buffered()

    def on_send_event_buffered(self) -> None:
        """Do what stock Celery does: send at the next turn."""
        self.hub.call_soon(self._flush_events)

    def _flush_events(self) -> None:
        self.sent.append(self.waiting)
        self.waiting = 0

    def turn(self) -> None:
        """Turn the loop until something was sent."""
        count, deadline = len(self.sent), time.monotonic() + 20.0
        while len(self.sent) == count and time.monotonic() < deadline:
            self.hub.run_once()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker whose events wait for the shortest moment."""
    monkeypatch.setattr(events, "MOMENT", 0.02)
    made = Worker(Hub())
    EventsTogether(made)
    yield made
    made.hub.close()


def test_events_of_a_moment_are_sent_together(worker: Worker) -> None:
    """
    However many there are, and those of the next moment again.
    """
    for count in (50, 3):
        for _ in range(count):
            worker.event()
        worker.turn()

    assert worker.sent == [50, 3]


def test_an_event_of_another_thread_wakes_the_loop(worker: Worker) -> None:
    """
    A pool of threads sends its events where nothing else would turn the loop.
    """
    thread = threading.Timer(0.02, worker.event)
    thread.start()
    worker.turn()
    thread.join()

    assert worker.sent == [1]


def test_what_was_planned_in_a_lost_loop_is_planned_again(worker: Worker) -> None:
    """
    A loop that is closed takes its timers along; later events do not wait for them.
    """
    now = [0.0]
    flush = Flush(worker, clock=lambda: now[0])
    worker.on_send_event_buffered = flush  # type: ignore[method-assign]
    worker.event()
    worker.hub.close()
    worker.hub = Hub()

    worker.event()
    assert not worker.hub._ready

    now[0] = events.LATE + 0.1
    worker.event()
    worker.turn()
    assert worker.sent == [3]


@pytest.mark.parametrize(("stopping", "sent"), [(0, [2]), (70, [2]), (None, [])])
def test_a_worker_that_ends_sends_what_waits(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, stopping: int | None, sent: list[int]
) -> None:
    """
    One that has only lost its connection keeps it for the next one, and does not wait for it.
    """
    monkeypatch.setattr(state, "should_stop", stopping)
    step: Any = EventsTogether(worker)
    worker.event()
    worker.event()

    step.start(worker)
    step.stop(worker)

    assert worker.sent == sent


def test_every_worker_of_ours_does_so_and_one_without_a_loop_sends_at_once() -> None:
    """
    The step belongs to each app that we make.
    """
    urls: Any = {"database_url": "postgresql+psycopg2://x@localhost/x", "redis_url": "redis://x"}
    app = create(Settings(**urls))
    plain = Worker(None)

    EventsTogether(plain)

    assert EventsTogether in app.steps["consumer"]
    assert not isinstance(plain.on_send_event_buffered, Flush)
