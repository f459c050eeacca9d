"""
A stage for playbooks: a test says what a run hears, and reads what the run asks.

In: a playbook's name (or its program) and an alert. Out: a :class:`Dialogue`.
Never: a database, a broker or a vendor; the blocks, the plans and the results are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from soar import catalog, library
from soar.domain import shapes
from soar.domain.changes import ChangeTags
from soar.domain.commands import AddArtifact, AddNote, CallPlaybook, Prompt, UpdateContainer
from soar.domain.model import Asset
from soar.engine import planner
from soar.engine.activation import activate
from soar.engine.planner import Join, Member, Plan, Situation
from soar.engine.program import Program, load
from soar.phantom.desk import View
from soar.phantom.results import PromptResults, Results, of_calls
from tests.scripts.shelf import Shelf

ASSETS = {
    "virustotal_prod": "virustotal",
    "abuseipdb_prod": "abuseipdb",
    "maxmind_prod": "maxmind",
    "whois_prod": "whois",
    "palo_alto_prod": "palo_alto",
    "crowdstrike_prod": "crowdstrike",
    "ad_prod": "active_directory",
    "servicenow_prod": "servicenow",
    "splunk_es_prod": "splunk_es",
}


def _situation(artifacts: Sequence[Mapping[str, Any]]) -> Situation:
    assets = {
        slug: Asset(id=i, slug=slug, app=app, configuration={}, budget=None)
        for i, (slug, app) in enumerate(ASSETS.items(), start=1)
    }
    return Situation(catalog=catalog.load(), assets=assets, artifacts=artifacts)


@dataclass
class Memory:
    """The container of a dialogue: a block's reader."""

    shape: dict[str, Any]
    last_id: int = 100
    records: Shelf = field(default_factory=Shelf)

    def custom_list(self, name: str) -> list[list[str]] | None:
        """Return the rows of a custom list."""
        return self.records.lists.get(name)

    def container(self, container_id: int) -> dict[str, Any]:
        """Return the container as it is now."""
        return {**self.shape, "artifacts": self.artifacts(container_id)}

    def artifacts(self, container_id: int) -> list[dict[str, Any]]:
        """Return its artifacts."""
        return [dict(a) for a in self.shape["artifacts"]]

    def new_artifact_id(self) -> int:
        """Reserve an id."""
        self.last_id += 1
        return self.last_id


@dataclass
class Heard:
    """What one lookup of a join answers: an asset and an indicator say which."""

    asset: str
    indicator: str
    summary: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    failed: bool = False


@dataclass
class Dialogue:
    """One run: what it asked last (`asks`, `plan`), and ways to tell it what happened."""

    program: Program
    memory: Memory
    asks: list[Any] = field(default_factory=list)
    plan: Plan = field(default_factory=Plan)
    error: str = ""
    delivered: set[str] = field(default_factory=set)
    waiting: list[Any] = field(default_factory=list)

    @property
    def container(self) -> dict[str, Any]:
        """The container as the run has left it."""
        return self.memory.container(1)

    @property
    def comments(self) -> list[str]:
        """What the last block commented."""
        return [c.content for c in self.asks if isinstance(c, AddNote)]

    @property
    def acts(self) -> list[tuple[str, list[dict[str, Any]], list[str]]]:
        """What the last block's acts come to: action, parameters and assets of their calls."""
        acts = [act for join in self.plan.joins for act in join.acts]
        return [
            (a.action, [dict(m.parameters) for m in a.members], [m.asset for m in a.members])
            for a in acts
        ]

    def begins(self) -> Dialogue:
        """Start the run."""
        return self.calls("on_start")

    def calls(self, block: str, *told: Any) -> Dialogue:
        """Call a block with what it is told, as the engine would."""
        view = View(
            run_id=1, playbook=self.program.name, container=self.container, run_data={}, inputs={},
            delivered=frozenset(self.delivered), reader=self.memory,
        )  # fmt: skip
        arguments = [told[0], told[1], self.container, *told[2:]] if told else [self.container]
        done = activate(self.program, block, arguments, view)
        self.asks, self.error = list(done.commands), done.error
        self.plan = planner.plan(done.commands, _situation(view.container["artifacts"]))
        self._keep()
        return self

    def _keep(self) -> None:
        for command in self.asks:
            if isinstance(command, UpdateContainer):
                custom = {**self.memory.shape["custom_fields"]}
                custom.update(command.changes.get("custom_fields", {}))
                self.memory.shape.update({**command.changes, "custom_fields": custom})
            if isinstance(command, AddArtifact):
                artifact = {"id": command.artifact_id, **command.fields}
                self.memory.shape["artifacts"].append(artifact)
            if isinstance(command, ChangeTags):
                tags = {*self.memory.shape["tags"], *command.add} - {*command.remove}
                self.memory.shape["tags"] = sorted(tags)
            self.memory.records.keep(command)
        self.waiting += [*self.plan.joins, *self.plan.prompts, *self.plan.children]

    def _ended(self, kind: type, name: str | None = None) -> Any:
        found = next(w for w in self.waiting if isinstance(w, kind) and name in (None, w.name))
        self.waiting.remove(found)
        self.delivered.add(found.name)
        return found

    def hears_results(self, heard: Sequence[Heard], name: str | None = None) -> Dialogue:
        """Tell the run how every call of its oldest join (or of the named one) ended."""
        join = self._ended(Join, name)
        members = [m for act in join.acts for m in act.members]
        results = of_calls(_row(i, m, _answer(m, heard)) for i, m in enumerate(members, start=1))
        success = any(r["status"] == "success" for r in results)
        return self._told(join, success, results)

    def hears_answer(self, choice: str) -> Dialogue:
        """Tell the run what an analyst chose."""
        prompt = self._ended(Prompt)
        assert not prompt.options or choice in prompt.options
        results = PromptResults(
            message=prompt.message, responses=[choice], user="ada", status="success"
        )
        return self._told(prompt, True, results)

    def hears_timeout(self) -> Dialogue:
        """Tell the run that nobody answered in time."""
        prompt = self._ended(Prompt)
        results = PromptResults(message=prompt.message, responses=(), user="", status="failed")
        return self._told(prompt, False, results)

    def hears_playbook(self, *, success: bool, message: str = "") -> Dialogue:
        """Tell the run how the playbook that it started has ended."""
        child = self._ended(CallPlaybook)
        row = {"status": "success" if success else "failed", "message": message, "data": [{}]}
        return self._told(child, success, Results([row]))

    def _told(self, what: Any, success: bool, results: Results) -> Dialogue:
        if not what.callback:
            self.asks, self.plan = [], Plan()
            return self
        action = {"action_run_id": 7, "action_name": what.name, "name": what.name, "action": "act"}
        return self.calls(what.callback, action, success, results, what.handle)


def _answer(member: Member, heard: Sequence[Heard]) -> Heard:
    if member.failed:
        return Heard(member.asset, "", message=member.failed, failed=True)
    values = {str(v) for v in member.parameters.values()}
    for one in heard:
        if one.asset == member.asset and one.indicator in values:
            return one
    raise AssertionError(f"the test does not say what {member.asset} answers to {values}")


def _row(number: int, member: Member, heard: Heard) -> dict[str, Any]:
    return {
        "id": number, "action_run_id": 7, "action": member.action, "app": member.app,
        "asset": member.asset, "parameters": member.parameters, "context": member.context,
        "status": "failed" if heard.failed else "success", "message": heard.message,
        "summary": heard.summary, "data": [],
    }  # fmt: skip


@pytest.fixture
def alert() -> Callable[..., dict[str, Any]]:
    """Return a maker of containers in Splunk's shape: one artifact per CEF mapping."""
    when = datetime(2024, 5, 17, 9, 0, tzinfo=UTC)
    common = {"container_id": 1, "tags": [], "data": {}, "create_time": when, "run_id": None}

    def make(*cefs: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
        artifacts = [
            {
                "id": i, "name": "artifact", "label": "event", "type": "", "severity": "medium",
                "cef": cef, "source_id": str(i), **common,
            }
            for i, cef in enumerate(cefs, start=1)
        ]  # fmt: skip
        row = {
            "id": 1, "name": "Reported mail", "label": "phishing", "severity": "medium",
            "status": "new", "description": "", "sensitivity": "", "owner_name": "",
            "kind": "default", "custom_fields": {}, "asset": "mailbox", "source_id": "m-1",
            "close_time": None, "update_time": when, **common, **fields,
        }  # fmt: skip
        return shapes.container(row, artifacts)

    return make


@pytest.fixture
def on_stage() -> Callable[..., Dialogue]:
    """Return a maker of dialogues for a program; nothing has been called yet."""

    def make(program: Program, container: Mapping[str, Any]) -> Dialogue:
        return Dialogue(program=program, memory=Memory(dict(container)))

    return make


@pytest.fixture
def play(on_stage: Callable[..., Dialogue]) -> Callable[..., Dialogue]:
    """Return a starter of the product's own playbooks."""
    files = {file.name: file for file in library.built_in()}

    def start(name: str, container: Mapping[str, Any]) -> Dialogue:
        return on_stage(load(name, files[name].source), container).begins()

    return start


@pytest.fixture
def found() -> Callable[..., Heard]:
    """Return a maker of answers: what an asset found about an indicator."""

    def make(asset: str, indicator: str, message: str = "", **summary: Any) -> Heard:
        return Heard(asset, indicator, summary, message)

    return make


@pytest.fixture
def engines() -> Callable[..., Heard]:
    """Return a maker of VirusTotal's answers: so many of 90 engines call it malicious."""

    def make(indicator: str, malicious: int, **summary: Any) -> Heard:
        counts = {"malicious": malicious, "positives": malicious, "total_engines": 90}
        known = {**counts, "known": True, **summary}
        return Heard("virustotal_prod", indicator, known, f"{malicious}/90 engines malicious")

    return make


@pytest.fixture
def refused() -> Callable[..., Heard]:
    """Return a maker of failed calls."""

    def make(asset: str, indicator: str, message: str = "503") -> Heard:
        return Heard(asset, indicator, message=message, failed=True)

    return make
