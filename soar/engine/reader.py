"""
How a block reads what is not on its desk yet: inside the transaction of its event.

In: ids and names. Out: Splunk's shapes. Never: a change, or a read that breaks the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from soar.domain import shapes
from soar.engine.records import Records
from soar.store.work import Work


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads for a block inside the transaction of its event."""

    work: Work
    most: int
    """So many artifacts of a container are read, the oldest."""
    records: Records
    """What else a block may look up."""

    def container(self, container_id: int) -> dict[str, Any]:
        """Return a container with its artifacts; ``artifact_count`` is of all it has."""
        with self.work.attempt():
            return self.read(container_id)

    def read(self, container_id: int) -> dict[str, Any]:
        """Return the same, where a failure ends the transaction anyhow."""
        row = self.work.containers.get(container_id)
        shown = self.work.containers.artifacts(container_id, self.most)
        full = len(shown) == self.most
        count = self.work.containers.artifact_count(container_id) if full else len(shown)
        return shapes.container({**row, "artifact_count": count}, shown)

    def artifacts(self, container_id: int) -> list[dict[str, Any]]:
        """Return the artifacts of a container."""
        with self.work.attempt():
            found = self.work.containers.artifacts(container_id, self.most)
            return [shapes.artifact(a) for a in found]

    def new_artifact_id(self) -> int:
        """Reserve an artifact's id."""
        return self.records.new_id("artifact")

    def custom_list(self, name: str) -> list[list[str]] | None:
        """Return the rows of a custom list, or None where there is none of that name."""
        with self.work.attempt():
            return self.work.custom_lists.content(name)
