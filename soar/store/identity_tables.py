"""
The tables of those who sign in: what they know, who they are at a provider, where they are signed
in, who has failed.

In: nothing. Out: the tables, used by this room and its migrations only. Only http and the command
line need them: engine, actions, ingest and beat can be refused all of them.
Never: a password, a code's secret, a session or a sign-in under way in clear.
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
)
from sqlalchemy.dialects.postgresql import JSONB

from soar.store.columns import (
    flag,
    id_column,
    json_column,
    metadata,
    now_column,
    ref,
    text_column,
    texts,
    when,
)

credential = Table(
    "credential",
    metadata,
    Column(
        "person_id",
        BigInteger,
        ForeignKey("person.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    text_column("password_hash"),
    flag("one_time", False),
    when("expires_at"),
    when("password_set_at"),
    Column("totp", JSONB(none_as_null=True)),
    Column("totp_step", BigInteger, nullable=False, server_default="0"),
)

session = Table(
    "session",
    metadata,
    id_column(),
    ref("person_id", "person.id"),
    Column("hash", Text, nullable=False, unique=True),
    flag("only_password", False),
    text_column("address"),
    now_column("create_time"),
    now_column("authenticated_at"),
    now_column("seen_at"),
    Column("idle_seconds", Integer, nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    when("ended_at"),
    Index(None, "person_id", "address"),
    Index(None, "ends_at"),
)

login_failure = Table(
    "login_failure",
    metadata,
    Column("key", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("failed_at", DateTime(timezone=True), nullable=False),
    Index(None, "failed_at"),
)

linked_identity = Table(
    "linked_identity",
    metadata,
    id_column(),
    ref("person_id", "person.id"),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    texts("provided"),
    text_column("linked_by"),
    now_column("linked_at"),
    UniqueConstraint("issuer", "subject"),
    UniqueConstraint("person_id", "issuer"),
)
"""*provided*: the roles that groups gave at the last sign-in, and no operator."""

sign_in_hop = Table(
    "sign_in_hop",
    metadata,
    Column("state_hash", Text, primary_key=True),
    Column("browser_hash", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    text_column("wanted"),
    text_column("address"),
    now_column("create_time"),
    Index(None, "create_time"),
    Index(None, "address", "create_time"),
)
"""A browser is on its way to the provider and back."""

new_codes = Table(
    "new_codes",
    metadata,
    Column(
        "person_id",
        BigInteger,
        ForeignKey("person.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    json_column("totp"),
    now_column("create_time"),
)
"""The secret of codes that somebody has been shown and has not proved yet."""
