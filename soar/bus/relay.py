"""
Sends what a commit left in the outbox, and forgets what was sent.

In: messages with their outbox ids. Out: Celery messages. A broker that is down leaves them in
the outbox for the sweep. Never: an exception into the transaction's caller: its facts are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celery import Celery

from soar.bus.app import ring_member, send_task
from soar.bus.transport import together
from soar.store import outbox
from soar.store.database import Database
from soar.store.work import Message
from soar.telemetry import log

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
