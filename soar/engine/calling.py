"""
Starts what a block calls: other playbooks and custom functions.

In: a command and the run it belongs to. Out: rows: a queued run, or calls of a function;
those of a loop's next iteration are due when its delay is over.
Never: a call of something that is not there without a sentence and a callback that hears it, or
playbooks that call each other without end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soar.bus.app import RESUME_RUN, START_RUN
from soar.domain.commands import CallFunction, CallPlaybook
from soar.domain.errors import NotFound, SoarError

if TYPE_CHECKING:
    from soar.engine.writing import Desk
    from soar.store.rows import Row
    from soar.store.work import Work

DEEPEST = 16
"""So many playbooks may have called each other, one below the other."""


class TooDeep(SoarError):
    """Playbooks have called each other too often."""


def write_child(work: Work, child: CallPlaybook, at: Desk) -> None:
    """Queue the run of a playbook that a block calls; where it cannot be, its join fails."""
    join_id = work.runs.add_action_run(
        **at.ids,
        kind="playbook",
        action=child.playbook,
        name=child.name,
        callback=child.callback,
        handle=child.handle,
        loop_state=child.loop_state,
        remaining=1,
    )
    container_id = child.container_id or at.run["container_id"]
    try:
        playbook = _playbook(work, child, container_id, at)
    except SoarError as error:
        _fail(work, join_id, child.name, str(error), at)
        return
    run_id = work.runs.add(
        container_id=container_id,
        playbook_id=playbook["id"],
        started_by=at.run["playbook"],
        run_as=at.run["run_as"],
        inputs=child.inputs,
        scope=at.run["scope"] if child.inherit_scope else "all",
        artifacts_from=at.run["artifacts_from"],
        parent_action_run_id=join_id,
        shadow=at.run["shadow"],
        run_id=child.run_id,
        due_at=child.start_time,
    )
    if child.start_time is None:
        work.send_task(START_RUN, run_id)


def _playbook(work: Work, child: CallPlaybook, container_id: int, at: Desk) -> Row:
    """Return the version that a call means, if it may be called."""
    found = work.playbooks.newest(child.playbook)
    if container_id != at.run["container_id"]:
        work.containers.get(container_id)
    if at.run["parent_action_run_id"] and work.families.depth(at.run["id"]) >= DEEPEST:
        raise TooDeep(
            f"playbook {child.playbook!r} was not called: {DEEPEST} playbooks have called each"
            f" other, one below the other; look for one that calls itself"
        )
    return found


def write_function(work: Work, call: CallFunction, at: Desk) -> None:
    """Write the calls of a custom function, one for each mapping of parameters."""
    join_id = work.runs.add_action_run(
        **at.ids,
        kind="custom_function",
        action=call.function,
        name=call.name,
        callback=call.callback,
        handle=call.handle,
        loop_state=call.loop_state,
        remaining=len(call.parameters),
    )
    try:
        function_id = work.functions.newest(call.function)["id"]
    except NotFound as error:
        work.functions.call(join_id, at.run["id"], None, call.parameters, failed=str(error))
        _fail(work, join_id, call.name, str(error), at)
        return
    work.functions.call(join_id, at.run["id"], function_id, call.parameters, due_at=call.start_time)
    if not call.parameters:
        work.runs.end_join(join_id, succeeded=True)
        work.send_task(RESUME_RUN, at.run["id"], join_id)


def _fail(work: Work, join_id: int, name: str, message: str, at: Desk) -> None:
    """End a join of which nothing can come; the run goes on and ends failed."""
    work.runs.log(at.run["id"], [("error", name, message)])
    work.runs.save(at.run["id"], run_data=None, outputs=None, error=message)
    work.runs.end_join(join_id, succeeded=False, message=message)
    work.send_task(RESUME_RUN, at.run["id"], join_id)
