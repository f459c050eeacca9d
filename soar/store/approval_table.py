"""
The table of questions to people.

In: nothing. Out: the table, used by this room and its migrations only.
Never: an answer without its signature beside it.
"""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Table, Text, text

from soar.store.columns import (
    id_column,
    json_column,
    metadata,
    now_column,
    ref,
    text_column,
    texts,
    when,
)

SPECIAL = "addressees <> '{}' and addressees <> array[assignee]"
"""Which questions are to more than one name: to several, or on the terms of a policy."""

approval = Table(
    "approval",
    metadata,
    id_column(),
    Column("public_id", Text, nullable=False, unique=True),
    ref("run_id", "playbook_run.id"),
    ref("action_run_id", "action_run.id"),
    ref("container_id", "container.id"),
    text_column("kind"),
    text_column("name"),
    text_column("assignee"),
    texts("addressees"),
    text_column("message"),
    json_column("options", "[]"),
    json_column("questions", "[]"),
    json_column("payload"),
    text_column("payload_digest"),
    text_column("status", "open"),
    Column("answer", Text),
    json_column("responses", "[]"),
    text_column("reason"),
    Column("answered_by", Text),
    json_column("signed"),
    text_column("signature"),
    text_column("key_id"),
    now_column("create_time"),
    Column("due_at", DateTime(timezone=True), nullable=False),
    when("close_time"),
    Index(None, "run_id"),
    Index(None, "container_id"),
    Index("ix_approval_open", "due_at", "id", postgresql_where=text("status = 'open'")),
    Index(
        "ix_approval_open_special",
        "due_at",
        "id",
        postgresql_where=text(f"close_time is null and {SPECIAL}"),
    ),
    Index(
        "ix_approval_open_of",
        "assignee",
        "due_at",
        "id",
        postgresql_where=text("close_time is null"),
    ),
    Index("ix_approval_closed", "close_time", "id", postgresql_where=text("status <> 'open'")),
)
