"""
What moves a run on: who holds it, what it is to be told next, and whether there is more.

In: a run's id. Out: its row and how it stands, or None where somebody else holds it.
Never: a standing read before the run was held: it may be what the last holder has changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from soar.domain.commands import Told
from soar.store.prepared import Hot
from soar.store.rows import Queries, Row
from soar.store.run_state import ASKED_AS, named_in

HOLD = Hot("""
    select set_config('soar.held', cast(r.id as text), true) from (
      select id from playbook_run where id = :id and status in ('queued', 'running')
      and coalesce(due_at <= now(), true) for update skip locked) r
""")
"""Locks a run, or leaves it to whoever has; the transaction remembers what it holds."""

HELD = Hot(f"""
    select r.*, p.name as playbook, p.title, p.version, p.source, p.sha256, p.details, null as "|",
      (select count(*) from action_run where run_id = r.id and join_id = id
        and delivered_at is null) as open_joins,
      array(select array[{ASKED_AS}, name] from action_run where run_id = r.id
        group by {ASKED_AS}, name having bool_and(delivered_at is not null)) as told,
      (select id from function_call where run_id = r.id and end_time is null
        and coalesce(due_at <= now(), true) order by id limit 1) as function_call, e.*
    from playbook_run r join playbook p on p.id = r.playbook_id left join lateral (
      select * from action_run where run_id = r.id and join_id = id
      and end_time is not null and delivered_at is null order by end_time, id limit 1) e on true
    where r.id = :id and current_setting('soar.held', true) = cast(r.id as text)
""")
"""A statement of its own, after the lock: each sees what was committed before it began."""

MORE = Hot("""
    select r.status in ('queued', 'running') and (
      exists (select 1 from action_run a where a.run_id = r.id and a.join_id = a.id
              and a.end_time is not null and a.delivered_at is null)
      or exists (select 1 from function_call f where f.run_id = r.id and f.end_time is null
                 and coalesce(f.due_at <= now(), true))
      or not exists (select 1 from action_run a where a.run_id = r.id and a.join_id = a.id
                     and a.delivered_at is null))
    from playbook_run r where r.id = :id
""")
"""Tells whether a run can move: it was not told of a join's end, has a function to call, or
nothing is open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What a run waits for, under its lock."""

    join: Row | None = None
    """What ended first and was not delivered."""
    open_joins: int = 0
    told: frozenset[Told] = frozenset()
    """What was delivered, where nothing is open under the same name."""
    function_call: int | None = None
    """The first call of a custom function that nobody has made yet."""


class Moves(Queries):
    """Named queries of one move of a run."""

    def hold(self, run_id: int) -> tuple[Row, Standing] | None:
        """
        Lock an unfinished run; return it with its program, and how it stands.

        None: it is finished, or held elsewhere.
        """
        self._later(HOLD, id=run_id)
        with self._executed(HELD, {"id": run_id}) as cursor:
            row = cursor.fetchone()
            names = [column.name for column in cursor.description]
        if row is None:
            return None
        cut = names.index("|")
        found = dict(zip(names[cut:], row[cut:], strict=True))
        standing = Standing(
            join=found if found["id"] is not None else None,
            open_joins=found["open_joins"],
            told=named_in(found["told"]),
            function_call=found["function_call"],
        )
        return dict(zip(names[:cut], row[:cut], strict=True)), standing

    def look_again(self, run_id: int) -> None:
        """Let the commit tell whether there is more to do, once the run is let go."""
        self._transaction.afterwards = (MORE, {"id": run_id})

    def relieved(self, run_id: int) -> None:
        """Take back the note that a block was about to run: it did."""
        self._later(Hot("delete from block_try where run_id = :id"), id=run_id)
