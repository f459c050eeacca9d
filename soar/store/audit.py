"""
The audit trail: who decided or changed what, each entry chained to the one before.

In: entries of a transaction that is about to commit. Out: rows in the order of their numbers.
Never: an entry changed or removed, or two entries after the same one: a lock orders the writers,
and is held only until the commit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import BigInteger, Column, Table, Text

from soar.domain import chain
from soar.domain.chain import Link
from soar.store.columns import id_column, json_column, metadata, now_column, text_column
from soar.store.rows import Queries, Row, as_json, storable

LOCK = 7_305_003  # any number that nobody else locks in this database
PAGE = 1000

audit = Table(
    "audit",
    metadata,
    id_column(),
    text_column("who"),
    text_column("what"),
    json_column("detail"),
    now_column("time"),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("entry", Text, nullable=False),
    Column("hash", Text, nullable=False),
    text_column("signature"),
    text_column("key_id"),
)


class Sealer(Protocol):
    """Signs an entry, and says with which key."""

    @property
    def key_id(self) -> str:
        """The id of the key that signs."""

    def sign(self, answer: Mapping[str, Any]) -> str:
        """Return the signature of an entry as base64 text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """Something to be kept for good, and who signs that."""

    who: str
    what: str
    detail: Mapping[str, Any]
    sealer: Sealer | None = None


class Audit(Queries):
    """Named queries on the audit trail."""

    @contextmanager
    def apart(self) -> Iterator[Audit]:
        """Lend a transaction of its own: what is kept in it stands, whatever comes after."""
        with self._transaction.apart() as other:
            yield Audit(other)

    def append(self, happened: Sequence[Happened]) -> None:
        """Put entries at the end of the chain, just before the commit."""
        self._do("select pg_advisory_xact_lock(:lock)", lock=LOCK)
        last = self._one("select number, hash from audit order by number desc limit 1")
        before, head = (last["number"], last["hash"]) if last else (0, chain.GENESIS)
        rows = []
        for number, one in enumerate(happened, start=before + 1):
            rows.append(_row(number, one, head))
            head = rows[-1]["hash"]
        self._do(
            """
            insert into audit (number, time, who, what, detail, entry, hash, signature, key_id)
            select * from jsonb_to_recordset(cast(:rows as jsonb)) as r(number bigint,
              time timestamptz, who text, what text, detail jsonb, entry text, hash text,
              signature text, key_id text)
            """,
            rows=json.dumps(rows),
        )

    def links(self, after: int = 0) -> Iterator[Link]:
        """Return the entries behind number *after*, one after the other."""
        while rows := self._page(after):
            for row in rows:
                yield _link(row)
            after = rows[-1]["number"]

    def _page(self, after: int) -> list[Row]:
        return self._all(
            "select number, entry, hash, signature, key_id from audit where number > :after"
            " order by number limit :page",
            after=after,
            page=PAGE,
        )

    def count(self) -> int:
        """Return how many entries there are."""
        return int(self._value("select count(*) from audit"))

    def last(self, limit: int) -> list[Row]:
        """Return the newest entries, the newest first."""
        return self._all(
            "select number, time, who, what, detail, signature <> '' as signed from audit"
            " order by number desc limit :limit",
            limit=limit,
        )

    def differs(self) -> int | None:
        """Return the number of the first entry whose columns say something else than its text."""
        found = self._value(
            """
            select min(number) from audit where who <> entry::jsonb->>'who'
            or what <> entry::jsonb->>'what' or detail <> entry::jsonb->'detail'
            or time <> (entry::jsonb->>'time')::timestamptz
            """
        )
        return None if found is None else int(found)

    def unaudited(self) -> int | None:
        """Return the first answered approval whose answer is not the one in the audit trail."""
        found = self._value(
            """
            select min(p.id) from approval p where p.status = 'answered' and not exists (
              select 1 from audit a where a.what = 'approval answered'
              and a.detail->'approval' = to_jsonb(p.public_id)
              and a.detail->'choice' = to_jsonb(p.answer)
              and a.detail->'by' = to_jsonb(p.answered_by)
              and a.detail->'payload_digest' = to_jsonb(p.payload_digest))
            """
        )
        return None if found is None else int(found)


def _row(number: int, one: Happened, previous: str) -> dict[str, Any]:
    detail = json.loads(as_json(one.detail))
    made = chain.entry(
        number=number,
        time=datetime.now(UTC),
        who=storable(one.who),
        what=one.what,
        detail=detail,
        previous=previous,
    )
    text = chain.text_of(made)
    return {
        **made,
        "entry": text,
        "hash": chain.hash_of(text),
        "signature": one.sealer.sign(made) if one.sealer else "",
        "key_id": one.sealer.key_id if one.sealer else "",
    }


def _link(row: Row) -> Link:
    return Link(
        number=row["number"],
        text=row["entry"],
        hash=row["hash"],
        signature=row["signature"],
        key_id=row["key_id"],
    )
