"""
The tables of the breaker: its rules, and which containments were let go when.

In: nothing. Out: the tables, used by this room and its migrations only.
Never: a second row for one call: what was let go once is not counted again.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table

from soar.store.columns import id_column, metadata, now_column, text_column

blast_rule = Table(
    "blast_rule",
    metadata,
    id_column(),
    text_column("kind"),
    text_column("action", "*"),
    text_column("asset", "*"),
    text_column("pattern"),
    text_column("limit"),
    text_column("per"),
    text_column("note"),
    text_column("created_by"),
    now_column("create_time"),
)

blast_pass = Table(
    "blast_pass",
    metadata,
    Column(
        "app_run_id",
        BigInteger,
        ForeignKey("app_run.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    text_column("action"),
    text_column("asset"),
    text_column("playbook"),
    Column("tenant_id", BigInteger, nullable=False, server_default="0"),
    now_column("passed_at"),
    Index(None, "passed_at"),
)
