"""
What a run on stage knows: its container, and what its blocks have left.

In: a container in Splunk's shape. Out: what a block reads, as the engine's reader gives it.
Never: a database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from soar.domain.changes import ChangeTags
from soar.domain.commands import AddArtifact, Command, UpdateContainer
from soar.testing.shelf import Shelf


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
        """Change the container as the engine would."""
        if isinstance(command, UpdateContainer):
            custom = {**self.shape.get("custom_fields", {})}
            custom.update(command.changes.get("custom_fields", {}))
            self.shape.update({**command.changes, "custom_fields": custom})
        if isinstance(command, AddArtifact):
            artifact = {"id": command.artifact_id, **command.fields}
            self.shape["artifacts"].append(artifact)
        if isinstance(command, ChangeTags):
            tags = {*self.shape["tags"], *command.add} - {*command.remove}
            self.shape["tags"] = sorted(tags)
        self.records.keep(command)
