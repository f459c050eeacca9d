"""
Calls whose workers died: which of those that died together was the cause.

In: running calls whose owners are dead. Out: calls to make again, and the one that is set aside.
Never: a call set aside for its neighbour: all that died beside it have ended by themselves since.

A call whose worker died once is made again at once, with all others. One whose workers died twice
is made while no other such call is. Where its worker dies then too, it stands accused: it waits
until all that died with it were made again, and is set aside if none of them was the cause. Where
one of them was, it is acquitted and made again. So one call that kills costs three workers.
"""

from __future__ import annotations

from soar.store.calls import RUNG
from soar.store.claims import MOST_CRASHES, OWNER_ALIVE
from soar.store.prepared import Hot
from soar.store.rows import Queries, Row

ACCUSED = MOST_CRASHES + 1
"""So many workers died of a call, of the last of which no other suspect could be the cause."""

_RUNG = ", ".join(f"c.{name}" for name in RUNG.split(", "))
HELD = "c.status = 'parked' and c.parked_for = 'suspicion' and c.follows is not null"
"""It follows itself: so the index of those that follow finds it, and nobody else's end wakes it."""

WHY = "its workers died while they made it: it waits to be made without others of which that is so"

_DIED = f"""
    with dead as (
      select c.id, c.owner, c.crashes from app_run c where c.status = 'running'
      and c.crashes < {ACCUSED} and not {OWNER_ALIVE} order by c.id for update),
    single as (
      select owner from dead where crashes >= {MOST_CRASHES} group by owner having count(*) = 1)
    update app_run c set owner = null, rung_at = now(), made = c.made + 1,
    crashes = case when d.crashes < {MOST_CRASHES} then d.crashes + 1
      when d.owner in (select owner from single) then {ACCUSED} else d.crashes end,
    status = case when d.crashes + 1 < {MOST_CRASHES} then 'pending' else 'parked' end,
    parked_for = case when d.crashes + 1 >= {MOST_CRASHES} then 'suspicion' end,
    follows = case when d.crashes + 1 >= {MOST_CRASHES} then c.id end,
    message = case when d.crashes + 1 >= {MOST_CRASHES} then '{WHY}' else c.message end
    from dead d where c.id = d.id returning {_RUNG}
"""

_BACK = "parked_for = null, follows = null, message = ''"

_LET_GO = f"""
    update app_run c set status = 'pending', rung_at = now(), rings = 0, {_BACK}
    where c.id = (select c.id from app_run c where {HELD} and c.crashes = {MOST_CRASHES}
      order by c.severity_rank, c.rung_at, c.id limit 1 for update skip locked)
    and not exists (select 1 from app_run o where o.crashes >= {MOST_CRASHES}
      and (o.status = 'running' or (o.status = 'pending' and o.rings = 0)))
    returning {_RUNG}
"""
"""What is rung in vain has nobody to make it: it keeps no other from being made."""

_SINCE = "o.crashes > 0 and o.claimed_at > c.rung_at and o.status = 'parked'"

_UNTRIED = f"""
    exists (select 1 from app_run o where o.crashes > 0 and o.status = 'pending') or
    exists (select 1 from app_run o where o.crashes > 0 and o.status = 'running') or
    exists (select 1 from app_run o where {_SINCE} and o.parked_for = 'budget') or
    exists (select 1 from app_run o where {_SINCE} and o.parked_for = 'schedule') or
    exists (select 1 from app_run o where {_SINCE} and o.follows <> o.id
      and o.follows is not null)
"""
"""Whether another call may yet turn out to be the cause: it is made just now, or waits to be."""

_CONVICT = f"""
    update app_run c set status = 'running', owner = null, {_BACK}
    where c.id = (select c.id from app_run c where {HELD} and c.crashes = {ACCUSED}
      order by c.rung_at desc, c.id limit 1 for update skip locked)
    and not exists (select 1 from app_run o where {HELD.replace("c.", "o.")}
      and o.crashes < {ACCUSED}) and not ({_UNTRIED})
    returning c.id
"""


class Suspects(Queries):
    """Named queries on calls whose workers died."""

    def reclaim(self) -> list[Row]:
        """Take the calls of dead workers back and count the crash; return what to send at once."""
        return [row for row in self._all(Hot(_DIED)) if row["status"] == "pending"]

    def let_go(self) -> list[Row]:
        """Let the next of those go that are made one at a time, if none of them is made now."""
        return self._all(_LET_GO) if self._holds() else []

    def convict(self) -> None:
        """
        Find who was the cause, once all others that may be have been made again.

        That is whoever died last: all that died beside it have ended. It is running again, for
        nobody, so that :meth:`poisoned` finds it. Those accused before it are acquitted.
        """
        if self._holds() and self._all(_CONVICT):
            self._do(
                f"update app_run c set crashes = {MOST_CRASHES}"
                f" where {HELD} and c.crashes = {ACCUSED}"
            )

    def poisoned(self) -> list[Row]:
        """Return the calls that are to be set aside."""
        return self._all(
            f"""
            select c.id, c.attempt, c.effect, c.join_id, c.run_id, exists (
              select 1 from effect e where e.app_run_id = c.id and e.ended_at is null) as writes
            from app_run c
            where c.status = 'running' and c.crashes >= {ACCUSED} and not {OWNER_ALIVE}
            """
        )

    def _holds(self) -> bool:
        return bool(self._value(f"select exists (select 1 from app_run c where {HELD})"))
