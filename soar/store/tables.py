"""
The tables, without methods. Words and statuses are those of the domain.

In: nothing. Out: SQLAlchemy tables, used by this room and its migrations only.
Never: a secret in clear: ``asset.configuration`` holds sealed values.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(), primary_key=True)


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _when(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True))


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def _json(name: str, default: str = "{}") -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=text(f"'{default}'::jsonb"))


def _texts(name: str) -> Column[object]:
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'::text[]"))


def _flag(name: str, default: bool) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text(str(default).lower()))


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, ForeignKey(target, ondelete="CASCADE"), nullable=nullable)


playbook = Table(
    "playbook",
    metadata,
    _id(),
    _text("name"),
    _text("title"),
    _text("version"),
    _text("source"),
    _text("sha256"),
    Column("manual_minutes", Integer, nullable=False, server_default="0"),
    _json("details"),
    _flag("active", True),
    _now("created_at"),
    UniqueConstraint("name", "sha256"),
)

asset = Table(
    "asset",
    metadata,
    _id(),
    Column("slug", Text, nullable=False, unique=True),
    _text("app"),
    _json("configuration"),
    _text("product_vendor"),
    _text("product_name"),
    _text("broken"),
    _flag("disabled", False),
    _now("created_at"),
    _now("updated_at"),
)

trigger = Table(
    "trigger",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _text("playbook"),
    _texts("labels"),
    _texts("severities"),
    _flag("active", True),
    _text("run_as"),
    _now("created_at"),
)

container = Table(
    "container",
    metadata,
    _id(),
    _text("asset"),
    _text("source_id"),
    _text("name"),
    _text("label"),
    _text("severity"),
    _text("status", "new"),
    _text("description"),
    _text("owner_name"),
    _text("sensitivity"),
    _text("kind", "default"),
    _text("template"),
    _texts("tags"),
    _json("data"),
    _json("custom_fields"),
    _now("create_time"),
    _now("update_time"),
    _when("close_time"),
    UniqueConstraint("asset", "source_id"),
    Index(None, "status"),
)

artifact = Table(
    "artifact",
    metadata,
    _id(),
    _ref("container_id", "container.id"),
    _text("source_id"),
    _text("name"),
    _text("label"),
    _text("type"),
    _text("severity"),
    _json("cef"),
    _texts("tags"),
    _json("data"),
    Column("run_id", BigInteger),
    _now("create_time"),
    UniqueConstraint("container_id", "source_id"),
)

playbook_run = Table(
    "playbook_run",
    metadata,
    _id(),
    _ref("container_id", "container.id"),
    _ref("playbook_id", "playbook.id"),
    Column("parent_action_run_id", BigInteger),
    Column("root_run_id", BigInteger),
    _text("status", "queued"),
    _text("error"),
    _text("started_by"),
    _text("run_as"),
    _json("run_data"),
    _json("inputs"),
    _json("outputs"),
    _flag("auto_resolved", False),
    _flag("finishing", False),
    _now("create_time"),
    _when("start_time"),
    _when("end_time"),
    _now("update_time"),
    Index(None, "container_id"),
    Index(None, "parent_action_run_id"),
    Index(
        "ix_playbook_run_open", "status", postgresql_where=text("status in ('queued','running')")
    ),
)

action_run = Table(
    "action_run",
    metadata,
    _id(),
    _ref("run_id", "playbook_run.id"),
    _ref("container_id", "container.id"),
    Column("join_id", BigInteger),
    _text("kind"),
    _text("action"),
    _text("name"),
    _text("callback"),
    _json("handle", "null"),
    _text("status", "running"),
    _text("message"),
    Column("remaining", Integer, nullable=False, server_default="0"),
    _now("create_time"),
    _when("end_time"),
    _when("delivered_at"),
    _when("rung_at"),
    Index(None, "run_id"),
    Index("ix_action_run_undelivered", "end_time", postgresql_where=text("delivered_at is null")),
)

app_run = Table(
    "app_run",
    metadata,
    _id(),
    _ref("action_run_id", "action_run.id"),
    _ref("join_id", "action_run.id"),
    _ref("run_id", "playbook_run.id"),
    _ref("container_id", "container.id"),
    _text("app"),
    _text("app_version"),
    _text("action"),
    _text("asset"),
    _text("task"),
    _json("parameters"),
    _json("context"),
    _text("status", "pending"),
    _text("message"),
    _json("data", "[]"),
    _json("summary"),
    _text("effect", "none"),
    Column("severity_rank", Integer, nullable=False, server_default="2"),
    Column("lane_turn", BigInteger, nullable=False, server_default="0"),
    Column("made", Integer, nullable=False, server_default="0"),
    Column("lookup", Text),
    Column("follows", BigInteger),
    Column("reused_from", BigInteger),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("rings", Integer, nullable=False, server_default="0"),
    Column("crashes", Integer, nullable=False, server_default="0"),
    Column("owner", Text),
    Column("parked_for", Text),
    Column("approval_id", BigInteger),
    _when("due_at"),
    _when("waited_since"),
    _when("lane_since"),
    _when("claimed_at"),
    _when("rung_at"),
    _now("create_time"),
    _when("start_time"),
    _when("end_time"),
    Index(None, "action_run_id"),
    Index(None, "join_id"),
    Index(None, "run_id"),
    Index(None, "approval_id", postgresql_where=text("approval_id is not null")),
    Index(
        "ix_app_run_open",
        "status",
        "due_at",
        postgresql_where=text("status in ('pending','running','parked')"),
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
    Index(
        "ix_app_run_released",
        "asset",
        postgresql_where=text("status = 'pending' and lane_since is not null"),
    ),
    Index("ix_app_run_made", "asset", "end_time", postgresql_where=text("made > 0")),
    Index("ix_app_run_lookup", "lookup", "end_time", postgresql_where=text("lookup is not null")),
    Index(
        "ix_app_run_saved",
        "end_time",
        "asset",
        postgresql_where=text("reused_from is not null"),
    ),
    Index("ix_app_run_follows", "follows", postgresql_where=text("follows is not null")),
)

flight = Table(
    "flight",
    metadata,
    Column("lookup", Text, primary_key=True),
    Column("app_run_id", BigInteger, nullable=False),
)

approval = Table(
    "approval",
    metadata,
    _id(),
    Column("public_id", Text, nullable=False, unique=True),
    _ref("run_id", "playbook_run.id"),
    _ref("action_run_id", "action_run.id"),
    _ref("container_id", "container.id"),
    _text("kind"),
    _text("name"),
    _text("assignee"),
    _text("message"),
    _json("options", "[]"),
    _json("payload"),
    _text("payload_digest"),
    _text("status", "open"),
    Column("answer", Text),
    _text("reason"),
    Column("answered_by", Text),
    _json("signed"),
    _text("signature"),
    _text("key_id"),
    _now("create_time"),
    Column("due_at", DateTime(timezone=True), nullable=False),
    _when("close_time"),
    Index(None, "run_id"),
    Index(None, "container_id"),
    Index("ix_approval_open", "due_at", postgresql_where=text("status = 'open'")),
)

note = Table(
    "note",
    metadata,
    _id(),
    _ref("container_id", "container.id"),
    Column("run_id", BigInteger),
    _text("kind"),
    _text("title"),
    _text("content"),
    _text("format"),
    _text("author"),
    _now("create_time"),
    Index(None, "container_id"),
)

run_log = Table(
    "run_log",
    metadata,
    _id(),
    _ref("run_id", "playbook_run.id"),
    _text("level"),
    _text("block"),
    _text("message"),
    _now("time"),
    Index(None, "run_id"),
)

report = Table(
    "report",
    metadata,
    _id(),
    _ref("container_id", "container.id"),
    _text("text"),
    _json("facts"),
    _now("create_time"),
    UniqueConstraint("container_id"),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _text("kind"),
    _json("body"),
    _now("create_time"),
)

worker = Table(
    "worker",
    metadata,
    Column("owner", Text, primary_key=True),
    _text("role"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

person = Table(
    "person",
    metadata,
    _id(),
    Column("username", Text, nullable=False, unique=True),
    _texts("roles"),
    _text("kind", "normal"),
    _flag("active", True),
    _now("create_time"),
)

token = Table(
    "token",
    metadata,
    _id(),
    _ref("person_id", "person.id"),
    Column("hash", Text, nullable=False, unique=True),
    _now("create_time"),
    _when("last_used"),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    _text("who"),
    _text("what"),
    _json("detail"),
    _now("time"),
)
