"""
Reads the manifests: which app offers "url reputation", with which parameters.

In: ``manifest.toml`` of each vendor room. Out: frozen specifications, looked up by name.
Never: an import of a vendor's code; a manifest is data.
"""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from soar.domain.errors import NotFound

KINDS = ("investigate", "contain", "correct", "generic", "test")
MOST_SECONDS = 80
"""Longest time limit of an action: less than half the visibility timeout. What takes longer at
the vendor is asked about again (``RetryLater``), it is not waited for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldSpec:
    """One field: a parameter of an action or a setting of an asset."""

    name: str
    description: str = ""
    type: str = "string"
    required: bool = False
    secret: bool = False
    default: Any = None
    contains: tuple[str, ...] = ()


LEASE = FieldSpec(
    name="lease_minutes",
    type="numeric",
    description="Undo it after so many minutes; without it, it stands until it is undone",
)
"""The parameter that makes a containment a lease; the engine's own, no connector reads it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionSpec:
    """One action that an app offers."""

    app: str
    name: str
    function: str
    kind: str
    impact: str
    read_only: bool
    timeout: int
    """Seconds after which one call is ended; an asset's ``action_timeout`` goes before it."""
    description: str
    undo: str
    parameters: tuple[FieldSpec, ...]
    freshness: Mapping[str, int] = field(default_factory=dict)
    """Seconds for which an answer may be used again, by its verdict; "any" for the others."""
    requests: int = 1
    """Most requests that one call makes: so many calls of the asset's budget it takes."""
    target: tuple[str, ...] = ()
    """The parameters that name what is acted on, the first given one counts: calls with the same
    target share one effect. Empty: each call is an intent of its own."""
    did: str = ""
    """What it has done to its target, in one word: a simulated call "would have isolated" it."""

    @property
    def task_name(self) -> str:
        """The name of its Celery task, which leads to its file."""
        return f"soar.tasks.{self.app}.{self.function}"

    @property
    def high_impact(self) -> bool:
        """Whether an analyst's decision must stand before it."""
        return self.kind == "contain" and self.impact == "high"

    @property
    def is_containment(self) -> bool:
        """Whether it takes something from somebody: such an action the breaker looks at."""
        return self.kind == "contain" and not self.read_only

    def fresh_for(self, verdict: str | None) -> int:
        """Return the seconds for which an answer of that verdict may be used again."""
        return self.freshness.get(verdict or "any", self.freshness.get("any", 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class AppSpec:
    """One vendor room: its names, the settings of its assets, its actions."""

    slug: str
    name: str
    vendor: str
    product: str
    version: str
    settings: tuple[FieldSpec, ...]
    actions: tuple[ActionSpec, ...]
    also: tuple[str, ...] = ()
    """What playbooks from elsewhere call it."""

    def action(self, name: str) -> ActionSpec | None:
        """Return the action of that name, in any case and spacing."""
        wanted = " ".join(name.lower().split())
        return next((spec for spec in self.actions if spec.name == wanted), None)

    def is_called(self, name: str) -> bool:
        """Tell whether a name is one of its own, in any case and spacing."""
        names = (self.slug, self.name, self.product, *self.also)
        return " ".join(name.lower().split()) in map(str.lower, names)

    @property
    def secrets(self) -> frozenset[str]:
        """The settings that are sealed at rest."""
        return frozenset(spec.name for spec in self.settings if spec.secret)


@dataclass(frozen=True, kw_only=True, slots=True)
class Catalog:
    """All apps of this installation."""

    apps: tuple[AppSpec, ...]

    @property
    def actions(self) -> tuple[ActionSpec, ...]:
        """Every action of every app."""
        return tuple(spec for app in self.apps for spec in app.actions)

    def app(self, name: str) -> AppSpec:
        """Find an app by one of its names, in any case."""
        for app in self.apps:
            if app.is_called(name):
                return app
        known = ", ".join(sorted(app.name for app in self.apps))
        raise NotFound(f"no app is called {name!r}; known apps: {known}")

    def offering(self, action: str) -> tuple[AppSpec, ...]:
        """The apps that offer an action."""
        return tuple(app for app in self.apps if app.action(action))

    def by_task(self, task_name: str) -> ActionSpec:
        """Find an action by the name of its Celery task."""
        for spec in self.actions:
            if spec.task_name == task_name:
                return spec
        raise NotFound(f"no action has the task {task_name!r}")


def _field(name: str, raw: Mapping[str, Any]) -> FieldSpec:
    values = dict(raw)
    values["contains"] = tuple(values.get("contains", ()))
    return FieldSpec(name=name, **values)


def _fields(raw: Mapping[str, Mapping[str, Any]]) -> tuple[FieldSpec, ...]:
    return tuple(_field(name, value) for name, value in raw.items())


def _action(app: str, raw: Mapping[str, Any]) -> ActionSpec:
    kind = raw["type"]
    if kind not in KINDS:
        raise ValueError(f"{app}: action {raw['name']!r} has the unknown type {kind!r}")
    if not 1 <= raw.get("timeout", 60) <= MOST_SECONDS:
        raise ValueError(f"{app}: action {raw['name']!r}: timeout must be 1 to {MOST_SECONDS} s")
    return ActionSpec(
        app=app,
        name=raw["name"],
        function=raw["function"],
        kind=kind,
        impact=raw.get("impact", "low"),
        read_only=raw.get("read_only", kind in {"investigate", "test"}),
        timeout=raw.get("timeout", 60),
        description=raw.get("description", ""),
        undo=raw.get("undo", ""),
        parameters=_parameters(app, raw),
        freshness=_freshness(app, raw),
        requests=raw.get("requests", 1),
        target=tuple(raw.get("target", ())),
        did=raw.get("did", ""),
    )


def _parameters(app: str, raw: Mapping[str, Any]) -> tuple[FieldSpec, ...]:
    """Return an action's parameters; a containment that can be undone may be a lease."""
    given = _fields(raw.get("parameters", {}))
    unknown = set(raw.get("target", ())) - {spec.name for spec in given}
    if unknown:
        raise ValueError(f"{app}: action {raw['name']!r} has no parameter {min(unknown)!r}")
    leased = raw["type"] == "contain" and raw.get("undo") and raw.get("target")
    return (*given, LEASE) if leased and not raw.get("vendor_ends", False) else given


def _freshness(app: str, raw: Mapping[str, Any]) -> Mapping[str, int]:
    """Return for how long answers hold; only a lookup's may be used again."""
    given = raw.get("freshness", {})
    if given and not raw.get("read_only", raw["type"] in {"investigate", "test"}):
        raise ValueError(f"{app}: action {raw['name']!r} writes, so it has no freshness")
    return dict(given) if isinstance(given, Mapping) else {"any": given}


def parse(slug: str, text: str) -> AppSpec:
    """Read one manifest; a mistake names the room and the field."""
    raw = tomllib.loads(text)
    app = raw["app"]
    return AppSpec(
        slug=slug,
        name=app["name"],
        vendor=app["vendor"],
        product=app["product"],
        version=app["version"],
        settings=_fields(raw.get("asset", {})),
        actions=tuple(_action(slug, entry) for entry in raw.get("action", ())),
        also=tuple(app.get("also", ())),
    )


def _manifests() -> Iterable[tuple[str, str]]:
    """Find the rooms wherever the package ``soar.tasks`` lies: its path may have more folders."""
    folders = importlib.import_module("soar.tasks").__path__
    rooms = [room for folder in folders for room in Path(folder).iterdir()]
    for room in sorted(rooms, key=lambda r: r.name):
        manifest = room / "manifest.toml"
        if manifest.is_file():
            yield room.name, manifest.read_text(encoding="utf-8")


@cache
def load() -> Catalog:
    """Read every manifest below ``soar/tasks`` once per process."""
    return Catalog(apps=tuple(parse(slug, text) for slug, text in _manifests()))
