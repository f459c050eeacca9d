"""
A database that restarts is waited for, a little: what was to be written is still known.

In: a step that writes, safe to repeat. Out: what it returns, as soon as the server answers.
Never: a wait that outlasts the leases of what waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from soar.store.errors import UNREACHABLE

PAUSES = (0.1, 0.3, 0.6, 1.0, 2.0, 3.0)
"""Seconds between the tries."""

T = TypeVar("T")


def patiently(step: Callable[[], T]) -> T:
    """Take a step, and again while the server cannot be reached; at last its error is raised."""
    for pause in PAUSES:
        try:
            return step()
        except UNREACHABLE:
            threading.Event().wait(pause)
    return step()
