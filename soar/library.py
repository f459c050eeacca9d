"""
Playbook files: a ``.py`` with, if its author likes, a ``.json`` of the same stem beside it.

In: files of a person, or those that come with the product. Out: a checked :class:`PlaybookFile`,
kept in the store as a version.
Never: a playbook run to read it, one that nothing could start, or a sidecar field that is ignored.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from soar.domain.errors import BadInput
from soar.engine import program
from soar.engine.program import BadPlaybook
from soar.store.work import Work

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
FIELDS = ("name", "title", "version", "manual_baseline_minutes", "labels", "description")
LONGEST_BASELINE = 60 * 24 * 365


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaybookFile:
    """One playbook as its author wrote it."""

    name: str
    title: str
    version: str
    source: str
    manual_minutes: int = 0
    """How long the work takes by hand; 0 where nobody has said."""
    labels: tuple[str, ...] = ()
    """The labels it is meant for: a suggestion for triggers, not a trigger."""
    description: str = ""


def read(path: Path) -> PlaybookFile:
    """Read a playbook file and its sidecar, or say what in them cannot be used."""
    sidecar = path.with_suffix(".json")
    if path.suffix != ".py":
        raise BadInput("playbook", f"{path.name} must be a .py file")
    return _checked(path.stem, _text(path), _text(sidecar) if sidecar.is_file() else None)


def save(
    work: Work, file: PlaybookFile, *, author: str = "", candidate: bool = False
) -> tuple[int, bool]:
    """
    Keep a playbook as a version, or as a candidate; return its id, and whether it is a new one.

    *author* is who wrote this version; who has written one first stays its author.
    """
    return work.playbooks.save(
        name=file.name,
        title=file.title,
        version=file.version,
        source=file.source,
        manual_minutes=file.manual_minutes,
        details={"labels": list(file.labels), "description": file.description},
        author=author,
        candidate=candidate,
    )


def built_in() -> tuple[PlaybookFile, ...]:
    """Return the playbooks that come with the product."""
    room = resources.files("soar.playbooks")
    files = {entry.name: entry for entry in room.iterdir() if entry.is_file()}
    found = []
    for name in sorted(files):
        stem, _, ending = name.rpartition(".")
        if ending != "py" or stem == "__init__":
            continue
        sidecar = files.get(f"{stem}.json")
        text = sidecar.read_text(encoding="utf-8") if sidecar is not None else None
        found.append(_checked(stem, files[name].read_text(encoding="utf-8"), text))
    return tuple(found)


def _checked(stem: str, source: str, sidecar: str | None) -> PlaybookFile:
    tree = _tree(stem, source)
    given = _sidecar(stem, sidecar)
    name = _string(given, "name", default=stem)
    if not NAME.fullmatch(name):
        raise BadInput("name", f"{name!r} must be letters, digits, _, . and - only")
    lines = (ast.get_docstring(tree) or "").splitlines()
    return PlaybookFile(
        name=name,
        title=_string(given, "title", default=lines[0].strip() if lines else stem),
        version=_string(given, "version", default="1.0"),
        source=source,
        manual_minutes=_minutes(given),
        labels=_labels(given),
        description=_string(given, "description", default=""),
    )


def _tree(stem: str, source: str) -> ast.Module:
    try:
        tree = program.parse(stem, source)
    except BadPlaybook as error:
        raise BadInput("playbook", str(error)) from None
    if not any(isinstance(node, ast.FunctionDef) and node.name == "on_start" for node in tree.body):
        raise BadInput("playbook", f"{stem!r} has no function on_start, so nothing can start it")
    return tree


def _sidecar(stem: str, text: str | None) -> Mapping[str, Any]:
    if text is None:
        return {}
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{stem}.json", f"is not JSON: {error}") from None
    if not isinstance(raw, Mapping):
        raise BadInput(f"{stem}.json", "must be a JSON object")
    for field in raw:
        if field not in FIELDS:
            raise BadInput(field, f"is no field of a playbook; it has: {', '.join(FIELDS)}")
    return raw


def _string(given: Mapping[str, Any], field: str, *, default: str) -> str:
    value = given.get(field, default)
    if not isinstance(value, str) or (field in given and not value.strip()):
        raise BadInput(field, f"must be a text, not {value!r}")
    return value.strip()


def _minutes(given: Mapping[str, Any]) -> int:
    value = given.get("manual_baseline_minutes", 0)
    if type(value) is not int or not 0 <= value <= LONGEST_BASELINE:
        raise BadInput("manual_baseline_minutes", f"must be a whole number, not {value!r}")
    return value


def _labels(given: Mapping[str, Any]) -> tuple[str, ...]:
    value = given.get("labels", [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise BadInput("labels", "must be a list of texts")
    return tuple(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput("playbook", f"{path.name} cannot be read: {reason}") from None
