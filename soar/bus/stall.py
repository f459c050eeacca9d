"""
Notice a worker that stays up but takes no messages any more (celery#10302), and leave.

In: the worker's own counters, and the lengths of its queues, asked with a client of its own.
Out: the end of the process, when messages waited for long and it had room for them.
Never: trust in the worker's loop, which is what may be broken; or an end because the broker is
away, because nothing waits, or because every slot is busy with work that ends.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

import redis
from celery import Celery, signals
from celery.worker import state

from soar import sentinel
from soar.bus.departure import leave
from soar.settings import Settings
from soar.telemetry import log

LOOKS = 4
"""So many looks in a row must find the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What one look found."""

    received: int
    """Messages taken since the start."""
    ended: int
    """Tasks ended since the start."""
    waiting: int
    """Messages in the worker's queues."""
    free: bool
    """Whether a slot is free."""


class Progress:
    """
    Judges looks: messages wait, none was taken, and there is room, or nothing ends either.

    Counts looks instead of seconds: a process that was frozen has looked no oftener for it.
    """

    def __init__(self, *, idle_looks: int, full_looks: int) -> None:
        self._most_idle, self._most_full = idle_looks, full_looks
        self._idle = self._full = 0
        self._last: Seen | None = None

    def stalled(self, seen: Seen | None) -> bool:
        """Take one look in (none: the broker did not answer) and judge all of them."""
        last, self._last = self._last, seen
        if seen is None or last is None or not seen.waiting or seen.received != last.received:
            self._idle = self._full = 0
            return False
        self._idle = self._idle + 1 if seen.free and last.free else 0
        self._full = self._full + 1 if seen.ended == last.ended else 0
        return self._idle >= self._most_idle or self._full >= self._most_full


class Watchdog:
    """A thread of a worker's main process that looks a few times within the patience."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._app = app
        self._patience = float(settings.stall_seconds)
        self._pause = self._patience / LOOKS
        longest_task = settings.visibility_timeout / 2 + self._patience
        self._progress = Progress(
            idle_looks=LOOKS, full_looks=math.ceil(longest_task / self._pause)
        )
        self._client: Any = sentinel.connect(settings.redis_url.get_secret_value(), seconds=3.0)
        self._received = self._ended = 0
        self._stopped = threading.Event()

    def connect(self) -> None:
        """Begin with the worker, end with its shutdown."""
        for signal in (signals.task_received, signals.task_unknown, signals.task_rejected):
            signal.connect(self._take, weak=False)
        signals.worker_ready.connect(self._start, weak=False)
        signals.worker_shutting_down.connect(lambda **_: self._stopped.set(), weak=False)

    def _take(self, **_: Any) -> None:
        self._received += 1

    def _start(self, sender: Any = None, **_: Any) -> None:
        threading.Thread(target=self._run, args=(sender,), name="stall", daemon=True).start()

    def _run(self, consumer: Any) -> None:
        while not self._stopped.wait(self._pause):
            seen = self._look(consumer)
            if state.should_stop is None and self._progress.stalled(seen):
                leave("consumer_stalled", seconds=self._patience, waiting=seen and seen.waiting)

    def _look(self, consumer: Any) -> Seen | None:
        taken = len(state.reserved_requests)
        try:
            waiting = self._waiting()
        except redis.RedisError as error:
            log.warning("queues_not_seen", error=type(error).__name__)
            return None
        return Seen(
            received=self._received,
            ended=self._received - taken,
            waiting=waiting,
            free=taken < consumer.pool.num_processes,
        )

    def _waiting(self) -> int:
        names = list(self._app.amqp.queues.consume_from)
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.llen(name)
            return sum(pipe.execute())


def notice_stalls(app: Celery, settings: Settings) -> None:
    """Let the worker of this process notice that it takes no messages any more."""
    if settings.stall_seconds:
        Watchdog(app, settings).connect()
