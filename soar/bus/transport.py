"""
Redis as a broker, at a lower price: kombu's own transport with three things changed.

In: what kombu's Redis transport takes. Out: the same messages in the same lists.
Never: another order, another acknowledgement, or a message that is sent before its batch.

kombu makes a client object for each message that it sends, receives and acknowledges; ours are
kept. It adds its sockets to the event loop at every turn of it; ours are added once. What is
published inside :func:`together`, and the event of each, leaves in one round trip when it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis
from kombu.transport import redis as kombu_redis
from kombu.utils.json import dumps

stock: Any = kombu_redis
_thread = threading.local()


class Channel(stock.Channel):  # type: ignore[misc]
    """A channel that keeps its client and holds messages back while a batch is open."""

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        """Return the client of this channel's pool; it is safe to share between threads."""
        if asynchronous:
            return super()._create_client(asynchronous=True)
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()
        return self._kept

    def _put(self, queue: str, message: dict[str, Any], **kwargs: Any) -> None:
        """Deliver a message, or hold it back until its batch is sent."""
        held = getattr(_thread, "held", None)
        if held is None or "_publish_batch" in kwargs or self._expires:
            super()._put(queue, message, **kwargs)
            return
        priority = self._get_message_priority(message, reverse=False)
        held.append((self, "lpush", self._q_for_pri(queue, priority), dumps(message)))

    def _put_fanout(
        self, exchange: str, message: dict[str, Any], routing_key: str, **kwargs: Any
    ) -> None:
        """Publish an event, or hold it back until the batch of its message is sent."""
        held = getattr(_thread, "held", None)
        if held is None or "_publish_batch" in kwargs:
            super()._put_fanout(exchange, message, routing_key, **kwargs)
            return
        for topic in self._get_publish_topics(exchange, routing_key):
            held.append((self, "publish", topic, dumps(message)))


Held = tuple[Channel, str, str, str]
"""What waits for its batch: a channel, a command, a list or topic, and the text of a message."""


class Poller(stock.MultiChannelPoller):  # type: ignore[misc]
    """A poller whose sockets the event loop is given once: until it has lost one."""

    readers: Mapping[int, tuple[Any, Any]] = {}
    """What the event loop reads from, and who is told."""
    told: Any = None

    @property
    def fds(self) -> dict[int, Any]:
        """Return the sockets that the loop does not read from for this transport."""
        return {fd: channel for fd, channel in super().fds.items() if not self._is_read(fd)}

    def _is_read(self, fd: int) -> bool:
        reader = self.readers.get(fd)
        return reader is not None and reader[0] == self.told


class Transport(stock.Transport):  # type: ignore[misc]
    """The transport of those channels."""

    Channel = Channel

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.cycle = Poller()

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Let the loop tell this transport what its sockets have received."""
        self.cycle.readers, self.cycle.told = loop.readers, self.on_readable
        super().register_with_event_loop(connection, loop)


@contextmanager
def together() -> Iterator[None]:
    """
    Send what this thread publishes inside as one; nothing of it, if it raises.

    If the connection breaks it is sent once more: all that we send may come twice.
    """
    if getattr(_thread, "held", None) is not None:
        yield
        return
    held: list[Held] = []
    _thread.held = held
    try:
        yield
    finally:
        _thread.held = None
    if held:
        try:
            _send(held)
        except redis.ConnectionError:
            _send(held)


def _send(held: list[Held]) -> None:
    with held[0][0].conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
        for _, command, key, text in held:
            getattr(pipe, command)(key, text)
        pipe.execute()
