"""
Cancels a run with everything that it began: nothing new starts.

In: a run, who cancels it and why. Out: runs, calls and questions closed, in one transaction.
Never: a call that is under way cut off: its vendor may have acted, so its end is recorded; or one
that may have been sent forgotten: its vendor, or a person, is asked whether it took effect.
"""

from __future__ import annotations

from soar.bus.app import REPORT_QUEUE, RESUME_RUN, WRITE_REPORT
from soar.domain.errors import Conflict
from soar.store.work import Work


def cancel(work: Work, run_id: int, *, by: str, reason: str = "") -> list[int]:
    """
    Cancel an unfinished run and the playbooks that it started; return their ids.

    Waits for the block that a run is in. Its waiting calls fail, its open questions close but for
    those whether a write took effect, and a playbook that called it hears that it failed.
    """
    run = work.runs.get(run_id)
    message = f"cancelled by {by}" + (f": {reason}" if reason else "")
    ids = work.runs.cancel(run_id, message)
    if not ids:
        raise Conflict(f"run {run_id} has ended already: {run['status']}")
    questions = work.approvals.cancel(ids)  # locked before their calls, as by whoever answers
    calls = work.calls.call_off(ids, message)
    work.runs.close_joins(ids, message)
    work.functions.close(ids, message)
    for number in ids:
        work.runs.log(number, [("warning", "", message)])
    detail = {"run": run_id, "runs": ids, "calls": calls, "approvals": questions, "why": reason}
    work.audit(by, "run cancelled", detail)
    parent = run["parent_action_run_id"]
    if parent is None:
        work.send_task(WRITE_REPORT, run["container_id"], run_id, queue=REPORT_QUEUE)
    elif work.runs.end_join(parent, succeeded=False, message=message):
        work.send_task(RESUME_RUN, work.runs.action_run(parent)["run_id"], parent)
    return ids
