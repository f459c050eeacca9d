"""
Reads alerts from the Redis stream ``soar:alerts`` with a consumer group.

In: entries with a field ``alert`` (JSON). Out: containers; what cannot be one goes to
``soar:alerts:dead`` with the reason. Never: an entry acknowledged before its facts are
committed, or one bad entry that stops the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis

from soar.domain.errors import BadInput, SoarError
from soar.ingest.accept import accept, known_labels, parse
from soar.settings import ALERT_GROUP
from soar.store.database import Database
from soar.store.errors import UNREACHABLE
from soar.telemetry import log

BLOCK_MS = 2_000
BATCH = 100
IDLE_MS = 30_000
Entry = tuple[str, dict[str, str]]


@dataclass(kw_only=True)
class StreamReader:
    """One consumer of the stream; any number may run."""

    database: Database
    client: redis.Redis
    stream: str
    consumer: str
    labels: tuple[str, ...]

    @property
    def dead(self) -> str:
        """The stream of alerts that could not become containers."""
        return f"{self.stream}:dead"

    def run(self, stopped: Callable[[], bool]) -> None:
        """Read until told to stop; a lost server is waited for, the entries stay."""
        while not stopped():
            try:
                self.step()
            except (redis.RedisError, OSError, *UNREACHABLE) as error:
                log.warning("stream_unreachable", error=type(error).__name__)
                time.sleep(1)

    def step(self) -> int:
        """Read one batch: first what a dead consumer left, then what is new."""
        self._ensure_group()
        entries = self._abandoned() or self._new()
        for entry_id, fields in entries:
            self._take(entry_id, fields)
        return len(entries)

    def _ensure_group(self) -> None:
        try:
            self.client.xgroup_create(self.stream, ALERT_GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _abandoned(self) -> list[Entry]:
        reply: Any = self.client.xautoclaim(
            self.stream, ALERT_GROUP, self.consumer, min_idle_time=IDLE_MS, count=BATCH
        )
        return _entries(reply[1])

    def _new(self) -> list[Entry]:
        reply: Any = self.client.xreadgroup(
            ALERT_GROUP, self.consumer, {self.stream: ">"}, count=BATCH, block=BLOCK_MS
        )
        if not reply:
            return []
        pairs = reply.values() if isinstance(reply, dict) else [stream[1] for stream in reply]
        return [e for batch in pairs for e in _entries(_flat(batch))]

    def _take(self, entry_id: str, fields: dict[str, str]) -> None:
        """Turn one entry into a container, or put it aside with the reason."""
        try:
            with self.database.begin() as work:
                text = fields.get("alert") or fields.get("data")
                if text is None:
                    raise BadInput("alert", "the stream entry has no field 'alert'")
                labels = known_labels(work, self.labels)
                container_id, new = accept(
                    work, parse(text, labels=labels, asset=fields.get("asset", ""))
                )
            log.info("alert_accepted", container=container_id, new=new)
        except SoarError as error:
            self._put_aside(entry_id, fields, str(error))
        except UNREACHABLE:
            raise
        except Exception as error:
            log.exception("alert_not_read", entry=entry_id)
            self._put_aside(entry_id, fields, f"cannot be kept ({type(error).__name__})")
        self.client.xack(self.stream, ALERT_GROUP, entry_id)

    def _put_aside(self, entry_id: str, fields: dict[str, str], reason: str) -> None:
        log.warning("alert_refused", entry=entry_id)
        entry: Any = {**fields, "entry": entry_id, "reason": reason}
        self.client.xadd(self.dead, entry)


def _flat(batch: Any) -> Any:
    """Accept both reply shapes of redis-py: [entries] and [[entries]]."""
    return batch[0] if batch and isinstance(batch[0], list) else batch


def _entries(raw: Any) -> list[Entry]:
    return [(_text(i), {_text(k): _text(v) for k, v in f.items()}) for i, f in raw if f]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
