"""
Custom lists, notes, pins and workbooks as nouns: what clients filter and sort them by.

In: nothing. Out: fixed listings. Never: a name from outside.
"""

from __future__ import annotations

from soar.api.nouns import columns_of
from soar.store.listing import SHARED, Listing

_OF_CONTAINER = columns_of("int", container="x.container_id", container_id="x.container_id")
_OURS = "{0}.container_id in (select id from container where tenant_id = any(:tenants))"
_TIMES = columns_of("time", create_time="x.create_time", modified_time="x.update_time")

CUSTOM_LISTS = Listing(
    noun="custom list",
    source="decided_list x",
    ours=SHARED,
    columns="x.id, x.name, x.version, x.changed_by, x.create_time, x.update_time",
    heavy="x.content",
    fields={
        **columns_of("int", id="x.id", version="x.version"),
        **columns_of("text", name="x.name"),
        **columns_of("json", content="x.content"),
        **_TIMES,
    },
)

ALL_NOTES = Listing(
    noun="note",
    source="note x",
    ours=_OURS.format("x"),
    columns="x.*",
    always="x.kind <> 'comment'",
    fields={
        **_OF_CONTAINER,
        **columns_of("int", id="x.id", task="x.task_id", task_id="x.task_id"),
        **columns_of("int", artifact="x.artifact_id", playbook_run="x.run_id"),
        **columns_of("text", title="x.title", content="x.content", author="x.author"),
        **columns_of("text", note_type="x.kind", note_format="x.format"),
        **_TIMES,
    },
)

PINS = Listing(
    noun="pin",
    source="pin x",
    ours=_OURS.format("x"),
    columns="x.*",
    fields={
        **_OF_CONTAINER,
        **columns_of("int", id="x.id", playbook_run="x.run_id"),
        **columns_of("text", name="x.name", message="x.message", data="x.data"),
        **columns_of("text", pin_type="x.pin_type", pin_style="x.pin_style", author="x.author"),
        **_TIMES,
    },
)

WORKBOOKS = Listing(
    noun="workbook template",
    source="workbook_template x",
    ours=SHARED,
    columns="x.*",
    fields={
        **columns_of("int", id="x.id"),
        **columns_of("text", name="x.name", description="x.description"),
        **columns_of("bool", is_default="x.is_default"),
        **columns_of("time", create_time="x.create_time"),
    },
)

_PHASE = {
    **columns_of("int", id="x.id", order="x.position"),
    **columns_of("text", name="x.name"),
    **columns_of("time", create_time="x.create_time"),
}
_TEMPLATE = columns_of("int", template="x.template_id", template_id="x.template_id")

PHASES = Listing(
    noun="workbook phase",
    source="workbook_phase x",
    columns="x.*",
    always="x.container_id is not null",
    ours=_OURS.format("x"),
    fields={**_PHASE, **_OF_CONTAINER},
)
PHASE_TEMPLATES = Listing(
    noun="workbook phase template",
    source="workbook_phase x",
    columns="x.*",
    always="x.template_id is not null",
    ours=SHARED,
    fields={**_PHASE, **_TEMPLATE},
)

_TASK = {
    **columns_of("int", id="x.id", order="x.position", status="x.status"),
    **columns_of("int", phase="x.phase_id", phase_id="x.phase_id"),
    **columns_of("text", name="x.name", owner="x.owner_name", role="x.role", phase__name="p.name"),
    **columns_of("bool", is_note_required="x.is_note_required"),
    **_TIMES,
}
_TASKS = "workbook_task x join workbook_phase p on p.id = x.phase_id"
_TASK_COLUMNS = "x.*, p.name as phase_name, p.container_id, p.template_id"

TASKS = Listing(
    noun="workbook task",
    source=_TASKS,
    columns=_TASK_COLUMNS,
    always="p.container_id is not null",
    ours=_OURS.format("p"),
    fields={
        **_TASK,
        **columns_of("int", container="p.container_id", container_id="p.container_id"),
    },
)
TASK_TEMPLATES = Listing(
    noun="workbook task template",
    source=_TASKS,
    columns=_TASK_COLUMNS,
    always="p.template_id is not null",
    ours=SHARED,
    fields={**_TASK, **columns_of("int", template="p.template_id", template_id="p.template_id")},
)
