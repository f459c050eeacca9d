"""
What a block looks up in a dialogue, and what becomes of its changes there.

In: what a test puts on the shelf, and the changes of blocks. Out: what the next block reads.
Never: a database; the rules of lists are the real ones.
"""

from __future__ import annotations

import tempfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soar.domain import case_shapes, custom_list
from soar.domain import changes as asked
from soar.domain.commands import AddNote

WHEN = datetime(2024, 5, 17, 9, 0, tzinfo=UTC)


@dataclass
class Shelf:
    """Records of a dialogue, in memory."""

    lists: dict[str, list[list[str]]] = field(default_factory=dict)
    written: list[dict[str, Any]] = field(default_factory=list)
    pinned: dict[int, dict[str, Any]] = field(default_factory=dict)
    templates: list[dict[str, Any]] = field(default_factory=list)
    phased: list[dict[str, Any]] = field(default_factory=list)
    to_do: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[tuple[int, str, str], Any] = field(default_factory=dict)
    stored: dict[int, tuple[dict[str, Any], bytes]] = field(default_factory=dict)
    artifacts: dict[int, dict[str, Any]] = field(default_factory=dict)
    users: dict[int, str] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)
    """What REST answers, in order."""
    heard: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """What REST was asked."""
    acts: int = 0
    base_url: str = "https://soar.example"
    home: str = "/var/lib/soar"
    last: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: 100))

    def new_id(self, table: str) -> int:
        """Reserve an id."""
        self.last[table] += 1
        return self.last[table]

    def artifact(self, artifact_id: int) -> dict[str, Any] | None:
        """Return one artifact."""
        return self.artifacts.get(artifact_id)

    def notes(self, container_id: int) -> list[dict[str, Any]]:
        """Return the notes."""
        return [n for n in self.written if n["container"] == container_id]

    def pins(self, container_id: int) -> list[dict[str, Any]]:
        """Return the pins."""
        return [p for p in self.pinned.values() if p["container"] == container_id]

    def pin(self, pin_id: int) -> dict[str, Any] | None:
        """Return one pin."""
        return self.pinned.get(pin_id)

    def template(self, wanted: int | str) -> dict[str, Any] | None:
        """Return a template."""
        return next((t for t in self.templates if str(wanted) in (str(t["id"]), t["name"])), None)

    def phases(self, container_id: int) -> list[dict[str, Any]]:
        """Return the phases."""
        return [p for p in self.phased if p["container"] == container_id]

    def tasks(self, container_id: int) -> list[dict[str, Any]]:
        """Return the tasks."""
        return [t for t in self.to_do if t["container"] == container_id]

    def task(self, task_id: int) -> dict[str, Any] | None:
        """Return one task."""
        return next((t for t in self.to_do if t["id"] == task_id), None)

    def user(self, wanted: int | str) -> str:
        """Return a user's name."""
        known = {str(number): name for number, name in self.users.items()}
        return known.get(str(wanted)) or (str(wanted) if wanted in known.values() else "")

    def objects(self, key: str, *, container_id: int, playbook: str) -> list[dict[str, Any]]:
        """Return kept values."""
        return [
            {"key": name, "value": value}
            for (number, owner, name), value in self.kept.items()
            if (number, owner) == (container_id, playbook) and _like(name, key)
        ]

    def files(self, container_id: int | None, vault_id: str) -> list[dict[str, Any]]:
        """Return files."""
        return [
            dict(told)
            for told, _ in self.stored.values()
            if container_id in (None, told["container_id"]) and vault_id in ("", told["vault_id"])
        ]

    def opened(self, attachment_id: int) -> str:
        """Lay a file down."""
        path = Path(tempfile.mkdtemp()) / "file"
        path.write_bytes(self.stored[attachment_id][1])
        return str(path)

    def lay(self, number: int, name: str, compressed: bytes) -> str:
        """Lay down what the block itself has made."""
        path = Path(tempfile.mkdtemp()) / "made"
        path.write_bytes(zlib.decompress(compressed))
        return str(path)

    def read(self, path: str) -> bytes:
        """Return a file of the block."""
        return Path(path).read_bytes()

    def folder(self) -> str:
        """Return a folder."""
        return tempfile.mkdtemp()

    def assets(self, action: str) -> list[dict[str, Any]]:
        """Return assets."""
        return [{"id": 1, "name": "vt_prod", "app": "virustotal"}] if action != "no such" else []

    def apps(self, action: str) -> list[dict[str, Any]]:
        """Return apps."""
        return [{"id": "virustotal", "name": "VirusTotal"}, {"id": "whois", "name": "RDAP"}]

    def effective_user(self) -> int:
        """Return a user's id."""
        return next(iter(self.users), 0)

    def playbook_info(self) -> dict[str, Any]:
        """Return what runs."""
        return {"id": "3", "name": "tested", "repo_name": "local", "run_id": "1"}

    def acts_made(self) -> int:
        """Return how many acts were made."""
        return self.acts

    def fetch(self, method: str, url: str, given: Mapping[str, Any]) -> Any:
        """Answer as the test says."""
        self.heard.append((method, url, {k: v for k, v in given.items() if v is not None}))
        return self.answers.pop(0)

    def keep(self, command: Any) -> None:
        """Let a change happen."""
        doing: dict[type, Callable[[Any], Any]] = {
            asked.ListEdit: self._edit,
            asked.WritePin: self._pin,
            asked.DeletePin: self._unpin,
            asked.SaveObject: self._save,
            asked.ClearObjects: self._clear,
            asked.AddFile: self._file,
            asked.DeleteFiles: self._burn,
            AddNote: self._note,
        }
        if type(command) in doing:
            doing[type(command)](command)

    def _unpin(self, pin: asked.DeletePin) -> None:
        self.pinned.pop(pin.pin_id)

    def _burn(self, files: asked.DeleteFiles) -> None:
        for number in files.attachment_ids:
            self.stored.pop(number)

    def _edit(self, edit: asked.ListEdit) -> None:
        after = custom_list.applied(self.lists.get(edit.name), edit)
        self.lists.pop(edit.name, None)
        if after is not None:
            self.lists[edit.name] = after

    def _pin(self, pin: asked.WritePin) -> None:
        new = {"id": pin.pin_id, "container": pin.container_id, "name": pin.name}
        self.pinned[pin.pin_id] = {**self.pinned.get(pin.pin_id, new), **pin.fields}

    def _save(self, command: asked.SaveObject) -> None:
        self.kept[(command.container_id, command.playbook, command.key)] = command.value

    def _clear(self, command: asked.ClearObjects) -> None:
        for place in list(self.kept):
            if place[:2] == (command.container_id, command.playbook) and _like(
                place[2], command.key
            ):
                del self.kept[place]

    def _file(self, command: asked.AddFile) -> None:
        row = {
            "id": command.attachment_id, "container_id": command.container_id,
            "name": command.name, "size": command.size, "sha1": command.sha1,
            "sha256": command.sha256, "media_type": "", "details": command.details,
            "create_time": WHEN,
        }  # fmt: skip
        content = zlib.decompress(command.content)
        self.stored[command.attachment_id] = (case_shapes.file(row), content)

    def _note(self, note: AddNote) -> None:
        if note.kind != "comment":
            self.written.append(
                {
                    "id": note.note_id,
                    "container": note.container_id,
                    "title": note.title,
                    "content": note.content,
                    "note_type": note.kind,
                    "task": note.task_id,
                    "artifact": note.artifact_id,
                }
            )


def _like(name: str, key: str) -> bool:
    if "%" not in key:
        return name == key
    front, _, back = key.partition("%")
    return name.startswith(front) and name.endswith(back)
