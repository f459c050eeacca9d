"""
Rows in the shapes that Splunk SOAR's playbooks and REST clients know.

In: rows as mappings. Out: plain dictionaries, the same for a callback and for REST.
Never: I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Shape = dict[str, Any]


def stamp(moment: datetime | None) -> str | None:
    """Return a time as Splunk writes it: UTC with six digits and a Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def artifact(row: Mapping[str, Any]) -> Shape:
    """Return an artifact."""
    return {
        "id": row["id"],
        "container": row["container_id"],
        "container_id": row["container_id"],
        "name": row["name"],
        "label": row["label"],
        "type": row["type"] or None,
        "severity": row["severity"],
        "cef": dict(row["cef"]),
        "cef_types": dict(row["data"].get("cef_types") or {}),
        "tags": list(row["tags"]),
        "data": dict(row["data"]),
        "source_data_identifier": row["source_id"],
        "create_time": stamp(row["create_time"]),
        "start_time": stamp(row["create_time"]),
        "update_time": stamp(row["create_time"]),
        "playbook_run": row["run_id"],
    }


def container(row: Mapping[str, Any], artifacts: Iterable[Mapping[str, Any]] = ()) -> Shape:
    """Return a container with the artifacts given."""
    shown = [artifact(a) for a in artifacts]
    return {
        "id": row["id"],
        "name": row["name"],
        "label": row["label"],
        "severity": row["severity"],
        "status": row["status"],
        "description": row["description"],
        "sensitivity": row["sensitivity"] or "amber",
        "owner_name": row["owner_name"],
        "container_type": row["kind"],
        "tenant": row["tenant_id"],
        "tags": list(row["tags"]),
        "data": dict(row["data"]),
        "custom_fields": dict(row["custom_fields"]),
        "current_phase_id": row.get("current_phase_id"),
        "asset": row["asset"],
        "source_data_identifier": row["source_id"],
        "create_time": stamp(row["create_time"]),
        "start_time": stamp(row["create_time"]),
        "close_time": stamp(row["close_time"]),
        "container_update_time": stamp(row["update_time"]),
        "artifact_count": row.get("artifact_count", len(shown)),
        "artifacts": shown,
    }


def for_block(shape: Mapping[str, Any], run_id: int) -> Shape:
    """Return a container as blocks are told of it: with its run, and times as Splunk has them."""
    times = {n: _second(v) for n, v in shape.items() if n.endswith("_time")}
    owner = {"owner": shape.get("owner_name") or None}
    return {**shape, **owner, **times, "current_rule_run_id": run_id}


def _second(written: Any) -> Any:
    """Return a time as blocks read it: a space in the middle, and +00 at the end."""
    if not isinstance(written, str) or not written.endswith("Z"):
        return written
    return f"{written[:-1].replace('T', ' ')}+00"


def case_number(row: Mapping[str, Any]) -> str:
    """Return the number people use for a container: SOAR-2024-08921."""
    return f"SOAR-{row['create_time']:%Y}-{row['id']:05d}"
