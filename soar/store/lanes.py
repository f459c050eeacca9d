"""
Lanes: the calls that wait for the budget of an asset, and who of them goes next.

In: how many may go. Out: the heads, by severity, turn and age, made pending.
Never: a lane read as a whole to find its head.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from soar.store.calls import RUNG
from soar.store.claims import IN_LANE, USED, WAITED_FOR
from soar.store.prepared import Hot
from soar.store.rows import Queries, Row, storable
from soar.store.slots import HELD

HEAD = "order by severity_rank, lane_turn, id limit :count for update skip locked"
OLDEST = "and lane_since < now() - make_interval(secs => :seconds) order by lane_since, id"
WAITS = "(status = 'pending' or (status = 'parked' and parked_for <> 'approval'))"
"""What has not ended and waits for no person."""
WALK = "set local enable_sort = off; set local enable_seqscan = off"
"""Lanes are walked in the order of their index. Where little is known of a new table the server
would rather read all who wait, and sort them; it would also look among all of them for those
selected, so nothing is said of these outside but their numbers."""

MOVED = """
    with own as (
      select c.id, c.run_id, c.asset, c.lane_turn, c.follows from app_run c
      where c.run_id = any(array(
        select id from playbook_run where container_id = :id and not shadow))
      and c.status in ('pending', 'parked', 'running')
      and case when :rank < :was then c.severity_rank > :rank
          else c.severity_rank = :was and (:was > 0 or c.lookup is not null)
            and not exists (select 1 from app_run f where f.follows = c.id and f.status = 'parked'
              and f.container_id <> :id and f.severity_rank < :rank) end
      for update skip locked),
    lent as (
      select l.id, l.run_id, l.asset, l.lane_turn from app_run l
      where l.id = any(array(select follows from own where follows is not null))
      and l.id <> all(array(select id from own)) and l.severity_rank > :rank
      and l.status in ('pending', 'parked') for update skip locked),
    placed as (
      select m.id, coalesce((select w.lane_turn from app_run w where w.asset = m.asset
          and w.severity_rank = :rank and w.status = 'parked' and w.parked_for = 'budget'
          order by w.lane_turn limit 1), 0)
        + row_number() over (partition by m.run_id, m.asset order by m.lane_turn, m.id) - 1 as turn
      from (select id, run_id, asset, lane_turn from own union all select * from lent) m)
    update app_run c set severity_rank = :rank, lane_turn = placed.turn
    from placed where c.id = placed.id
"""
"""Moves the calls of a container that have not ended to the lane of its new severity, behind the
head there; what a raised one follows lends it its place, and keeps it. A row does not say whether
it is urgent; a lookup that may be shared never is, so of what goes as critical only such are
lowered. Calls of candidates stay low."""
_UNSETTLED = """(effect = 'sent' and exists (
      select 1 from effect e where e.app_run_id = app_run.id and e.ended_at is null))
"""
_COUNTED = """
    counted as (select join_id, count(*) as n from ended group by join_id)
    update action_run j set remaining = remaining - n,
    end_time = case when remaining - n <= 0 then now() else end_time end
    from counted where j.id = counted.join_id returning j.id, j.run_id, j.remaining
"""
DOUBTFUL = "whether it took effect is unknown"
_DOUBT = f"""
    with doubted as (
      update app_run set status = 'parked', parked_for = 'approval', effect = 'unknown',
      {USED.format(column="approval_id")}, approval_id = null, message = :message
      where {{which}} and {WAITS} and {_UNSETTLED} returning id)
    update effect e set status = 'unknown' from doubted
    where e.app_run_id = doubted.id and e.ended_at is null
"""
_LOST = """id = any(array(
      select c.id from effect e join app_run c on c.id = e.app_run_id
      where e.status in ('sent', 'unknown') and e.ended_at is null and c.effect = 'sent'
      and not exists (select 1 from asset a where a.slug = c.asset) limit 500))
"""


class Lanes(Queries):
    """Named queries on the waiting rooms of assets."""

    def waiting(self) -> list[Row]:
        """
        Return each asset with waiting calls: its head's rank, its released ones, and (where calls
        at once are limited) those under way.

        Jumps from asset to asset in the index, so it costs what there are lanes, not calls.
        *changed* is when the asset was last edited; none for an asset that is gone.
        """
        self._do(WALK)
        return self._all(
            Hot(f"""
            with recursive {WAITED_FOR}
            select lane.asset, a.updated_at as changed, a.disabled or a.broken <> '' as closed,
              (select count(*) from app_run r where r.asset = lane.asset
               and r.status = 'pending' and r.lane_since is not null) as released,
              case when a.configuration->>'concurrency' is null then 0 else
                (select count(*) from app_run r where r.asset = lane.asset
                 and r.status = 'running') end as running,
              (select severity_rank from app_run r where r.asset = lane.asset and r.{IN_LANE}
               order by r.severity_rank limit 1) as head_rank
            from lane left join asset a on a.slug = lane.asset where lane.asset is not null
            """)
        )

    def release(self, asset: str, count: int) -> list[Row]:
        """Make the first *count* calls of a lane pending: by severity, then turn."""
        return self._wake(HEAD, asset=asset, count=count)

    def release_overdue(self, asset: str, count: int, *, seconds: float) -> list[Row]:
        """Make the *count* calls pending that have waited longest, and longer than *seconds*."""
        return self._wake(
            f"{OLDEST} limit :count for update skip locked",
            asset=asset,
            count=count,
            seconds=seconds,
        )

    def _wake(self, which: str, **values: Any) -> list[Row]:
        self._do(WALK)
        # An array is selected once; "in (select … limit …)" may be asked again for every row.
        return self._all(
            Hot(f"""
            update app_run set status = 'pending', parked_for = null, due_at = null,
            rung_at = now() where id = any(array(
              select id from app_run where {IN_LANE} and asset = :asset {which}))
            returning {RUNG}
            """),
            **values,
        )

    def counts(self) -> list[Row]:
        """Return how many calls wait for each asset, by severity, and since when."""
        return self._all(
            f"""
            select asset, severity_rank, count(*) as waiting, min(lane_since) as since
            from app_run where {IN_LANE} group by asset, severity_rank order by 1, 2
            """
        )

    def under_way(self, *, asset: str = "") -> dict[str, int]:
        """Return how many calls are under way, where calls at once are limited; or of one asset."""
        rows = self._all(
            f"""
            select s.asset, count(*) as calls from slot s
            where {HELD} and (:asset = '' or s.asset = :asset) group by 1
            """,
            asset=asset,
        )
        return {row["asset"]: int(row["calls"]) for row in rows}

    def forget_slots(self) -> None:
        """Forget the slots of which nobody may be left, as of assets that are called no more."""
        self._do("delete from slot where until < now()")

    def saved(self, *, hours: int) -> dict[str, int]:
        """Return how many calls of each asset were spared of late by another one's answer."""
        rows = self._all(
            """
            select asset, count(*) as saved from app_run where reused_from is not null
            and end_time > now() - make_interval(hours => :hours) group by asset
            """,
            hours=hours,
        )
        return {row["asset"]: int(row["saved"]) for row in rows}

    def duration(self, asset: str) -> timedelta | None:
        """Return how long a call of an asset takes: the mean of its last ones within a day."""
        mean: timedelta | None = self._value(
            """
            select avg(took) from (
              select end_time - claimed_at as took from app_run where asset = :asset and made > 0
              and end_time > now() - interval '1 day' order by end_time desc limit 100) lately
            """,
            asset=asset,
        )
        return mean

    def place(self, app_run_id: int) -> Row | None:
        """Return a waiting call with the number of those that go before it."""
        return self._one(
            f"""
            select c.id, c.asset, c.action, c.run_id, c.severity_rank, c.lane_since,
              (select count(*) from app_run w where w.asset = c.asset
               and w.{IN_LANE.replace("and ", "and w.")}
               and (w.severity_rank, w.lane_turn, w.id) < (c.severity_rank, c.lane_turn, c.id))
              as ahead
            from app_run c where c.id = :id and c.{IN_LANE.replace("and ", "and c.")}
            """,
            id=app_run_id,
        )

    def doubt(self, asset: str, message: str) -> None:
        """Let the waiting writes of an asset that may have been sent wait for a person instead."""
        self._do(_DOUBT.format(which="asset = :asset"), asset=asset, message=storable(message))

    def doubt_lost(self) -> None:
        """Do so for those whose assets were deleted since: under way then, or kept."""
        self._do(_DOUBT.format(which=_LOST), message=f"{DOUBTFUL}: its asset was deleted")

    def send_away(self, asset: str, message: str) -> list[Row]:
        """Fail what waits for an asset, but for unsettled writes; return the joins it ended."""
        return self._all(
            f"""
            with ended as (
              update app_run set status = 'failed', message = :message, end_time = now()
              where asset = :asset and {WAITS} and not {_UNSETTLED} returning join_id),
            {_COUNTED}
            """,
            asset=asset,
            message=storable(message),
        )

    def end_homeless(self, *, seconds: int) -> list[Row]:
        """Fail what is on its way to assets that are gone; what was kept for them is not."""
        return self._all(
            f"""
            with ended as (
              update app_run set status = 'failed', end_time = now(),
              message = format('there is no asset ''%s'' any more', asset)
              where id = any(array(
                select id from app_run where status = 'pending' and not {_UNSETTLED}
                and rung_at < now() - make_interval(secs => :s)
                and not exists (select 1 from asset a where a.slug = app_run.asset)
                order by id limit 500 for update skip locked)) returning join_id),
            {_COUNTED}
            """,
            s=seconds,
        )

    def shut_out(self) -> list[str]:
        """Return the closed assets whose calls are not to wait, and for which some do."""
        rows = self._all(
            f"""
            select a.slug from asset a where (a.disabled or a.broken <> '')
            and a.configuration->>'when_closed' = 'fail' and (
              select true from app_run c where c.asset = a.slug and {IN_LANE} limit 1)
            """
        )
        return [row["slug"] for row in rows]

    def keep(self, asset: str, message: str) -> int:
        """Park every call that is on its way to an asset; returns how many wait for it now."""
        self._do(
            "update app_run set status = 'parked', parked_for = 'budget', message = :message,"
            " lane_since = coalesce(lane_since, now()) where asset = :asset and status = 'pending'",
            asset=asset,
            message=storable(message),
        )
        return self.open_calls(asset)

    def shut(self, asset: str, *, waiting: str = "") -> None:
        """Disable an asset; *waiting*, if given, says what its calls do from now on."""
        self._do(
            """
            update asset set disabled = true, updated_at = now(), configuration = configuration
            || case when :waiting = '' then cast('{}' as jsonb)
               else jsonb_build_object('when_closed', cast(:waiting as text)) end
            where slug = :asset
            """,
            asset=asset,
            waiting=waiting,
        )

    def open(self, asset: str) -> None:
        """Enable an asset, and forget that its credentials were refused."""
        self._do(
            "update asset set disabled = false, broken = '', updated_at = now()"
            " where slug = :asset",
            asset=asset,
        )

    def open_calls(self, asset: str) -> int:
        """Return how many calls of an asset have not ended and wait for no person."""
        return int(
            self._value(
                f"select count(*) from app_run where asset = :asset and {WAITS}",
                asset=asset,
            )
        )
