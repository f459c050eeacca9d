"""
What a block has done before its end, and the tokens with which it does so.

In: hashes of tokens, keys of deeds. Out: whose a token is; what came of a deed the first time.
Never: a token in clear, one that outlives its run, or a deed done twice.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table, Text

from soar.store.columns import json_column, metadata, now_column
from soar.store.roles import PERMITTED
from soar.store.rows import Queries, Row, as_json

run_token = Table(
    "run_token",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("run_id", BigInteger, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
"""No foreign key: the engine holds the run's row while a block asks, and would wait for itself."""

block_deed = Table(
    "block_deed",
    metadata,
    Column("run_id", BigInteger, primary_key=True, autoincrement=False),
    Column("step", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, nullable=False),
    json_column("answer"),
    now_column("create_time"),
)

LEND = """
    with old as (delete from run_token where expires_at < now()),
    forgotten as (delete from block_deed where create_time < now() - interval '30 days')
    insert into run_token (hash, run_id, expires_at)
    values (%(hash)s, %(run)s, now() + make_interval(secs => %(seconds)s))
    on conflict (hash) do nothing
"""
"""Commits alone: whoever is shown the token must find it while the block still runs."""
TAKE_BACK = "delete from run_token where hash = %(hash)s"

RUN_PREFIX = "run-"
"""How the token begins that a block is lent for as long as it runs."""
LOCK_SECONDS = 2
LOCKED = "55P03"
"""What the server says where a row was waited for in vain."""


class Deeds(Queries):
    """Named queries on deeds and run tokens."""

    def bearer(self, token_hash: str) -> Row | None:
        """Return the run of a token, with who it runs as; None if it is over or unknown."""
        return self._one(
            f"""
            select t.hash as token_hash, t.run_id, r.run_as, p.id as person_id, p.username,
              p.roles, p.tenants, {PERMITTED}, coalesce(p.active, true) as active
            from run_token t join playbook_run r on r.id = t.run_id
            left join person p on p.username = r.run_as
            where t.hash = :hash and t.expires_at > now() and r.status in ('queued', 'running')
            """,
            hash=token_hash,
        )

    def be_brief(self) -> None:
        """Wait for no row longer than a moment: the block that asks may hold it."""
        self._do(f"set local lock_timeout = '{LOCK_SECONDS}s'")

    def earlier(self, run_id: int, step: str, number: int) -> Row | None:
        """Return what came of a deed when the block ran before, if it did."""
        return self._one(
            "select digest, answer from block_deed where run_id = :run and step = :step"
            " and number = :number",
            run=run_id,
            step=step,
            number=number,
        )

    def all(self, run_id: int, step: str) -> list[Row]:
        """Return the deeds of an earlier attempt at a step, in their order."""
        return self._all(
            "select number, digest, answer from block_deed where run_id = :run and step = :step"
            " order by number",
            run=run_id,
            step=step,
        )

    def keep(self, run_id: int, step: str, number: int, *, digest: str, answer: Any) -> None:
        """Note a deed, in the transaction that does it."""
        self._do(
            """
            insert into block_deed (run_id, step, number, digest, answer)
            values (:run, :step, :number, :digest, cast(:answer as jsonb))
            on conflict (run_id, step, number) do update set digest = excluded.digest,
              answer = excluded.answer
            """,
            run=run_id,
            step=step,
            number=number,
            digest=digest,
            answer=as_json(answer),
        )

    def forget(self, run_id: int) -> None:
        """Forget the deeds of a run: its step is over, and cannot be run again."""
        self._do("delete from block_deed where run_id = :run", run=run_id)
