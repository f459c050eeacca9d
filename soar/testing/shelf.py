"""
What a block looks up in a dialogue, and what becomes of its changes there.

In: what a test puts on the shelf, and the changes of blocks. Out: what the next block reads.
Never: a database; the rules of lists are the real ones.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soar.domain import case_shapes, custom_list
from soar.domain import changes as asked
from soar.domain.commands import AddNote, CallPlaybook

WHEN = datetime(2024, 5, 17, 9, 0, tzinfo=UTC)
TASK: Mapping[str, Any] = {
    "status": 0, "owner": None, "role": None, "description": "", "phase": None, "phase_name": "",
    "is_note_required": False, "suggestions": {},
}  # fmt: skip


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
    own: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    """Returns the artifacts of the container of the run."""
    users: dict[int, str] = field(default_factory=dict)
    tenants: dict[int, str] = field(default_factory=lambda: {0: "Default Tenant"})
    comments: list[dict[str, Any]] = field(default_factory=list)
    playbooks: list[dict[str, Any]] = field(default_factory=list)
    """Playbooks in Splunk's shape, as REST lists them."""
    repositories: Sequence[str] = ("local", "community")
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Runs of other playbooks that were started, by id."""
    inventory: Sequence[str] = ()
    """The names of assets, as REST lists them."""
    tagged: dict[str, list[str]] = field(default_factory=dict)
    """The tags of indicators, by value."""
    evidence: list[dict[str, Any]] = field(default_factory=list)
    rest: Callable[[str, str, Mapping[str, Any]], Any] | None = None
    """Who answers for REST where the test says nothing."""
    answers: list[Any] = field(default_factory=list)
    """What REST answers, in order; after that, or without, it answers from memory."""
    heard: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """What REST was asked."""
    acts: int = 0
    place: str = ""
    """The folder of a block, once it was asked for."""
    base_url: str = "https://soar.example"
    home: str = "/var/lib/soar"
    last: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: 100))

    def new_id(self, table: str) -> int:
        """Reserve an id."""
        self.last[table] += 1
        return self.last[table]

    def artifact(self, artifact_id: int) -> dict[str, Any] | None:
        """Return one artifact, of the container of the run or of another."""
        own = next((dict(a) for a in self.own() if a["id"] == artifact_id), None)
        return own or self.artifacts.get(artifact_id)

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
        """Return a user's name; where a test names no users, everybody is one."""
        known = {str(number): name for number, name in self.users.items()}
        named = wanted in known.values() or not (known or str(wanted).isdigit())
        return known.get(str(wanted)) or (str(wanted) if named else "")

    def tenant(self, wanted: int | str) -> int | None:
        """Return a tenant's number."""
        known = {str(number): number for number in self.tenants}
        return {**known, **{name: n for n, name in self.tenants.items()}}.get(str(wanted))

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
        """Return a folder, always the same."""
        self.place = self.place or tempfile.mkdtemp()
        return self.place

    def assets(self, action: str) -> list[dict[str, Any]]:
        """Return assets."""
        known = {"product_vendor": "VirusTotal", "product_name": "VirusTotal", "disabled": False}
        one = {"id": 1, "name": "vt_prod", "app": "virustotal", **known}
        return [one] if action != "no such" else []

    def apps(self, action: str) -> list[dict[str, Any]]:
        """Return apps."""
        return [{"id": "virustotal", "name": "VirusTotal"}, {"id": "whois", "name": "RDAP"}]

    def effective_user(self) -> int:
        """Return a user's id."""
        return next(iter(self.users), 0)

    def playbook_info(self) -> dict[str, Any]:
        """Return what runs."""
        info = {"id": "3", "name": "tested", "repo_name": "local", "run_id": "1"}
        return {**info, "scope": "all", "scope_artifacts": []}

    def acts_made(self) -> int:
        """Return how many acts were made."""
        return self.acts

    def fetch(self, method: str, url: str, given: Mapping[str, Any]) -> Any:
        """Answer as the test says, or from memory."""
        self.heard.append((method, url, {k: v for k, v in given.items() if v is not None}))
        if self.answers or self.rest is None:
            return self.answers.pop(0)
        return self.rest(method, url, given)

    def ends(self, run_id: int | None, *, success: bool) -> None:
        """Note how the run of another playbook has ended."""
        if run_id in self.runs:
            self.runs[run_id]["status"] = "success" if success else "failed"

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
            asked.AddWorkbook: self._book,
            asked.AddTask: self._task,
            AddNote: self._note,
            CallPlaybook: self._called,
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
        told = {
            "id": note.note_id or self.new_id("note"),
            "container": note.container_id,
            "title": note.title,
            "content": note.content,
            "note_type": note.kind,
            "task": note.task_id,
            "artifact": note.artifact_id,
        }
        if note.kind == "comment":
            self.comments.append({**told, "comment": note.content})
        else:
            self.written.append(told)

    def _book(self, book: asked.AddWorkbook) -> None:
        template = self.template(book.template_id) or {}
        for order, phase in enumerate(template.get("phases") or (), start=1):
            about = {"container": book.container_id, "order": order}
            number = self.new_id("workbook_phase")
            self.phased.append({"id": number, "name": phase["name"], **about})
            for name in phase.get("tasks") or ():
                task = {"id": self.new_id("workbook_task"), "name": name, "phase": number}
                self.to_do.append({**TASK, **task, "phase_name": phase["name"], **about})

    def _task(self, task: asked.AddTask) -> None:
        named = {"id": task.task_id, "container": task.container_id, "name": task.fields["name"]}
        self.to_do.append({**TASK, **named})

    def _called(self, call: CallPlaybook) -> None:
        name = call.playbook.rpartition("/")[2]
        number = next((p["id"] for p in self.playbooks if p["name"] == name), 0)
        if call.run_id:
            self.runs[call.run_id] = {
                "id": call.run_id, "playbook": number, "playbook_name": name, "status": "running",
                "container": call.container_id or 1, "inputs": dict(call.inputs), "outputs": [],
                "message": json.dumps({"playbook": f"local/{name}", "message": ""}),
            }  # fmt: skip


def _like(name: str, key: str) -> bool:
    if "%" not in key:
        return name == key
    front, _, back = key.partition("%")
    return name.startswith(front) and name.endswith(back)
