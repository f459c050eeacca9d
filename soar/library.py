"""
Playbook files: a ``.py`` with, if its author likes, a ``.json`` of the same stem beside it.

In: files of a person, or those that come with the product. Out: a checked :class:`PlaybookFile`,
kept in the store as a version.
Never: a playbook run to read it, one that nothing could start, or a sidecar field that is ignored.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from soar import sidecar
from soar.domain.errors import BadInput
from soar.engine import program
from soar.engine.program import BadPlaybook
from soar.store.work import Work

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_. -]{0,126}[A-Za-z0-9_.-])?")


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
    more: Mapping[str, Any] = field(default_factory=dict)
    """What a sidecar of Splunk's says besides, and the repository it came from."""


def read(path: Path) -> PlaybookFile:
    """Read a playbook file and its sidecar, or say what in them cannot be used."""
    beside = path.with_suffix(".json")
    if path.suffix != ".py":
        raise BadInput("playbook", f"{path.name} must be a .py file")
    return checked(path.stem, _text(path), _text(beside) if beside.is_file() else None)


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
        details={"labels": list(file.labels), "description": file.description, **file.more},
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
        beside = files.get(f"{stem}.json")
        text = beside.read_text(encoding="utf-8") if beside is not None else None
        found.append(checked(stem, files[name].read_text(encoding="utf-8"), text))
    return tuple(found)


def checked(stem: str, source: str, beside: str | None, *, repo: str = "") -> PlaybookFile:
    """Return a playbook of these texts, or say what in them cannot be used."""
    tree = _tree(stem, source)
    told = sidecar.read(stem, beside)
    name = told.name or stem
    if not NAME.fullmatch(name):
        raise BadInput("name", f"{name!r} must be letters, digits, _, ., - and spaces only")
    lines = (ast.get_docstring(tree) or "").splitlines()
    return PlaybookFile(
        name=name,
        title=told.title or (lines[0].strip() if lines else stem) or stem,
        version=told.version or "1.0",
        source=source,
        manual_minutes=told.manual_minutes,
        labels=told.labels,
        description=told.description,
        more={**told.more, **({"repo": repo} if repo else {})},
    )


def _tree(stem: str, source: str) -> ast.Module:
    try:
        tree = program.parse(stem, source)
    except BadPlaybook as error:
        raise BadInput("playbook", str(error)) from None
    if not any(isinstance(node, ast.FunctionDef) and node.name == "on_start" for node in tree.body):
        raise BadInput("playbook", f"{stem!r} has no function on_start, so nothing can start it")
    return tree


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput("playbook", f"{path.name} cannot be read: {reason}") from None
