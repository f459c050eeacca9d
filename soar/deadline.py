"""
The time limit of one call: a deadline that its requests obey, and a watch over those that do not.

In: a number of seconds, and the connections that a call opens meanwhile. Out: connections that
are cut at the deadline, and word of a call that did not end even so.
Never: a thread killed, or a request sent after its deadline. The cut comes from another thread,
because a vendor that drips a byte now and then keeps every timeout of a socket happy.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from soar.domain.errors import RetryLater

LOOK = 0.25
"""Seconds between two looks at the calls that are under way."""
GRACE = 15.0
"""Seconds after its deadline until a call counts as hung: its requests have long been cut."""

Cut = Callable[[], None]
Told = Callable[["Deadline"], None]
_here = threading.local()


@dataclass(eq=False)
class Deadline:
    """When the call of one thread must be over."""

    seconds: float
    hung: Told | None = None
    """Told once, in a thread of its own, if the call has not ended *grace* after its deadline."""
    grace: float = GRACE
    began: float = field(default_factory=time.monotonic)
    thread: int = field(default_factory=threading.get_ident)
    told: bool = False
    _cuts: list[Cut] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def left(self) -> float:
        """Seconds until it must be over; negative after that."""
        return self.began + self.seconds - time.monotonic()

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.left <= 0

    @property
    def overdue(self) -> bool:
        """Whether a call that is still under way hangs."""
        return self.left <= -self.grace

    def add(self, cut: Cut) -> None:
        """Let *cut* be called when the time is up."""
        with self._lock:
            self._cuts.append(cut)

    def remove(self, cut: Cut) -> None:
        """Forget *cut*: what it would cut is no longer this call's."""
        with self._lock, suppress(ValueError):
            self._cuts.remove(cut)

    def cut(self) -> None:
        """Cut what the call has open; repeated, because it may open something all the same."""
        with self._lock:
            cuts = tuple(self._cuts)
        for each in cuts:
            with suppress(Exception):
                each()


class Watch:
    """Looks at every call under way in this process, from a thread that sleeps while none is."""

    def __init__(self) -> None:
        self._calls: set[Deadline] = set()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, deadline: Deadline) -> None:
        """Begin to look at a call."""
        with self._change:
            self._calls.add(deadline)
            if self._thread is None or not self._thread.is_alive():  # also after a fork
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            elif len(self._calls) == 1:
                self._change.notify()

    def remove(self, deadline: Deadline) -> None:
        """Stop looking: the call has ended."""
        with self._change:
            self._calls.discard(deadline)

    def hung(self) -> list[Deadline]:
        """Return the calls that have not ended though they were cut."""
        with self._change:
            return [call for call in self._calls if call.overdue]

    def _run(self) -> None:
        while True:
            with self._change:
                if not self._calls:  # woken once, it looks for a while: calls are many and short
                    self._change.wait()
                late = [call for call in self._calls if call.over]
            for call in late:
                self._end(call)
            time.sleep(LOOK)

    @staticmethod
    def _end(call: Deadline) -> None:
        call.cut()
        if call.overdue and call.hung and not call.told:
            call.told = True
            threading.Thread(target=call.hung, args=(call,), daemon=True).start()


WATCH = Watch()


def current() -> Deadline | None:
    """Return the deadline of this thread's call, if it has one."""
    return getattr(_here, "deadline", None)


@contextmanager
def within(seconds: float, *, hung: Told | None = None, grace: float = GRACE) -> Iterator[Deadline]:
    """Give what this thread does in here a deadline."""
    deadline = Deadline(seconds=seconds, hung=hung, grace=grace)
    _here.deadline = deadline
    WATCH.add(deadline)
    try:
        yield deadline
    finally:
        _here.deadline = None
        WATCH.remove(deadline)


def seconds_left(most: float) -> float:
    """Return how long to wait for a vendor now: *most*, or less if the call must end before."""
    deadline = current()
    if deadline is None:
        return most
    if deadline.over:
        raise RetryLater(
            f"the {deadline.seconds:g} s of this call were used up before its vendor was asked",
            no_answer=True,
        )
    return min(most, deadline.left)


@contextmanager
def cut_at_end(cut: Cut) -> Iterator[None]:
    """Let *cut* be called if the time is up while this thread is in here."""
    deadline = current()
    if deadline is None:
        yield
        return
    deadline.add(cut)
    try:
        yield
    finally:
        deadline.remove(cut)


def shut(wire: Any) -> None:
    """End the stream of a socket, whoever reads from it: TLS is not asked, the peer hears of it."""
    if wire is not None:
        with suppress(OSError):
            socket.socket.shutdown(wire, socket.SHUT_RDWR)
