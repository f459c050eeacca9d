"""
A dialogue: a test says what a run hears, and reads what the run asks.

In: a program and an alert. Out: a :class:`Dialogue`.
Never: a database, a broker or a vendor; the blocks, the plans and the results are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from soar import catalog as catalogs
from soar.catalog import Catalog
from soar.domain import shapes
from soar.domain.budget import budget_of
from soar.domain.commands import AddNote, CallFunction, CallPlaybook, Log, Prompt, Told, told_as
from soar.domain.errors import SoarError
from soar.domain.model import Asset
from soar.domain.questions import Answer
from soar.domain.scope import Scope
from soar.engine import planner
from soar.engine.activation import activate, evaluate
from soar.engine.planner import Join, Member, Plan, Situation
from soar.engine.program import FUNCTION, Program, load
from soar.phantom.desk import View
from soar.phantom.results import PromptResults, Results, of_calls
from soar.testing.memory import Memory as Memory


class NotSaid(SoarError):
    """A test does not say what an asset answers, or the run did not ask for that."""


@dataclass
class Heard:
    """What one lookup of a join answers: an asset and an indicator say which."""

    asset: str
    indicator: str
    summary: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    failed: bool = False
    data: list[Any] = field(default_factory=list)


@dataclass
class Dialogue:
    """One run: what it asked last (`asks`, `plan`), and ways to tell it what happened."""

    program: Program
    memory: Memory
    catalog: Catalog = field(default_factory=catalogs.load)
    assets: Mapping[str, Asset] = field(default_factory=dict)
    asks: list[Any] = field(default_factory=list)
    plan: Plan = field(default_factory=Plan)
    error: str = ""
    delivered: set[Told] = field(default_factory=set)
    waiting: list[Any] = field(default_factory=list)
    run_data: dict[str, str] = field(default_factory=dict)
    gave: dict[str, Any] = field(default_factory=dict)
    """The outputs that the run has saved."""
    scope: Scope = field(default_factory=Scope)
    calls_made: int = 0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def container(self) -> dict[str, Any]:
        """The container as the run has left it."""
        return self.memory.container(1)

    @property
    def comments(self) -> list[str]:
        """What the last block commented."""
        return [c.content for c in self.asks if isinstance(c, AddNote)]

    @property
    def warnings(self) -> list[str]:
        """What the last block has been warned of."""
        return [c.message for c in self.asks if isinstance(c, Log) and c.level == "warning"]

    @property
    def acts(self) -> list[tuple[str, list[dict[str, Any]], list[str]]]:
        """What the last block's acts come to: action, parameters and assets of their calls."""
        acts = [act for join in self.plan.joins for act in join.acts]
        return [
            (a.action, [dict(m.parameters) for m in a.members], [m.asset for m in a.members])
            for a in acts
        ]

    def begins(self) -> Self:
        """Start the run."""
        return self.calls("on_start")

    def calls(self, block: str, *told: Any, **keywords: Any) -> Self:
        """Call a block with what it is told, as the engine would."""
        view = self._view()
        arguments = [told[0], told[1], self.container, *told[2:]] if told[1:] else [self.container]
        arguments += told if len(told) == 1 else ()
        done = activate(self.program, block, arguments, view, keywords)
        self.asks, self.error = list(done.commands), done.error
        self._keep(view)
        return self

    def _view(self) -> View:
        return View(
            run_id=1,
            playbook=self.program.name,
            container=self.container,
            run_data=dict(self.run_data),
            inputs=self.memory.inputs,
            delivered=frozenset(self.delivered),
            reader=self.memory,
            now=self.now,
            scope=self.scope,
            base_url="https://soar.example",
        )

    def _keep(self, view: View) -> None:
        """Plan what was asked for, and change what it changes."""
        situation = Situation(
            catalog=self.catalog, assets=self.assets, artifacts=view.container["artifacts"]
        )
        self.plan = planner.plan(self.asks, situation)
        self.run_data |= self.plan.run_data
        self.memory.state |= self.plan.kept
        self.gave |= self.plan.outputs
        for command in self.asks:
            self.memory.keep(command)
        plan = self.plan
        self.waiting += [*plan.joins, *plan.prompts, *plan.children, *plan.functions]
        self.delivered -= _names(self.waiting)

    def _ended(self, kind: type[Any], name: str | None = None) -> Any:
        for found in self.waiting:
            if isinstance(found, kind) and name in (None, found.name):
                self.waiting.remove(found)
                self._heard_of(found)
                return found
        raise NotSaid(f"the run waits for no {kind.__name__} {name or ''}".rstrip())

    def _heard_of(self, ended: Any) -> None:
        """Note what the run is told now: names under which it waits for nothing more."""
        self.delivered |= _names([ended]) - _names(self.waiting)

    def hears_results(self, heard: Sequence[Heard], name: str | None = None) -> Self:
        """Tell the run how every call of its oldest join (or of the named one) ended."""
        return self.hears_each(lambda _, member: _answer(member, heard), name)

    def hears_each(self, answer: Callable[[str, Member], Heard], name: str | None = None) -> Self:
        """Tell the run how every call of a join ended; *answer* is asked with act and call."""
        join = self._ended(Join, name)
        rows = []
        for number, act in enumerate(join.acts, start=len(self.memory.results) + 7):
            for member in act.members:
                self.calls_made += 1
                heard = _failed(member) or answer(act.name, member)
                row = _row(self.calls_made, act.name, member, heard)
                rows.append({**row, "action_run_id": number})
        results = of_calls(rows)
        self.memory.results += results
        success = any(r["status"] == "success" for r in results)
        return self._told(join, success, results)

    def hears_answer(self, *choices: Answer) -> Self:
        """Tell the run what an analyst chose, or answered to each question."""
        prompt = self._ended(Prompt)
        if prompt.options and choices[0] not in prompt.options:
            raise NotSaid(f"{choices[0]!r} is none of {', '.join(prompt.options)}")
        results = PromptResults(
            name=prompt.name,
            action_run_id=3,
            message=prompt.message,
            responses=choices,
            user="ada",
            status="success",
        )
        self.memory.results += results
        return self._told(prompt, True, results)

    def hears_timeout(self) -> Self:
        """Tell the run that nobody answered in time."""
        prompt = self._ended(Prompt)
        results = PromptResults(
            name=prompt.name, message=prompt.message, responses=(), user="", status="failed"
        )
        self.memory.results += results
        return self._told(prompt, False, results)

    def hears_playbook(
        self, *, success: bool = True, message: str = "", outputs: Mapping[str, Any] | None = None
    ) -> Self:
        """Tell the run how the playbook that it started has ended, and what it gave."""
        child, given = self._ended(CallPlaybook), dict(outputs or {})
        self.memory.outputs.setdefault(child.name, []).append(given)
        status = "success" if success else "failed"
        row = {"status": status, "message": message, "data": [given], "summary": given}
        return self._told(child, success, Results([row]))

    def hears_function(self, *data: Any, failed: str = "") -> Self:
        """Tell the run what the custom function that it called returned for each parameter set."""
        call = self._ended(CallFunction)
        rows = [
            {"success": not failed, "message": failed, "data": value, "parameter": dict(given)}
            for given, value in zip(call.parameters, data or [None] * len(call.parameters))  # noqa: B905
        ]
        return self._heard_function(call, rows)

    def runs_function(self, source: str) -> Self:
        """Run the custom function that was called last, from its text, and tell the run."""
        call = self._ended(CallFunction)
        stem = call.function.rpartition("/")[2]
        program = load(call.function, source, FUNCTION)
        rows = [self._evaluated(program, stem, given) for given in call.parameters]
        return self._heard_function(call, rows)

    def _evaluated(self, program: Program, stem: str, given: Mapping[str, Any]) -> dict[str, Any]:
        view = self._view()
        done = evaluate(program, stem, given, view)
        self.asks = list(done.commands)
        self._keep(view)
        return {
            "success": not done.error,
            "message": done.error,
            "data": done.value,
            "parameter": dict(given),
        }

    def _heard_function(self, call: CallFunction, rows: list[dict[str, Any]]) -> Self:
        self.memory.functions.setdefault(call.name, []).extend(rows)
        success = not rows or any(row["success"] for row in rows)
        about = {"custom_function": call.function, "name": call.name}
        return self._told(call, success, Results(rows), custom_function=about)

    def _told(self, what: Any, success: bool, results: Results, **keywords: Any) -> Self:
        if not what.callback:
            self.asks, self.plan = [], Plan()
            return self
        action = {"action_run_id": 7, "action_name": what.name, "name": what.name, "action": "act"}
        if getattr(what, "loop_state", None) is not None:
            keywords["loop_state_json"] = what.loop_state
        return self.calls(what.callback, action, success, results, what.handle, **keywords)


def _names(asked: Sequence[Any]) -> frozenset[Told]:
    """Return the names of all that was asked, or of all that a run waits for."""
    joins = [each for each in asked if isinstance(each, Join)]
    acts = {("action", name) for j in joins for name in (j.name, *(a.name for a in j.acts))}
    return frozenset(acts).union(*map(told_as, asked))


def _failed(member: Member) -> Heard | None:
    """Return what a call that cannot be made says."""
    if not member.failed:
        return None
    return Heard(member.asset, "", message=member.failed, failed=True)


def _answer(member: Member, heard: Sequence[Heard]) -> Heard:
    values = {str(v) for v in member.parameters.values()}
    for one in heard:
        if one.asset == member.asset and one.indicator in values:
            return one
    raise NotSaid(f"the test does not say what {member.asset} answers to {values}")


def _row(number: int, block: str, member: Member, heard: Heard) -> dict[str, Any]:
    return {
        "id": number,
        "action_run_id": 7,
        "action": member.action,
        "action_name": block,
        "app": member.app,
        "asset": member.asset,
        "parameters": member.parameters,
        "context": member.context,
        "status": "failed" if heard.failed else "success",
        "message": heard.message,
        "summary": heard.summary,
        "data": heard.data,
    }


def alert(*cefs: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return a container in Splunk's shape: one artifact per CEF mapping."""
    when = datetime(2024, 5, 17, 9, 0, tzinfo=UTC)
    common = {"container_id": 1, "tags": [], "data": {}, "create_time": when, "run_id": None}
    artifacts = [
        {
            **common,
            "id": number,
            "name": "artifact",
            "label": "event",
            "type": "",
            "severity": "medium",
            "cef": cef,
            "source_id": str(number),
        }
        for number, cef in enumerate(cefs, start=1)
    ]
    row = {
        **common,
        "id": 1,
        "name": "Reported mail",
        "label": "phishing",
        "severity": "medium",
        "status": "new",
        "tenant_id": 0,
        "description": "",
        "sensitivity": "",
        "owner_name": "",
        "kind": "default",
        "custom_fields": {},
        "asset": "mailbox",
        "source_id": "m-1",
        "close_time": None,
        "update_time": when,
        **fields,
    }
    return shapes.container(row, artifacts)


def on_stage(
    program: Program, container: Mapping[str, Any], *, assets: Mapping[str, str] | None = None
) -> Dialogue:
    """Return a dialogue in which nothing was called yet; *assets* names the app of each asset."""
    known = {
        slug: Asset(id=i, slug=slug, app=app, configuration={}, budget=budget_of({}))
        for i, (slug, app) in enumerate((assets or {}).items(), start=1)
    }
    return Dialogue(program=program, memory=Memory(dict(container)), assets=known)


def begin(
    source: str, container: Mapping[str, Any], *, assets: Mapping[str, str] | None = None
) -> Dialogue:
    """Load a playbook from its text and start it on a container."""
    return on_stage(load("tested", source), container, assets=assets).begins()
