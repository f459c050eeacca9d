"""
Stops a block that runs too long.

In: seconds. Out: :class:`BlockTooLong`, raised inside the block.
Never: I/O, or an end that a playbook's ``except Exception`` can catch.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN = 1.0
"""Seconds after which a block that swallowed its end is told again."""


class BlockTooLong(BaseException):
    """A block ran longer than it may."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """End what runs inside after *seconds*; only a main thread can be interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise BlockTooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
