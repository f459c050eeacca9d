"""
How a worker that is of no more use leaves, so that its supervisor starts another.

In: why. Out: a warm shutdown if the worker still can, the end of the process if it cannot; either
way the exit code :data:`EXIT`.
Never: a wait without an end. What is cut off here was claimed: its lease runs out, and the sweep
takes it back.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from billiard.process import active_children
from celery.worker import state

from soar.telemetry import log

EXIT = 70
"""EX_SOFTWARE of sysexits.h."""
PATIENCE = 20.0
"""Seconds for the tasks under way to end."""

_leaving = threading.Lock()


def exit_code() -> int:
    """Return the code with which this worker's process is to end after a shutdown."""
    return EXIT if _leaving.locked() else 0


def leave(reason: str, **facts: object) -> None:
    """End this worker; called from a thread that is not the worker's own loop."""
    if not _leaving.acquire(blocking=False):
        return
    log.error(reason, **facts, exit_code=EXIT)
    flags: Any = state
    flags.should_stop = EXIT  # what SIGTERM does, with an exit code that says it was no order
    time.sleep(PATIENCE)
    log.error("worker_cut_off", reason=reason)
    children: Any = active_children()
    for child in children:
        with suppress(OSError):
            os.kill(child.pid, signal.SIGKILL)
    sys.stderr.flush()
    os._exit(EXIT)
