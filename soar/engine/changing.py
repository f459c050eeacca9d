"""
Carries out what a block has asked to be changed, in its order and in its transaction.

In: changes, and the run they belong to. Out: rows. Never: half of a block's changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from soar.domain import changes as asked
from soar.domain.changes import Change
from soar.domain.commands import AddArtifact, AddNote, UpdateContainer
from soar.domain.errors import NotFound
from soar.domain.model import NewArtifact, severity
from soar.engine.queueing import queue_run
from soar.store.work import Work

Command = UpdateContainer | AddArtifact | AddNote | Change
Run = Mapping[str, Any]


def carry_out(work: Work, commands: Sequence[Command], run: Run) -> None:
    """
    Make every change; custom lists come last, so that all who edit some lock in one order.
    """
    edits = [c for c in commands if isinstance(c, asked.ListEdit)]
    for command in commands:
        if not isinstance(command, asked.ListEdit):
            _change(work, command, run)
    if edits:
        work.custom_lists.edit(edits, by=run["playbook"])


def _change(work: Work, command: Command, run: Run) -> None:
    match command:
        case UpdateContainer():
            _update(work, command)
        case AddArtifact():
            _add_artifact(work, command, run)
        case AddNote():
            _add_note(work, command, run)
        case asked.CreateContainer() | asked.ChangeTags() | asked.Merge():
            _change_container(work, command, run)
        case asked.UpdateArtifact():
            found = work.cases.update_artifact(command.artifact_id, _checked(command.changes))
            _must(found, f"artifact {command.artifact_id}")
        case asked.DeleteArtifact():
            work.cases.delete_artifact(command.artifact_id)
        case asked.WritePin() | asked.DeletePin():
            _pin(work, command, run)
        case asked.SaveObject() | asked.ClearObjects():
            _keep(work, command)
        case asked.AddFile() | asked.DeleteFiles():
            _file(work, command, run)
        case asked.Discontinue():
            why = f"not begun: run {run['id']} called discontinue"
            work.cases.discontinue(command.container_id, after_run=run["id"], why=why)
        case asked.StartAutomation():
            _start_automation(work, command.container_id, run)
        case _:
            _change_workbook(work, command, run)


def _must(found: object, what: str) -> None:
    if not found:
        raise NotFound(f"there is no {what}")


def _update(work: Work, update: UpdateContainer) -> None:
    changes = dict(update.changes)
    if "container_type" in changes:
        changes.setdefault("kind", changes["container_type"])
    work.containers.update(update.container_id, changes)


def _add_artifact(work: Work, artifact: AddArtifact, run: Run) -> None:
    fields = artifact.fields
    new = NewArtifact(
        name=str(fields["name"]),
        label=str(fields["label"]),
        type=str(fields["type"]),
        severity=severity(fields["severity"]),
        cef=fields["cef"],
        source_id=str(fields["source_data_identifier"]),
        tags=tuple(fields["tags"]),
        data=fields.get("data") or {},
    )
    work.containers.add_artifact(
        artifact.container_id, new, artifact_id=artifact.artifact_id, run_id=run["id"]
    )


def _add_note(work: Work, note: AddNote, run: Run) -> None:
    work.containers.add_note(
        note.container_id,
        content=note.content,
        title=note.title,
        kind=note.kind,
        format=note.format,
        author=run["playbook"],
        run_id=run["id"],
        note_id=note.note_id,
        task_id=note.task_id,
        artifact_id=note.artifact_id,
    )


def _change_container(
    work: Work, command: asked.CreateContainer | asked.ChangeTags | asked.Merge, run: Run
) -> None:
    match command:
        case asked.CreateContainer():
            work.cases.create(
                command.container_id,
                name=command.name,
                label=command.label,
                kind=command.kind,
                template=command.template,
                tenant_id=command.tenant_id,
                source=f"run-{run['id']}-{command.container_id}",
            )
        case asked.ChangeTags():
            work.cases.change_tags(command.container_id, add=command.add, remove=command.remove)
        case asked.Merge():
            work.cases.merge_artifacts(
                command.case_id, container_id=command.container_id, artifact_id=command.artifact_id
            )
            if command.container_id:
                work.cases.merge_texts(command.case_id, command.container_id)


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes of an artifact with a severity that exists."""
    found = dict(changes)
    if "severity" in found:
        found["severity"] = severity(found["severity"])
    return found


def _pin(work: Work, command: asked.WritePin | asked.DeletePin, run: Run) -> None:
    if isinstance(command, asked.DeletePin):
        work.pins.delete(command.pin_id)
    elif command.container_id is None:
        _must(work.pins.update(command.pin_id, command.fields), f"pin {command.pin_id}")
    else:
        work.pins.add(
            command.pin_id,
            command.container_id,
            command.fields,
            name=command.name,
            author=run["playbook"],
            run_id=run["id"],
        )


def _keep(work: Work, command: asked.SaveObject | asked.ClearObjects) -> None:
    number, playbook = command.container_id, command.playbook
    if isinstance(command, asked.ClearObjects):
        work.saved_objects.clear(command.key, container_id=number, playbook=playbook)
        return
    work.saved_objects.save(
        command.key,
        command.value,
        container_id=number,
        playbook=playbook,
        ends_with_container=command.ends_with_container,
    )


def _file(work: Work, command: asked.AddFile | asked.DeleteFiles, run: Run) -> None:
    if isinstance(command, asked.DeleteFiles):
        work.attachments.delete(command.attachment_ids)
        return
    work.attachments.add(
        command.container_id,
        attachment_id=command.attachment_id,
        name=command.name,
        content=command.content,
        size=command.size,
        sha1=command.sha1,
        sha256=command.sha256,
        details=command.details,
        run_id=run["id"],
    )


def _change_workbook(work: Work, command: Change, run: Run) -> None:
    match command:
        case asked.AddWorkbook():
            work.workbooks.add_to(command.container_id, command.template_id, run_id=run["id"])
        case asked.AddTask():
            number, task = command.container_id, command.task_id
            work.workbooks.add_task(number, task, command.fields, run_id=run["id"])
        case asked.UpdateTask():
            found = work.workbooks.update_task(command.task_id, command.changes)
            _must(found, f"task {command.task_id}")
        case asked.SetPhase():
            found = work.workbooks.set_phase(command.container_id, command.phase_id)
            _must(found, f"phase {command.phase_id} in container {command.container_id}")
        case _:
            raise TypeError(f"nobody knows how to carry out {type(command).__name__}")


def _start_automation(work: Work, container_id: int, run: Run) -> None:
    """Queue the playbooks whose triggers match, but the run's own: it would start itself."""
    container = work.containers.get(container_id)
    for trigger in work.assets.triggers():
        if not trigger.matches(container["label"], container["severity"]):
            continue
        playbook = work.playbooks.newest(trigger.playbook)
        if playbook["name"] == run["playbook"]:
            continue
        queue_run(
            work,
            container_id=container_id,
            playbook=playbook,
            started_by=f"trigger {trigger.name}",
            run_as=trigger.run_as,
            scope="new",
        )
