"""
Splunk's container automation API: the container of a run, its fields and its artifacts.

In: a container (its dict, its id, none for the run's own) and what to change.
Out: (success, message), and commands on the desk. Never: a change before the block has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain import commands
from soar.domain.changes import DeleteArtifact, StartAutomation, UpdateArtifact, UpdateTask
from soar.domain.model import SEVERITIES, SEVERITY_RANK
from soar.domain.scope import Scope
from soar.phantom.answers import Done, declined, told
from soar.phantom.desk import desk

SENSITIVITIES = ("white", "green", "amber", "red")
ARTIFACT_KEYS = ("cef", "label", "name", "severity", "type", "tags", "source_data_identifier")
KEPT = (
    "name", "label", "severity", "status", "description", "owner_name", "sensitivity", "tags",
    "data", "custom_fields", "container_type", "kind", "template",
)  # fmt: skip
"""The fields of a container that are kept here; of others, ``update`` says that they are not."""
GONE = "artifacts gone"
NEW: dict[str, Any] = {
    "status": "new", "severity": "medium", "sensitivity": "amber", "owner_name": "", "tags": [],
    "data": {}, "custom_fields": {}, "description": "", "current_phase_id": None,
}  # fmt: skip
"""What a container that a block makes has besides its name."""


def container_id_of(container: Any) -> int:
    """Return the id of a container that a playbook names: its dict, its id, or none (its own)."""
    if container is None:
        return int(desk().view.container["id"])
    return int(container["id"] if isinstance(container, Mapping) else container)


def get_artifacts(container_id: Any = None, full_data: bool = False, **_ignored: Any) -> Any:
    """Return the artifacts: a list, or (success, message, list) when *full_data* is asked."""
    number, at = container_id_of(container_id), desk()
    own = number == at.view.container["id"] and not at.added.get(number) and not at.stale
    if own:
        found = [dict(a) for a in at.view.container["artifacts"]]
    else:
        made = at.changes.get(number, {}).get("new")
        found = [*([] if made else at.view.reader.artifacts(number)), *at.added.get(number, ())]
    gone = at.pending[GONE]
    found = [a for a in found if a["id"] not in gone] if gone else found
    return (True, f"{len(found)} artifacts", found) if full_data else found


def get_container(container_id: Any = None, trace: bool = False) -> dict[str, Any]:
    """Return a container as it is now, with what this block has changed."""
    number, at = container_id_of(container_id), desk()
    pending = at.changes.get(number, {})
    if pending.get("new"):
        return {**NEW, **pending, "artifacts": get_artifacts(number)}
    own = number == at.view.container["id"] and not at.stale
    found = dict(at.view.container) if own else at.view.reader.container(number)
    return {**found, **pending}


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
    field_mapping: Mapping[str, Any] | None = None,
    trace: bool = False,
    run_automation: bool = False,
    **_ignored: Any,
) -> tuple[bool, str, int]:
    """
    Add an artifact: its fields as one mapping, or as Splunk's separate arguments.

    What else stands in *raw_data* is kept as the artifact's ``data``, *field_mapping* as its
    ``cef_types``. *run_automation* starts the playbooks whose triggers match the container.
    """
    number, at, raw = container_id_of(container), desk(), dict(raw_data or {})
    types = {"cef_types": dict(field_mapping)} if field_mapping else {}
    fields = {
        "cef": dict(cef_data or raw.get("cef") or {}),
        "label": label or raw.get("label") or "artifact",
        "name": name or raw.get("name") or "artifact",
        "severity": severity or raw.get("severity") or "medium",
        "type": artifact_type or raw.get("type") or "",
        "source_data_identifier": identifier or raw.get("source_data_identifier") or "",
        "tags": list(raw.get("tags") or ()),
        "data": {**{k: v for k, v in raw.items() if k not in ARTIFACT_KEYS}, **types},
    }
    artifact_id = at.view.reader.new_artifact_id()
    at.added.setdefault(number, []).append({"id": artifact_id, "container": number, **fields})
    at.ask(commands.AddArtifact(container_id=number, artifact_id=artifact_id, fields=fields))
    if run_automation:
        at.ask(StartAutomation(container_id=number))
    return True, "artifact added", artifact_id


def get_artifact(container: Any = None, artifact: Any = None) -> dict[str, Any] | None:
    """
    Return one artifact, or None: by its id, or the first of a container by its label, name or type.
    """
    wanted = container if artifact is None else artifact
    if str(wanted).isdigit():
        return _artifact(int(wanted))
    found = get_artifacts(container)
    return next((a for a in found if wanted in (a["label"], a["name"], a["type"])), None)


def _artifact(artifact_id: int) -> dict[str, Any] | None:
    at = desk()
    if artifact_id in at.pending[GONE]:
        return None
    own = [a for added in at.added.values() for a in added if a["id"] == artifact_id]
    return own[0] if own else at.view.reader.records.artifact(artifact_id)


def delete_artifact(artifact_id: Any = None, **_ignored: Any) -> bool:
    """Remove an artifact; tell whether there was one."""
    if not str(artifact_id or "").isdigit() or _artifact(int(artifact_id)) is None:
        return declined(f"there is no artifact {artifact_id}")[0]
    desk().pending[GONE][int(artifact_id)] = True
    desk().ask(DeleteArtifact(artifact_id=int(artifact_id)))
    return True


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


def escalate(container: Any = None, **_ignored: Any) -> Done:
    """Raise the severity of a container by one (1.x)."""
    return _change(container, severity=_beside(container, -1))


def deescalate(container: Any = None, **_ignored: Any) -> Done:
    """Lower the severity of a container by one (1.x)."""
    return _change(container, severity=_beside(container, +1))


def _beside(container: Any, step: int) -> str:
    now = SEVERITY_RANK[get_container(container_id_of(container))["severity"]]
    return SEVERITIES[min(max(now + step, 0), len(SEVERITIES) - 1)]


def set_status(container: Any = None, status: str = "", trace: bool = False, **_i: Any) -> Done:
    """Set the status of a container (new, open, closed or one of your own)."""
    if not str(status or "").strip():
        return declined("the status was not set: it is empty")
    return _change(container, status=str(status).lower())


def close(container: Any = None, trace: bool = False) -> Done:
    """Close a container."""
    return set_status(container, "closed")


def set_label(container: Any = None, label: str = "", trace: bool = False, **_i: Any) -> Done:
    """Set the label of a container."""
    return _change(container, label=label)


def set_sensitivity(container: Any = None, sensitivity: str = "", **_ignored: Any) -> Done:
    """Set the sensitivity (TLP) of a container: white, green, amber or red."""
    if str(sensitivity).lower() not in SENSITIVITIES:
        return declined(f"sensitivity {sensitivity!r} is none of {', '.join(SENSITIVITIES)}")
    return _change(container, sensitivity=str(sensitivity).lower())


def set_owner(
    container: Any = None,
    user: Any = "",
    trace: bool = False,
    task_id: Any = None,
    role: Any = "",
    **_ignored: Any,
) -> Done:
    """
    Set the owner of a container, or of a task: a user by name or id, or a role by name.

    An empty name clears it.
    """
    owner = desk().view.reader.records.user(user) if user else ""
    if user and not owner:
        return declined(f"there is no user {user}")
    if task_id:
        changes = {"owner_name": str(owner or ""), "role": str(role or "")}
        desk().ask(UpdateTask(task_id=int(task_id), changes=changes))
        return True, "the task has got its owner"
    return _change(container, owner_name=owner or role or "")


def update(
    container: Any = None, update: Mapping[str, Any] | None = None, trace: bool = False, **more: Any
) -> Done:
    """
    Change fields of a container, given by its dict or id, or of an artifact, given by its dict.

    ``custom_fields`` and ``data`` of a container, ``cef`` and ``data`` of an artifact are merged.
    The run's log names the fields that are not kept here.
    """
    changes = dict(update or more.get("update_data") or {})
    if isinstance(container, Mapping) and "cef" in container:
        artifact_id = int(container["id"])
        desk().ask(UpdateArtifact(artifact_id=artifact_id, changes=changes))
        return True, "updated"
    if "owner_id" in changes:
        _owned(changes, changes.pop("owner_id"))
    unknown = sorted(name for name in changes if name not in KEPT)
    if unknown:
        told(f"fields that are not kept here were not updated: {', '.join(unknown)}")
    return _change(container, **{name: v for name, v in changes.items() if name in KEPT})


def _owned(changes: dict[str, Any], user: Any) -> None:
    """Put the owner that was meant among the changes; one whom nobody knows changes nothing."""
    name = desk().view.reader.records.user(user) if user else ""
    if user and not name:
        told(f"the owner was not changed: there is no user {user}")
    else:
        changes["owner_name"] = name


def attacker_ips(container: Any = None, scope: Any = None, **_ignored: Any) -> list[str]:
    """Return each source address of a container's artifacts once (1.x)."""
    return _addresses(container, ("sourceAddress", "src"), scope)


def victim_ips(container: Any = None, scope: Any = None, **_ignored: Any) -> list[str]:
    """Return each destination address of a container's artifacts once (1.x)."""
    return _addresses(container, ("destinationAddress", "dst"), scope)


def _addresses(container: Any, fields: tuple[str, ...], scope: Any) -> list[str]:
    chosen = Scope() if scope is None else desk().view.scope.narrowed(scope)
    values = [
        str(a["cef"][field])
        for a in get_artifacts(container)
        if chosen.holds(a["id"])
        for field in fields
        if a["cef"].get(field)
    ]
    return list(dict.fromkeys(values))
