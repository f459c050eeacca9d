"""
Pins: what stands at the top of a container for whoever opens it.

In: fields, with a reserved id. Out: rows. Never: two pins of one name in one container.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, Column, Index, Table, text

from soar.store.columns import id_column, metadata, now_column, ref, text_column
from soar.store.rows import Queries, Row, storable

pin = Table(
    "pin",
    metadata,
    id_column(),
    ref("container_id", "container.id"),
    text_column("name"),
    text_column("message"),
    text_column("data"),
    text_column("pin_type", "card"),
    text_column("pin_style", "grey"),
    text_column("author"),
    Column("run_id", BigInteger),
    now_column("create_time"),
    now_column("update_time"),
    Index(None, "container_id"),
    Index("ix_pin_name", "container_id", "name", unique=True, postgresql_where=text("name <> ''")),
)

FIELDS = ("message", "data", "pin_type", "pin_style")


class Pins(Queries):
    """Named queries on pins."""

    def of(self, container_id: int) -> list[Row]:
        """Return the pins of a container."""
        return self._all("select * from pin where container_id = :id order by id", id=container_id)

    def get(self, pin_id: int) -> Row | None:
        """Return one pin."""
        return self._one("select * from pin where id = :id", id=pin_id)

    def add(
        self,
        pin_id: int,
        container_id: int,
        fields: Mapping[str, str],
        *,
        name: str = "",
        author: str = "",
        run_id: int | None = None,
    ) -> None:
        """Pin something; where a pin of that name came in between, it is changed instead."""
        given = {f: storable(fields.get(f, "")) for f in FIELDS}
        self._do(
            """
            insert into pin (id, container_id, name, message, data, pin_type, pin_style, author,
              run_id) overriding system value
            values (:id, :container, :name, :message, :data, :pin_type, :pin_style, :author, :run)
            on conflict (container_id, name) where name <> '' do update set
              message = excluded.message, data = excluded.data, pin_type = excluded.pin_type,
              pin_style = excluded.pin_style, update_time = now()
            """,
            id=pin_id,
            container=container_id,
            name=storable(name),
            author=author,
            run=run_id,
            **given,
        )

    def update(self, pin_id: int, fields: Mapping[str, str]) -> bool:
        """Change a pin; False where there is none."""
        given = {f: storable(v) for f, v in fields.items() if f in FIELDS}
        sets = [f"{f} = :{f}" for f in sorted(given)]
        return bool(
            self._do(
                f"update pin set {', '.join([*sets, 'update_time = now()'])} where id = :id",
                id=pin_id,
                **given,
            )
        )

    def delete(self, pin_id: int) -> bool:
        """Remove a pin; False where there was none."""
        return bool(self._do("delete from pin where id = :id", id=pin_id))
