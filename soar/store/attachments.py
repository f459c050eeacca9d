"""
Attachments of containers: whole texts that are too large for a row.

In: written with the end of a call (``soar.store.claims``). Out: their text, piece by piece.
Never: a text in memory that nobody asked for: lists leave it out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from soar.store.columns import id_column, metadata, now_column, ref, text_column
from soar.store.rows import Queries, Row
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
    now_column("create_time"),
    Index(None, "container_id"),
    Index(None, "sha1"),
)


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


def pieces(content: bytes) -> Iterator[bytes]:
    """Return a compressed text piece by piece."""
    unpacker = zlib.decompressobj()
    rest = bytes(content)
    while rest and not unpacker.eof:
        yield unpacker.decompress(rest, PIECE)
        rest = unpacker.unconsumed_tail
    yield unpacker.flush()
