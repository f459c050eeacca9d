"""
Splunk's notes, comments, tags and pins of a container.

In: a container (its dict, its id, none for the run's own) and what to write on it.
Out: (success, message[, id]), and commands on the desk. Never: a change before the block has ended.
"""

from __future__ import annotations

from typing import Any

from soar.domain import commands
from soar.domain.case_shapes import NOTE_TYPES
from soar.domain.changes import ChangeTags, DeletePin, WritePin
from soar.phantom import arguments
from soar.phantom.answers import Done, declined
from soar.phantom.containers import container_id_of, get_container
from soar.phantom.desk import desk
from soar.phantom.records import success

FORMATS = ("markdown", "html")
PINS = "pins"
NOTES = "notes"


def comment(container: Any = None, comment: str = "", trace: bool = False, **_ignored: Any) -> Done:
    """Write a comment on a container."""
    desk().ask(commands.AddNote(container_id=container_id_of(container), content=str(comment)))
    return True, "comment added"


def add_note(
    container: Any = None,
    note_type: str = "general",
    trace: bool = False,
    note_format: str = "html",
    title: str = "",
    content: str = "",
    task_id: Any = None,
    artifact_id: Any = None,
    **_ignored: Any,
) -> tuple[bool, str, int | None]:
    """Write a note on a container (general), on one of its tasks or artifacts; return its id."""
    kind = str(note_type or "general")
    about = {"task": task_id, "artifact": artifact_id}
    if kind in about and not about[kind]:
        return *declined(f"a note of type {kind!r} needs its {kind}_id"), None
    number = desk().view.reader.records.new_id("note")
    note = commands.AddNote(
        container_id=container_id_of(container),
        content=str(content),
        title=str(title or ""),
        kind=kind,
        format=str(note_format),
        note_id=number,
        task_id=_number(task_id),
        artifact_id=_number(artifact_id),
    )
    desk().ask(note)
    desk().pending[NOTES][number] = note
    return True, "note added", number


def _number(value: Any) -> int | None:
    return int(value) if value else None


def get_notes(
    container: Any = None, artifact_id: Any = None, task_id: Any = None, trace: bool = False
) -> list[dict[str, Any]]:
    """Return the notes of a container, a task or an artifact, each as success, message and data."""
    number, at = container_id_of(container), desk()
    own = [_pending(n) for n in at.pending[NOTES].values() if n.container_id == number]
    found = [*at.view.reader.records.notes(number), *own]
    if task_id:
        found = [n for n in found if n["task"] == int(task_id)]
    if artifact_id:
        found = [n for n in found if n["artifact"] == int(artifact_id)]
    return success(found)


def _pending(note: commands.AddNote) -> dict[str, Any]:
    return {
        "id": note.note_id,
        "container": note.container_id,
        "title": note.title,
        "content": note.content,
        "note_type": note.kind if note.kind in NOTE_TYPES else "general",
        "note_format": note.format,
        "task": note.task_id,
        "artifact": note.artifact_id,
    }


def add_tags(container: Any = None, tags: Any = None, trace: bool = False, **_i: Any) -> Done:
    """Add one tag or several to a container."""
    return _tag(container, add=arguments.texts(tags))


def add_tag(container: Any = None, tag: Any = None, **_ignored: Any) -> Done:
    """Add one tag to a container."""
    return _tag(container, add=arguments.texts(tag))


def remove_tags(container: Any = None, tags: Any = None, trace: bool = False, **_i: Any) -> Done:
    """Remove one tag or several from a container."""
    return _tag(container, remove=arguments.texts(tags))


def get_tags(container: Any = None, trace: bool = False) -> tuple[bool, str, list[str]]:
    """Return (success, message, the tags of a container)."""
    tags = list(get_container(container_id_of(container)).get("tags", []))
    return True, f"{len(tags)} tags", tags


def _tag(container: Any, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> Done:
    number, at = container_id_of(container), desk()
    now = {*get_container(number).get("tags", []), *add} - {*remove}
    at.changes.setdefault(number, {})["tags"] = sorted(now)
    at.ask(ChangeTags(container_id=number, add=add, remove=remove))
    return True, "tags changed"


def pin(
    container: Any = None,
    message: str = "",
    data: str = "",
    pin_type: str = "card",
    pin_style: str = "grey",
    truncate: bool = True,
    name: str | None = None,
    trace: bool = False,
    **_ignored: Any,
) -> tuple[bool, str, int]:
    """Pin a message and data to a container; a pin of that *name* is changed instead."""
    number, at = container_id_of(container), desk()
    fields = _pin_fields(message=message, data=data, pin_type=pin_type, pin_style=pin_style)
    known = _named(number, name) if name else None
    if known is not None:
        at.ask(WritePin(pin_id=known, fields=fields))
        return True, "pin updated", known
    pin_id = at.view.reader.records.new_id("pin")
    at.pending[PINS][pin_id] = (number, name)
    at.ask(WritePin(pin_id=pin_id, container_id=number, name=name or "", fields=fields))
    return True, "pin added", pin_id


def update_pin(
    pin_id: Any = None,
    message: str | None = None,
    data: str | None = None,
    pin_type: str | None = None,
    pin_style: str | None = None,
    trace: bool = False,
    **_ignored: Any,
) -> Done:
    """Change those fields of a pin that are given."""
    if not _known(pin_id):
        return declined(f"there is no pin {pin_id}")
    fields = _pin_fields(message=message, data=data, pin_type=pin_type, pin_style=pin_style)
    desk().ask(WritePin(pin_id=int(pin_id), fields=fields))
    return True, "pin updated"


def delete_pin(pin_id: Any = None, trace: bool = False) -> Done:
    """Remove a pin."""
    if not _known(pin_id):
        return declined(f"there is no pin {pin_id}")
    desk().pending[PINS][int(pin_id)] = None
    desk().ask(DeletePin(pin_id=int(pin_id)))
    return True, "pin removed"


def _pin_fields(**given: Any) -> dict[str, str]:
    return {name: str(value) for name, value in given.items() if value is not None}


def _named(container_id: int, name: str) -> int | None:
    """Return the id of the pin of that name, as this block sees the container."""
    at = desk()
    pending = at.pending[PINS]
    own = [number for number, told in pending.items() if told == (container_id, name)]
    kept = [
        p["id"]
        for p in at.view.reader.records.pins(container_id)
        if p["name"] == name and p["id"] not in pending
    ]
    return next(iter([*own, *kept]), None)


def _known(pin_id: Any) -> bool:
    if not str(pin_id or "").isdigit():
        return False
    pending = desk().pending[PINS]
    if int(pin_id) in pending:
        return pending[int(pin_id)] is not None
    return desk().view.reader.records.pin(int(pin_id)) is not None
