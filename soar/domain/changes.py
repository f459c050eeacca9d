"""
What a block may ask to be changed, besides fields, artifacts and notes of a container.

In: made by the ``phantom`` face while a block runs. Out: carried out in order, in its transaction.
Never: carried out here; each says in words what it would do, for a run in shadow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Cells = tuple[str, ...]


class Change:
    """One thing to be changed."""

    __slots__ = ()

    @property
    def said(self) -> str:
        """What it would have done, as the log of a run in shadow says it."""
        return f"would have made a change: {self!r}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ListEdit(Change):
    """Edit a custom list; it is made where it does not exist and something is put into it."""

    name: str
    verb: Literal["add", "set", "delete", "remove", "replace rows", "delete rows"]
    rows: tuple[Cells, ...] = ()
    """What is added or set; for ``replace rows``, the row of each place."""
    places: tuple[int, ...] = ()
    value: Cells = ()
    """What is deleted: one cell, or several that make up a row."""
    column: int | None = None
    everywhere: bool = False
    whole_row: bool = False

    @property
    def said(self) -> str:
        """What it would have done."""
        what = ", ".join("|".join(row) for row in self.rows[:5]) or "|".join(self.value)
        return f"would have edited the list {self.name!r}: {self.verb} {what}".rstrip()


@dataclass(frozen=True, kw_only=True, slots=True)
class CreateContainer(Change):
    """Make a container with an id that was reserved for it."""

    container_id: int
    name: str
    label: str
    kind: str = "default"
    template: str = ""
    tenant_id: int = 0

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have made the container {self.name!r}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeTags(Change):
    """Add tags to a container, and remove some."""

    container_id: int
    add: Cells = ()
    remove: Cells = ()

    @property
    def said(self) -> str:
        """What it would have done."""
        parts = {"added the tags": self.add, "removed the tags": self.remove}
        said = [f"{verb} {', '.join(tags)}" for verb, tags in parts.items() if tags]
        return f"would have {' and '.join(said)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class UpdateArtifact(Change):
    """Change fields of an artifact; ``cef`` and ``data`` are merged."""

    artifact_id: int
    changes: Mapping[str, Any]

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have changed the artifact {self.artifact_id}: {', '.join(self.changes)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeleteArtifact(Change):
    """Remove an artifact."""

    artifact_id: int

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have removed the artifact {self.artifact_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge(Change):
    """Copy the artifacts, notes and files of a container, or one artifact, into a case."""

    case_id: int
    container_id: int | None = None
    artifact_id: int | None = None

    @property
    def said(self) -> str:
        """What it would have done."""
        what = f"container {self.container_id}" if self.container_id else "an artifact"
        return f"would have merged {what} into case {self.case_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class WritePin(Change):
    """Pin something to a container: a new pin with its reserved id, or changes of one."""

    pin_id: int
    container_id: int | None = None
    """The container of a new pin; none where one is changed."""
    name: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have pinned: {self.fields.get('message', '')} {self.fields.get('data', '')}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeletePin(Change):
    """Remove a pin."""

    pin_id: int

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have removed the pin {self.pin_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddWorkbook(Change):
    """Copy the phases and tasks of a workbook template into a container."""

    container_id: int
    template_id: int

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have added the workbook {self.template_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddTask(Change):
    """Add a task with its reserved id to a phase of a container."""

    container_id: int
    task_id: int
    fields: Mapping[str, Any]

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have added the task {self.fields.get('name')!r}"


@dataclass(frozen=True, kw_only=True, slots=True)
class UpdateTask(Change):
    """Change a task."""

    task_id: int
    changes: Mapping[str, Any]

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have changed the task {self.task_id}: {dict(self.changes)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetPhase(Change):
    """Make a phase the current one of its container."""

    container_id: int
    phase_id: int

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have set the phase {self.phase_id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SaveObject(Change):
    """Keep a value beyond the run, for a container, a playbook, or everybody."""

    key: str
    value: Any
    container_id: int = 0
    playbook: str = ""
    ends_with_container: bool = False

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have kept a value under {self.key!r}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClearObjects(Change):
    """Remove kept values by key, where ``%`` stands for anything."""

    key: str
    container_id: int = 0
    playbook: str = ""

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have cleared the values under {self.key!r}"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddFile(Change):
    """Attach a file with its reserved id to a container."""

    container_id: int
    attachment_id: int
    name: str
    content: bytes = field(repr=False)
    """Compressed with zlib, as attachments are kept."""
    size: int
    sha1: str
    sha256: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have attached the file {self.name!r}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeleteFiles(Change):
    """Remove attachments from their containers."""

    attachment_ids: tuple[int, ...]

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have removed {len(self.attachment_ids)} files"


@dataclass(frozen=True, kw_only=True, slots=True)
class Discontinue(Change):
    """Let no run of a container begin that was queued after this one."""

    container_id: int

    @property
    def said(self) -> str:
        """What it would have done."""
        return "would have cancelled the runs that were to begin after this one"


@dataclass(frozen=True, kw_only=True, slots=True)
class StartAutomation(Change):
    """Start the playbooks whose triggers match a container."""

    container_id: int

    @property
    def said(self) -> str:
        """What it would have done."""
        return f"would have started the automation of container {self.container_id}"
