"""
What lies beside a playbook or custom function: its ``.json``, in our form or in Splunk SOAR's.

In: the text of a sidecar. Out: a checked :class:`Beside`, or :class:`FunctionBeside`.
Never: a field of our form that is ignored; of Splunk's we read what means something here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from soar.domain.errors import BadInput

FIELDS = ("name", "title", "version", "manual_baseline_minutes", "labels", "description")
SPLUNKS = frozenset({"coa", "blockly", "blockly_xml", "draft_mode", "category", "create_time"})
"""Any of these keys says that Splunk wrote it: the last two stand alone beside the oldest."""
LONGEST_BASELINE = 60 * 24 * 365
ANY = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """What a sidecar says of a playbook; empty where it says nothing."""

    name: str = ""
    title: str = ""
    version: str = ""
    manual_minutes: int = 0
    labels: tuple[str, ...] = ()
    description: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What only Splunk's form says: inputs, outputs, category, tags, kind, draft."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionBeside:
    """What a sidecar says of a custom function."""

    description: str = ""
    inputs: tuple[Mapping[str, Any], ...] = ()
    outputs: tuple[Mapping[str, Any], ...] = ()
    draft: bool = False


def read(stem: str, text: str | None) -> Beside:
    """Read the sidecar of a playbook, in whichever form it is."""
    raw = parse(stem, text)
    if SPLUNKS & raw.keys():
        return _splunks(stem, raw)
    for name in raw:
        if name not in FIELDS:
            raise BadInput(name, f"is no field of a playbook; it has: {', '.join(FIELDS)}")
    return Beside(
        name=_string(raw, "name"),
        title=_string(raw, "title"),
        version=_string(raw, "version"),
        manual_minutes=_minutes(raw),
        labels=_texts(raw, "labels"),
        description=_string(raw, "description"),
    )


def read_function(stem: str, text: str | None) -> FunctionBeside:
    """Read the sidecar of a custom function."""
    raw = parse(stem, text)
    return FunctionBeside(
        description=str(raw.get("description") or ""),
        inputs=_objects(raw, "inputs"),
        outputs=_objects(raw, "outputs"),
        draft=bool(raw.get("draft_mode")),
    )


def is_of_function(raw: Mapping[str, Any]) -> bool:
    """Tell whether a sidecar is one of a custom function."""
    return "coa" not in raw and isinstance(raw.get("inputs"), list) and "outputs" in raw


def parse(stem: str, text: str | None) -> Mapping[str, Any]:
    """Return the JSON object of a sidecar; an empty one where there is none."""
    if text is None:
        return {}
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{stem}.json", f"is not JSON: {error}") from None
    if not isinstance(raw, Mapping):
        raise BadInput(f"{stem}.json", "must be a JSON object")
    return raw


def _splunks(stem: str, raw: Mapping[str, Any]) -> Beside:
    coa = raw.get("coa") or {}
    if not isinstance(coa, Mapping):
        raise BadInput(f"{stem}.json: coa", "must be an object")
    data = coa.get("data") or {}
    told = {
        "kind": "input" if coa.get("playbook_type") == "data" else "automation",
        "inputs": list(_objects(coa, "input_spec")),
        "outputs": list(_objects(coa, "output_spec")),
        "category": str(raw.get("category") or ""),
        "tags": list(_texts(raw, "tags")),
        "python_version": str(coa.get("python_version") or ""),
        "draft": bool(raw.get("draft_mode")),
        "from": "splunk",
    }
    return Beside(
        version=str(raw.get("create_time") or "")[:10],
        labels=_texts(raw, "labels"),
        description=str(data.get("description") or "") if isinstance(data, Mapping) else "",
        more={name: value for name, value in told.items() if value},
    )


def _string(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str) or (name in given and not value.strip()):
        raise BadInput(name, f"must be a text, not {value!r}")
    return value.strip()


def _minutes(given: Mapping[str, Any]) -> int:
    value = given.get("manual_baseline_minutes", 0)
    if type(value) is not int or not 0 <= value <= LONGEST_BASELINE:
        raise BadInput("manual_baseline_minutes", f"must be a whole number, not {value!r}")
    return value


def _texts(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = given.get(name)
    value = [] if value is None else value
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise BadInput(name, "must be a list of texts")
    return tuple(value)


def _objects(given: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], ...]:
    value = given.get(name)
    value = [] if value is None else value
    if not isinstance(value, list) or not all(isinstance(v, Mapping) for v in value):
        raise BadInput(name, "must be a list of objects")
    return tuple(value)
