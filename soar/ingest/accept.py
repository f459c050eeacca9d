"""
One alert to one container: checked, added, its playbooks queued.

In: an alert in the seed's or Splunk's shape. Out: the container's id, and whether it is new.
Never: a field of the wrong kind in the store: :class:`BadInput` names it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from soar import triggers
from soar.domain.errors import BadInput
from soar.domain.gate import digest
from soar.domain.model import NewArtifact, NewContainer, severity
from soar.store.rows import NotStorable, storable
from soar.store.work import Work
from soar.tenants import DEFAULT

MAX_ALERT_BYTES = 5 * 1024 * 1024
MAX_ARTIFACTS = 10_000
MAX_ASSET_NAME = 200
MAX_SOURCE_ID = 1000
MAX_TENANT = 100
WHOLE = frozenset({"description", "source_data_identifier"})


def parse(text: str | bytes, *, labels: Sequence[str], asset: str = "") -> NewContainer:
    """Read an alert from its JSON text, or say which field cannot be used and why."""
    if len(text) > MAX_ALERT_BYTES:
        raise BadInput("alert", f"is larger than {MAX_ALERT_BYTES // 2**20} MiB")
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput("alert", f"is not JSON: {str(error)[:120]}") from None
    return check(raw, labels=labels, asset=asset)


def check(raw: Any, *, labels: Sequence[str], asset: str = "") -> NewContainer:
    """Return a checked container of an alert that is already an object."""
    if not isinstance(raw, Mapping):
        raise BadInput("alert", f"must be an object, not {type(raw).__name__}")
    raw = _storable(raw)
    artifacts = raw.get("artifacts") or []
    if not isinstance(artifacts, list) or len(artifacts) > MAX_ARTIFACTS:
        raise BadInput("artifacts", f"must be a list of at most {MAX_ARTIFACTS}")
    own = {k: v for k, v in raw.items() if k != "artifacts"}
    return NewContainer(
        asset=_asset(raw, default=asset or "manual"),
        source_id=_source_id(raw) or digest(raw)[:32],
        name=_text(raw, "name", required=True),
        label=_label(_text(raw, "label", default="events"), labels),
        severity=severity(raw.get("severity")),
        description=_text(raw, "description"),
        tags=_tags(raw.get("tags"), "tags"),
        data=_object(raw, "data") or own,
        artifacts=tuple(_artifact(a, i) for i, a in enumerate(artifacts)),
        tenant=_tenant(raw),
    )


def accept(work: Work, alert: NewContainer) -> tuple[int, bool]:
    """Add the alert's container and queue its playbooks; a repeat changes nothing."""
    container_id, new = work.containers.add(alert)
    if new:
        triggers.fire(work, container_id, label=alert.label, severity=alert.severity)
    return container_id, new


def known_labels(work: Work, configured: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that are configured or that a trigger names."""
    named = [label for t in work.assets.triggers() for label in t.labels if label != "*"]
    return tuple(dict.fromkeys([*configured, *named]))


def _storable(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alert without what the store cannot hold: NUL, half characters, infinity."""
    try:
        return dict(storable(raw))
    except NotStorable as error:
        raise BadInput("alert", str(error)) from None


def _artifact(raw: Any, index: int) -> NewArtifact:
    where = f"artifacts[{index}]"
    if not isinstance(raw, Mapping):
        raise BadInput(where, f"must be an object, not {type(raw).__name__}")
    return NewArtifact(
        name=_text(raw, "name", default="artifact", where=where),
        label=_text(raw, "label", default="event", where=where),
        type=_text(raw, "type", where=where),
        severity=severity(raw.get("severity"), field_name=f"{where}.severity"),
        cef=_object(raw, "cef", where=where),
        source_id=_source_id(raw, where=where),
        tags=_tags(raw.get("tags"), f"{where}.tags"),
        data=_object(raw, "data", where=where),
    )


def _text(
    raw: Mapping[str, Any], *names: str, default: str = "", required: bool = False, where: str = ""
) -> str:
    value = next((raw[n] for n in names if raw.get(n) not in (None, "")), None)
    name = f"{where}.{names[0]}" if where else names[0]
    if value is None:
        if required:
            raise BadInput(name, "is missing")
        return default
    if not isinstance(value, str | int):
        raise BadInput(name, f"must be text, not {type(value).__name__}")
    return str(value) if names[0] in WHOLE else str(value)[:2000]


def _asset(raw: Mapping[str, Any], *, default: str) -> str:
    name = _text(raw, "asset", default=default)
    if len(name) > MAX_ASSET_NAME:
        raise BadInput("asset", f"must be at most {MAX_ASSET_NAME} letters")
    return name


def _tenant(raw: Mapping[str, Any]) -> str:
    """Return the tenant that an alert names; the store says whether there is such a one."""
    text = _text(raw, "tenant", "tenant_id").strip()
    if len(text) > MAX_TENANT:
        raise BadInput("tenant", f"must be at most {MAX_TENANT} letters: its name or its id")
    return "" if text == DEFAULT else text


def _source_id(raw: Mapping[str, Any], *, where: str = "") -> str:
    """Return what names an alert at its source; a very long one by its head and its digest."""
    text = _text(raw, "source_data_identifier", "source_id", where=where)
    # It is part of an index, whose rows are bounded; cut off, two alerts would become one.
    return text if len(text.encode()) <= MAX_SOURCE_ID else f"{text[:100]}…{digest(text)}"


def _object(raw: Mapping[str, Any], name: str, *, where: str = "") -> dict[str, Any]:
    value = raw.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        full = f"{where}.{name}" if where else name
        raise BadInput(full, f"must be an object, not {type(value).__name__}")
    return dict(value)


def _tags(value: Any, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise BadInput(name, "must be a list of texts")
    return tuple(value)


def _label(label: str, known: Sequence[str]) -> str:
    if label in known:
        return label
    close = difflib.get_close_matches(label, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise BadInput("label", f"{label!r} is not known (known: {', '.join(known)}){hint}")
