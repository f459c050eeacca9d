"""
Stops a block that runs too long.

In: seconds. Out: :class:`BlockTooLong`, raised inside the block; where it swallows that again and
again, or computes where no exception reaches it, the end of the engine's process.
Never: I/O, or an end that a playbook's ``except Exception`` can catch.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN = 1.0
"""Seconds after which a block that swallowed its end is told again."""
MOST_TOLD = 5
"""So often it is told; then its process ends, which is an engine's (:func:`end_processes`)."""
_kill = os.kill
_deadly = False


class BlockTooLong(BaseException):
    """A block ran longer than it may."""


def end_processes() -> None:
    """Let this process, an engine's, end with a block that cannot be stopped otherwise."""
    global _deadly
    _deadly = True


def is_interrupt(raised: BaseException) -> bool:
    """Tell whether somebody who tests a playbook wants to stop; in an engine nobody does."""
    return isinstance(raised, KeyboardInterrupt) and not _deadly


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """End what runs inside after *seconds*; only a main thread can be interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told = itertools.count(1)

    def stop(*_: object) -> None:
        if _deadly and next(told) > MOST_TOLD:
            _kill(os.getpid(), signal.SIGKILL)
        raise BlockTooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    if _deadly:  # a loop in C hears of no signal but of one that nobody handles
        signal.setitimer(signal.ITIMER_PROF, seconds + MOST_TOLD * AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if _deadly:
            signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGALRM, before)
