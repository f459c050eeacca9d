"""
Sends what a commit left in the outbox, and forgets what was sent.

In: messages with their outbox ids. Out: Celery messages. A broker that is down leaves them in
the outbox for the sweep. Never: an exception into the transaction's caller: its facts are kept.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celery import Celery

from soar.bus.app import ring_member, send_task
from soar.bus.transport import together
from soar.store import outbox
from soar.store.database import Database, Publish
from soar.store.work import Message
from soar.telemetry import log

MOST_WAITING = 1000
STALE_SECONDS = 2.0
"""What waited so long for its thread is left to the sweep, which sends it too."""

Send = Callable[[Celery, Mapping[str, Any]], None]


class Relay:
    """Sends messages by kind; a kind without a sender in this process waits for the sweep."""

    def __init__(self, app: Celery, database: Database, *, chord: Send | None = None) -> None:
        self._app, self._database = app, database
        self._senders: dict[str, Send] = {"task": send_task, "member": ring_member}
        if chord is not None:
            self._senders["chord"] = chord

    def __call__(self, messages: Sequence[tuple[int, Message]]) -> None:
        """Send these messages in order, in one round trip, and forget those that were sent."""
        sent: list[int] = []
        ready: list[int] = []
        try:
            with together():
                for number, message in messages:
                    sender = self._senders.get(message.kind)
                    if sender is not None:
                        sender(self._app, message.body)
                        ready.append(number)
            sent = ready
        except Exception as error:
            log.warning(
                "broker_unreachable", waiting=len(messages) - len(sent), error=type(error).__name__
            )
        outbox.sent(self._database, sent)


class Afterwards:
    """Publishes in a thread of its own: who has committed does not wait for the broker."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._waiting: queue.Queue[tuple[float, Sequence[tuple[int, Message]]]] = queue.Queue(
            MOST_WAITING
        )
        self._lock = threading.Lock()
        self._pid = 0

    def __call__(self, messages: Sequence[tuple[int, Message]]) -> None:
        """Hand messages to the thread; what it cannot take stays in the outbox for the sweep."""
        self._begin()
        try:
            self._waiting.put_nowait((time.monotonic(), messages))
        except queue.Full:
            log.warning("broker_unreachable", waiting=len(messages), error="Full")

    def _begin(self) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._pid = os.getpid()
                threading.Thread(target=self._run, name="relay", daemon=True).start()

    def _run(self) -> None:
        while True:
            at, messages = self._waiting.get()
            if time.monotonic() - at > STALE_SECONDS:
                continue
            try:
                self._publish(messages)
            except Exception as error:  # the database, after the messages were sent
                log.warning("outbox_not_cleared", error=type(error).__name__)
