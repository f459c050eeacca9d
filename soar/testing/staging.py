"""
A stage whose blocks are written down one by one: what each was told, saw and asked for.

In: a program, and what a run knew. Out: a :class:`Watched` dialogue with its blocks.
Never: another container, or REST: what nobody has laid there is said to be missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from soar.domain import shapes
from soar.domain.commands import AddArtifact, Command, UpdateContainer
from soar.domain.errors import NotFound, SoarError
from soar.engine.planner import Plan
from soar.phantom.desk import View
from soar.phantom.results import Results
from soar.testing.memory import Memory
from soar.testing.shelf import WHEN, Shelf
from soar.testing.showing import as_json, documents
from soar.testing.stage import Dialogue
from soar.testing.watching import ROWS, Witness

LINE = re.compile(r"\bline (\d+): ")


class NotHere(SoarError):
    """A block asks for something that only a running system has."""


@dataclass
class Block:
    """One block that ran."""

    event: dict[str, Any]
    """What it was told of: ``start``, an act, a prompt, …, ``finish``; by name, and which time."""
    playbook: str
    block: str
    told: Any = None
    steps: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""
    line: int | None = None
    """Where it went wrong."""
    run: tuple[str, ...] = ()
    """The names under which playbooks have called each other, down to this one."""

    @property
    def key(self) -> tuple[Any, ...]:
        """The event, by which the blocks of two plays are compared."""
        return (*self.run, self.event["kind"], self.event.get("name"), self.event.get("number"))


@dataclass
class Laid(Shelf):
    """What was laid on the shelf before a play."""

    known_assets: list[dict[str, Any]] = field(default_factory=list)
    named: str = ""

    def assets(self, action: str) -> list[dict[str, Any]]:
        """Return the assets that are known."""
        return [dict(asset) for asset in self.known_assets]

    def playbook_info(self) -> dict[str, Any]:
        """Return what runs."""
        return {**super().playbook_info(), "name": self.named}

    def fetch(self, method: str, url: str, given: Mapping[str, Any]) -> Any:
        """Say that nobody answers."""
        raise NotHere(f"{method} {url}: REST answers only a run on the system")


@dataclass
class Recalled(Memory):
    """What a run knows of its own container; of others it knows nothing."""

    starter: str = ""

    @property
    def number(self) -> int:
        """The id of the container."""
        return int(self.shape["id"])

    def container(self, container_id: int) -> dict[str, Any]:
        """Return the run's own container as it is now."""
        if container_id != self.number:
            raise NotFound(f"container {container_id} is not on the stage")
        found = super().container(container_id)
        return {**found, "artifact_count": len(found["artifacts"])}

    def artifacts(self, container_id: int) -> list[dict[str, Any]]:
        """Return its artifacts; those of others are not here."""
        return super().artifacts(container_id) if container_id == self.number else []

    def launching_user(self) -> dict[str, Any]:
        """Return who started the run."""
        return {"name": self.starter}

    def keep(self, command: Command) -> None:
        """Change the container as the engine would; other containers are left alone."""
        if getattr(command, "container_id", self.number) not in (self.number, None):
            return
        if isinstance(command, AddArtifact):
            self.shape["artifacts"].append(_artifact(command))
            return
        super().keep(command)
        if isinstance(command, UpdateContainer) and "data" in command.changes:
            self.shape["data"] = dict(command.changes["data"])


def _artifact(command: AddArtifact) -> dict[str, Any]:
    given = {"name": "artifact", "label": "event", "severity": "medium", "type": "", "cef": {}}
    row: dict[str, Any] = {"tags": [], "data": {}, "source_id": "", **given, **command.fields}
    row |= {"id": command.artifact_id, "container_id": command.container_id}
    return shapes.artifact({"create_time": WHEN, "run_id": None, **row})


@dataclass
class Watched(Dialogue):
    """A dialogue that writes down every block."""

    blocks: list[Block] = field(default_factory=list)
    run: tuple[str, ...] = ()
    run_id: int = 1
    look: bool = True
    """Whether the calls of blocks are watched, too."""
    rows: int = ROWS
    event: dict[str, Any] = field(default_factory=lambda: {"kind": "start"})
    told: Any = None

    @property
    def container(self) -> dict[str, Any]:
        """The container as the run has left it."""
        return self.memory.container(self.memory.shape["id"])

    def _view(self) -> View:
        return replace(super()._view(), run_id=self.run_id, base_url=self.memory.records.base_url)

    def calls(self, block: str, *told: Any, **keywords: Any) -> Watched:
        """Call a block, and write down what it did."""
        witness = Witness(f"{self.program.name}.py", rows=self.rows)
        with witness.watching() if self.look else nullcontext():
            super().calls(block, *told, **keywords)
        self._wrote(block, self.error, witness)
        return self

    def _wrote(self, block: str, error: str, witness: Witness, whose: str = "") -> None:
        found = LINE.search(error)
        self.blocks.append(
            Block(
                event=self.event,
                playbook=whose or self.program.name,
                block=block,
                told=self.told,
                steps=witness.steps,
                commands=documents(self.asks, self.plan),
                error=error,
                line=int(found[1]) if found else None,
                run=self.run,
            )
        )

    def _evaluated(self, program: Any, stem: str, given: Mapping[str, Any]) -> dict[str, Any]:
        witness = Witness(f"{program.name}.py", rows=self.rows)
        before, self.event = self.event, {"kind": "function call", "name": stem}
        with witness.watching() if self.look else nullcontext():
            row = super()._evaluated(program, stem, given)
        self.told = as_json(given)
        self._wrote(stem, row["message"], witness, program.name)
        self.event = before
        return row

    def _told(self, what: Any, success: bool, results: Results, **keywords: Any) -> Watched:
        """Tell a callback how something ended, with the numbers that the engine would give."""
        if not what.callback:
            self.asks, self.plan = [], Plan()
            if self.look:
                self._wrote("", "", Witness(""))
            return self
        number = results[0].get("action_run_id", 7) if results else 7
        action = {
            "action_run_id": number,
            "action_name": what.name,
            "name": what.name,
            "action": getattr(what, "action", "") or self.event["kind"],
        }
        if getattr(what, "loop_state", None) is not None:
            keywords["loop_state_json"] = as_json(what.loop_state)
        return self.calls(what.callback, action, success, results, as_json(what.handle), **keywords)
