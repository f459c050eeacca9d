"""
The desk of one running block: what it may read, and the list of what it asks for.

In: a view, laid out by the engine. Out: commands, in the order they were asked.
Never: shared between two blocks; each thread and task sees its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from soar.domain.commands import Command
from soar.domain.errors import SoarError
from soar.phantom.records import Records


class Reader(Protocol):
    """How a block reads what is not on its desk yet."""

    def container(self, container_id: int) -> dict[str, Any]:
        """Return a container in Splunk's shape."""

    def artifacts(self, container_id: int) -> list[dict[str, Any]]:
        """Return the artifacts of a container in Splunk's shape."""

    def new_artifact_id(self) -> int:
        """Reserve the id of an artifact that the block adds."""

    def custom_list(self, name: str) -> list[list[str]] | None:
        """Return the rows of a custom list, or None where there is none of that name."""

    @property
    def records(self) -> Records:
        """What else the block may look up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What a block sees of its run."""

    run_id: int
    playbook: str
    container: Mapping[str, Any]
    run_data: Mapping[str, str]
    inputs: Mapping[str, Any]
    delivered: frozenset[str]
    reader: Reader
    rehearsed: bool = False
    """Whether the block is only asked what it would ask."""


MOST_COMMANDS = 10_000


@dataclass
class Desk:
    """What one block has asked for so far."""

    view: View
    commands: list[Command] = field(default_factory=list)
    run_data: dict[str, str] = field(default_factory=dict)
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)
    added: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    pending: dict[str, dict[Any, Any]] = field(default_factory=lambda: defaultdict(dict))
    """What the block itself has changed and would read, by theme."""

    stale: bool = False
    """Whether the container of the view may have changed since the block began."""

    def forget_what_it_saw(self) -> None:
        """Read everything anew from now on: what the block asked so far has been carried out."""
        self.stale = True
        self.changes.clear()
        self.added.clear()
        acts = self.pending.get("acts")
        self.pending.clear()
        if acts:
            self.pending["acts"] = acts

    def ask(self, command: Command) -> None:
        """Put a command on the list, which is not endless."""
        if len(self.commands) >= MOST_COMMANDS:
            raise TooMuch(f"a block may ask for at most {MOST_COMMANDS:,} things")
        self.commands.append(command)


class TooMuch(SoarError):
    """A block asks for more than one block may."""


class NoBlock(SoarError):
    """A phantom function was called where no block is running."""


_current: ContextVar[Desk] = ContextVar("desk")


def desk() -> Desk:
    """Return the desk of the block that is running."""
    try:
        return _current.get()
    except LookupError:
        raise NoBlock("phantom functions can only be called from a playbook's blocks") from None


@contextmanager
def seated(at: Desk) -> Iterator[Desk]:
    """Let what runs inside use this desk."""
    token = _current.set(at)
    try:
        yield at
    finally:
        _current.reset(token)
