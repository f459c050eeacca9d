"""
Brings playbooks from elsewhere: what is in a bundle, kept as versions; and what starts them.

In: files. Out: playbooks, custom functions and custom lists; each that cannot be used, with the
reason. Never: a trigger that an import makes: nothing starts because something was imported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from soar import library, sidecar
from soar.bundle import Bundle
from soar.domain import custom_list
from soar.domain.changes import ListEdit
from soar.domain.errors import BadInput, NotFound
from soar.domain.model import Trigger
from soar.engine import program
from soar.engine.program import BadPlaybook
from soar.library import PlaybookFile
from soar.sidecar import FunctionBeside
from soar.store.work import Work

FUNCTIONS = "custom_functions"
LISTS = "custom_lists"
OPERATES_ON = "operates on"


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionFile:
    """One custom function as its author wrote it."""

    name: str
    source: str
    beside: FunctionBeside


@dataclass(kw_only=True, slots=True)
class Brought:
    """What a bundle holds, by name, and what of it cannot be used, by path."""

    playbooks: dict[str, PlaybookFile] = field(default_factory=dict)
    functions: dict[str, FunctionFile] = field(default_factory=dict)
    lists: dict[str, list[Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    """Where each program stands in the bundle: path to "playbook" or "custom function"."""


def read(bundle: Bundle, *, repo: str = "") -> Brought:
    """Sort the files of a bundle; one that cannot be used does not keep the others out."""
    found = Brought()
    for path in sorted(bundle.files):
        place = PurePosixPath(path)
        try:
            if place.suffix == ".py":
                _read_program(place, bundle, found, repo)
            elif place.parent.name == LISTS:
                found.lists[place.stem] = _rows(place, bundle)
        except BadInput as error:
            found.refused[path] = str(error)
    return found


def _read_program(place: PurePosixPath, bundle: Bundle, found: Brought, repo: str) -> None:
    beside = _text(place.with_suffix(".json"), bundle)
    source = _text(place, bundle) or ""
    in_folder = place.parent.name == FUNCTIONS
    if in_folder or (beside and sidecar.is_of_function(sidecar.parse(place.stem, beside))):
        found.paths[str(place)] = program.FUNCTION
        _once(place, found.functions)
        found.functions[place.stem] = function(place.stem, source, beside)
    elif "def on_start" in source:
        found.paths[str(place)] = program.PLAYBOOK
        read = library.checked(place.stem, source, beside, repo=repo)
        _once(place, found.playbooks, name=read.name)
        found.playbooks[read.name] = read
    elif beside is not None or len(bundle.files) == 1:
        raise BadInput(
            "playbook", f"{place.name} has no function on_start and is no custom function"
        )


def function(stem: str, source: str, beside: str | None) -> FunctionFile:
    """Return a custom function of these texts, or say what in them cannot be used."""
    try:
        tree = program.parse(stem, source, program.FUNCTION)
    except BadPlaybook as error:
        raise BadInput(program.FUNCTION, str(error)) from None
    if not library.NAME.fullmatch(stem):
        raise BadInput("name", f"{stem!r} must be letters, digits, _, . and - only")
    if stem not in program.functions_of(tree):
        raise BadInput(program.FUNCTION, f"{stem}.py defines no function {stem!r}")
    return FunctionFile(name=stem, source=source, beside=sidecar.read_function(stem, beside))


def _once(place: PurePosixPath, known: Mapping[str, Any], name: str = "") -> None:
    if (name or place.stem) in known:
        raise BadInput("name", f"{name or place.stem!r} is there twice: names are unique here")


def _rows(place: PurePosixPath, bundle: Bundle) -> list[Any]:
    try:
        rows = json.loads(_text(place, bundle) or "")
    except (ValueError, RecursionError) as error:
        raise BadInput("custom list", f"{place.name} is not JSON: {error}") from None
    if isinstance(rows, Mapping):
        rows = rows.get("content", rows.get("rows"))
    if not isinstance(rows, list):
        raise BadInput("custom list", f"{place.name} must hold a list of rows")
    return [row if isinstance(row, list) else [row] for row in rows]


def _text(place: PurePosixPath, bundle: Bundle) -> str | None:
    content = bundle.files.get(str(place))
    if content is None:
        return None
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise BadInput("file", f"{place.name} cannot be read: it is not UTF-8 text") from None


def keep(
    work: Work, brought: Brought, *, repo: str, author: str = "", by: str
) -> list[dict[str, Any]]:
    """Keep what was brought as versions; return what each has become."""
    kept = []
    for file in brought.functions.values():
        number, new = work.functions.save(
            repo=repo,
            name=file.name,
            source=file.source,
            description=file.beside.description,
            inputs=file.beside.inputs,
            outputs=file.beside.outputs,
            draft=file.beside.draft,
            author=author,
        )
        kept.append({"kind": program.FUNCTION, "name": file.name, "id": number, "new": new})
    for playbook in brought.playbooks.values():
        number, new = library.save(work, playbook, author=author)
        kept.append({"kind": program.PLAYBOOK, "name": playbook.name, "id": number, "new": new})
    kept += [_keep_list(work, name, rows, by=by) for name, rows in brought.lists.items()]
    if any(one["new"] for one in kept):
        names = [f"{one['kind']} {one['name']}" for one in kept if one["new"]]
        work.audit(by, "playbooks imported", {"repo": repo, "new": names})
    return kept


def _keep_list(work: Work, name: str, rows: list[Any], *, by: str) -> dict[str, Any]:
    """Keep a custom list; one that is there already stays as people have left it."""
    number, given = work.custom_lists.find(name), custom_list.rows(rows, each=True)
    if number is None:
        edit = ListEdit(name=custom_list.name(name), verb="set", rows=given)
        work.custom_lists.edit([edit], by=by)
    made = number or work.custom_lists.find(name)
    return {"kind": "custom list", "name": name, "id": made, "new": number is None}


def activate(work: Work, name: str, *, by: str) -> Trigger:
    """Let new containers with the labels that a playbook operates on start it."""
    playbook = work.playbooks.newest(name)
    details = playbook["details"]
    labels = tuple(str(label) for label in details.get("labels") or ())
    if details.get("kind") == "input":
        raise BadInput("playbook", f"{playbook['name']!r} needs inputs: only another one starts it")
    if details.get("draft"):
        raise BadInput("playbook", f"{playbook['name']!r} is a draft: save it as no draft first")
    if not labels:
        raise BadInput(
            "labels",
            f"of {playbook['name']!r} are none: say when it starts with `soar trigger add`",
        )
    trigger = Trigger(
        name=f"{playbook['name']} {OPERATES_ON}",
        playbook=playbook["name"],
        labels=() if sidecar.ANY in labels else labels,
        severities=(),
    )
    work.assets.save_trigger(trigger)
    work.audit(by, "playbook activated", {"playbook": playbook["name"], "labels": list(labels)})
    return trigger


def deactivate(work: Work, name: str, *, by: str) -> list[str]:
    """Let no container start a playbook by itself any more; return the triggers put out."""
    playbook = work.playbooks.newest(name)["name"]
    put_out = work.assets.put_out(playbook)
    if not put_out:
        raise NotFound(f"no active trigger starts {playbook!r}: see `soar trigger list`")
    work.audit(by, "playbook deactivated", {"playbook": playbook, "triggers": put_out})
    return put_out
