"""
Splunk's case management: containers as cases, their workbooks, phases and tasks.

In: a container (its dict, its id, none for the run's own).
Out: (success, message[, …]), and commands on the desk.
Never: a change before the block has ended; a workbook that a block adds has its tasks in the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain import commands
from soar.domain.changes import AddTask, AddWorkbook, CreateContainer, Merge, SetPhase
from soar.phantom.answers import Done, declined
from soar.phantom.containers import container_id_of, get_container
from soar.phantom.desk import desk
from soar.phantom.records import success

TASKS = "tasks"
PHASES = "phases"
KINDS = ("default", "case")


def create_container(
    name: str = "",
    label: str = "events",
    container_type: str = "default",
    template: Any = None,
    tenant_id: Any = None,
    trace: bool = False,
) -> tuple[bool, str, int | None]:
    """
    Make a container, or with *container_type* ``case`` a case with a workbook; return its id.

    It is of the tenant of the run's own container, or of the one that *tenant_id* names. It starts
    no playbook by itself: an artifact added with ``run_automation=True`` does.
    """
    if not str(name or "").strip() or container_type not in KINDS:
        why = f"it needs a name, and a type that is one of {', '.join(KINDS)}"
        return *declined(f"no container was made: {why}"), None
    at, tenant = desk(), _tenant(tenant_id)
    if tenant is None:
        return *declined(f"no container was made: no tenant {tenant_id!r} takes containers"), None
    number = at.view.reader.records.new_id("container")
    workbook = _template(template) if container_type == "case" else None
    title = workbook["name"] if workbook else str(template or "")
    fields = {"name": str(name), "label": str(label or "events"), "kind": container_type}
    at.ask(CreateContainer(container_id=number, template=title, tenant_id=tenant, **fields))
    shown = {"container_type": container_type, "tenant": tenant, "new": True}
    at.changes[number] = {"id": number, **fields, **shown}
    if workbook:
        at.ask(AddWorkbook(container_id=number, template_id=workbook["id"]))
    return True, "container made", number


def promote(container: Any = None, template: Any = None, trace: bool = False, **_i: Any) -> Done:
    """
    Promote a container to a case, with the workbook *template* (name or id), or the default one.

    Where there is no such template the case has no workbook, and the message says so.
    """
    number, workbook = container_id_of(container), _template(template)
    title = workbook["name"] if workbook else str(template or "")
    changes = {"container_type": "case", "kind": "case", "template": title}
    desk().changes.setdefault(number, {}).update(changes)
    desk().ask(commands.UpdateContainer(container_id=number, changes=changes))
    if workbook:
        desk().ask(AddWorkbook(container_id=number, template_id=workbook["id"]))
        return True, f"promoted with the workbook {title!r}"
    return True, f"promoted; there is no workbook {title!r}" if title else "promoted"


def _template(wanted: Any) -> dict[str, Any] | None:
    return desk().view.reader.records.template(wanted if isinstance(wanted, int) else wanted or "")


def _tenant(wanted: Any) -> int | None:
    if wanted in (None, ""):
        return int(desk().view.container.get("tenant") or 0)
    return desk().view.reader.records.tenant(wanted)


def merge(
    case: Any = None,
    container_id: Any = None,
    artifact_id: Any = None,
    trace: bool = False,
    **others: Any,
) -> Done:
    """
    Copy the artifacts, notes, comments and files of a container, or one artifact, into a case.

    What the case has got already is not copied again. Runs and actions stay where they were.
    """
    asked = sorted(name for name, value in others.items() if value)
    if asked or not (container_id or artifact_id):
        return declined(f"nothing was merged: {', '.join(asked) or 'a source'} cannot be merged")
    number = container_id_of(case)
    if get_container(number).get("container_type") != "case":
        return declined(f"container {number} is no case: promote it first")
    source = int(container_id) if container_id else None
    if source == number:
        return declined("a case cannot be merged into itself")
    if source:
        get_container(source)
    one = int(artifact_id) if artifact_id and not source else None
    desk().ask(Merge(case_id=number, container_id=source, artifact_id=one))
    return True, "merged"


def add_workbook(container: Any = None, workbook_id: Any = None, trace: bool = False) -> Done:
    """Add the phases and tasks of a workbook template, by its id or name, to a container."""
    workbook = _template(workbook_id)
    if workbook is None:
        return declined(f"there is no workbook template {workbook_id!r}")
    number = container_id_of(container)
    desk().ask(AddWorkbook(container_id=number, template_id=workbook["id"]))
    return True, "workbook added"


def get_tasks(container: Any = None, trace: bool = False, **_ignored: Any) -> list[dict[str, Any]]:
    """Return the tasks of a container, each as success, message and data, with their notes."""
    number, at = container_id_of(container), desk()
    records = at.view.reader.records
    own = [task for task in at.pending[TASKS].values() if task["container"] == number]
    found, notes = [*records.tasks(number), *own], records.notes(number)
    return success([{**t, "notes": [n for n in notes if n["task"] == t["id"]]} for t in found])


def add_task(
    container: Any = None,
    name: Any = "",
    owner: Any = "",
    role: Any = "",
    trace: bool = False,
    **more: Any,
) -> tuple[bool, str, int | None]:
    """Add a task to the current phase of a container, or to its first; return its id."""
    given = dict(name) if isinstance(name, Mapping) else {"name": name}
    title = str(given.get("name") or given.get("title") or "")
    if not title:
        return *declined("no task was added: it has no name"), None
    at, number = desk(), container_id_of(container)
    user = at.view.reader.records.user(owner) if owner else ""
    if owner and not user:
        return *declined(f"no task was added: there is no user {owner}"), None
    task_id = at.view.reader.records.new_id("workbook_task")
    fields = {
        "name": title,
        "description": str(given.get("description") or more.get("description") or ""),
        "owner_name": user,
        "role": str(role or ""),
    }
    at.ask(AddTask(container_id=number, task_id=task_id, fields=fields))
    told: dict[str, Any] = {
        "id": task_id,
        "container": number,
        "status": 0,
        "phase": None,
        "suggestions": {},
    }
    at.pending[TASKS][task_id] = {**told, "name": title, "description": fields["description"]}
    return True, "task added", task_id


def get_phase(container: Any = None, trace: bool = False) -> tuple[bool, str, int | None, str]:
    """Return (success, message, id, name) of the current phase; no id where there is none."""
    number, at = container_id_of(container), desk()
    found = at.pending[PHASES].get(number)
    if found is None:
        current = get_container(number).get("current_phase_id")
        phases = at.view.reader.records.phases(number) if current else []
        found = next((p for p in phases if p["id"] == current), None)
    if found is None:
        return True, "the container is in no phase", None, ""
    return True, "", found["id"], found["name"]


def set_phase(container: Any = None, phase: Any = None, trace: bool = False) -> Done:
    """Make a phase of a container, given by its name or id, the current one."""
    number, at = container_id_of(container), desk()
    phases = at.view.reader.records.phases(number)
    by_id = [p for p in phases if str(p["id"]) == str(phase)]
    found = by_id or [p for p in phases if p["name"] == phase]
    if len(found) != 1:
        why = "has several phases" if found else "has no phase"
        return declined(f"container {number} {why} {phase!r}")
    at.pending[PHASES][number] = found[0]
    at.ask(SetPhase(container_id=number, phase_id=found[0]["id"]))
    return True, "phase set"
