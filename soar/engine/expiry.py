"""
Overdue questions are closed: nothing is contained, and their runs hear of it.

In: one unit of work for each batch. Out: questions that are expired, their calls ended, bells.
Never: a transaction that grows with how much is overdue, or bells faster than engines hear them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from soar.bus.app import RESUME_RUN
from soar.store.database import Database
from soar.store.work import Work

BATCH = 200
"""So many questions are closed in one transaction: others wait for its locks only shortly."""
BUSY_SECONDS = 2.0
"""So long one sweep goes on closing; the rest of it waits no longer."""
MOST_UNHEARD = 1000
"""So many joins may have ended that no engine has looked at; beyond, one batch per sweep is all."""


def close(database: Database) -> int:
    """Close what is overdue, batch by batch, for a bounded time; return how many that were."""
    until, closed = time.monotonic() + BUSY_SECONDS, 0
    while True:
        with database.begin() as work:
            found = batch(work)
            heard = work.overdue.unheard_joins(MOST_UNHEARD) < MOST_UNHEARD
        closed += found
        if found < BATCH or not heard or time.monotonic() > until:
            return closed


def batch(work: Work) -> int:
    """Close one batch of overdue questions and tell their runs; return how many that were."""
    rows = work.approvals.expire(BATCH)
    told = {int(row["id"]): _message(row) for row in rows}
    for row in rows:
        work.audit("system", "approval expired", {"approval": row["id"]})
        if row["kind"] == "prompt":
            work.runs.end_join(row["action_run_id"], succeeded=False, message=told[row["id"]])
            work.send_task(RESUME_RUN, row["run_id"], row["action_run_id"])
    for join in work.calls.withdraw_all(told):
        if join["remaining"] <= 0:
            work.send_task(RESUME_RUN, join["run_id"], join["id"])
    return len(rows)


def _message(row: Mapping[str, Any]) -> str:
    if row["kind"] == "effect":
        return f"nobody told in time whether {row['name']!r} took effect"
    return f"nobody answered {row['name']!r} in time: nothing was done"
