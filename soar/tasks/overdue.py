"""
Calls that run longer than they may: cut at their limit, given up when they hang all the same.

In: a call about to be made. Out: a failure by its name when its requests were cut; for a thread
that does not come back the end of its row, so that its run goes on.
Never: a repeat that the hung thread could double: nothing is sent after its deadline, and what
it answers late no longer has the row's attempt.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from soar.bus.app import RESUME_RUN
from soar.deadline import WATCH, Deadline, within
from soar.domain.model import Outcome
from soar.store.endings import end_values, ending
from soar.telemetry import log

if TYPE_CHECKING:
    from soar.tasks.base import ActionTask
    from soar.tasks.shop import Shop
    from soar.tasks.visit import Visit

RECORD_AGAIN = 2.0
"""Seconds between two tries to write a hung call's end down."""
HUNG_SECONDS = 60.0
"""So long after it was given up a process is left that still holds a hung thread."""
LOOK = 1.0


@contextmanager
def bounded(task: ActionTask, visit: Visit) -> Iterator[None]:
    """Give a call its time limit."""
    shop = task.shop
    seconds = shop.seconds_for(task.spec, visit.asset)
    with within(seconds, hung=partial(_give_up, task, visit), grace=shop.grace):
        yield


def _give_up(task: ActionTask, visit: Visit, deadline: Deadline) -> None:
    """End the call of a thread that hangs, however long the database needs to hear of it."""
    log.error(
        "call_hangs",
        task=task.name,
        app_run=visit.claim.id,
        seconds=deadline.seconds,
        where=stack_of(deadline.thread),
    )
    while deadline in WATCH.hung():
        try:
            _record(task, visit, deadline.seconds)
        except Exception as error:
            log.warning("hung_call_not_recorded", error=type(error).__name__)
            time.sleep(RECORD_AGAIN)
        else:
            return


def _record(task: ActionTask, visit: Visit, seconds: float) -> None:
    outcome = task.given_up(visit, f"{visit.claim.action} did not end within its {seconds:g} s")
    if outcome is not None:
        _end(task.shop, outcome)


def _end(shop: Shop, outcome: Outcome) -> None:
    with shop.database.begin() as work:
        for remaining, run_id, join_id in shop.database.run(ending(outcome), end_values(outcome)):
            if remaining <= 0:
                work.send_task(RESUME_RUN, run_id, join_id)


def stack_of(thread: int) -> list[str]:
    """Return where a thread is: files, lines and functions, no line of code and no value."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return []
    return [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_stack(frame)]


def leave_when_hung(slots: int, leave: Callable[[str], None]) -> None:
    """Watch for ever, from a thread: leave a process whose slots hang, or one of them too long."""

    def look() -> None:
        while True:
            time.sleep(LOOK)
            hung = WATCH.hung()
            if len(hung) >= slots or any(-d.left > d.grace + HUNG_SECONDS for d in hung):
                leave("calls_hang")
                return

    threading.Thread(target=look, name="hung calls", daemon=True).start()
