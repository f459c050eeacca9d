"""
The desk of one running block: what it may read, and the list of what it asks for.

In: a view, laid out by the engine. Out: commands, in the order they were asked.
Never: shared between two blocks; each thread and task sees its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from soar.domain.commands import Command, Log, Told
from soar.domain.errors import SoarError
from soar.domain.scope import Scope
from soar.phantom.records import Records


class Reader(Protocol):
    """How a block reads what is not on its desk yet."""

    def container(self, container_id: int) -> dict[str, Any]:
        """Return a container in Splunk's shape."""

    def artifacts(self, container_id: int) -> list[dict[str, Any]]:
        """Return the artifacts of a container in Splunk's shape."""

    def new_artifact_id(self) -> int:
        """Reserve the id of an artifact that the block adds."""

    def new_run_id(self) -> int:
        """Reserve the id of a run that the block starts."""

    def custom_function_results(self, name: str) -> list[dict[str, Any]]:
        """Return ``success``, ``message``, ``data`` and ``parameter`` of a function's calls."""

    def launching_user(self) -> dict[str, Any]:
        """Return who started the run, or the run that led to it."""

    def action_results(
        self, name: str | None = None, *, action_run_id: Any = None, app_run_id: Any = None
    ) -> list[dict[str, Any]]:
        """Return the results of the acts and prompts that the run was told of, of one or all."""

    def playbook_outputs(self, name: str) -> list[dict[str, Any]]:
        """Return the outputs of the playbooks that this run has called under a name."""

    def playbook_inputs(self, name: str) -> list[dict[str, Any]]:
        """Return the inputs of the playbooks that this run has called under a name."""

    def custom_list(self, name: str) -> list[list[str]] | None:
        """Return the rows of a custom list, or None where there is no such list."""

    def kept(self, kind: str, name: str) -> Any:
        """Return what an earlier block has kept under a name, or None."""

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
    delivered: frozenset[Told]
    """What the run was told of, where nothing is open under the same name."""
    reader: Reader
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    scope: Scope = field(default_factory=Scope)
    base_url: str = ""
    kept: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    """In a rehearsal: what the block that asks has kept."""
    rehearsed: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """In a rehearsal: the results by name that nobody has given yet."""


MOST_COMMANDS = 10_000
MOST_WARNINGS = 100
LONGEST_LINE = 20_000
MOST_LETTERS = 2_000_000
"""Of a block's lines in the log of its run, all together."""


@dataclass
class Desk:
    """What one block has asked for so far."""

    view: View
    function: str = ""
    """The custom function that runs, where it is no block."""
    commands: list[Command] = field(default_factory=list)
    run_data: dict[str, str] = field(default_factory=dict)
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)
    added: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    kept: dict[tuple[str, str], Any] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    pending: dict[str, dict[Any, Any]] = field(default_factory=lambda: defaultdict(dict))
    """What the block itself has changed and would read, by theme."""

    letters: int = 0
    """How much it has written into the log."""
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
        self.commands.append(self._cut(command) if isinstance(command, Log) else command)

    def _cut(self, line: Log) -> Log:
        """Return a line as the log keeps it; all of them together are not endless either."""
        cut = replace(line, message=line.message[:LONGEST_LINE])
        self.letters += len(cut.message)
        if self.letters > MOST_LETTERS:
            raise TooMuch(f"a block may write at most {MOST_LETTERS:,} letters into its log")
        return cut

    def warn(self, message: str) -> None:
        """Write a line into the run's log, once per block."""
        if message not in self.said and len(self.said) < MOST_WARNINGS:
            self.said.add(message)
            self.ask(Log(level="warning", message=message))


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
