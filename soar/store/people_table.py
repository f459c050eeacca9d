"""
The tables of people and their tokens.

In: nothing. Out: the tables, used by this room and its migrations only.
Never: a token in clear: its hash is kept.
"""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from soar.store.columns import (
    flag,
    id_column,
    metadata,
    now_column,
    numbers,
    ref,
    text_column,
    texts,
    when,
)

person = Table(
    "person",
    metadata,
    id_column(),
    Column("username", Text, nullable=False, unique=True),
    texts("roles"),
    text_column("kind", "normal"),
    flag("active", True),
    numbers("tenants"),
    now_column("create_time"),
)

token = Table(
    "token",
    metadata,
    id_column(),
    ref("person_id", "person.id"),
    Column("hash", Text, nullable=False, unique=True),
    now_column("create_time"),
    when("expires_at"),
    texts("allowed_ips"),
)
