"""
The tables, without methods. Words and statuses are those of the domain.

In: nothing. Out: SQLAlchemy tables, used by this room and its migrations only.
Never: a secret in clear: ``asset.configuration`` holds sealed values.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    Interval,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from soar.store import case_tables as case_tables
from soar.store.approval_table import approval as approval
from soar.store.attachments import attachment as attachment
from soar.store.audit import audit as audit
from soar.store.blast_table import blast_pass as blast_pass
from soar.store.columns import (
    flag,
    id_column,
    json_column,
    now_column,
    numbers,
    ref,
    text_column,
    texts,
    when,
)
from soar.store.columns import metadata as metadata
from soar.store.delegations import delegation as delegation
from soar.store.functions import custom_function as custom_function
from soar.store.functions import function_call as function_call
from soar.store.identity_tables import credential as credential
from soar.store.identity_tables import linked_identity as linked_identity
from soar.store.identity_tables import login_failure as login_failure
from soar.store.identity_tables import new_codes as new_codes
from soar.store.identity_tables import session as session
from soar.store.identity_tables import sign_in_hop as sign_in_hop
from soar.store.ledger_table import effect as effect
from soar.store.marks import evidence as evidence
from soar.store.marks import indicator_mark as indicator_mark
from soar.store.notice_tables import channel as channel
from soar.store.notice_tables import link as link
from soar.store.notice_tables import notice as notice
from soar.store.notice_tables import person_address as person_address
from soar.store.notice_tables import received as received
from soar.store.notice_tables import reminder as reminder
from soar.store.people_table import person as person
from soar.store.people_table import token as token
from soar.store.policies import policy as policy
from soar.store.roles import role as role
from soar.store.run_state import run_state as run_state
from soar.store.shadow import shadow as shadow
from soar.store.slots import slot as slot
from soar.store.tenants import tenant as tenant
from soar.store.views import approval_view as approval_view

playbook = Table(
    "playbook",
    metadata,
    id_column(),
    text_column("name"),
    text_column("title"),
    text_column("version"),
    text_column("source"),
    text_column("sha256"),
    Column("manual_minutes", Integer, nullable=False, server_default="0"),
    json_column("details"),
    flag("active", True),
    text_column("author"),
    flag("candidate", False),
    now_column("created_at"),
    UniqueConstraint("name", "sha256"),
    Index("ix_playbook_candidate", "name", unique=True, postgresql_where=text("candidate")),
)

asset = Table(
    "asset",
    metadata,
    id_column(),
    Column("slug", Text, nullable=False, unique=True),
    text_column("app"),
    json_column("configuration"),
    text_column("product_vendor"),
    text_column("product_name"),
    text_column("broken"),
    flag("disabled", False),
    numbers("tenants"),
    now_column("created_at"),
    now_column("updated_at"),
)

trigger = Table(
    "trigger",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    text_column("playbook"),
    texts("labels"),
    texts("severities"),
    flag("active", True),
    text_column("run_as"),
    now_column("created_at"),
)

container = Table(
    "container",
    metadata,
    id_column(),
    Column("tenant_id", BigInteger, nullable=False, server_default="0"),
    text_column("asset"),
    text_column("source_id"),
    text_column("name"),
    text_column("label"),
    text_column("severity"),
    text_column("status", "new"),
    text_column("description"),
    text_column("owner_name"),
    text_column("sensitivity"),
    text_column("kind", "default"),
    text_column("template"),
    texts("tags"),
    json_column("data"),
    json_column("custom_fields"),
    Column("current_phase_id", BigInteger),
    now_column("create_time"),
    now_column("update_time"),
    when("close_time"),
    UniqueConstraint("tenant_id", "asset", "source_id"),
    Index(None, "status"),
    Index("ix_container_tenant", "tenant_id", "id", postgresql_where=text("tenant_id <> 0")),
)

artifact = Table(
    "artifact",
    metadata,
    id_column(),
    ref("container_id", "container.id"),
    text_column("source_id"),
    text_column("name"),
    text_column("label"),
    text_column("type"),
    text_column("severity"),
    json_column("cef"),
    texts("tags"),
    json_column("data"),
    Column("run_id", BigInteger),
    now_column("create_time"),
    UniqueConstraint("container_id", "source_id"),
    Index(None, "container_id", "id"),
)

playbook_run = Table(
    "playbook_run",
    metadata,
    id_column(),
    ref("container_id", "container.id"),
    ref("playbook_id", "playbook.id"),
    Column("parent_action_run_id", BigInteger),
    Column("root_run_id", BigInteger),
    text_column("status", "queued"),
    text_column("error"),
    text_column("started_by"),
    text_column("run_as"),
    json_column("run_data"),
    json_column("inputs"),
    json_column("outputs"),
    flag("auto_resolved", False),
    flag("finishing", False),
    flag("shadow", False),
    Column("beside", BigInteger),
    json_column("scope", '"all"'),
    Column("artifacts_from", BigInteger, nullable=False, server_default="0"),
    Column("artifacts_to", BigInteger, nullable=False, server_default="0"),
    now_column("create_time"),
    when("due_at"),
    when("start_time"),
    when("end_time"),
    now_column("update_time"),
    Index(None, "container_id"),
    Index(None, "parent_action_run_id"),
    Index(None, "beside", postgresql_where=text("beside is not null")),
    Index(
        "ix_playbook_run_candidates",
        "playbook_id",
        "id",
        postgresql_where=text("beside is not null"),
    ),
    Index(
        "ix_playbook_run_shadow",
        "id",
        postgresql_where=text("shadow and status in ('queued','running')"),
    ),
    Index(
        "ix_playbook_run_open", "status", postgresql_where=text("status in ('queued','running')")
    ),
)

action_run = Table(
    "action_run",
    metadata,
    id_column(),
    ref("run_id", "playbook_run.id"),
    ref("container_id", "container.id"),
    Column("join_id", BigInteger),
    text_column("kind"),
    text_column("action"),
    text_column("name"),
    text_column("callback"),
    json_column("handle", "null"),
    Column("loop_state", JSONB),
    text_column("status", "running"),
    text_column("message"),
    Column("remaining", Integer, nullable=False, server_default="0"),
    now_column("create_time"),
    when("end_time"),
    when("delivered_at"),
    when("rung_at"),
    Index(None, "run_id"),
    Index("ix_action_run_undelivered", "end_time", postgresql_where=text("delivered_at is null")),
)

app_run = Table(
    "app_run",
    metadata,
    id_column(),
    ref("action_run_id", "action_run.id"),
    ref("join_id", "action_run.id"),
    ref("run_id", "playbook_run.id"),
    ref("container_id", "container.id"),
    text_column("app"),
    text_column("app_version"),
    text_column("action"),
    text_column("asset"),
    text_column("task"),
    json_column("parameters"),
    json_column("context"),
    text_column("status", "pending"),
    text_column("message"),
    json_column("data", "[]"),
    json_column("summary"),
    text_column("effect", "none"),
    Column("severity_rank", Integer, nullable=False, server_default="2"),
    Column("lane_turn", BigInteger, nullable=False, server_default="0"),
    Column("made", Integer, nullable=False, server_default="0"),
    Column("lookup", Text),
    Column("target", Text),
    Column("follows", BigInteger),
    Column("reused_from", BigInteger),
    Column("attachment_id", BigInteger),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("waited", Interval, nullable=False, server_default=text("'0'::interval")),
    Column("rings", Integer, nullable=False, server_default="0"),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("owner", Text),
    Column("parked_for", Text),
    Column("approval_id", BigInteger),
    Column("breaker_id", BigInteger),
    Column("earlier_ids", ARRAY(BigInteger)),
    flag("shadow", False),
    when("due_at"),
    when("lane_since"),
    when("claimed_at"),
    when("rung_at"),
    now_column("create_time"),
    when("start_time"),
    when("end_time"),
    Index(None, "action_run_id"),
    Index(None, "join_id"),
    Index(None, "run_id"),
    Index(None, "approval_id", postgresql_where=text("approval_id is not null")),
    Index(None, "breaker_id", postgresql_where=text("breaker_id is not null")),
    Index("ix_app_run_asset", "asset", "status"),
    # The server takes a partial index for nearly empty if few rows were so when it last looked: it
    # then prefers it to the primary key. So each begins with what is asked for, of one state.
    Index("ix_app_run_pending", "id", postgresql_where=text("status = 'pending'")),
    Index("ix_app_run_running", "id", postgresql_where=text("status = 'running'")),
    Index(
        "ix_app_run_due",
        "due_at",
        postgresql_where=text("status = 'parked' and parked_for = 'schedule'"),
    ),
    Index(
        "ix_app_run_lane",
        "asset",
        "severity_rank",
        "lane_turn",
        "id",
        postgresql_where=text("status = 'parked' and parked_for = 'budget'"),
    ),
    Index(
        "ix_app_run_lane_age",
        "asset",
        "lane_since",
        postgresql_where=text("status = 'parked' and parked_for = 'budget'"),
    ),
    Index("ix_app_run_made", "asset", "end_time", postgresql_where=text("made > 0")),
    Index("ix_app_run_lookup", "lookup", "end_time", postgresql_where=text("lookup is not null")),
    Index(
        "ix_app_run_saved",
        "end_time",
        "asset",
        postgresql_where=text("reused_from is not null"),
    ),
    Index(
        "ix_app_run_follows",
        "follows",
        postgresql_where=text("status = 'parked' and follows is not null"),
    ),
    Index(
        "ix_app_run_shared",
        "reused_from",
        postgresql_where=text("reused_from is not null and target is not null"),
    ),
)

block_try = Table(
    "block_try",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("tries", Integer, nullable=False),
    prefixes=["UNLOGGED"],
)

flight = Table(
    "flight",
    metadata,
    Column("lookup", Text, primary_key=True),
    Column("app_run_id", BigInteger, nullable=False),
)

note = Table(
    "note",
    metadata,
    id_column(),
    ref("container_id", "container.id"),
    Column("run_id", BigInteger),
    text_column("kind"),
    text_column("title"),
    text_column("content"),
    text_column("format"),
    text_column("author"),
    Column("task_id", BigInteger),
    Column("artifact_id", BigInteger),
    now_column("create_time"),
    now_column("update_time"),
    Index(None, "container_id"),
)

run_log = Table(
    "run_log",
    metadata,
    id_column(),
    ref("run_id", "playbook_run.id"),
    text_column("level"),
    text_column("block"),
    text_column("message"),
    now_column("time"),
    Index(None, "run_id"),
)

report = Table(
    "report",
    metadata,
    id_column(),
    ref("container_id", "container.id"),
    text_column("text"),
    json_column("facts"),
    now_column("create_time"),
    UniqueConstraint("container_id"),
)

outbox = Table(
    "outbox",
    metadata,
    id_column(),
    text_column("kind"),
    json_column("body"),
    now_column("create_time"),
)

worker = Table(
    "worker",
    metadata,
    Column("owner", Text, primary_key=True),
    text_column("role"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
