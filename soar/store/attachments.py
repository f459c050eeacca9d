"""
Attachments of containers: whole texts that are too large for a row.

In: written with the end of a call (``soar.store.claims``). Out: their text, piece by piece.
Never: a text in memory that nobody asked for: lists leave it out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from soar.store.columns import id_column, json_column, metadata, now_column, ref, text_column
from soar.store.rows import Queries, Row, as_json, storable
from soar.store.tenants import among

PIECE = 256 * 1024

attachment = Table(
    "attachment",
    metadata,
    id_column(),
    ref("container_id", "container.id"),
    Column("run_id", BigInteger),
    Column("app_run_id", BigInteger, unique=True),
    text_column("name"),
    text_column("media_type"),
    Column("size", BigInteger, nullable=False),
    text_column("sha1"),
    text_column("sha256"),
    Column("content", LargeBinary, nullable=False),
    json_column("details"),
    now_column("create_time"),
    Index(None, "container_id"),
    Index(None, "sha1"),
)


TOLD = "id, container_id, run_id, name, media_type, size, sha1, sha256, details, create_time"


class Attachments(Queries):
    """Named queries on attachments."""

    def find(self, sha1: str, *, tenants: Sequence[int]) -> Row | None:
        """Return the oldest attachment of these tenants with that text, compressed as it is."""
        ours, values = among(tenants)
        return self._one(
            f"""
            select x.id, x.name, x.media_type, x.size, x.content from attachment x
            join container c on c.id = x.container_id
            where x.sha1 = :sha1{ours} order by x.id limit 1
            """,
            sha1=sha1.lower(),
            **values,
        )

    def of(self, container_id: int) -> list[Row]:
        """Return the attachments of a container, without their texts."""
        return self._all(
            f"select {TOLD} from attachment where container_id = :id order by id", id=container_id
        )

    def known(self, sha1: str) -> list[Row]:
        """Return the attachments with that text, wherever they are, without it."""
        return self._all(
            f"select {TOLD} from attachment where sha1 = :sha1 order by id", sha1=sha1.lower()
        )

    def named(self, attachment_id: int) -> Row | None:
        """Return one attachment with its text, compressed."""
        return self._one(f"select {TOLD}, content from attachment where id = :id", id=attachment_id)

    def add(
        self,
        container_id: int,
        *,
        name: str,
        content: bytes,
        size: int,
        sha1: str,
        sha256: str,
        media_type: str = "application/octet-stream",
        details: Mapping[str, Any] | None = None,
        run_id: int | None = None,
        attachment_id: int | None = None,
    ) -> int:
        """Attach a text, compressed, to a container, with the id that was reserved for it."""
        return int(
            self._value(
                """
                insert into attachment (id, container_id, run_id, name, media_type, size, sha1,
                  sha256, content, details) overriding system value
                values (coalesce(cast(:id as bigint),
                    nextval(pg_get_serial_sequence('attachment', 'id'))), :container_id, :run_id,
                  :name, :media_type, :size, :sha1, :sha256, :content, cast(:details as jsonb))
                returning id
                """,
                id=attachment_id,
                container_id=container_id,
                run_id=run_id,
                name=storable(name),
                media_type=media_type,
                size=size,
                sha1=sha1,
                sha256=sha256,
                content=content,
                details=as_json(details or {}),
            )
        )

    def delete(self, ids: Iterable[int]) -> int:
        """Remove attachments; what a call has left as its result stays with its call."""
        return self._do(
            "delete from attachment where id = any(:ids) and app_run_id is null", ids=list(ids)
        )


def pieces(content: bytes) -> Iterator[bytes]:
    """Return a compressed text piece by piece."""
    unpacker = zlib.decompressobj()
    rest = bytes(content)
    while rest and not unpacker.eof:
        yield unpacker.decompress(rest, PIECE)
        rest = unpacker.unconsumed_tail
    yield unpacker.flush()
