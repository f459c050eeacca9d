"""
What is different when a run, or a part of it, is in shadow.

In: the plan of a block. Out: lines in the run's log that say what would have been.
Never: a container that a candidate has changed, or a person whom it has asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from soar.bus.app import RESUME_RUN
from soar.domain.changes import Change
from soar.domain.commands import Prompt
from soar.domain.shadow import PREFIX, would_have, would_have_asked, would_have_changed

if TYPE_CHECKING:
    from soar.engine.planner import Join, Member, Plan
    from soar.engine.writing import Desk
    from soar.store.rows import Row
    from soar.store.work import Work

UNREVIEWED = "not made: a person must agree to it first, and a candidate asks nobody"
UNASKED = "not answered: the live run beside had no answer to it"


def assets(work: Work, join: Join, run: Mapping[str, Any]) -> frozenset[str]:
    """Return the assets on which high-impact calls of a join are only simulated."""
    found = {m.asset for act in join.acts for m in act.members if _gated(m)}
    if not found or run["shadow"]:
        return frozenset(found)
    return work.shadow.among(run["id"], found)


def real(
    work: Work, choices: Mapping[str, Sequence[Member]], run: Mapping[str, Any]
) -> dict[str, list[Member]]:
    """Return what the answers to a prompt allow: calls that are simulated need no permission."""
    found = {member.asset for members in choices.values() for member in members}
    shaded = work.shadow.among(run["id"], found) if found else frozenset()
    return {
        choice: [m for m in ms if not (m.writes and m.asset in shaded)]
        for choice, ms in choices.items()
    }


def unreviewed(join: Join, run: Mapping[str, Any]) -> Join:
    """Let the lookups of a candidate fail that a person must agree to: it asks nobody."""
    if not run["shadow"]:
        return join
    acts = tuple(replace(act, members=tuple(map(_unreviewed, act.members))) for act in join.acts)
    return replace(join, acts=acts)


def _unreviewed(member: Member) -> Member:
    waits = member.needs.gated and not member.writes and not member.failed
    return replace(member, failed=UNREVIEWED) if waits else member


def simulates(member: Member, shaded: frozenset[str]) -> bool:
    """Tell whether a call would be held at its gate, were it not simulated."""
    return _gated(member) and member.asset in shaded


def _gated(member: Member) -> bool:
    return member.writes and member.needs.gated and not member.failed


def say_asked(work: Work, join: Join, shaded: frozenset[str], at: Desk) -> None:
    """Say whom the gates of simulated calls, and of unreviewed lookups, would have asked."""
    members = [m for act in join.acts for m in act.members]
    asked = [(at.approvers, m) for m in members if simulates(m, shaded)]
    asked += [(m.needs.reviewer, m) for m in members if m.failed == UNREVIEWED]
    lines = [
        ("info", join.name, PREFIX + would_have_asked(who, f"approve {_call(m)}"))
        for who, m in asked
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
    said += [change.said for change in plan.changes if isinstance(change, Change)]
    work.runs.log(at.run["id"], [("info", "", PREFIX + line) for line in said])


def ask_nobody(work: Work, prompt: Prompt, at: Desk) -> None:
    """Say whom a candidate's prompt would have asked, and what each answer would lead to."""
    lines = [would_have_asked(", ".join(prompt.to) or at.approvers, prompt.message)]
    for option in prompt.options:
        for call in at.rehearse(prompt, option):
            said = would_have(call.action, call.asset, call.parameters, target=())
            lines.append(f"after the answer {option!r} it {said}")
    work.runs.log(at.run["id"], [("info", prompt.name, PREFIX + line) for line in lines])


def hear_answers(work: Work) -> None:
    """Let candidates hear what the live runs beside them were answered, or that nobody was."""
    for prompt in work.candidates.waiting():
        answered = prompt["status"] == "answered"
        if prompt["status"] == "open" or (prompt["status"] is None and prompt["live"]):
            continue
        said = f"the live run was answered {prompt['answer']!r}" if answered else UNASKED
        work.runs.log(prompt["run_id"], [("info", prompt["name"], PREFIX + said)])
        message = prompt["answer"] if answered else UNASKED
        if work.runs.end_join(prompt["id"], succeeded=answered, message=message):
            work.send_task(RESUME_RUN, prompt["run_id"], prompt["id"])


def answer_of(work: Work, join: Row) -> dict[str, Any]:
    """Return a candidate's prompt as if it had been asked and answered itself."""
    if join["status"] != "success":
        return {"status": "expired", "answer": join["message"], "responses": []}
    heard = work.candidates.heard(join["id"])
    responses = heard["responses"] if heard and heard["status"] == "answered" else []
    return {"status": "answered", "answer": join["message"], "responses": responses}
