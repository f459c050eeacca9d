"""
HTTP connections that obey the deadline of the call that uses them.

In: what urllib3 asks of a connection. Out: the same, cut when the time of its call is up.
Never: a request on a connection that was made too late, or a cut in somebody else's call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError

from soar.deadline import Deadline, current, shut

Fence = Callable[[], None]
_door = threading.local()
"""The fence of the request that this thread is about to send, and when one was sent."""


def stand_behind(fence: Fence) -> None:
    """Ask *fence* now, and again before this thread's next request leaves; it raises to stop it."""
    _door.fence = fence
    fence()


def sent_at() -> float | None:
    """Return when this thread's last request had left, or failed (``time.monotonic``)."""
    moment: float | None = getattr(_door, "sent", None)
    return moment


def nothing_sent() -> None:
    """Forget when this thread's last request left: the next one may never leave."""
    _door.sent = None


def _ask() -> None:
    fence: Fence | None = getattr(_door, "fence", None)
    if fence is not None:
        fence()


class _Timed:
    """What both kinds of connection add: they know whose call they serve, and if it may be sent."""

    sock: Any
    _wire: Any = None
    _user: Deadline | None = None

    def connect(self) -> None:
        """Connect, also through a proxy; what took until the end of its call's time is not used."""
        self._serve()
        super().connect()  # type: ignore[misc]
        self._wire = self.sock  # http.client lets go of it before the body is read
        self._check(current())
        _ask()  # making a connection can take long

    def _new_conn(self) -> Any:
        self._wire = super()._new_conn()  # type: ignore[misc]
        return self._wire

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request for the call of this thread."""
        _ask()
        self._serve()
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
        finally:  # what broke halfway may have been received
            _door.sent = time.monotonic()

    def _serve(self) -> None:
        """Belong to the call of this thread from now on."""
        self._user = deadline = current()
        self._check(deadline)
        if deadline is not None:
            deadline.add(lambda: self._cut(deadline))

    def _check(self, deadline: Deadline | None) -> None:
        """Refuse to send after the deadline: whoever takes over may send the same."""
        if deadline is not None and deadline.over:
            self.close()  # type: ignore[attr-defined]
            raise ConnectTimeoutError(self, "the time of the call was up")

    def _cut(self, by: Deadline) -> None:
        if self._user is by:  # a pooled connection may serve the next call by now
            shut(self._wire)


class _Plain(_Timed, HTTPConnection):
    pass


class _Tls(_Timed, HTTPSConnection):
    """
    Not cut between its connection and its handshake, which have time limits of their own.

    CPython forgets to close a socket that is reset at that very moment (``SSLSocket._create``).
    """

    def _new_conn(self) -> Any:
        made = super()._new_conn()
        self._wire = None
        return made

    def _tunnel(self) -> None:
        self._wire = self.sock  # a proxy may drip its answer
        super()._tunnel()
        self._wire = None


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


POOLS = {"http": _PlainPool, "https": _TlsPool}


class DeadlineAdapter(HTTPAdapter):
    """An adapter whose connections obey the deadline of the thread that uses them."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager
