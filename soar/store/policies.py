"""
Approval policies and ballots: who must agree, and who has.

In: checked rules; signed choices. Out: rows. Never: two ballots of one person for one question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Integer, Table, Text

from soar.store.columns import id_column, json_column, metadata, now_column, text_column, texts
from soar.store.rows import Queries, Row, as_json

policy = Table(
    "policy",
    metadata,
    id_column(),
    text_column("action", "*"),
    text_column("asset", "*"),
    text_column("label", "*"),
    text_column("severity", "*"),
    text_column("hours"),
    text_column("needs"),
    texts("apart"),
    Column("fresh", Integer, nullable=False, server_default="0"),
    text_column("note"),
    text_column("created_by"),
    now_column("create_time"),
)

ballot = Table(
    "ballot",
    metadata,
    Column("approval_id", BigInteger, ForeignKey("approval.id"), primary_key=True),
    Column("person", Text, primary_key=True),
    text_column("choice"),
    json_column("signed"),
    text_column("signature"),
    text_column("key_id"),
    now_column("create_time"),
)

shift = Table(
    "shift",
    metadata,
    id_column(),
    text_column("team"),
    text_column("person"),
    Column("begins", DateTime(timezone=True), nullable=False),
    Column("ends", DateTime(timezone=True), nullable=False),
    Index(None, "person", "ends"),
)


class Policies(Queries):
    """Named queries on approval policies and ballots."""

    def rules(self) -> list[Row]:
        """Return every rule in the order they were made."""
        return self._all("select * from policy order by id")

    def get(self, number: int) -> Row | None:
        """Return one rule."""
        return self._one("select * from policy where id = :id", id=number)

    def add(self, rule: Mapping[str, Any], *, by: str) -> int:
        """Keep a checked rule."""
        return int(
            self._value(
                """
                insert into policy (action, asset, label, severity, hours, needs, apart, fresh,
                  note, created_by) values (:action, :asset, :label, :severity, :hours, :needs,
                  :apart, :fresh, :note, :by) returning id
                """,
                **rule,
                by=by,
            )
        )

    def remove(self, number: int) -> bool:
        """Remove a rule; False where there was none."""
        return bool(self._do("delete from policy where id = :id", id=number))

    def origin(self, run_id: int) -> Row:
        """Return who started a run, and who wrote its playbook: of those that called it as well."""
        row = self._one(
            """
            with recursive chain as (
              select r.id, r.started_by, r.playbook_id, r.parent_action_run_id, 1 as depth
              from playbook_run r where r.id = :id
              union all
              select r.id, r.started_by, r.playbook_id, r.parent_action_run_id, c.depth + 1
              from chain c join action_run j on j.id = c.parent_action_run_id
              join playbook_run r on r.id = j.run_id where c.depth < 100)
            select array_agg(distinct c.started_by) as requesters,
              array_agg(distinct p.author) as authors
            from chain c join playbook p on p.id = c.playbook_id
            """,
            id=run_id,
        )
        assert row is not None
        return row

    def about(self, container_id: int) -> Row:
        """Return what policies may look at in a container."""
        row = self._one("select label, severity from container where id = :id", id=container_id)
        assert row is not None
        return row

    def cast(
        self,
        approval_id: int,
        *,
        person: str,
        choice: str,
        signed: Mapping[str, Any],
        signature: str,
        key_id: str,
    ) -> bool:
        """Keep a person's newest ballot; False where nothing is asked any more."""
        return bool(
            self._do(
                """
                insert into ballot (approval_id, person, choice, signed, signature, key_id)
                select a.id, :person, :choice, cast(:signed as jsonb), :signature, :key_id
                from approval a where a.id = :id and a.status = 'open' and a.due_at > now()
                and a.payload_digest = :digest
                on conflict (approval_id, person) do update set choice = excluded.choice,
                signed = excluded.signed, signature = excluded.signature,
                key_id = excluded.key_id, create_time = now()
                """,
                id=approval_id,
                person=person,
                choice=choice,
                signed=as_json(signed),
                digest=signed["payload_digest"],
                signature=signature,
                key_id=key_id,
            )
        )

    def ballots(self, approval_id: int) -> list[Row]:
        """Return the ballots of a question, the first one first."""
        return self._all(
            "select * from ballot where approval_id = :id order by create_time, person",
            id=approval_id,
        )

    def on_call(self, person: str) -> list[str]:
        """Return the teams for which a person is on call now."""
        rows = self._all(
            "select distinct team from shift where person = :person"
            " and begins <= now() and ends > now() order by team",
            person=person,
        )
        return [row["team"] for row in rows]

    def shifts(self) -> list[Row]:
        """Return the shifts that have not ended."""
        return self._all("select * from shift where ends > now() order by begins, id")

    def add_shift(self, team: str, person: str, *, begins: Any, ends: Any) -> int:
        """Put a person on call."""
        return int(
            self._value(
                "insert into shift (team, person, begins, ends)"
                " values (:team, :person, :begins, :ends) returning id",
                team=team,
                person=person,
                begins=begins,
                ends=ends,
            )
        )

    def remove_shift(self, number: int) -> Row | None:
        """Take a shift away and return it."""
        return self._one("delete from shift where id = :id returning *", id=number)
