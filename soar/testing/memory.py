"""
What a run on stage knows: its container, and what its blocks have left.

In: a container in Splunk's shape. Out: what a block reads, as the engine's reader gives it.
Never: a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from soar.domain import shapes
from soar.domain.changes import Change, ChangeTags, DeleteArtifact, SetPhase, UpdateArtifact
from soar.domain.commands import AddArtifact, AddNote, Command, UpdateContainer
from soar.phantom.desk import desk
from soar.testing import rest
from soar.testing.shelf import Shelf

BEFORE = (UpdateContainer, AddArtifact, AddNote, Change)
"""What is carried out before a block asks REST, as in the engine."""
MERGED = ("cef", "data")


@dataclass
class Memory:
    """The container of a dialogue and the results of its run: a block's reader."""

    shape: dict[str, Any]
    last_id: int = 100
    inputs: dict[str, Any] = field(default_factory=dict)
    functions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What custom functions have brought, by the name of the block."""
    outputs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    inputs_of: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What other playbooks have given, by the name of the block."""
    results: list[dict[str, Any]] = field(default_factory=list)
    """What acts and prompts have brought."""
    records: Shelf = field(default_factory=Shelf)
    """What else there is: lists, notes, pins, files."""
    state: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What blocks have kept by name."""
    user: str = "ada"
    carried: list[Command] = field(default_factory=list)
    """What a block has asked before a request, and what was therefore carried out already."""

    def __post_init__(self) -> None:
        self.records.rest = self.ask
        self.records.own = lambda: self.shape["artifacts"]

    def ask(self, method: str, url: str, given: Mapping[str, Any]) -> Any:
        """Answer for REST, after what the block has asked so far was carried out."""
        at = desk()
        for command in at.commands:
            if isinstance(command, BEFORE) and not self._was_carried(command):
                self.keep(command)
                self.carried.append(command)
        at.forget_what_it_saw()
        return rest.respond(self, method, url, given)

    def _was_carried(self, command: Command) -> bool:
        return any(command is one for one in self.carried)

    def container(self, container_id: int) -> dict[str, Any]:
        """Return the container as it is now."""
        return shapes.for_block({**self.shape, "artifacts": self.artifacts(container_id)}, 1)

    def artifacts(self, container_id: int) -> list[dict[str, Any]]:
        """Return its artifacts."""
        return [dict(a) for a in self.shape["artifacts"]]

    def new_artifact_id(self) -> int:
        """Reserve an id."""
        self.last_id += 1
        return self.last_id

    def new_run_id(self) -> int:
        """Reserve an id."""
        return self.new_artifact_id()

    def action_results(
        self, name: str | None = None, *, action_run_id: Any = None, app_run_id: Any = None
    ) -> list[dict[str, Any]]:
        """Return what the run was told of."""
        wanted = {"name": name, "action_run_id": action_run_id, "app_run_id": app_run_id}
        asked = {k: v for k, v in wanted.items() if v is not None}
        return [r for r in self.results if asked.items() <= r.items()]

    def custom_list(self, name: str) -> list[list[str]] | None:
        """Return a custom list."""
        return self.records.lists.get(name)

    def kept(self, kind: str, name: str) -> Any:
        """Return what a block has kept."""
        return self.state.get((kind, name))

    def custom_function_results(self, name: str) -> list[dict[str, Any]]:
        """Return what the calls of a custom function brought."""
        return list(self.functions.get(name, ()))

    def playbook_inputs(self, name: str) -> list[dict[str, Any]]:
        """Return what a called playbook was given."""
        return [self.inputs_of.get(name, {})]

    def playbook_outputs(self, name: str) -> list[dict[str, Any]]:
        """Return what playbooks called under this name have saved."""
        return list(self.outputs.get(name, ()))

    def launching_user(self) -> dict[str, Any]:
        """Return who started the run."""
        return {"name": self.user}

    def keep(self, command: Command) -> None:
        """Change the container as the engine would, once."""
        if self._was_carried(command):
            return
        if isinstance(command, UpdateContainer):
            custom = {**self.shape.get("custom_fields", {})}
            custom.update(command.changes.get("custom_fields", {}))
            self.shape.update({**command.changes, "custom_fields": custom})
        if isinstance(command, AddArtifact):
            empty: dict[str, Any] = {"cef": {}, "cef_types": {}, "tags": [], "data": {}}
            artifact = {**empty, "id": command.artifact_id, **command.fields}
            self.shape["artifacts"].append(artifact)
        if isinstance(command, DeleteArtifact):
            kept = [a for a in self.shape["artifacts"] if a["id"] != command.artifact_id]
            self.shape["artifacts"] = kept
        if isinstance(command, ChangeTags):
            tags = {*self.shape["tags"], *command.add} - {*command.remove}
            self.shape["tags"] = sorted(tags)
        if isinstance(command, SetPhase):
            self.shape["current_phase_id"] = command.phase_id
        if isinstance(command, UpdateArtifact):
            self._update(command)
        self.records.keep(command)

    def _update(self, command: UpdateArtifact) -> None:
        for artifact in self.shape["artifacts"]:
            if artifact["id"] == command.artifact_id:
                merged = {n: {**artifact.get(n, {}), **command.changes.get(n, {})} for n in MERGED}
                artifact.update({**command.changes, **merged})
