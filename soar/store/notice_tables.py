"""
The tables of channels, of notices, and of what comes back through channels.

In: nothing. Out: the tables, used by this room and its migrations only.
Never: a secret or a token in clear: ``channel.configuration`` holds sealed values, ``link`` hashes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from soar.store.columns import (
    id_column,
    json_column,
    metadata,
    now_column,
    numbers,
    ref,
    text_column,
    texts,
    when,
)

PLANNED = text("status = 'planned'")

channel = Table(
    "channel",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    text_column("kind"),
    json_column("configuration"),
    texts("events"),
    texts("assignees"),
    Column("failures", Integer, nullable=False, server_default="0"),
    when("failing_since"),
    when("closed_until"),
    numbers("tenants"),
    now_column("create_time"),
    now_column("update_time"),
)

notice = Table(
    "notice",
    metadata,
    id_column(),
    ref("approval_id", "approval.id"),
    ref("channel_id", "channel.id"),
    text_column("event"),
    text_column("recipient"),
    text_column("person"),
    text_column("detail"),
    text_column("status", "planned"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("rings", Integer, nullable=False, server_default="0"),
    text_column("reference"),
    text_column("error"),
    now_column("create_time"),
    now_column("next_try_at"),
    now_column("rung_at"),
    when("claimed_at"),
    when("end_time"),
    UniqueConstraint("approval_id", "channel_id", "event", "recipient"),
    Index("ix_notice_planned", "next_try_at", postgresql_where=PLANNED),
    Index("ix_notice_channel", "channel_id", "next_try_at", postgresql_where=PLANNED),
    Index("ix_notice_under_way", "channel_id", postgresql_where=text("claimed_at is not null")),
    Index("ix_notice_failed", "end_time", postgresql_where=text("status = 'failed'")),
)

reminder = Table(
    "reminder",
    metadata,
    Column(
        "approval_id",
        BigInteger,
        ForeignKey("approval.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("at", DateTime(timezone=True), primary_key=True),
    texts("names"),
    Index(None, "at"),
)

link = Table(
    "link",
    metadata,
    id_column(),
    ref("approval_id", "approval.id"),
    ref("notice_id", "notice.id"),
    Column("hash", Text, nullable=False, unique=True),
    text_column("purpose"),
    text_column("person"),
    text_column("choice"),
    text_column("payload_digest"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    now_column("create_time"),
    Index(None, "approval_id"),
    Index(None, "notice_id"),
    Index(None, "expires_at"),
)

person_address = Table(
    "person_address",
    metadata,
    id_column(),
    ref("person_id", "person.id"),
    text_column("kind"),
    text_column("address"),
    now_column("create_time"),
    UniqueConstraint("kind", "address"),
    UniqueConstraint("person_id", "kind"),
)

received = Table(
    "received",
    metadata,
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    now_column("time"),
    Index(None, "time"),
)
