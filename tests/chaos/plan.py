"""
The plan of a chaos run, made from a seed: which alerts come, and what goes wrong when.

In: a seed and numbers. Out: alerts with what each must lead to, and a script of faults.
Never: I/O, a clock, or chance from anywhere but the seed: the same seed is the same plan.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SOURCE = "chaos"
ISOLATE, WATCH = "Isolate Host", "Monitor Only"
APPROVE, DENY = "Approve", "Deny"
SHARED_DOMAINS = 12
"""So many domains are asked about by everybody: their lookups share calls."""
LEASE_MINUTES = 1
"""The shortest lease that there is."""
SOON, LATE = "soon", "late"
"""When a lease ends: as soon as it has begun, or after a minute, if that does not take too long."""
MOMENTS = ("queued", "called", "asked", "answered", "sent", "child")
"""When a run is cancelled: once it is there, calls, asks, has an answer, or has sent a write; or
not it is, but its sub-playbook."""
COMPARE_EVERY = 12
"""So many alerts are about as many as end between two comparisons of ledger and vendors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Want:
    """One effect at a vendor that an alert must have (or, denied, must not have)."""

    kind: str
    target: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """One alert, and what must come of it."""

    number: int
    story: str
    name: str
    label: str
    cef: Mapping[str, Any]
    playbooks: tuple[str, ...]
    """The playbooks whose triggers match: each must run once."""
    children: tuple[str, ...] = ()
    wants: tuple[Want, ...] = ()
    allowed: bool = True
    """What the analyst says to whatever is asked about this alert."""
    twice: bool = False
    """Whether its source sends it twice."""
    fate: str = ""
    """What becomes of it besides: its isolation ends with a *lease*, or somebody takes it back
    (*undo*); or its run is cancelled (*cancel*)."""
    moment: str = ""
    """When its run is cancelled, or a lease ends; or when the run of its first undo is cancelled,
    if that is."""

    @property
    def source_id(self) -> str:
        """What names it at its source."""
        return f"alert-{self.number:06}"

    def answer(self, options: Sequence[str]) -> str:
        """Return what the analyst chooses among these options."""
        wanted = (ISOLATE, APPROVE) if self.allowed else (WATCH, DENY)
        return next(o for o in options if o in wanted)

    def body(self) -> dict[str, Any]:
        """Return it as its source sends it."""
        return {
            "asset": SOURCE,
            "source_data_identifier": self.source_id,
            "label": self.label,
            "severity": "high",
            "name": self.name,
            "artifacts": [{"name": "what", "cef": dict(self.cef)}],
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Strike:
    """One fault: which, and after how many alerts whose runs have ended."""

    after: int
    kind: str
    victim: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything that will happen, but for how the machine feels that day."""

    seed: int
    alerts: tuple[Alert, ...]
    strikes: tuple[Strike, ...]
    compares: tuple[int, ...] = ()
    """After how many ended alerts what is contained is compared with the vendors."""

    @property
    def runs(self) -> int:
        """How many runs the triggers must start."""
        return sum(len(a.playbooks) for a in self.alerts)


STORIES: Mapping[str, int] = {
    "lookups": 30,
    "mixed": 24,
    "stages": 12,
    "containment": 8,
    "triage": 8,
    "parent": 12,
    "both": 6,
    "shared": 6,
    "lease": 6,
    "undone": 6,
    "contested": 6,
    "cancelled": 8,
}
"""How often each story is told, compared with the others."""

WRITERS = ("servicenow", "palo_alto", "crowdstrike")
KINDS: tuple[Mapping[str, Any], ...] = (
    {"kind": "kill", "victim": "actions-1"},
    {"kind": "lose_answer", "victim": "servicenow"},
    {"kind": "kill", "victim": "engine"},
    {"kind": "duplicate"},
    {"kind": "flush"},
    {"kind": "freeze", "victim": "actions-2", "seconds": 8.0},
    {"kind": "kill_child"},
    {"kind": "lose_answer", "victim": "crowdstrike"},
    {"kind": "restart_database"},
    {"kind": "kill", "victim": "ingest"},
    {"kind": "reorder"},
    {"kind": "kill", "victim": "beat-1"},
    {"kind": "cut", "victim": "database"},
    {"kind": "restart_broker", "victim": "empty"},
    {"kind": "lose_answer", "victim": "palo_alto"},
    {"kind": "cut", "victim": "broker"},
    {"kind": "kill", "victim": "actions-2"},
    {"kind": "freeze", "victim": "engine", "seconds": 3.0},
    {"kind": "restart_broker", "victim": "kept"},
    {"kind": "kill", "victim": "beat-2"},
    {"kind": "freeze", "victim": "network", "seconds": 3.0},
    {"kind": "lose_request", "victim": "servicenow"},
)
"""One of each. Those that need a write to happen come where writes are still to come."""


def make(
    seed: int,
    *,
    runs: int,
    strikes: int = len(KINDS),
    stories: Sequence[str] = tuple(STORIES),
    kinds: Sequence[Mapping[str, Any]] = KINDS,
) -> Plan:
    """Return the plan of this seed: at least *runs* runs, and so many faults spread over them."""
    chance = random.Random(seed)
    alerts: list[Alert] = []
    told = 0
    while told < runs:
        found = _alerts(chance, seed, len(alerts) + 1, _story(chance, stories))
        alerts += found
        told += sum(len(alert.playbooks) for alert in found)
    script = _script(chance, len(alerts), strikes, kinds)
    compares = tuple(
        first + chance.randrange(COMPARE_EVERY)
        for first in range(1, len(alerts) - COMPARE_EVERY, COMPARE_EVERY)
    )
    return Plan(seed=seed, alerts=tuple(alerts), strikes=script, compares=compares)


def _story(chance: random.Random, stories: Sequence[str]) -> str:
    return chance.choices(list(stories), [STORIES[s] for s in stories])[0]


def _script(
    chance: random.Random, alerts: int, count: int, kinds: Sequence[Mapping[str, Any]]
) -> tuple[Strike, ...]:
    """Spread faults over all but the last tenth, each kind before any comes again."""
    dealt: list[Mapping[str, Any]] = []
    while len(dealt) < count:
        dealt += chance.sample(list(kinds), len(kinds))
    step = alerts * 0.88 / max(count, 1)
    return tuple(
        Strike(after=1 + int(step * (i + 0.6 * chance.random())), **dict(kind))
        for i, kind in enumerate(dealt[:count])
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What the alerts of one story start, and which effects they must have."""

    playbooks: tuple[str, ...]
    children: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()


TOLD: Mapping[str, Story] = {
    "lookups": Story(playbooks=("chaos_lookups",)),
    "mixed": Story(playbooks=("chaos_mixed",), wants=("ticket", "block")),
    "both": Story(playbooks=("chaos_lookups", "chaos_mixed"), wants=("ticket", "block")),
    "stages": Story(playbooks=("chaos_stages",), wants=("contain",)),
    "containment": Story(playbooks=("containment",), wants=("contain",)),
    "triage": Story(
        playbooks=("phishing_triage_automation",),
        children=("containment",),
        wants=("ticket", "block", "contain"),
    ),
    "parent": Story(playbooks=("chaos_parent",), children=("chaos_lookups",)),
}


LIKE: Mapping[str, tuple[str, ...]] = {
    "shared": ("stages", "containment"),
    "lease": ("stages",),
    "undone": ("stages", "containment"),
    "contested": ("stages",),
    "cancelled": ("mixed", "stages", "containment", "triage", "parent"),
}
"""Stories that begin as another one does; what becomes of them is another matter."""
FATES = {"lease": "lease", "undone": "undo", "cancelled": "cancel"}
PAIRS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "shared": (("", ""),),
    "contested": (("lease", "lease"), ("lease", ""), ("", "lease"), ("undo", "")),
}
"""Stories of two alerts that name the same host, and what may become of the one and the other."""
MEETS: Mapping[str, tuple[str, ...]] = {
    "mixed": ("queued", "called", "sent"),
    "stages": ("queued", "called", "asked", "answered", "sent"),
    "containment": ("queued", "called", "asked", "answered", "sent"),
    "parent": ("queued", "called", "child"),
}
"""Which moments a story has, if not all of them."""


def _alerts(chance: random.Random, seed: int, number: int, name: str) -> list[Alert]:
    """Return the alert of a story, or its two that name the same host."""
    if name not in PAIRS:
        return [_alert(chance, seed, number, name, fate=FATES.get(name, ""))]
    one, other = chance.choice(PAIRS[name])
    first = _alert(chance, seed, number, name, fate=one)
    return [first, _alert(chance, seed, number + 1, name, fate=other, host=first.cef["host"])]


def _alert(
    chance: random.Random, seed: int, number: int, name: str, *, fate: str, host: str = ""
) -> Alert:
    as_told = chance.choice(LIKE.get(name, (name,)))
    story, title = TOLD[as_told], f"chaos {seed} alert {number:06}"
    block, host = f"2001:db8:{seed % 65536:x}::{number:x}", host or f"HOST-{seed}-{number:06}"
    targets = {"ticket": title, "block": block, "contain": host}
    triage = {"type": "ip", "value": block, "sourceHostName": host}
    return Alert(
        number=number,
        story=name,
        name=title,
        label="phishing" if as_told == "triage" else f"chaos-{as_told}",
        cef=triage if as_told == "triage" else _asked(chance, fate, number, block, host),
        playbooks=story.playbooks,
        children=story.children,
        wants=tuple(Want(kind=kind, target=targets[kind]) for kind in story.wants),
        allowed=chance.random() < 0.7 or name in PAIRS or fate == "cancel",
        twice=chance.random() < 0.1,
        fate=fate,
        moment=_moment(chance, fate, as_told),
    )


def _asked(chance: random.Random, fate: str, number: int, block: str, host: str) -> dict[str, Any]:
    asked = {
        "domains": _domains(chance, number),
        "limited": [f"n{number}.limited.example"] if chance.random() < 0.5 else [],
        "few": [f"f{i}.n{number}.few.example" for i in range(chance.randrange(3))],
        "addresses": [f"198.51.100.{chance.randrange(1, 255)}"],
        "block": block,
        "host": host,
        "sourceHostName": host,
    }
    return {**asked, "lease": LEASE_MINUTES} if fate == "lease" else asked


def _moment(chance: random.Random, fate: str, as_told: str) -> str:
    if fate == "cancel":
        return chance.choice(MEETS.get(as_told, MOMENTS))
    if fate == "undo":
        return chance.choice(("", "called", "sent"))
    return chance.choice((SOON, LATE)) if fate == "lease" else ""


def _domains(chance: random.Random, number: int) -> list[str]:
    own = [f"d{i}.n{number}.example" for i in range(chance.randrange(1, 4))]
    return [*own, f"shared{chance.randrange(SHARED_DOMAINS)}.example"]
