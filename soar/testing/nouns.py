"""
What REST knows on a stage: each noun, its rows, and what becomes of a change.

In: the memory of a dialogue. Out: shapes, by the names under which clients ask for them.
Never: a noun or a field that the real REST has under another name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from soar.api import case_nouns, nouns, playbook_nouns, words
from soar.api.nouns import columns_of
from soar.api.roles import ROLES
from soar.domain import cef, custom_list
from soar.domain.model import CONTAINER_STATUSES, SEVERITIES
from soar.domain.roles import BUILT_IN
from soar.store.listing import Listing

if TYPE_CHECKING:
    from soar.testing.memory import Memory

Shape = dict[str, Any]
Rows = Callable[["Memory"], list[Shape]]
Changing = Callable[["Memory", Shape, Shape], None]
"""Told the row, new or old, and what was posted."""


@dataclass(frozen=True, kw_only=True)
class Noun:
    """One address of REST; what has no *change* is only read."""

    listing: Listing
    rows: Rows
    change: Changing | None = None
    add: Changing | None = None


def own(noun: str, *, texts: str, lists: str = "", json: str = "", times: str = "") -> Listing:
    """Return the listing of a noun of which these are the fields."""
    return Listing(
        noun=noun,
        source=noun,
        columns="",
        fields={
            **columns_of("int", id="id"),
            **columns_of("text", **{name: name for name in texts.split()}),
            **columns_of("texts", **{name: name for name in lists.split()}),
            **columns_of("json", **{name: name for name in json.split()}),
            **columns_of("time", **{name: name for name in times.split()}),
        },
    )


USERS = own("user", texts="username first_name last_name email type")
INDICATORS = own(
    "indicator", texts="value value_hash type", lists="tags", times="earliest_time latest_time"
)
EVIDENCE = own("evidence", texts="container container_id object_id content_type")
REPOSITORIES = own("repository", texts="name")


def _named(values: Any) -> list[Shape]:
    return [{"id": n, "name": value} for n, value in enumerate(values, start=1)]


def _users(memory: Memory) -> list[Shape]:
    return [
        {"id": n, "username": name, "type": "normal", "first_name": name, "last_name": "",
         "email": f"{name}@soar.example"}
        for n, name in memory.records.users.items()
    ]  # fmt: skip


def _roles(_memory: Memory) -> list[Shape]:
    return [{"id": role.id, "name": role.name} for role in BUILT_IN.values()]


def _assets(memory: Memory) -> list[Shape]:
    return [
        {"id": n, "name": name, "app": "", "configuration": {}, "disabled": False}
        for n, name in enumerate(memory.records.inventory, start=1)
    ]


def indicators(memory: Memory) -> list[Shape]:
    """Return each value of the artifacts once, with the tags that it was given."""
    found: dict[str, Shape] = {}
    for artifact in memory.artifacts(1):
        types = cef.types_of(artifact)
        for name, value in artifact["cef"].items():
            if value not in (None, "") and not isinstance(value, list | dict):
                told = {"value": str(value), "type": "".join(types.get(name, ())[:1])}
                found.setdefault(str(value), {"id": len(found) + 1, **told})
    for text, row in found.items():
        row["value_hash"] = hashlib.sha256(text.encode()).hexdigest()
        row["tags"] = list(memory.records.tagged.get(text, ()))
        row["earliest_time"] = row["latest_time"] = memory.shape["create_time"]
    return list(found.values())


def _tag(memory: Memory, row: Shape, body: Shape) -> None:
    if "tags" in body:
        memory.records.tagged[row["value"]] = [str(tag) for tag in body["tags"]]


def _action_runs(memory: Memory) -> list[Shape]:
    runs: dict[Any, Shape] = {}
    for result in memory.results:
        told = {name: result.get(name) for name in ("action", "name", "status", "message")}
        number = result["action_run_id"]
        runs.setdefault(number, {"id": number, "container": 1, "playbook_run": 1, **told})
    return list(runs.values())


def _app_runs(memory: Memory) -> list[Shape]:
    names = ("action", "action_run_id", "status", "message", "asset", "app")
    return [
        {"id": result["app_run_id"], "container": 1, "playbook_run": 1,
         "result_data": result["action_results"], **{name: result.get(name) for name in names}}
        for result in memory.results
        if "app_run_id" in result
    ]  # fmt: skip


def _playbooks(memory: Memory) -> list[Shape]:
    ids = {name: str(n) for n, name in enumerate(memory.records.repositories, start=1)}
    return [{**row, "scm": ids.get(row["scm"], row["scm"])} for row in memory.records.playbooks]


def _lists(memory: Memory) -> list[Shape]:
    rows = memory.records.lists.items()
    return [{"id": n, "name": name, "content": c} for n, (name, c) in enumerate(rows, start=1)]


def _edit(memory: Memory, row: Shape, body: Shape) -> None:
    name = str(row.get("name") or custom_list.name(body.get("name")))
    for edit in custom_list.edit_of(name, {k: v for k, v in body.items() if k != "name"}):
        memory.records.keep(edit)


def _phases_of_templates(memory: Memory) -> list[Shape]:
    return [
        {"id": 10 * book["id"] + n, "name": phase["name"], "order": n, "template": book["id"]}
        for book in memory.records.templates
        for n, phase in enumerate(book.get("phases") or (), start=1)
    ]


def _update(_memory: Memory, row: Shape, body: Shape) -> None:
    row.update(body)


def _container(memory: Memory, _row: Shape, body: Shape) -> None:
    memory.shape.update(body)


def _artifact(memory: Memory, row: Shape, body: Shape) -> None:
    known = next((a for a in memory.shape["artifacts"] if a["id"] == row["id"]), None)
    if known is not None:
        known.update(body)
        return
    empty = {"name": "artifact", "label": "event", "severity": "medium", "cef": {}, "tags": []}
    new = {**empty, "cef_types": {}, "data": {}, "container": 1, **body, **row}
    memory.shape["artifacts"].append(new)


def _note(memory: Memory, row: Shape, body: Shape) -> None:
    known = next((n for n in memory.records.written if n["id"] == row["id"]), None)
    if known is None:
        known = {"note_type": "general", "title": "", "container": body.get("container_id"), **row}
        memory.records.written.append(known)
    known.update(body)


def _evidence(memory: Memory, row: Shape, body: Shape) -> None:
    memory.records.evidence.append({**body, **row, "container": body.get("container_id")})


NOUNS: Mapping[str, Noun] = {
    "container": Noun(
        listing=nouns.CONTAINERS, rows=lambda m: [m.shape], change=_container
    ),
    "artifact": Noun(
        listing=nouns.ARTIFACTS,
        rows=lambda m: m.artifacts(m.shape["id"]),
        change=_artifact,
        add=_artifact,
    ),
    "note": Noun(
        listing=case_nouns.ALL_NOTES, rows=lambda m: m.records.written, change=_note, add=_note
    ),
    "container_pin": Noun(
        listing=case_nouns.PINS, rows=lambda m: list(m.records.pinned.values()), change=_update
    ),
    "container_attachment": Noun(
        listing=nouns.ATTACHMENTS,
        rows=lambda m: [dict(told) for told, _ in m.records.stored.values()],
    ),
    "container_status": Noun(
        listing=playbook_nouns.STATUSES,
        rows=lambda _: [words.status(row) for row in _named(CONTAINER_STATUSES)],
    ),
    "severity": Noun(listing=playbook_nouns.SEVERITY, rows=lambda _: _named(SEVERITIES)),
    "workbook_template": Noun(listing=case_nouns.WORKBOOKS, rows=lambda m: m.records.templates),
    "workbook_phase_template": Noun(
        listing=case_nouns.PHASE_TEMPLATES, rows=_phases_of_templates
    ),
    "workbook_phase": Noun(listing=case_nouns.PHASES, rows=lambda m: m.records.phased),
    "workbook_task": Noun(
        listing=case_nouns.TASKS, rows=lambda m: m.records.to_do, change=_update
    ),
    "decided_list": Noun(
        listing=case_nouns.CUSTOM_LISTS, rows=_lists, change=_edit, add=_edit
    ),
    "playbook": Noun(listing=playbook_nouns.PLAYBOOKS, rows=_playbooks),
    "playbook_run": Noun(listing=nouns.RUNS, rows=lambda m: list(m.records.runs.values())),
    "action_run": Noun(listing=nouns.ACTIONS, rows=_action_runs),
    "app_run": Noun(listing=nouns.CALLS, rows=_app_runs),
    "approval": Noun(listing=nouns.APPROVALS, rows=lambda _: []),
    "asset": Noun(listing=nouns.ASSETS, rows=_assets),
    "role": Noun(listing=ROLES, rows=_roles),
    "ph_user": Noun(listing=USERS, rows=_users),
    "indicator": Noun(listing=INDICATORS, rows=indicators, change=_tag),
    "evidence": Noun(listing=EVIDENCE, rows=lambda m: m.records.evidence, add=_evidence),
    "scm": Noun(listing=REPOSITORIES, rows=lambda m: _named(m.records.repositories)),
}  # fmt: skip

OLDER: Mapping[str, str] = {"workflow_task": "workbook_task"}
"""Names of nouns in older releases."""
PARTS: Mapping[str, str] = {
    "artifacts": "artifact",
    "notes": "note",
    "phases": "workbook_phase",
    "pins": "container_pin",
    "attachments": "container_attachment",
    "actions": "action_run",
    "playbook_runs": "playbook_run",
}
"""What belongs to a container, and of which noun it is."""
