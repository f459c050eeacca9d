"""
Turns the commands of one block into a plan.

In: the commands, and the run's container, assets and catalog. Out: a :class:`Plan`.
Never: I/O. The store writes the rows and ``chords`` rings the chords.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from soar.catalog import ActionSpec, AppSpec, Catalog
from soar.domain import cef, lookup
from soar.domain.changes import Change
from soar.domain.commands import (
    Act,
    ActTogether,
    AddArtifact,
    AddNote,
    CallFunction,
    CallPlaybook,
    Command,
    Keep,
    Log,
    Prompt,
    SaveOutputs,
    SaveRunData,
    UpdateContainer,
)
from soar.domain.errors import NotFound
from soar.domain.gate import HeldCall
from soar.domain.model import Asset
from soar.domain.policy import Asked, Rule, Wanted, choose


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One call to make: what an app run's row will hold."""

    action: str
    asset: str
    app: str = ""
    app_version: str = ""
    task: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""
    parked_for: str | None = None
    due_at: str | None = None
    needs: Wanted = field(default_factory=Wanted)
    """What people must agree to before it is made."""
    urgent: bool = False
    """A containment: it waits behind no lookup."""
    writes: bool = True
    """Whether it may change something at its vendor; what only reads is made in shadow too."""
    lookup: str | None = None
    target: str | None = None

    @property
    def impossible(self) -> bool:
        """Whether no worker could ever make it: no such action or asset. The run ends failed."""
        return bool(self.failed) and not self.task

    @property
    def held(self) -> HeldCall:
        """The call as an approval covers it."""
        return HeldCall(
            action=self.action,
            asset=self.asset,
            app=self.app,
            app_version=self.app_version,
            parameters=self.parameters,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedAct:
    """One act with its calls."""

    action: str
    name: str
    members: tuple[Member, ...]
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Join:
    """One chord: the acts that a callback waits for."""

    name: str
    callback: str
    handle: Any
    acts: tuple[PlannedAct, ...]
    together: bool = False
    loop_state: Mapping[str, Any] | None = None


@dataclass(kw_only=True, slots=True)
class Plan:
    """Everything that one block asked for, in the order of each kind."""

    joins: list[Join] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    children: list[CallPlaybook] = field(default_factory=list)
    functions: list[CallFunction] = field(default_factory=list)
    updates: list[UpdateContainer] = field(default_factory=list)
    artifacts: list[AddArtifact] = field(default_factory=list)
    notes: list[AddNote] = field(default_factory=list)
    changes: list[UpdateContainer | AddArtifact | AddNote | Change] = field(default_factory=list)
    """All that is to be changed, in the order it was asked."""
    logs: list[Log] = field(default_factory=list)
    run_data: dict[str, str] = field(default_factory=dict)
    kept: dict[tuple[str, str], Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def gated(self) -> list[Member]:
        """Every call of the plan that a person must agree to."""
        return [
            m
            for join in self.joins
            for act in join.acts
            for m in act.members
            if m.needs.gated and not m.failed
        ]


NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What the planner knows of the run."""

    catalog: Catalog
    assets: Mapping[str, Asset]
    artifacts: Sequence[Mapping[str, Any]] = ()
    rules: Sequence[Rule] = ()
    label: str = ""
    severity: str = ""
    tenant: int = 0
    now: datetime = NEVER

    def needs(self, spec: ActionSpec, asset: str, reviewer: str) -> Wanted:
        """Return what people must agree to before such a call; a lookup needs nobody's consent."""
        if spec.read_only:
            return Wanted(reviewer=reviewer)
        asked = Asked(
            action=spec.name,
            asset=asset,
            label=self.label,
            severity=self.severity,
            at=self.now,
            is_containment=spec.is_containment,
        )
        rule = choose(self.rules, asked)
        return Wanted(rule=rule, reviewer=reviewer, high_impact=spec.high_impact)


def plan(commands: Iterable[Command], situation: Situation) -> Plan:
    """Sort commands into a plan; an act that cannot be made becomes a failed call that says why."""
    made = Plan()
    for command in commands:
        if isinstance(command, UpdateContainer | AddArtifact | AddNote | Change):
            made.changes.append(command)
        match command:
            case Act():
                acts = (_act(command, situation),)
                made.joins.append(
                    Join(
                        name=command.name,
                        callback=command.callback,
                        handle=command.handle,
                        acts=acts,
                        loop_state=command.loop_state,
                    )
                )
            case ActTogether():
                made.joins.append(_together(command, situation))
            case Prompt():
                made.prompts.append(command)
            case CallPlaybook():
                made.children.append(command)
            case CallFunction():
                made.functions.append(command)
            case UpdateContainer():
                made.updates.append(command)
            case AddArtifact():
                made.artifacts.append(command)
            case AddNote():
                made.notes.append(command)
            case Log():
                made.logs.append(command)
            case SaveRunData():
                made.run_data[command.key] = command.value
            case Keep():
                made.kept[command.kind, command.name] = command.value
            case SaveOutputs():
                made.outputs.update(command.values)
    return made


def _together(command: ActTogether, situation: Situation) -> Join:
    return Join(
        name=command.name,
        callback=command.callback,
        handle=command.handle,
        together=True,
        acts=tuple(_act(act, situation) for act in command.acts),
    )


def _act(act: Act, situation: Situation) -> PlannedAct:
    slugs, problem = _assets(act, situation)
    if problem:
        members: tuple[Member, ...] = (Member(action=act.action, asset="", failed=problem),)
    else:
        members = tuple(m for slug in slugs for m in _members(act, slug, situation))
    if not members:
        problem = f"{act.action}: no parameters were given"
    return PlannedAct(action=act.action, name=act.name, members=members, problem=problem)


def _assets(act: Act, situation: Situation) -> tuple[tuple[str, ...], str]:
    if act.refused:
        return (), act.refused
    offering = situation.catalog.offering(act.action)
    if not offering:
        return (), f"no app offers the action {act.action!r}"
    apps = {app.slug for app in offering if not act.app or app.is_called(act.app)}
    if not apps:
        known = ", ".join(app.name for app in offering)
        return (), f"no app {act.app!r} offers the action {act.action!r}; those that do: {known}"
    if act.assets:
        return _named(act, apps, situation)
    able = {s: a for s, a in situation.assets.items() if a.app in apps and not a.disabled}
    found = tuple(s for s, asset in able.items() if asset.serves(situation.tenant))
    whose = " that serves the tenant of this container" if able else ""
    of = f" of the app {act.app!r}" if act.app else ""
    return found, "" if found else f"no asset{of}{whose} offers the action {act.action!r}"


def _named(act: Act, apps: set[str], situation: Situation) -> tuple[tuple[str, ...], str]:
    """Return the assets that an act names, of its app where it names one; a typo is kept."""
    known = situation.assets
    found = tuple(s for s in act.assets if not act.app or s not in known or known[s].app in apps)
    named = ", ".join(map(repr, act.assets))
    return found, "" if found else f"none of the assets {named} is of the app {act.app!r}"


def _members(act: Act, slug: str, situation: Situation) -> Iterable[Member]:
    app, spec, problem = _offered(act, slug, situation)
    if app is None or spec is None:
        return [Member(action=act.action, asset=slug, failed=problem)]
    given = act.parameters
    if given is None:
        given = (_from_target(act, spec, situation),)
    asset = situation.assets[slug]
    return [_member(act, asset, app, spec, dict(p), situation) for p in given]


def _offered(
    act: Act, slug: str, situation: Situation
) -> tuple[AppSpec | None, ActionSpec | None, str]:
    asset = situation.assets.get(slug)
    if asset is None:
        return None, None, f"there is no asset {slug!r}: add it with `soar asset add`"
    if not asset.serves(situation.tenant):
        return None, None, f"asset {slug!r} does not serve the tenant of this container"
    if asset.disabled:
        return None, None, f"asset {slug!r} is disabled"
    try:
        app = situation.catalog.app(asset.app)
    except NotFound as error:
        return None, None, str(error)
    spec = app.action(act.action)
    if spec is None:
        return None, None, f"asset {slug!r} is of {app.name}, which does not offer {act.action!r}"
    return app, spec, ""


def _member(
    act: Act,
    asset: Asset,
    app: AppSpec,
    spec: ActionSpec,
    parameters: dict[str, Any],
    situation: Situation,
) -> Member:
    context = {**act.context, **dict(parameters.pop("context", None) or {})}
    due = act.start_time.isoformat() if act.start_time else None
    return Member(
        action=spec.name,
        asset=asset.slug,
        app=app.slug,
        app_version=app.version,
        task=spec.task_name,
        parameters=parameters,
        context=context,
        needs=situation.needs(spec, asset.slug, act.reviewer),
        failed=_missing(spec, parameters),
        due_at=due,
        parked_for="schedule" if due else None,
        urgent=spec.kind == "contain",
        writes=not spec.read_only,
        lookup=_lookup(asset, spec, parameters),
        target=_target(spec, parameters),
    )


def _lookup(asset: Asset, spec: ActionSpec, parameters: Mapping[str, Any]) -> str | None:
    """Return the key under which equal lookups share one call; none where they may not."""
    if not spec.freshness or not asset.reuses_results:
        return None
    contains = {p.name: p.contains for p in spec.parameters}
    return lookup.key(asset, spec.name, parameters, contains=contains)


def _target(spec: ActionSpec, parameters: Mapping[str, Any]) -> str | None:
    """Return what a write acts on; calls with the same target share one effect."""
    contains = {p.name: p.contains for p in spec.parameters}
    return lookup.target(spec.target, parameters, contains=contains)


def _missing(spec: ActionSpec, parameters: Mapping[str, Any]) -> str:
    for parameter in spec.parameters:
        if parameter.required and parameters.get(parameter.name) in (None, ""):
            return f"{spec.name}: parameter {parameter.name!r} is missing"
    return ""


def _from_target(act: Act, spec: ActionSpec, situation: Situation) -> dict[str, Any]:
    """Look an action's typed parameters up in its target, then in the container's artifacts."""
    found = {}
    for parameter in spec.parameters:
        if not parameter.contains:
            continue
        value = cef.resolve(act.sources, parameter.name, parameter.contains)
        if value is None:
            value = _only_one(parameter.name, parameter.contains, situation.artifacts)
        if value is not None:
            found[parameter.name] = value
    return found


def _only_one(name: str, contains: tuple[str, ...], artifacts: Sequence[Mapping[str, Any]]) -> Any:
    """Return the value that all artifacts agree on; two different ones are no answer."""
    values = [cef.find(a["cef"], name, contains) for a in artifacts]
    found = [v for v in values if v is not None]
    return found[0] if found and all(v == found[0] for v in found) else None
