"""
Values that playbooks keep beyond a run: for a container, a playbook, or for everybody.

In: keys and JSON values. Out: rows. Never: two values of one key at one place.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Table, Text, UniqueConstraint, text

from soar.store.columns import flag, id_column, json_column, metadata, now_column, text_column
from soar.store.rows import Queries, Row, as_json, storable

saved_object = Table(
    "saved_object",
    metadata,
    id_column(),
    Column("key", Text, nullable=False),
    Column("container_id", BigInteger, nullable=False, server_default="0"),
    text_column("playbook"),
    json_column("value", "null"),
    flag("ends_with_container", False),
    now_column("create_time"),
    now_column("update_time"),
    UniqueConstraint("container_id", "playbook", "key"),
    Index("ix_saved_object_ends", "container_id", postgresql_where=text("ends_with_container")),
)

MATCHES = "key like :key and container_id = :container and playbook = :playbook"


class SavedObjects(Queries):
    """Named queries on kept values."""

    def find(self, key: str, *, container_id: int, playbook: str) -> list[Row]:
        """Return the values of a key at a place; ``%`` in it stands for anything."""
        return self._all(
            f"select key, container_id, playbook, value from saved_object where {MATCHES}"
            " order by key",
            key=_pattern(key),
            container=container_id,
            playbook=playbook,
        )

    def save(
        self, key: str, value: Any, *, container_id: int, playbook: str, ends_with_container: bool
    ) -> None:
        """Keep a value under a key, in place of what was there."""
        self._do(
            """
            insert into saved_object (key, container_id, playbook, value, ends_with_container)
            values (:key, :container, :playbook, cast(:value as jsonb), :ends)
            on conflict (container_id, playbook, key) do update set value = excluded.value,
              ends_with_container = excluded.ends_with_container, update_time = now()
            """,
            key=storable(key),
            container=container_id,
            playbook=storable(playbook),
            value=as_json(value),
            ends=ends_with_container,
        )

    def clear(self, key: str, *, container_id: int, playbook: str) -> int:
        """Remove the values of a key at a place."""
        return self._do(
            f"delete from saved_object where {MATCHES}",
            key=_pattern(key),
            container=container_id,
            playbook=playbook,
        )


def _pattern(key: str) -> str:
    """Return a key as LIKE reads it: only ``%`` stands for anything."""
    return key.replace("\\", "\\\\").replace("_", "\\_")
