"""
Notes, pins, workbooks and files in the shapes that Splunk SOAR's playbooks and clients know.

In: rows as mappings. Out: plain dictionaries, the same for a block and for REST. Never: I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain.shapes import Shape, stamp

NOTE_TYPES = ("general", "artifact", "task")


def note(row: Mapping[str, Any]) -> Shape:
    """Return a note or comment."""
    return {
        "id": row["id"],
        "container": row["container_id"],
        "title": row["title"],
        "content": row["content"],
        "comment": row["content"],
        "note_format": row["format"],
        "note_type": row["kind"] if row["kind"] in NOTE_TYPES else "general",
        "task": row.get("task_id"),
        "artifact": row.get("artifact_id"),
        "author": row["author"],
        "user": row["author"],
        "playbook_run": row["run_id"],
        "create_time": stamp(row["create_time"]),
        "modified_time": stamp(row.get("update_time") or row["create_time"]),
        "time": stamp(row["create_time"]),
    }


def pin(row: Mapping[str, Any]) -> Shape:
    """Return a pin."""
    return {
        "id": row["id"],
        "container": row["container_id"],
        "name": row["name"],
        "message": row["message"],
        "data": row["data"],
        "pin_type": row["pin_type"],
        "pin_style": row["pin_style"],
        "author": row["author"],
        "playbook_run": row["run_id"],
        "create_time": stamp(row["create_time"]),
        "modified_time": stamp(row["update_time"]),
    }


def template(row: Mapping[str, Any]) -> Shape:
    """Return a workbook template, without its phases."""
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "is_default": row["is_default"],
        "creator": row["created_by"],
        "is_note_required": False,
        "status": "published",
        "create_time": stamp(row["create_time"]),
        "modified_time": stamp(row["create_time"]),
    }


def phase(row: Mapping[str, Any]) -> Shape:
    """Return a phase of a container or of a template."""
    return {
        "id": row["id"],
        "name": row["name"],
        "order": row["position"],
        "container": row["container_id"],
        "template": row["template_id"],
        "sla": None,
        "sla_type": "minutes",
        "create_time": stamp(row["create_time"]),
    }


def task(row: Mapping[str, Any]) -> Shape:
    """Return a task of a container or of a template: status 0 open, 2 in progress, 1 complete."""
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "order": row["position"],
        "status": row["status"],
        "phase": row["phase_id"],
        "phase_name": row["phase_name"],
        "container": row["container_id"],
        "owner": row["owner_name"] or None,
        "role": row["role"] or None,
        "is_note_required": row["is_note_required"],
        "suggestions": {},
        "playbook_run": row["run_id"],
        "create_time": stamp(row["create_time"]),
        "modified_time": stamp(row["update_time"]),
        "start_time": stamp(row["start_time"]),
        "end_time": stamp(row["end_time"]),
    }


def file(row: Mapping[str, Any], *, container_name: str = "") -> Shape:
    """Return an attachment as ``vault_info`` does; a path stands only where it was opened."""
    details = dict(row["details"] or {})
    hashes = {"sha1": row["sha1"], "sha256": row["sha256"]}
    return {
        "id": row["id"],
        "name": row["name"],
        "aka": [row["name"]],
        "container_id": row["container_id"],
        "container": container_name,
        "vault_id": row["sha1"],
        "hash": row["sha1"],
        "vault_document": row["id"],
        "size": row["size"],
        "mime_type": row["media_type"],
        "contains": list(details.get("contains") or ["vault id"]),
        "metadata": {**details, **hashes, "size": row["size"]},
        "user": "",
        "create_time": stamp(row["create_time"]),
        "create_time_epoch": int(row["create_time"].timestamp()),
    }
