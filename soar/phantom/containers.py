"""
Splunk's container automation API: the container of a run, its artifacts, notes and tags.

In: a container (its dict, its id, none for the run's own) and what to change.
Out: (success, message), and commands on the desk. Never: a change before the block has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain import commands
from soar.domain.model import SEVERITY_RANK
from soar.phantom import arguments
from soar.phantom.desk import desk

Done = tuple[bool, str]


def container_id_of(container: Any) -> int:
    """Return the id of a container that a playbook names: its dict, its id, or none (its own)."""
    if container is None:
        return int(desk().view.container["id"])
    return int(container["id"] if isinstance(container, Mapping) else container)


def get_artifacts(container_id: Any = None, full_data: bool = False, **_ignored: Any) -> Any:
    """Return the artifacts: a list, or (success, message, list) when *full_data* is asked."""
    number, at = container_id_of(container_id), desk()
    own = number == at.view.container["id"] and not at.added.get(number)
    found = (
        [dict(a) for a in at.view.container["artifacts"]]
        if own
        else [*at.view.reader.artifacts(number), *at.added.get(number, ())]
    )
    return (True, f"{len(found)} artifacts", found) if full_data else found


def get_container(container_id: Any = None) -> dict[str, Any]:
    """Return a container as it is now, with what this block has changed."""
    number, at = container_id_of(container_id), desk()
    own = number == at.view.container["id"]
    found = dict(at.view.container) if own else at.view.reader.container(number)
    return {**found, **at.changes.get(number, {})}


def get_current_container_id_() -> int:
    """Return the id of this run's container."""
    return container_id_of(None)


def add_artifact(
    container: Any = None,
    raw_data: Mapping[str, Any] | None = None,
    cef_data: Mapping[str, Any] | None = None,
    label: str | None = None,
    name: str | None = None,
    severity: str | None = None,
    identifier: str | None = None,
    artifact_type: str | None = None,
    **_ignored: Any,
) -> tuple[bool, str, int]:
    """Add an artifact: its fields as one mapping, or as Splunk's separate arguments."""
    number, at, raw = container_id_of(container), desk(), dict(raw_data or {})
    fields = {
        "cef": dict(cef_data or raw.get("cef") or {}),
        "label": label or raw.get("label") or "artifact",
        "name": name or raw.get("name") or "artifact",
        "severity": severity or raw.get("severity") or "medium",
        "type": artifact_type or raw.get("type") or "",
        "source_data_identifier": identifier or raw.get("source_data_identifier") or "",
        "tags": list(raw.get("tags") or ()),
    }
    artifact_id = at.view.reader.new_artifact_id()
    at.added.setdefault(number, []).append({"id": artifact_id, "container": number, **fields})
    at.ask(commands.AddArtifact(container_id=number, artifact_id=artifact_id, fields=fields))
    return True, "artifact added", artifact_id


def _change(container: Any, **changes: Any) -> Done:
    number, at = container_id_of(container), desk()
    at.changes.setdefault(number, {}).update(changes)
    at.ask(commands.UpdateContainer(container_id=number, changes=changes))
    return True, "updated"


def set_severity(container: Any = None, severity: str = "", **_ignored: Any) -> Done:
    """Set the severity of a container."""
    if str(severity).lower() not in SEVERITY_RANK:
        raise ValueError(f"severity {severity!r} is none of {', '.join(SEVERITY_RANK)}")
    return _change(container, severity=str(severity).lower())


def set_status(container: Any = None, status: str = "", **_ignored: Any) -> Done:
    """Set the status of a container (new, open, closed or one of your own)."""
    return _change(container, status=str(status).lower())


def set_label(container: Any = None, label: str = "", **_ignored: Any) -> Done:
    """Set the label of a container."""
    return _change(container, label=label)


def set_sensitivity(container: Any = None, sensitivity: str = "", **_ignored: Any) -> Done:
    """Set the sensitivity (TLP) of a container."""
    return _change(container, sensitivity=sensitivity)


def set_owner(container: Any = None, user: str = "", role: str = "", **_ignored: Any) -> Done:
    """Set the owner of a container; an empty name clears it."""
    return _change(container, owner_name=user or role)


def add_tags(container: Any = None, tags: Any = None, **_ignored: Any) -> Done:
    """Add tags to a container."""
    now = get_container(container_id_of(container)).get("tags", [])
    return _change(container, tags=sorted({*now, *arguments.texts(tags)}))


def update(container: Any = None, update_data: Mapping[str, Any] | None = None, **_i: Any) -> Done:
    """Change fields of a container; ``custom_fields`` are merged."""
    return _change(container, **dict(update_data or {}))


def promote(container: Any = None, template: str | None = None, **_ignored: Any) -> Done:
    """Promote a container to a case."""
    return _change(container, container_type="case", kind="case", template=template or "")


def comment(container: Any = None, comment: str = "", **_ignored: Any) -> Done:
    """Write a comment on a container."""
    desk().ask(commands.AddNote(container_id=container_id_of(container), content=str(comment)))
    return True, "comment added"


def add_note(
    container: Any = None,
    note_type: str = "general",
    title: str = "",
    content: str = "",
    note_format: str = "markdown",
    **_ignored: Any,
) -> tuple[bool, str, None]:
    """Write a note on a container."""
    desk().ask(
        commands.AddNote(
            container_id=container_id_of(container),
            content=content,
            title=title,
            kind=note_type,
            format=note_format,
        )
    )
    return True, "note added", None
