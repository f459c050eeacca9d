"""
What is different when a run, or a part of it, is in shadow.

In: the plan of a block. Out: lines in the run's log that say what would have been.
Never: a container that a candidate has changed, or a person whom it has asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from soar.bus.app import RESUME_RUN
from soar.domain.commands import Prompt
from soar.domain.shadow import PREFIX, would_have, would_have_asked, would_have_changed

if TYPE_CHECKING:
    from soar.engine.planner import Join, Member, Plan
    from soar.engine.writing import Desk
    from soar.store.work import Work

UNASKED = "not asked in shadow"


def assets(work: Work, join: Join, run: Mapping[str, Any]) -> frozenset[str]:
    """Return the assets on which high-impact calls of a join are only simulated."""
    found = {m.asset for act in join.acts for m in act.members if _gated(m)}
    if not found or run["shadow"]:
        return frozenset(found)
    return work.shadow.among(run["id"], found)


def simulates(member: Member, shaded: frozenset[str]) -> bool:
    """Tell whether a call would be held at its gate, were it not simulated."""
    return _gated(member) and member.asset in shaded


def _gated(member: Member) -> bool:
    return member.high_impact and not member.failed


def say_asked(work: Work, join: Join, shaded: frozenset[str], at: Desk) -> None:
    """Say whom the gates of simulated calls would have asked."""
    lines = [
        ("info", join.name, PREFIX + would_have_asked(at.approvers, f"approve {_call(m)}"))
        for act in join.acts
        for m in act.members
        if simulates(m, shaded)
    ]
    work.runs.log(at.run["id"], lines)


def _call(member: Member) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in member.parameters.items())
    return f"{member.action} on {member.asset}: {shown}"


def say_changes(work: Work, plan: Plan, at: Desk) -> None:
    """Say how a candidate would have changed its container."""
    said = [would_have_changed(update.changes) for update in plan.updates]
    for artifact in plan.artifacts:
        cef = ", ".join(f"{name}={value}" for name, value in artifact.fields["cef"].items())
        said.append(f"would have added the artifact {artifact.fields['name']}: {cef}")
    said += [f"would have written: {note.title or note.content}" for note in plan.notes]
    work.runs.log(at.run["id"], [("info", "", PREFIX + line) for line in said])


def ask_nobody(work: Work, prompt: Prompt, join_id: int, at: Desk) -> None:
    """End a candidate's prompt unanswered; say whom it would have asked, and what would follow."""
    whom, lines = prompt.to or at.approvers, []
    lines.append(would_have_asked(whom, prompt.message))
    for option in prompt.options:
        for call in at.rehearse(prompt, option):
            said = would_have(call.action, call.asset, call.parameters, target=())
            lines.append(f"after the answer {option!r} it {said}")
    work.runs.log(at.run["id"], [("info", prompt.name, PREFIX + line) for line in lines])
    work.runs.end_join(join_id, succeeded=False, message=UNASKED)
    work.send_task(RESUME_RUN, at.run["id"], join_id)
