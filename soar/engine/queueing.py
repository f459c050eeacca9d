"""
How a run begins: a queued row, and the message that leaves with its commit.

In: a playbook and a container. Out: the run's id. Never: a run that begins without its candidate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.bus.app import START_RUN
from soar.domain import scope as scopes
from soar.store.work import Work


def queue_run(
    work: Work,
    *,
    container_id: int,
    playbook: Mapping[str, Any],
    started_by: str,
    run_as: str = "automation",
    scope: scopes.Asked = "all",
) -> int:
    """
    Queue a run of a playbook on a container; its start leaves with the commit.

    Where the playbook has a candidate, a run of it begins beside, in shadow.
    """
    who: dict[str, Any] = {
        "container_id": container_id,
        "started_by": started_by,
        "run_as": run_as,
        "scope": scope,
    }
    run_id = work.runs.add(**who, playbook_id=playbook["id"])
    work.send_task(START_RUN, run_id)
    if playbook.get("candidate_id") is not None:
        candidate = playbook["candidate_id"]
        beside = work.runs.add(**who, playbook_id=candidate, shadow=True, beside=run_id)
        work.send_task(START_RUN, beside)
    return run_id
