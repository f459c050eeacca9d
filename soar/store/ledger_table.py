"""
The table of the ledger: one row per asset, action, target and intent of a write.

In: nothing. Out: the table, used by this room and its migrations only.
Never: two open rows for one intent: the unique index is what makes an effect happen once.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, text

from soar.store.columns import (
    flag,
    id_column,
    metadata,
    now_column,
    ref,
    text_column,
    when,
)

effect = Table(
    "effect",
    metadata,
    id_column(),
    text_column("asset"),
    text_column("action"),
    text_column("target"),
    text_column("intent"),
    text_column("undo"),
    text_column("status"),
    ref("app_run_id", "app_run.id"),
    ref("run_id", "playbook_run.id"),
    ref("container_id", "container.id"),
    text_column("ended_because"),
    Column("undo_run_id", BigInteger),
    Column("undo_tries", Integer, nullable=False, server_default="0"),
    flag("vendor_ends", False),
    now_column("create_time"),
    when("sent_at"),
    when("confirmed_at"),
    when("expires_at"),
    when("undo_at"),
    when("ended_at"),
    when("checked_at"),
    Index(
        "ix_effect_intent",
        "asset",
        "action",
        "target",
        "intent",
        unique=True,
        postgresql_where=text("ended_at is null and status <> 'failed'"),
    ),
    Index(None, "app_run_id"),
    Index(None, "run_id"),
    Index(
        "ix_effect_unsettled",
        "status",
        postgresql_where=text("status in ('planned','claimed','sent','unknown')"),
    ),
    Index(
        "ix_effect_expires",
        "expires_at",
        postgresql_where=text("expires_at is not null and ended_at is null"),
    ),
)
