"""
What a playbook block may ask for.

In: made by the ``phantom`` face while a block runs. Out: read by the planner, in order.
Never: carried out here; a block that is run twice asks twice and nothing has happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from soar.domain.changes import Change
from soar.domain.questions import Question


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """Run an action once per parameter set and asset."""

    action: str
    name: str
    parameters: tuple[Mapping[str, Any], ...] | None = None
    assets: tuple[str, ...] = ()
    sources: tuple[Mapping[str, Any], ...] = ()
    """Where a target's values are looked up when no parameters were given, best first."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """What ties the results to where they came from (``artifact_id``)."""
    callback: str = ""
    handle: Any = None
    start_time: datetime | None = None
    reviewer: str = ""
    """Who must agree to it, whatever else it needs: a user, a role, or several of them."""
    loop_state: Mapping[str, Any] | None = None
    """Where a loop stands; its callback gets it back."""
    app: str = ""
    """The slug or the name of the only app that may make it; none: any that offers it."""
    refused: str = ""
    """Why it cannot be made, where that was known when it was asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ActTogether:
    """Run several actions as one chord with one callback over all their results."""

    name: str
    acts: tuple[Act, ...]
    callback: str = ""
    handle: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """Ask people or roles; the answer calls the callback."""

    to: tuple[str, ...]
    """Names of people and roles, or of whose they are ("event owner"); none: the approvers."""
    message: str
    name: str
    minutes: int
    options: tuple[str, ...] = ()
    """The choices where one choice is the whole answer: each is rehearsed."""
    questions: tuple[Question, ...] = ()
    callback: str = ""
    handle: Any = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CallPlaybook:
    """Start another playbook, on the same container or another one."""

    playbook: str
    name: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    callback: str = ""
    handle: Any = None
    run_id: int | None = None
    """The id that was reserved for its run."""
    container_id: int | None = None
    """None: the container of the run that calls."""
    loop_state: Mapping[str, Any] | None = None
    start_time: datetime | None = None
    inherit_scope: bool = True
    """Whether it works on those artifacts on which the run that calls does; else on all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFunction:
    """Run a custom function once per mapping of parameters."""

    function: str
    name: str
    parameters: tuple[Mapping[str, Any], ...] = ()
    callback: str = ""
    handle: Any = None
    loop_state: Mapping[str, Any] | None = None
    start_time: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UpdateContainer:
    """Change fields of a container."""

    container_id: int
    changes: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class AddArtifact:
    """Add an artifact with an id that was reserved for it."""

    container_id: int
    artifact_id: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class AddNote:
    """Write a note or comment on a container."""

    container_id: int
    content: str
    title: str = ""
    kind: str = "comment"
    format: str = "markdown"
    note_id: int | None = None
    """The id that was reserved for it."""
    task_id: int | None = None
    artifact_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SaveRunData:
    """Keep a text under a key for later blocks of this run."""

    key: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Keep:
    """Keep what a block has made (a format, a filter's set, a result) under its name."""

    kind: str
    name: str
    value: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class SaveOutputs:
    """Set the outputs that the calling playbook reads."""

    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """A line for the run's log."""

    level: str
    message: str


Command = (
    Act
    | ActTogether
    | Prompt
    | CallPlaybook
    | CallFunction
    | UpdateContainer
    | AddArtifact
    | AddNote
    | SaveRunData
    | Keep
    | SaveOutputs
    | Log
    | Change
)

Told = tuple[str, str]
"""What ``completed`` asks for: a kind (action, playbook, custom_function) and a name."""


def told_as(asked: Any) -> frozenset[Told]:
    """Return under what a run is told of the end of what was asked; nothing else has an end."""
    match asked:
        case CallPlaybook():
            return frozenset({("playbook", asked.name)})
        case CallFunction():
            return frozenset({("custom_function", asked.name)})
        case Act() | Prompt():
            return frozenset({("action", asked.name)})
        case ActTogether():
            return frozenset(
                ("action", name) for name in (asked.name, *(a.name for a in asked.acts))
            )
    return frozenset()
