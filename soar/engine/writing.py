"""
Writes a plan: every row that a block asked for, in the transaction of its event.

In: a plan and the run it belongs to. Out: rows, opened approvals, and chords in the outbox.
Never: a high-impact call that may start before a person has decided, or a candidate's change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from soar import consent
from soar.bus.app import RESUME_RUN
from soar.domain import gate
from soar.domain.commands import Prompt, UpdateContainer
from soar.domain.model import SEVERITY_RANK, rank_of
from soar.engine import addressees, calling, changing, chords, shading
from soar.engine.planner import Join, Member, Plan, PlannedAct
from soar.store.calls import Lane
from soar.store.rows import storable
from soar.store.work import Work

Rehearse = Callable[[Prompt, str], list[Member]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """The run that a plan is written for, and the house rules for gates."""

    run: Mapping[str, Any]
    container: Mapping[str, Any]
    approvers: str
    gate_minutes: int
    rehearse: Rehearse

    @property
    def ids(self) -> dict[str, Any]:
        """The ids that every row of the run carries."""
        return {"run_id": self.run["id"], "container_id": self.run["container_id"]}


def write(work: Work, plan: Plan, at: Desk) -> None:
    """Write everything of a plan; what a candidate would have changed is only said."""
    if at.run["shadow"]:
        shading.say_changes(work, plan, at)
    else:
        changing.carry_out(work, plan.changes, at.run)
        at = _changed(plan, at)
    turns: dict[Lane, int] = {}
    for join in plan.joins:
        _write_join(work, join, at, turns)
    for prompt in plan.prompts:
        _write_prompt(work, prompt, at)
    for child in plan.children:
        calling.write_child(work, child, at)
    for function in plan.functions:
        calling.write_function(work, function, at)


def _changed(plan: Plan, at: Desk) -> Desk:
    """Return the desk with the severity that the block has given its own container."""
    given = [
        update.changes["severity"]
        for update in plan.changes
        if isinstance(update, UpdateContainer)
        and update.container_id == at.run["container_id"]
        and "severity" in update.changes
    ]
    return replace(at, container={**at.container, "severity": given[-1]}) if given else at


def _write_join(work: Work, join: Join, at: Desk, turns: dict[Lane, int]) -> None:
    join = shading.unreviewed(join, at.run)
    open_calls = sum(not m.failed for act in join.acts for m in act.members)
    problems = "; ".join(act.problem for act in join.acts if act.problem)
    first = join.acts[0] if join.acts else None
    join_id = work.runs.add_action_run(
        **at.ids,
        kind="group" if join.together else "act",
        name=join.name,
        action=first.action if first and not join.together else "",
        callback=join.callback,
        handle=join.handle,
        loop_state=join.loop_state,
        remaining=open_calls,
        failed="" if open_calls else problems or "no calls",
    )
    rows: list[tuple[Member, dict[str, Any]]] = []
    shaded = shading.assets(work, join, at.run)
    for act in join.acts:
        act_id = join_id if not join.together else _write_act(work, act, join_id, at)
        rows += [(m, _row(m, act_id, at, shaded)) for m in act.members]
    ready, held = _write_members(work, rows, join_id, at, turns)
    _hold(work, join_id, held, ready, at)
    shading.say_asked(work, join, shaded, at)
    _log_failed(work, join, at)
    if ready:
        work.send("chord", chords.message(at.run["id"], join_id, ready))
    elif not open_calls:
        work.send_task("soar.engine.resume_run", at.run["id"], join_id)


def _write_act(work: Work, act: PlannedAct, join_id: int, at: Desk) -> int:
    return work.runs.add_action_run(
        **at.ids, kind="act", action=act.action, name=act.name, join_id=join_id
    )


def _write_members(
    work: Work,
    rows: Sequence[tuple[Member, dict[str, Any]]],
    join_id: int,
    at: Desk,
    turns: dict[Lane, int],
) -> tuple[list[tuple[int, str, str]], list[tuple[int, Member]]]:
    """Add the calls of a join in one statement; return those that go now, and those held."""
    added = [row for _, row in rows]
    numbers = work.calls.add_all(added, join_id=join_id, turns=turns, **at.ids) if rows else []
    ready: list[tuple[int, str, str]] = []
    held: list[tuple[int, Member]] = []
    for number, (member, row) in zip(numbers, rows, strict=True):
        if row["parked_for"] == "approval":
            held.append((number, member))
        elif not member.failed and not member.parked_for:
            ready.append((number, member.task, member.asset))
    return ready, held


def _row(member: Member, act_id: int, at: Desk, shaded: frozenset[str]) -> dict[str, Any]:
    shadow = shading.simulates(member, shaded)
    waits = member.needs.gated and not member.failed and not shadow
    rank = SEVERITY_RANK["low"] if at.run["shadow"] else _rank(member, at)
    return {
        "action_run_id": act_id,
        "severity_rank": rank,
        "action": member.action,
        "asset": member.asset,
        "app": member.app,
        "app_version": member.app_version,
        "task": member.task,
        "failed": member.failed,
        "parameters": member.parameters,
        "context": member.context,
        "lookup": member.lookup,
        "target": member.target,
        "due_at": member.due_at,
        "parked_for": "approval" if waits else member.parked_for,
        "shadow": shadow,
    }


def _rank(member: Member, at: Desk) -> int:
    return 0 if member.urgent else rank_of(at.container["severity"])


def _hold(
    work: Work,
    join_id: int,
    held: Sequence[tuple[int, Member]],
    ready: list[tuple[int, str, str]],
    at: Desk,
) -> None:
    """Let covered calls go; open one question for those that no answer covers."""
    answers = work.approvals.granting(at.run["id"]) if held else []
    asked: list[tuple[int, Member]] = []
    for number, member in held:
        approval_id = _covering(work, answers, member, at)
        if approval_id is None:
            asked.append((number, member))
        else:
            if work.calls.release(number, approval_id):
                ready.append((number, member.task, member.asset))
    if asked:
        approval_id = _ask_for(work, join_id, [m for _, m in asked], at)
        work.calls.hold([number for number, _ in asked], approval_id)


def _covering(
    work: Work, answers: Sequence[Mapping[str, Any]], member: Member, at: Desk
) -> int | None:
    call = replace(member.held, parameters=storable(member.parameters))
    for row in answers:
        covered = gate.covers(row["payload"], row["answer"] or "", [at.run["id"]], call)
        enough = covered and not consent.missing(
            work, row, replace(member.needs, high_impact=False)
        )
        if enough and not work.calls.already_under(row["id"], call):
            return int(row["id"])
    return None


def _ask_for(work: Work, join_id: int, members: list[Member], at: Desk) -> int:
    lines = [f"{m.action} on {m.asset}: {_shown(m.parameters)}" for m in members]
    message = f"Playbook {at.run['title']} asks for a high-impact action:\n" + "\n".join(lines)
    return open_question(
        work,
        at,
        join_id=join_id,
        kind="action",
        name=members[0].action,
        to=at.approvers,
        message=message,
        minutes=consent.minutes([m.needs for m in members], at.gate_minutes),
        choices={gate.APPROVE: members, gate.DENY: []},
    )


def _shown(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def _write_prompt(work: Work, prompt: Prompt, at: Desk) -> None:
    join_id = work.runs.add_action_run(
        **at.ids,
        kind="prompt",
        action="prompt",
        name=prompt.name,
        callback=prompt.callback,
        handle=prompt.handle,
        remaining=1,
    )
    if at.run["shadow"]:
        shading.ask_nobody(work, prompt, at)
        return
    choices = {option: at.rehearse(prompt, option) for option in prompt.options}
    to = addressees.resolve(work, prompt, at.run, at.approvers)
    if to.note:
        level = "warning" if to.names else "error"
        work.runs.log(at.run["id"], [(level, prompt.name, to.note)])
    if not to.names:
        work.runs.end_join(join_id, succeeded=False, message=to.note)
        work.send_task(RESUME_RUN, at.run["id"], join_id)
        return
    open_question(
        work,
        at,
        join_id=join_id,
        kind="prompt",
        name=prompt.name,
        to=to.names[0],
        also=to.names[1:],
        message=prompt.message,
        questions=[question.shape() for question in prompt.questions],
        minutes=prompt.minutes,
        choices=shading.real(work, choices, at.run),
    )


def open_question(
    work: Work,
    at: Desk,
    *,
    join_id: int,
    kind: str,
    name: str,
    to: str,
    message: str,
    minutes: int,
    choices: Mapping[str, Sequence[Member]],
    also: Sequence[str] = (),
    questions: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Open a question to people; each of its *choices* allows these calls, which need consent."""
    terms = {
        choice: consent.terms(
            work, at.run["id"], [m.needs for m in members], usual="|".join((to, *also))
        )
        for choice, members in choices.items()
    }
    asked = {choice: found for choice, found in terms.items() if found}
    if kind == "action" and asked:
        to = consent.said(asked[gate.APPROVE])
    return work.approvals.ask(
        **at.ids,
        action_run_id=join_id,
        kind=kind,
        name=name,
        to=to,
        message=message,
        options=list(choices),
        minutes=minutes,
        effects={choice: [m.held for m in members] for choice, members in choices.items()},
        policy=asked,
        also=also,
        questions=questions,
    )


def _log_failed(work: Work, join: Join, at: Desk) -> None:
    """Say in the run's log why a call could not even be tried; an impossible one fails the run."""
    lines = [
        ("error", join.name, member.failed)
        for act in join.acts
        for member in act.members
        if member.failed
    ]
    lines += [
        ("error", join.name, act.problem) for act in join.acts if act.problem and not act.members
    ]
    work.runs.log(at.run["id"], lines)
    impossible = [m.failed for act in join.acts for m in act.members if m.impossible]
    if impossible:
        work.runs.save(at.run["id"], run_data=None, outputs=None, error=impossible[0])
