"""
The lease of a worker process: a heartbeat in PostgreSQL.

In: the process's owner name. Out: one row that lives as long as the process does.
Never: a lease that outlives its process by more than its seconds; the sweep then takes back
what the process had claimed.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections import Counter
from datetime import datetime
from typing import Protocol

from soar.store.claims import FORGOTTEN, HEARTBEAT
from soar.store.database import Database
from soar.telemetry import log

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine is suspended, where ``time.monotonic`` stands still on Linux
(clock_gettime(2)): its leases run out meanwhile."""


def moment() -> float:
    """Return the seconds since this machine was started."""
    return time.clock_gettime(_CLOCK)


class Making:
    """The calls that this process is making: from before their claim until their end is written."""

    def __init__(self) -> None:
        self._calls: Counter[int] = Counter()
        self._lock = threading.Lock()

    def begin(self, call: int) -> None:
        """Note a call; one whose message came twice is noted twice."""
        with self._lock:
            self._calls[call] += 1

    def end(self, call: int) -> None:
        """Take the note back."""
        with self._lock:
            self._calls[call] -= 1
            if self._calls[call] <= 0:
                del self._calls[call]

    def all(self) -> list[int]:
        """Return the calls that are noted now."""
        with self._lock:
            return list(self._calls)


class Lease(Protocol):
    """What a process that makes calls must hold: see :class:`Presence`."""

    owner: str

    def renew(self) -> float:
        """Take the lease if it has run out; return since when a claim is good."""

    def held_since(self, since: float) -> bool:
        """Tell whether the lease has lasted since then."""


class Presence:
    """
    Beats from a thread of the process that calls :meth:`start`, after any fork.

    With each beat it lets go of the calls that the process holds and is not *making*.
    """

    def __init__(
        self, database: Database, role: str, *, seconds: int, making: Making | None = None
    ) -> None:
        self._database, self._role, self._seconds = database, role, seconds
        self._making = making or Making()
        self._stopped = threading.Event()
        self._pid = 0
        self._since, self._until = 0.0, 0.0
        self._starting, self._renewing = threading.Lock(), threading.Lock()
        self.owner = ""

    def start(self) -> None:
        """
        Begin to beat in this process, under a name of its own.

        If the database is away just now, later beats take the lease, or the first claim does.
        """
        with self._starting:
            if self._pid == os.getpid():
                return
            self._stopped, self._until = threading.Event(), 0.0
            self.owner = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
            threading.Thread(target=self._run, args=(self._stopped,), daemon=True).start()
            self._pid = os.getpid()
        self._try()

    def stop(self) -> None:
        """Stop beating; the lease runs out by itself."""
        self._stopped.set()

    def _run(self, stopped: threading.Event) -> None:
        while not stopped.wait(self._seconds / 3):
            self._try()

    def _try(self) -> None:
        try:
            self._beat()
        except Exception as error:
            log.warning("heartbeat_failed", role=self._role, error=type(error).__name__)

    def held_since(self, since: float) -> bool:
        """
        Tell whether the lease lasts and has never run out since a :func:`moment`.

        A process that stood still for longer than its lease finds its calls in other hands.
        """
        return self._since <= since and moment() < self._until

    def renew(self) -> float:
        """
        Beat at once if the lease has run out, and return a :func:`moment`: to be asked before
        each claim, which is good for as long as the lease is held since then.

        What a process claims without one would be taken for a dead one's, and made twice.
        """
        self.start()
        if moment() >= self._until:
            with self._renewing:
                if moment() >= self._until:
                    self._beat()
        return moment()

    def _let_go(self, as_of: datetime) -> None:
        """Free what was claimed before *as_of* and is not being made: both looked at in order."""
        values = {"owner": self.owner, "as_of": as_of, "making": self._making.all()}
        freed = self._database.run(FORGOTTEN, values)
        if freed:
            log.warning("calls_let_go", calls=[number for (number,) in freed])

    def _beat(self) -> None:
        began = moment()  # the database counts from later: ours ends first
        values = {"owner": self.owner, "role": self._role, "seconds": self._seconds}
        as_of = self._database.run(HEARTBEAT, values)[0][0]
        answered = moment()
        if answered >= self._until:  # a beat may have been on its way for longer than the lease
            self._since = answered
        self._until = max(self._until, began + self._seconds)
        self._let_go(as_of)
