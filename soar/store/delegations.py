"""
Delegations: who may answer for whom, and until when.

In: names and seconds. Out: rows. Never: one that has ended, or of somebody who is not active.
"""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Table, Text

from soar.store.columns import id_column, metadata, now_column
from soar.store.rows import Queries, Row

delegation = Table(
    "delegation",
    metadata,
    id_column(),
    Column("giver", Text, nullable=False),
    Column("taker", Text, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    now_column("create_time"),
    Index(None, "taker", "until"),
)


class Delegations(Queries):
    """Named queries on delegations."""

    def add(self, giver: str, taker: str, *, seconds: float) -> Row:
        """Let *taker* stand in for *giver* from now on, for so long."""
        row = self._one(
            "insert into delegation (giver, taker, until) values (:giver, :taker, now()"
            " + make_interval(secs => :seconds)) returning id, giver, taker, until",
            giver=giver,
            taker=taker,
            seconds=seconds,
        )
        assert row is not None
        return row

    def standing(self) -> list[Row]:
        """Return those that have not ended."""
        return self._all(
            "select id, giver, taker, until, create_time from delegation where until > now()"
            " order by until, id"
        )

    def givers(self, taker: str) -> list[Row]:
        """Return the people for whom *taker* stands in now."""
        return self._all(
            "select distinct p.username, p.roles, p.kind, p.tenants from delegation d"
            " join person p on p.username = d.giver and p.active"
            " where d.taker = :taker and d.until > now() order by p.username",
            taker=taker,
        )

    def end(self, delegation_id: int) -> Row | None:
        """End one that stands; None if there is none."""
        return self._one(
            "update delegation set until = now() where id = :id and until > now()"
            " returning id, giver, taker",
            id=delegation_id,
        )
