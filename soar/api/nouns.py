"""
The nouns that can be listed, and the names by which clients filter and sort them.

In: nothing. Out: fixed listings. Never: a column with a secret, or a name from outside.
"""

from __future__ import annotations

from soar.domain.model import CONTAINER_STATUSES, SEVERITIES
from soar.store.listing import SHARED, Field, Kind, Listing


def columns_of(kind: Kind, /, **columns: str) -> dict[str, Field]:
    """Return fields of one kind."""
    return {name: Field(sql=sql, kind=kind) for name, sql in columns.items()}


_OF_CONTAINER = {
    **columns_of("int", container="x.container_id", container_id="x.container_id"),
    **columns_of("int", container__tenant="c.tenant_id"),
    **columns_of(
        "text",
        container__name="c.name",
        container__label="c.label",
        container__status="c.status",
        container__severity="c.severity",
    ),
}

CONTAINERS = Listing(
    noun="container",
    source="container x",
    ours="x.tenant_id = any(:tenants)",
    columns="x.id, x.tenant_id, x.asset, x.source_id, x.name, x.label, x.severity, x.status,"
    " x.description, x.owner_name, x.sensitivity, x.kind, x.template, x.tags, x.custom_fields,"
    " x.create_time, x.update_time, x.close_time, x.current_phase_id,"
    " (select count(*) from artifact a where a.container_id = x.id) as artifact_count",
    heavy="x.data",
    fields={
        **columns_of("int", id="x.id", tenant="x.tenant_id"),
        **columns_of(
            "text",
            name="x.name",
            label="x.label",
            description="x.description",
            owner="x.owner_name",
            owner_name="x.owner_name",
            sensitivity="coalesce(nullif(x.sensitivity, ''), 'amber')",
            container_type="x.kind",
            asset="x.asset",
            asset_id="x.asset",
            source_data_identifier="x.source_id",
            workflow_name="x.template",
        ),
        "status": Field(sql="x.status", words=CONTAINER_STATUSES),
        "severity": Field(sql="x.severity", words=SEVERITIES),
        **columns_of("texts", tags="x.tags"),
        **columns_of("json", data="x.data", custom_fields="x.custom_fields"),
        **columns_of(
            "time",
            create_time="x.create_time",
            start_time="x.create_time",
            close_time="x.close_time",
            container_update_time="x.update_time",
        ),
    },
)

ARTIFACTS = Listing(
    noun="artifact",
    source="artifact x join container c on c.id = x.container_id",
    columns="x.id, x.container_id, x.source_id, x.name, x.label, x.type, x.severity, x.cef, x.tags,"
    " x.run_id, x.create_time, coalesce(x.data->'cef_types', '{}') as cef_types",
    heavy="x.data",
    fields={
        **_OF_CONTAINER,
        **columns_of("int", id="x.id", playbook_run="x.run_id"),
        **columns_of(
            "text",
            name="x.name",
            label="x.label",
            severity="x.severity",
            type="nullif(x.type, '')",
            source_data_identifier="x.source_id",
        ),
        **columns_of("texts", tags="x.tags"),
        **columns_of("json", cef="x.cef", data="x.data"),
        **columns_of("time", create_time="x.create_time", start_time="x.create_time"),
    },
)

ATTACHMENTS = Listing(
    noun="attachment",
    source="attachment x join container c on c.id = x.container_id",
    columns="x.id, x.container_id, x.run_id, x.app_run_id, x.name, x.media_type, x.size, x.sha1,"
    " x.sha256, x.create_time",
    fields={
        **_OF_CONTAINER,
        **columns_of(
            "int", id="x.id", playbook_run="x.run_id", app_run="x.app_run_id", size="x.size"
        ),
        **columns_of(
            "text",
            name="x.name",
            mime_type="x.media_type",
            hash="x.sha1",
            vault_id="x.sha1",
            vault_document__hash="x.sha1",
        ),
        **columns_of("time", create_time="x.create_time"),
    },
)

NOTES = {
    name: Listing(
        noun=name.removesuffix("s"),
        source="note x join container c on c.id = x.container_id",
        columns="x.*",
        always=always,
        fields={
            **_OF_CONTAINER,
            **columns_of("int", id="x.id", playbook_run="x.run_id"),
            **columns_of(
                "text",
                title="x.title",
                content="x.content",
                comment="x.content",
                author="x.author",
                user="x.author",
            ),
            **columns_of("time", create_time="x.create_time", time="x.create_time"),
        },
    )
    for name, always in {
        "notes": "x.kind <> 'comment'",
        "comments": "x.kind = 'comment'",
    }.items()
}

RUN_STATUS = "case x.status when 'queued' then 'pending' else x.status end"

RUNS = Listing(
    noun="playbook run",
    source="playbook_run x join playbook p on p.id = x.playbook_id"
    " join container c on c.id = x.container_id"
    " left join action_run pa on pa.id = x.parent_action_run_id",
    columns="x.id, x.container_id, x.playbook_id, x.error, x.started_by, x.run_as, x.inputs,"
    " x.outputs, x.auto_resolved, x.shadow, x.beside, x.create_time, x.start_time, x.end_time,"
    f" x.update_time, x.scope, {RUN_STATUS} as status, p.name as playbook_name,"
    " p.version as playbook_version, pa.run_id as parent_run",
    fields={
        **_OF_CONTAINER,
        **columns_of("int", id="x.id", playbook="x.playbook_id", playbook_id="x.playbook_id"),
        **columns_of("int", parent_run="pa.run_id", beside="x.beside"),
        **columns_of(
            "text",
            status=RUN_STATUS,
            playbook_name="p.name",
            playbook__name="p.name",
            owner="x.started_by",
            effective_user="x.run_as",
            run_as="x.run_as",
            version="p.version",
        ),
        **columns_of("bool", auto_resolved="x.auto_resolved", cancelled="(x.status = 'cancelled')"),
        **columns_of("bool", shadow="x.shadow"),
        **columns_of("json", inputs="x.inputs", outputs="x.outputs"),
        **columns_of(
            "time",
            create_time="x.create_time",
            start_time="x.start_time",
            end_time="x.end_time",
            update_time="x.update_time",
        ),
    },
)

LOG_LEVELS = "case x.level when 'error' then 0 when 'warning' then 1 else 2 end"

RUN_LOG = Listing(
    noun="log line",
    source="run_log x join playbook_run r on r.id = x.run_id"
    " join container c on c.id = r.container_id",
    columns=f"x.*, {LOG_LEVELS} as message_type",
    fields={
        **columns_of("int", id="x.id", message_type=LOG_LEVELS),
        **columns_of("int", playbook_run="x.run_id", playbook_run_id="x.run_id"),
        **columns_of("text", level="x.level", block="x.block", message="x.message"),
        **columns_of("time", time="x.time"),
    },
)

_OF_RUN = {
    **columns_of("int", playbook_run="x.run_id", playbook_run_id="x.run_id"),
    **columns_of("int", playbook="r.playbook_id", playbook_id="r.playbook_id"),
}
_WITH_RUN = " join playbook_run r on r.id = x.run_id join container c on c.id = x.container_id"

ACTIONS = Listing(
    noun="action run",
    source=f"action_run x{_WITH_RUN}",
    always="x.kind in ('act', 'prompt')",
    columns="x.*, r.playbook_id, r.run_as,"
    " (select count(*) from app_run n where n.action_run_id = x.id) as calls,"
    " (select count(*) from app_run n where n.action_run_id = x.id and n.status = 'success')"
    " as succeeded",
    fields={
        **_OF_CONTAINER,
        **_OF_RUN,
        **columns_of("int", id="x.id"),
        **columns_of("text", action="x.action", name="x.name", status="x.status"),
        **columns_of("text", message="x.message"),
        **columns_of("time", create_time="x.create_time", close_time="x.end_time"),
    },
)

CALL_STATUS = "case x.status when 'parked' then 'pending' else x.status end"

CALLS = Listing(
    noun="app run",
    source=f"app_run x{_WITH_RUN}",
    columns="x.id, x.action_run_id, x.run_id, x.container_id, x.app, x.app_version, x.action,"
    f" x.asset, {CALL_STATUS} as status, x.message, x.summary, x.effect, x.parked_for, x.due_at,"
    " x.crashes, x.shadow, x.approval_id, x.breaker_id, x.attachment_id, x.create_time,"
    " x.start_time, x.end_time, r.run_as",
    heavy="x.data, x.parameters, x.context",
    fields={
        **_OF_CONTAINER,
        **_OF_RUN,
        **columns_of(
            "int", id="x.id", action_run="x.action_run_id", action_run_id="x.action_run_id"
        ),
        **columns_of("int", approval="x.approval_id", breaker="x.breaker_id"),
        **columns_of("int", attachment="x.attachment_id"),
        **columns_of("bool", truncated="(x.attachment_id is not null)", shadow="x.shadow"),
        **columns_of(
            "text",
            action="x.action",
            app="x.app",
            app_name="x.app",
            app_version="x.app_version",
            asset="x.asset",
            asset_id="x.asset",
            asset_name="x.asset",
            status=CALL_STATUS,
            message="x.message",
            effect="x.effect",
            parked_for="x.parked_for",
        ),
        **columns_of("json", result_data="x.data", result_summary="x.summary"),
        **columns_of(
            "time",
            create_time="x.create_time",
            start_time="x.start_time",
            end_time="x.end_time",
            due_time="x.due_at",
        ),
    },
)

CONTAINMENTS = Listing(
    noun="containment",
    source=f"effect x{_WITH_RUN}",
    columns="x.id, x.asset, x.action, x.target, x.status, x.undo, x.app_run_id, x.run_id,"
    " x.container_id, x.undo_run_id, x.vendor_ends, x.confirmed_at, x.expires_at, x.ended_at,"
    " x.ended_because, x.checked_at, x.create_time",
    fields={
        **_OF_CONTAINER,
        **_OF_RUN,
        **columns_of("int", id="x.id", app_run="x.app_run_id", undo_run="x.undo_run_id"),
        **columns_of("text", asset="x.asset", action="x.action", target="x.target", undo="x.undo"),
        **columns_of("text", status="x.status", intent="x.intent"),
        **columns_of("time", create_time="x.create_time", since="x.confirmed_at"),
        **columns_of("time", until="x.expires_at", ended="x.ended_at"),
    },
)

APPROVAL_STATUS = (
    "case when x.status = 'open' then 'pending' when x.status <> 'answered' then x.status"
    " when x.kind <> 'prompt' and x.answer = 'Deny' then 'denied' else 'approved' end"
)
PENDING = {"pending": "x.status = 'open' and x.close_time is null"}

ADDRESSEES = "case x.addressees when '{}' then array[x.assignee] else x.addressees end"

APPROVALS = Listing(
    noun="approval",
    source="approval x",
    joins=_WITH_RUN,
    heavy="x.payload",
    columns="x.id, x.public_id, x.run_id, x.action_run_id, x.container_id, x.kind, x.name,"  # noqa: S608 - fixed texts
    f" x.assignee, x.message, x.options, x.payload_digest, {APPROVAL_STATUS} as status,"
    " x.answer, x.responses, x.reason, x.answered_by, x.signed->>'for' as answered_for,"
    " x.create_time, x.due_at, x.close_time,"
    " (select tenant_id from container where id = x.container_id) as tenant_id,"
    " exists (select 1 from person p where p.username = x.assignee) as for_person",
    fields={
        **_OF_CONTAINER,
        **_OF_RUN,
        **columns_of(
            "int",
            id="x.id",
            action_run="x.action_run_id",
            action_run_id="x.action_run_id",
            action_run__container="x.container_id",
            action_run__container_id="x.container_id",
        ),
        **columns_of("text", name="x.name", message="x.message", type="x.kind"),
        **columns_of("text", owner="x.assignee", owner_name="x.assignee"),
        **columns_of("text", answered_by="x.answered_by", answered_for="x.signed->>'for'"),
        "status": Field(sql=APPROVAL_STATUS, known=PENDING),
        **columns_of("texts", addressees=ADDRESSEES),
        **columns_of(
            "time",
            create_time="x.create_time",
            start_time="x.create_time",
            due_time="x.due_at",
            close_time="x.close_time",
        ),
    },
)

ASSETS = Listing(
    noun="asset",
    source="asset x",
    ours="(x.tenants = '{}' or x.tenants && cast(:tenants as bigint[]))",
    columns="x.*",
    fields={
        **columns_of("int", id="x.id"),
        **columns_of("text", name="x.slug", app="x.app", app__name="x.app", broken="x.broken"),
        **columns_of("text", product_vendor="x.product_vendor", product_name="x.product_name"),
        **columns_of("bool", disabled="x.disabled"),
        **columns_of("time", create_time="x.created_at", update_time="x.updated_at"),
    },
)

LANES = Listing(
    noun="lane",
    source="(select row_number() over (order by slug) as id, slug, app from ("
    "select slug, app from asset union select w.asset, '' from app_run w"
    " where w.status = 'parked' and w.parked_for = 'budget'"
    " and not exists (select 1 from asset a where a.slug = w.asset)) l) x",
    columns="x.slug",
    ours=SHARED,
    fields={**columns_of("int", id="x.id"), **columns_of("text", asset="x.slug", app="x.app")},
)

TRIGGERS = Listing(
    noun="trigger",
    source="trigger x",
    ours=SHARED,
    columns="x.*",
    fields={
        **columns_of("int", id="x.id"),
        **columns_of("text", name="x.name", playbook_name="x.playbook", run_as="x.run_as"),
        **columns_of("texts", label="x.labels", severity="x.severities"),
        **columns_of("bool", active="x.active"),
        **columns_of("time", create_time="x.created_at"),
    },
)
