"""
A source of alerts as users have them: sends, and sends again what nobody took.

In: the plan's alerts. Out: entries of the product's stream. Never: an alert given up.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

import redis

from soar.settings import ALERT_GROUP
from tests.chaos.ground import Ground, patiently
from tests.chaos.plan import SOURCE, Alert

AGAIN_SECONDS = 10.0
TAKEN = "select 1 from container where asset = %s and source_id = %s"


@dataclass
class Sent:
    """One alert on its way."""

    alert: Alert
    entry: str
    at: float


@dataclass
class Sender:
    """Sends alerts until each is a container."""

    ground: Ground
    waiting: dict[str, Sent] = field(default_factory=dict)
    swallowed: list[str] = field(default_factory=list)
    repeats: int = 0

    def send(self, alert: Alert) -> None:
        """Put an alert into the stream; some sources do it twice."""
        for _ in range(2 if alert.twice else 1):
            entry = self._add(alert)
        self.waiting[alert.source_id] = Sent(alert, entry, time.monotonic())

    def _add(self, alert: Alert) -> str:
        stream = self.ground.house.settings.alert_stream
        text = json.dumps(alert.body())
        client = self.ground.valkey.client()
        added: Any = patiently(
            lambda: client.xadd(stream, {"alert": text}), errors=redis.RedisError
        )
        return str(added.decode())

    def look(self, taken: set[str]) -> None:
        """Forget what is a container now, and send again what has waited too long."""
        for source in taken & self.waiting.keys():
            del self.waiting[source]
        for sent in list(self.waiting.values()):
            if time.monotonic() - sent.at > AGAIN_SECONDS:
                self._again(sent)

    def _again(self, sent: Sent) -> None:
        source = sent.alert.source_id
        if self._acknowledged(sent.entry) and not self.ground.rows(TAKEN, SOURCE, source):
            self.swallowed.append(source)
        sent.entry, sent.at = self._add(sent.alert), time.monotonic()
        self.repeats += 1

    def _acknowledged(self, entry: str) -> bool:
        """Tell whether an entry is in the stream, was given to somebody, and is theirs no more."""
        stream, client = self.ground.house.settings.alert_stream, self.ground.valkey.client()
        try:
            there: Any = client.xrange(stream, entry, entry)
            pending: Any = client.xpending_range(stream, ALERT_GROUP, entry, entry, 1)
            groups: Any = client.xinfo_groups(stream)
        except redis.RedisError:
            return False
        given = max((_order(g["last-delivered-id"]) for g in groups), default=(0, 0))
        return bool(there) and not pending and given >= _order(entry.encode())


def _order(entry: bytes) -> tuple[int, int]:
    milliseconds, _, number = entry.decode().partition("-")
    return int(milliseconds), int(number)
