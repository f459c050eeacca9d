"""
Shadow mode in the store: where it is switched on, and the test that every write must pass.

In: scopes and names; a call. Out: rows, and whether a call is only simulated.
Never: a call marked as sent after a switch that covers it has been committed: who marks holds a
lock that the switch must have for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Table, UniqueConstraint

from soar.store.calls import LET_GO, RUNG
from soar.store.columns import id_column, metadata, now_column, text_column
from soar.store.rows import Queries, Row

shadow = Table(
    "shadow",
    metadata,
    id_column(),
    text_column("scope"),
    text_column("name"),
    text_column("created_by"),
    now_column("create_time"),
    UniqueConstraint("scope", "name"),
)

_LOCK = 20015
MARKING = f"select pg_advisory_xact_lock_shared({_LOCK})"
"""Goes before the statement that marks a call as sent: no switch commits in between, and what
was switched before is seen."""

_ANCESTRY = """
    with recursive family as (
      select r.playbook_id, r.parent_action_run_id from playbook_run r where r.id = {run}
      union select r.playbook_id, r.parent_action_run_id from family f
      join action_run a on a.id = f.parent_action_run_id join playbook_run r on r.id = a.run_id)
    select p.name from family f join playbook p on p.id = f.playbook_id
"""
"""The playbook of a run, and those that have called it."""

_SWITCHED = """
    exists (select 1 from shadow s where case s.scope when 'all' then true
      when 'asset' then s.name = {asset} else s.name in ({ancestry}) end)
"""

SHADOWED = f"""(
    c.shadow or coalesce((select r.shadow from playbook_run r where r.id = c.run_id), false)
    or {_SWITCHED.format(asset="c.asset", ancestry=_ANCESTRY.format(run="c.run_id"))})
"""
"""Whether the call *c* is only simulated: it was, its run is a candidate's, or a switch is on."""

SHADE = f"""
    update app_run c set shadow = true, effect = 'none' where c.id = %(id)s
    and c.status = 'running' and c.attempt = %(attempt)s and c.effect in ('none', 'sent')
    and {SHADOWED} returning c.id
"""
"""Turns a claimed call into a simulated one, for good. One that was sent before comes here only
when its vendor has said that it took no effect."""

_HELD = """c.status = 'parked' and c.parked_for = 'approval' and c.effect = 'none'
    and not c.task = any(:but)"""


class Shadow(Queries):
    """Named queries on the switches of shadow mode."""

    def all(self) -> list[Row]:
        """Return every switch that is on."""
        return self._all("select * from shadow order by id")

    def get(self, number: int) -> Row | None:
        """Return one switch."""
        return self._one("select * from shadow where id = :id", id=number)

    def on(self, scope: str, name: str, *, by: str) -> Row | None:
        """Switch it on, once whoever is marking a call has done so; None if it was on."""
        self._value(f"select pg_advisory_xact_lock({_LOCK})")
        return self._one(
            "insert into shadow (scope, name, created_by) values (:scope, :name, :by)"
            " on conflict do nothing returning *",
            scope=scope,
            name=name,
            by=by,
        )

    def off(self, scope: str, name: str) -> Row | None:
        """Switch it off; None if it was not on."""
        return self._one(
            "delete from shadow where scope = :scope and name = :name returning *",
            scope=scope,
            name=name,
        )

    def holds(self, asset: str) -> bool:
        """Tell whether nothing at all is written on an asset."""
        return bool(
            self._value(
                "select true from shadow where scope = 'all' or (scope = 'asset' and name = :asset)"
                " limit 1",
                asset=asset,
            )
        )

    def among(self, run_id: int, assets: Iterable[str]) -> frozenset[str]:
        """
        Return those of these assets on which writes of a run are only simulated.

        No switch commits before this transaction has: it finds the questions that this one opens.
        """
        self._value(MARKING)
        switched = _SWITCHED.format(asset="a", ancestry=_ANCESTRY.format(run=":run"))
        rows = self._all(
            f"select a as slug from unnest(cast(:assets as text[])) a where {switched}",
            run=run_id,
            assets=list(assets),
        )
        return frozenset(row["slug"] for row in rows)

    def let_go(self, *, but: Sequence[str]) -> list[Row]:
        """
        Free the calls that wait for a person's decision and are only simulated now.

        Tasks that only read, *but*, are made in shadow too: they wait on for their reviewers.
        Their questions are locked first, in the order of whoever answers one.
        """
        self._all(
            f"""
            select q.id from approval q where q.status = 'open' and q.kind in ('action', 'breaker')
            and exists (select 1 from app_run c where q.id in (c.approval_id, c.breaker_id)
                        and {_HELD} and {SHADOWED}) order by q.id for update
            """,
            but=list(but),
        )
        return self._all(
            f"""
            update app_run c set shadow = true, rung_at = now(), {LET_GO}
            where {_HELD} and {SHADOWED}
            returning {RUNG}
            """,
            but=list(but),
        )

    def withdraw_questions(self) -> list[int]:
        """Withdraw the questions about calls of which none waits for an answer any more."""
        rows = self._all(
            """
            update approval q set status = 'cancelled', close_time = now()
            where q.status = 'open' and q.kind in ('action', 'breaker')
            and exists (select 1 from app_run c where q.id in (c.approval_id, c.breaker_id)
                        and c.shadow)
            and not exists (select 1 from app_run c where q.id in (c.approval_id, c.breaker_id)
                            and c.status = 'parked' and c.parked_for = 'approval')
            returning q.id
            """
        )
        return [row["id"] for row in rows]
