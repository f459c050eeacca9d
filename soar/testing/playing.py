"""
Plays a playbook through on a watched stage: with recorded answers, a transcript, or made-up ones.

In: the text of a playbook, what its run knows, and who answers. Out: its blocks, in order.
Never: a run without an end, a vendor, or an answer of which nobody knows where it came from.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from soar.domain.commands import CallFunction, CallPlaybook, Prompt
from soar.domain.redaction import masked
from soar.engine.calling import DEEPEST
from soar.engine.planner import Join, Member
from soar.engine.program import FUNCTION, BadPlaybook, load
from soar.phantom.results import PromptResults, Results, of_calls
from soar.testing.autoplay import FINISH, MOST_EVENTS
from soar.testing.pretending import APP
from soar.testing.recording import Recording, kind_of
from soar.testing.showing import as_json, short
from soar.testing.stage import Heard
from soar.testing.staging import Block, Watched
from soar.testing.transcript import Transcript

RECORDED, MADE_UP, FAILED = "recorded", "made up", "failed"


@dataclass(kw_only=True)
class Player:
    """Plays one run and, where nothing was recorded of them, the runs and functions it calls."""

    playbooks: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)
    recording: Recording | None = None
    transcript: Transcript = field(default_factory=Transcript)
    """What answers where nothing was recorded."""
    made_up: bool = False
    """Whether an answer is made up where nobody knows one; else it is a failure."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """What people choose, by the name of the prompt."""
    blocks: list[Block] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    """What was asked and never recorded."""
    heard: list[dict[str, Any]] = field(default_factory=list)
    """Every answer, with where it came from."""
    stopped: bool = False
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    arriving: list[dict[str, Any]] = field(default_factory=list)
    numbers: int = 1_000_000
    """The last number that was made up; recorded ones are smaller."""

    def play(self, at: Watched, *, depth: int = 1) -> Watched:
        """Play from on_start to on_finish."""
        at.blocks = self.blocks
        if self.recording and depth == 1:
            self.arriving = list(self.recording.document.get("arrived") or ())
        at.begins()
        self._deliver(at, depth)
        if at.program.has(FINISH) and not at.waiting and not self.stopped:
            at.event, at.told = {"kind": "finish"}, None
            at.calls(FINISH, json.dumps(self._summary()))
            self._deliver(at, depth)
        return at

    def _summary(self) -> Any:
        known = self.recording.document.get("finish") if self.recording else None
        return known or {"result": [], "status": "success"}

    def _deliver(self, at: Watched, depth: int) -> None:
        """Tell the run what ends, in the recorded order, until it waits for nothing more."""
        while waiting := [w for w in at.waiting if not self._stands(w)]:
            if len(self.heard) >= MOST_EVENTS:
                self.stopped = True
                return
            found = self.recording.next_of(waiting) if self.recording and depth == 1 else None
            number, awaited = found or (None, waiting[0])
            self._arrive(at, number)
            at.waiting.remove(awaited)
            at._heard_of(awaited)
            self._tell(at, awaited, number, depth)

    def _arrive(self, at: Watched, number: int | None) -> None:
        """Let the artifacts come that had come before a recorded answer was heard."""
        for one in self.arriving[:]:
            if number is not None and one["before"] <= number:
                self.arriving.remove(one)
                at.memory.shape["artifacts"].append(dict(one["artifact"]))

    def _stands(self, awaited: Any) -> bool:
        """Tell whether a replay leaves this open, as it is in the run itself."""
        recorded = self.recording is not None and not self.made_up
        return recorded and self.recording is not None and self.recording.stands(awaited)

    def _tell(self, at: Watched, awaited: Any, number: int | None, depth: int) -> None:
        kind = kind_of(awaited)
        self.asked[kind, awaited.name] += 1
        at.event = {"kind": kind, "name": awaited.name, "number": self.asked[kind, awaited.name]}
        answer = self.recording.answers[number] if self.recording and number is not None else None
        match awaited:
            case Join():
                self._act(at, awaited, number)
            case Prompt():
                self._prompt(at, awaited, answer)
            case CallPlaybook():
                self._playbook(at, awaited, answer, depth)
            case CallFunction():
                self._function(at, awaited, answer)

    def _note(self, at: Watched, answer: Any, source: str) -> None:
        said = {**at.event, "from": source, "answer": masked(short(as_json(answer)))}
        at.told = {"from": source, "answer": said["answer"]}
        self.heard.append(said)

    def _act(self, at: Watched, join: Join, number: int | None) -> None:
        recorded = self.recording.answers[number] if self.recording and number is not None else {}
        taken: set[int] = set()
        rows, sources = [], []
        for act in join.acts:
            self.numbers += 1
            named = (a["id"] for a in recorded.get("acts", ()) if a["name"] == act.name)
            number_of_act = next(named, self.numbers)
            for member in act.members:
                row, source = self._call(at, act.name, member, number, taken)
                row["action_run_id"] = number_of_act
                rows.append({**row, "action_name": act.name})
                sources.append(source)
        results = of_calls(rows)
        at.memory.results += results
        told = [_short_call(row) for row in rows]
        self._note(at, told, " and ".join(dict.fromkeys(sources)) or FAILED)
        at._told(join, any(r["status"] == "success" for r in results), results)

    def _call(
        self, at: Watched, act: str, member: Member, number: int | None, taken: set[int]
    ) -> tuple[dict[str, Any], str]:
        """Return the row of one call and where its answer came from."""
        found = self.recording.call(member, number, taken) if self.recording else None
        if found is not None:
            return found, RECORDED
        self.numbers += 1
        if member.failed:
            return _row(self.numbers, member, _failed(member.failed)), FAILED
        what = f"{act}: {member.action} on {member.asset}"
        if self.recording:
            self.unrecorded.append(f"{what} with {_said(member.parameters)}")
        written = member.action in self.transcript.written
        if not written and not self.made_up:
            return _row(self.numbers, member, _failed(f"{what} was never recorded")), FAILED
        heard = self.transcript.answer(at.program.name, act, member)
        source = "transcript" if written else MADE_UP
        if member.app == APP:
            source += ", as there is no such asset or action here"
        return _row(self.numbers, member, heard), source

    def _prompt(self, at: Watched, prompt: Prompt, answer: Mapping[str, Any] | None) -> None:
        given, user, source = self._chosen(at, prompt, answer)
        results = PromptResults(
            name=prompt.name,
            action_run_id=int((answer or {}).get("id") or 0),
            message=prompt.message,
            responses=given or (),
            user=user,
            status="success" if given else "failed",
            problem=str((answer or {}).get("message") or ""),
        )
        at.memory.results += results
        self._note(at, list(given) if given else "nobody answered", source)
        at._told(prompt, bool(given), results)

    def _chosen(
        self, at: Watched, prompt: Prompt, answer: Mapping[str, Any] | None
    ) -> tuple[Any, str, str]:
        if prompt.name in self.choices:
            return [self.choices[prompt.name]], "ada", "--answer"
        if answer is not None:
            given = list(answer.get("responses") or ())
            if not given or not prompt.options or str(given[0]) in prompt.options:
                return given, str(answer.get("user") or ""), RECORDED
            self.unrecorded.append(f"{prompt.name}: {given[0]!r} is no choice of this prompt now")
        elif self.recording:
            self.unrecorded.append(f"{prompt.name}: this prompt")
        if not self.made_up:
            return None, "", FAILED
        return self.transcript.choose(prompt), "ada", MADE_UP

    def _playbook(
        self, at: Watched, call: CallPlaybook, answer: Mapping[str, Any] | None, depth: int
    ) -> None:
        name, source = call.playbook.rpartition("/")[2], RECORDED
        at.memory.inputs_of[call.name] = dict(call.inputs)
        if answer is not None:
            row = dict(answer["result"])
        elif self.recording and not self.made_up:
            self.unrecorded.append(f"{call.name}: playbook {call.playbook}")
            row, source = _outputs(call, "failed", "it was never recorded", {}), FAILED
        elif name not in self.playbooks or depth >= DEEPEST:
            why = "called too deep" if depth >= DEEPEST else "not there"
            row = _outputs(call, "failed", f"playbook {call.playbook!r} is {why}", {})
            source = FAILED
        else:
            row, source = self._child(at, call, name, depth), "played"
        at.memory.outputs.setdefault(call.name, []).append(dict(row["summary"]))
        at.event = {**at.event, "kind": "playbook"}
        self._note(at, {k: row[k] for k in ("status", "message", "summary")}, source)
        at._told(call, row["status"] == "success", Results([row]))

    def _child(self, at: Watched, call: CallPlaybook, name: str, depth: int) -> dict[str, Any]:
        try:
            program = load(name, self.playbooks[name])
        except BadPlaybook as bad:
            return _outputs(call, "failed", str(bad), {})
        memory = replace(
            at.memory, inputs=dict(call.inputs), functions={}, outputs={}, inputs_of={}
        )
        child = Watched(
            program=program,
            memory=memory,
            catalog=at.catalog,
            assets=at.assets,
            run=(*at.run, call.name),
            run_id=call.run_id or 0,
            look=at.look,
            rows=at.rows,
            now=at.now,
        )
        self.play(child, depth=depth + 1)
        at.memory.last_id = memory.last_id
        wrong = [b.error for b in self.blocks if b.run == child.run and b.error]
        return _outputs(call, "failed" if wrong else "success", "; ".join(wrong), child.gave)

    def _function(self, at: Watched, call: CallFunction, answer: Mapping[str, Any] | None) -> None:
        source = self.functions.get(call.function.rpartition("/")[2])
        if answer is not None and _same_inputs(call, answer):
            rows, where = [dict(row) for row in answer["rows"]], RECORDED
        elif source is not None:
            self._note(at, [dict(p) for p in call.parameters], "its own code")
            at.waiting.append(call)
            self._runs(at, call, source)
            return
        else:
            self.unrecorded += [f"{call.name}: function {call.function}"] if self.recording else []
            why = f"custom function {call.function!r} is not there"
            rows = [_failure(why, dict(p)) for p in call.parameters]
            where = FAILED
        self._note(at, rows, where)
        at._heard_function(call, rows)

    def _runs(self, at: Watched, call: CallFunction, source: str) -> None:
        event = at.event
        try:
            load(call.function, source, FUNCTION)
        except BadPlaybook as bad:
            at.waiting.remove(call)
            at._heard_function(call, [_failure(str(bad), dict(p)) for p in call.parameters])
            return
        at.waiting.remove(call)
        at.waiting.insert(0, call)
        at.event = event
        at.runs_function(source)


def _same_inputs(call: CallFunction, answer: Mapping[str, Any]) -> bool:
    """Tell whether a function was asked what it was asked when it was recorded."""
    asked = [masked(as_json(dict(p))) for p in call.parameters]
    return asked == [masked(row["parameter"]) for row in answer["rows"]]


def _failure(why: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"success": False, "message": why, "data": None, "parameter": given}


def _outputs(call: CallPlaybook, status: str, message: str, gave: Any) -> dict[str, Any]:
    """Return what the callback of a called playbook hears."""
    return {
        "status": status,
        "message": message,
        "name": call.name,
        "summary": dict(gave),
        "data": [dict(gave)],
        "playbook": call.playbook,
        "playbook_run_id": call.run_id,
    }


def _row(number: int, member: Member, heard: Heard) -> dict[str, Any]:
    return {
        "id": number,
        "action": member.action,
        "app": member.app,
        "asset": member.asset,
        "parameters": dict(member.parameters),
        "context": dict(member.context),
        "status": "failed" if heard.failed else "success",
        "message": heard.message,
        "summary": heard.summary,
        "data": heard.data,
    }


def _failed(why: str) -> Heard:
    return Heard("", "", message=why, failed=True)


def _short_call(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("asset", "parameters", "status", "message", "summary", "data")
    return {name: row[name] for name in names}


def _said(parameters: Mapping[str, Any]) -> str:
    return json.dumps(masked(as_json(parameters)), sort_keys=True)
