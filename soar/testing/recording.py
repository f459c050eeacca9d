"""
A recording: what a run began with, and what it was answered, as one JSON document.

In: the document. Out: its memory, its catalog, and its answers, one after the other.
Never: an answer to something that was not asked: what was never recorded is said to be so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from soar import catalog as catalogs
from soar.catalog import ActionSpec, AppSpec, Catalog, FieldSpec
from soar.domain import scope
from soar.domain.budget import budget_of
from soar.domain.commands import CallFunction, CallPlaybook, Prompt
from soar.domain.errors import BadInput
from soar.domain.model import Asset
from soar.domain.redaction import masked
from soar.engine.planner import Join, Member
from soar.testing.staging import Laid, Recalled

BASE_URL = "https://soar.example"
FORM = "soar recording"
VERSION = 1
NEEDED = ("run", "container", "answers", "standing", "blocks", "end")


@dataclass
class Recording:
    """One recorded run."""

    document: Mapping[str, Any]
    used: set[int] = field(default_factory=set)
    """Which answers were given."""

    @classmethod
    def read(cls, document: Any) -> Recording:
        """Check a document, or say what it is instead."""
        if isinstance(document, Recording):
            return cls(document.document)
        if not isinstance(document, Mapping) or document.get("form") != FORM:
            raise BadInput("recording", "is none: make one with `soar playbook record RUN`")
        if document.get("version") != VERSION:
            raise BadInput("recording", f"version {document.get('version')!r} is not known here")
        missing = [name for name in NEEDED if name not in document]
        if missing:
            raise BadInput("recording", f"has no {missing[0]!r}")
        return cls(document)

    @property
    def run(self) -> Mapping[str, Any]:
        """What was recorded of the run itself."""
        found: Mapping[str, Any] = self.document["run"]
        return found

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What the run was told, in the order in which it was told."""
        return list(self.document["answers"])

    @property
    def unlike(self) -> list[str]:
        """In what the recording does not play as its run did."""
        return list(self.document.get("unlike") or ())

    @property
    def now(self) -> datetime:
        """The moment at which the run began."""
        text = self.run.get("started")
        return datetime.fromisoformat(text) if text else datetime.now(UTC)

    def memory(self, inputs: Mapping[str, Any] | None = None) -> Recalled:
        """Return what the run knew as it began; other inputs may be given."""
        given = self.run.get("inputs") if inputs is None else inputs
        return memory_of(self.document, inputs=given)

    @property
    def scope(self) -> scope.Scope:
        """Which artifacts the run worked on."""
        return scope.of(self.run.get("scope", "all"), int(self.run.get("artifacts_from") or 0))

    def catalog(self) -> Catalog:
        """Return what apps offer: this release's, what the run was offered, and what it called."""
        called = {(r["app"], r["action"]) for a in self.answers for r in a.get("calls", ())}
        known = [_spec(raw) for raw in self.document.get("actions", ())]
        named = {(spec.app, spec.name) for spec in (*catalogs.load().actions, *known)}
        gone = [spec_of(action, app) for app, action in sorted(called - named) if app]
        return offered([*known, *gone])

    def assets(self) -> dict[str, Asset]:
        """Return the assets that there were."""
        return assets_of(self.document.get("assets", ()))

    def stands(self, awaited: Any) -> bool:
        """Tell whether the run itself was still waiting for this."""
        wanted = {"kind": kind_of(awaited), "name": awaited.name}
        return any(wanted.items() <= one.items() for one in self.document["standing"])

    def next_of(self, waiting: Iterable[Any]) -> tuple[int, Any] | None:
        """Return which recorded answer comes next, and what of the waiting it is for."""
        known = [(kind_of(w), w.name, w) for w in waiting]
        for number, answer in enumerate(self.answers):
            if number not in self.used:
                for kind, name, awaited in known:
                    if (kind, name) == (answer["kind"], answer["name"]):
                        self.used.add(number)
                        return number, awaited
        return None

    def call(self, member: Member, number: int | None, taken: set[int]) -> dict[str, Any] | None:
        """Return what a call was answered: in its own join, or wherever it was asked."""
        wanted = _question(member.action, member.asset, member.parameters)
        for row in self.answers[number].get("calls", ()) if number is not None else ():
            if row["id"] not in taken and _question_of(row) == wanted:
                taken.add(row["id"])
                return dict(deepcopy(row))
        every = (row for answer in self.answers for row in answer.get("calls", ()))
        found = [row for row in every if _question_of(row) == wanted]
        return dict(deepcopy(found[-1])) if found else None


def _question_of(row: Mapping[str, Any]) -> str:
    return _question(row["action"], row["asset"], row["parameters"])


def _question(action: str, asset: str, parameters: Mapping[str, Any]) -> str:
    given = {k: v for k, v in parameters.items() if k != "context"}
    return json.dumps([action, asset, masked(given)], sort_keys=True, default=str)


def kind_of(awaited: Any) -> str:
    """Return the kind of an action run by what a dialogue waits for."""
    match awaited:
        case Join():
            return "group" if awaited.together else "act"
        case Prompt():
            return "prompt"
        case CallPlaybook():
            return "playbook"
        case CallFunction():
            return "custom_function"
    return type(awaited).__name__


def memory_of(known: Mapping[str, Any], *, inputs: Mapping[str, Any] | None = None) -> Recalled:
    """Return a memory with what is known of a container, and of what lies around it."""
    shape = deepcopy(dict(known["container"]))
    shape.setdefault("artifacts", [])
    laid, run = known.get("laid") or {}, known.get("run") or {}
    shelf = Laid(
        lists=deepcopy(laid.get("lists") or {}),
        written=deepcopy(laid.get("notes") or []),
        kept={(c, p, k): v for c, p, k, v in deepcopy(laid.get("kept") or [])},
        known_assets=[{"name": a["slug"], **a} for a in known.get("assets") or ()],
        artifacts={int(a["id"]): a for a in shape["artifacts"]},
        named=str(run.get("playbook") or ""),
        base_url=str(run.get("base_url") or BASE_URL).rstrip("/"),
    )
    highest = max([100, *(int(a["id"]) for a in shape["artifacts"])])
    starter = str(run.get("starter") or "")
    return Recalled(
        shape, last_id=highest, inputs=dict(inputs or {}), records=shelf, starter=starter
    )


def assets_of(known: Iterable[Mapping[str, Any]]) -> dict[str, Asset]:
    """Return assets by name."""
    return {
        a["slug"]: Asset(
            id=number,
            slug=a["slug"],
            app=a["app"],
            configuration={},
            budget=budget_of({}),
            disabled=bool(a.get("disabled")),
            tenants=tuple(a.get("tenants") or ()),
        )
        for number, a in enumerate(known, start=1)
    }


def offered(specs: Iterable[ActionSpec]) -> Catalog:
    """Return the catalog of this release, and these actions with it."""
    apps = {app.slug: app for app in catalogs.load().apps}
    for spec in specs:
        app = apps.get(spec.app) or _bare(spec.app)
        others = tuple(known for known in app.actions if known.name != spec.name)
        apps[spec.app] = replace(app, actions=(*others, spec))
    return Catalog(apps=tuple(apps.values()))


def spec_of(action: str, app: str) -> ActionSpec:
    """Return an action of which nothing is known but its name."""
    return ActionSpec(
        app=app,
        name=action,
        function=action.replace(" ", "_"),
        kind="investigate",
        impact="low",
        read_only=True,
        timeout=1,
        description="",
        undo="",
        parameters=(),
    )


def _bare(slug: str) -> AppSpec:
    return AppSpec(slug=slug, name=slug, vendor="", product="", version="", settings=(), actions=())


def _spec(raw: Mapping[str, Any]) -> ActionSpec:
    given = dict(raw)
    given["parameters"] = tuple(
        FieldSpec(**{**f, "contains": tuple(f.get("contains", ()))}) for f in raw["parameters"]
    )
    return ActionSpec(**{**given, "target": tuple(raw.get("target", ()))})
