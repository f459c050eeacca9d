"""
App runs: the single calls of actions, claimed before they act.

In: a plan's members; then what happens to them. Out: claims, counts, what is due.
Never: a call that ends twice, or that is counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from soar.domain.gate import HeldCall
from soar.store.claims import USED
from soar.store.prepared import Hot
from soar.store.rows import Queries, Row, as_json, storable

_EARLY = "due_at > now() and exists (select 1 from asset a where a.slug = asset)"
LET_GO = f"""
    status = case when {_EARLY} then 'parked' else 'pending' end,
    parked_for = case when {_EARLY} then 'schedule' end
"""  # a permission does not bring a start time forward, unless its asset is gone: then it ends
AT_HEAD = """
    lane_turn = least(lane_turn, {place} + coalesce((select w.lane_turn from app_run w
      where w.asset = app_run.asset and w.severity_rank = app_run.severity_rank
      and w.status = 'parked' and w.parked_for = 'budget' order by w.lane_turn limit 1), 0))
"""  # its turn was of the lane as that was when the call was asked for
RUNG = "id, task, asset, join_id, run_id, severity_rank, lane_turn, status"
"""What :func:`messages` reads of a call."""
Lane = tuple[str, int]
"""An asset and the rank of a severity: such calls wait for each other by turn."""
ADDED = Hot("""
    insert into app_run (action_run_id, join_id, run_id, container_id, severity_rank,
      lane_turn, lookup, target, app, app_version, action, asset, task, parameters, context,
      status, message, parked_for, due_at, approval_id, shadow, rung_at, end_time)
    select m.action_run_id, cast(:join_id as bigint), cast(:run_id as bigint),
      cast(:container_id as bigint), m.severity_rank,
      m.place + max(m.begin) over (partition by m.asset, m.severity_rank),
      m.lookup, m.target, coalesce(m.app, ''),
      coalesce(m.app_version, ''), m.action, coalesce(m.asset, ''), coalesce(m.task, ''),
      coalesce(m.parameters, '{}'), coalesce(m.context, '{}'),
      case when m.failed <> '' then 'failed' when m.parked_for is not null then 'parked'
        else 'pending' end, coalesce(m.failed, ''), m.parked_for, m.due_at,
      m.approval_id, coalesce(m.shadow, false), now(),
      case when m.failed <> '' then now() end
    from (
      select m.*, case when m.place = 0 then coalesce(m.turn, greatest(0,
        (select w.lane_turn from app_run w
         where w.asset = m.asset and w.severity_rank = m.severity_rank
         and w.status = 'parked' and w.parked_for = 'budget' order by w.lane_turn limit 1),
        (select max(x.lane_turn) + 1 from (
           select asset, severity_rank, lane_turn from app_run
           where run_id = cast(:run_id as bigint) and case status when 'pending' then true
             when 'parked' then parked_for in ('budget', 'schedule') end offset 0) x
         where x.asset = m.asset and x.severity_rank = m.severity_rank))) end as begin
      from jsonb_to_recordset(cast(:members as jsonb)) as m(number int, place bigint,
        action_run_id bigint, severity_rank int, turn bigint, lookup text,
        target text, app text, app_version text, action text, asset text, task text,
        parameters jsonb,
        context jsonb, failed text, parked_for text, due_at timestamptz, approval_id bigint,
        shadow boolean)) m
    order by m.number returning id, lane_turn
    """)
"""The first call of an act in a lane, where the transaction has put none yet, looks at the head of
the lane and at what its run has there; by the run's index: no index of those who wait answers a
``case``, and a plan made while nobody did would read them all."""
TIED = "(approval_id = :id or breaker_id = :id)"


class Calls(Queries):
    """Named queries on app runs that belong into a transaction."""

    def add(
        self,
        *,
        action_run_id: int,
        join_id: int,
        run_id: int,
        container_id: int,
        severity_rank: int,
        member: Mapping[str, Any],
        approval_id: int | None = None,
    ) -> int:
        """Add one member of a join."""
        row = {
            **member,
            "action_run_id": action_run_id,
            "severity_rank": severity_rank,
            "approval_id": approval_id,
        }
        return self.add_all([row], join_id=join_id, run_id=run_id, container_id=container_id)[0]

    def add_all(
        self,
        members: Sequence[Mapping[str, Any]],
        *,
        join_id: int,
        run_id: int,
        container_id: int,
        turns: dict[Lane, int] | None = None,
    ) -> list[int]:
        """
        Add members of a join: each pending, parked for an approval, or failed at once.

        In a lane calls of one severity go by turn. A run's first call takes that of the lane's
        head, each other the next one: a run with many calls shares with those that follow, in
        whatever acts and blocks it asked. *turns* are the next ones where its transaction has
        asked before; of other lanes the statement looks at what the run has waiting there.
        """
        turns = {} if turns is None else turns
        lanes = [_lane(member) for member in members]
        rows = self._all(
            ADDED,
            members=as_json(_placed(members, lanes, turns)),
            join_id=join_id,
            run_id=run_id,
            container_id=container_id,
        )
        rows.sort(key=itemgetter("id"))
        for member, lane, row in zip(members, lanes, rows, strict=True):
            if member.get("parked_for") != "approval":  # that one is in no lane yet
                turns[lane] = row["lane_turn"] + 1
        return [row["id"] for row in rows]

    def get(self, app_run_id: int) -> Row | None:
        """Return one call."""
        return self._one("select * from app_run where id = :id", id=app_run_id)

    def release(self, app_run_id: int, approval_id: int) -> bool:
        """Let a held call go under an answer that covers it; False if its time is to come."""
        row = self._one(
            f"""
            update app_run set approval_id = :approval, {LET_GO}, {AT_HEAD.format(place=0)}
            where id = :id and status = 'parked' and parked_for = 'approval' returning status
            """,
            id=app_run_id,
            approval=approval_id,
        )
        return row is not None and row["status"] == "pending"

    def hold(self, app_run_ids: list[int], approval_id: int) -> None:
        """Tie held calls to the question that was opened for them."""
        self._do(
            "update app_run set approval_id = :approval where id = any(:ids)"
            " and status = 'parked' and parked_for = 'approval'",
            ids=app_run_ids,
            approval=approval_id,
        )

    def ask_again(self, app_run_id: int, approval_id: int, *, message: str, second: bool) -> None:
        """Park a claimed call behind a question that takes the place of an answered one."""
        held = "breaker_id" if second else "approval_id"
        self._do(
            f"""
            with held as (
              update app_run set status = 'parked', parked_for = 'approval', owner = null,
              {USED.format(column=held)}, {held} = :approval, message = :message where id = :id
              returning id)
            update effect e set status = 'planned' from held
            where e.app_run_id = held.id and e.status = 'claimed'
            """,
            id=app_run_id,
            approval=approval_id,
            message=storable(message),
        )

    def already_under(self, approval_id: int, call: HeldCall) -> bool:
        """Tell whether an answer was already used for such a call, made or still waiting."""
        return bool(
            self._value(
                """
                select exists (select 1 from app_run c where c.asset = :asset
                and c.run_id = (select a.run_id from approval a where a.id = :id)
                and c.action = :action and c.parameters = cast(:parameters as jsonb)
                and (:id = any(c.earlier_ids) or (c.approval_id = :id and (
                  c.parked_for is distinct from 'approval' or c.breaker_id is not null))))
                """,
                id=approval_id,
                asset=call.asset,
                action=call.action,
                parameters=as_json(call.parameters),
            )
        )

    def wake_approved(self, approval_id: int) -> list[Row]:
        """Let the calls go that an approval held, and return what to send now."""
        rows = self._all(
            f"""
            update app_run set rung_at = now(), {LET_GO}, {AT_HEAD.format(place="place")}
            from (select id as call, row_number() over (partition by run_id, asset, severity_rank
                order by lane_turn, id) - 1 as place from app_run where {TIED}
                and status = 'parked' and parked_for = 'approval') held
            where id = call and {TIED} and status = 'parked'
            and parked_for = 'approval' returning {RUNG}
            """,
            id=approval_id,
        )
        return [row for row in rows if row["status"] == "pending"]

    def wake_due(self, limit: int = 500) -> list[Row]:
        """
        Make the calls pending whose schedule is due, as long as not more than *limit* are.

        Thousands that are due at once would wait in the broker for so long that each is rung
        again; so they wait here, in their order. What was rung long ago does not count: nobody
        may be there to hear it.
        """
        return self._wake(
            """
            id = any(array(
              select id from app_run where status = 'parked' and parked_for = 'schedule'
              and due_at <= now() and exists (select 1 from asset a where a.slug = app_run.asset)
              order by severity_rank, due_at limit greatest(0, :limit - (select count(*)
                from app_run p where p.status = 'pending' and p.rung_at > now() - interval '10 s'))
              for update skip locked))
            """,
            limit=limit,
        )

    def _wake(self, condition: str, **values: Any) -> list[Row]:
        return self._all(
            f"""
            update app_run set status = 'pending', parked_for = null, due_at = null,
            rung_at = now() where {condition}
            returning {RUNG}
            """,
            **values,
        )

    def wake_followers(self) -> list[Row]:
        """
        Make the calls pending that follow one which has ended without telling them.

        Who would do the reverse of what is unknown does not wait for the person who is asked.
        """
        return self._wake(
            """
            id = any(array(
              select w.id from app_run w left join app_run l on l.id = w.follows
              where w.follows is not null and w.status = 'parked'
              and w.parked_for in ('lookup', 'effect')
              and (coalesce(l.status, 'gone') not in ('pending', 'running', 'parked')
                or (l.action <> w.action and l.effect = 'unknown')) limit 500
              for update of w skip locked))
            """
        )

    def unheard(self, *, seconds: int) -> list[Row]:
        """Return pending calls nobody claimed; each later ring of one waits twice as long."""
        return self._all(
            f"""
            update app_run set rung_at = now(), rings = rings + 1 where id = any(array(
              select c.id from app_run c where c.status = 'pending'
              and c.rung_at < now() - make_interval(secs => :s * power(2, least(c.rings, 6)))
              and exists (select 1 from asset a where a.slug = c.asset)
              order by c.severity_rank, c.id limit 500 for update of c skip locked))
            returning {RUNG}
            """,
            s=float(seconds),
        )

    def ring_soon(self, *, limit: int) -> int:
        """Let pending calls be taken for unheard, however often they were rung."""
        return self._do(
            """
            update app_run set rings = 0, rung_at = now() - interval '30 s' where id = any(array(
              select id from app_run where status = 'pending'
              and (rings > 0 or rung_at > now() - interval '29 s')
              order by id limit :limit for update skip locked))
            """,
            limit=limit,
        )

    def withdraw(self, approval_id: int, message: str) -> list[Row]:
        """Fail the calls that an approval held: it was denied or is overdue."""
        return self.withdraw_all({approval_id: message})

    def withdraw_all(self, told: Mapping[int, str]) -> list[Row]:
        """
        Fail the calls that these approvals held, each with the message of its own.

        Each approval's calls are looked up by themselves: a plan for all of them would read the
        table, where the server knows little of it.
        """
        return self._all(
            """
            with told as (
              select id, message from unnest(cast(:ids as bigint[]), cast(:messages as text[]))
              as t(id, message)),
            held as (
              select x.id, t.message from told t cross join lateral (
                (select c.id from app_run c where c.approval_id = t.id and c.status = 'parked'
                  offset 0) union all
                (select c.id from app_run c where c.breaker_id = t.id and c.status = 'parked'
                  offset 0)) x),
            ended as (
              update app_run c set status = 'failed', end_time = now(),
              message = (select h.message from held h where h.id = c.id limit 1)
              where c.id = any(array(select id from held)) and c.status = 'parked'
              returning join_id),
            counted as (select join_id, count(*) as n from ended group by join_id)
            update action_run j set remaining = remaining - n,
            end_time = case when remaining - n <= 0 then now() else end_time end
            from counted where j.id = counted.join_id
            returning j.id, j.run_id, j.remaining
            """,
            ids=list(told),
            messages=[storable(message) for message in told.values()],
        )

    def call_off(self, run_ids: list[int], message: str) -> int:
        """
        Fail the waiting calls of runs; those under way end by themselves.

        So do those that may have been sent: what waits for consent to be sent again is verified.
        """
        self._do(
            "update app_run set parked_for = 'schedule', due_at = now() where run_id = any(:ids)"
            " and status = 'parked' and parked_for = 'approval' and effect = 'sent'",
            ids=run_ids,
        )
        return self._do(
            "update app_run set status = 'failed', message = :message, end_time = now()"
            " where run_id = any(:ids) and status in ('pending', 'parked')"
            " and effect not in ('sent', 'unknown')",
            ids=run_ids,
            message=storable(message),
        )

    def landed(self) -> None:
        """Forget flights that ended long enough ago for every claim to see their answers."""
        self._do(
            "delete from flight f using app_run l where l.id = f.app_run_id"
            " and l.end_time < now() - interval '10 seconds'"
        )

    def of_owner(self, owner: str) -> list[Row]:
        """Return the calls that a process is making."""
        return self._all(
            "select id, task from app_run where status = 'running' and owner = :owner", owner=owner
        )

    def of_run(self, run_id: int) -> list[Row]:
        """Return the calls of a run as they stand."""
        return self._all(
            "select id, status, attempt, owner from app_run where run_id = :id order by id",
            id=run_id,
        )

    def expired_workers(self) -> None:
        """Forget workers whose lease ended an hour ago."""
        self._do("delete from worker where expires_at < now() - interval '1 hour'")


def _lane(member: Mapping[str, Any]) -> Lane:
    return member.get("asset", ""), member["severity_rank"]


def _placed(
    members: Sequence[Mapping[str, Any]], lanes: Sequence[Lane], turns: Mapping[Lane, int]
) -> list[Row]:
    """Return members with their numbers, and how many before each go into the same lane."""
    before: Counter[Lane] = Counter()
    found: list[Row] = []
    for number, (member, lane) in enumerate(zip(members, lanes, strict=True)):
        found.append({**member, "number": number, "place": before[lane], "turn": turns.get(lane)})
        before[lane] += 1
    return found


def messages(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Return the bodies of "member" messages, ids and names only, in the order of lanes.

    That is by severity, then turn, then age: a server returns the rows that it changed in the
    order it finds them on its pages.
    """
    return [
        {
            "app_run_id": row["id"],
            "task": row["task"],
            "asset": row["asset"],
            "join_id": row["join_id"],
            "run_id": row["run_id"],
        }
        for row in sorted(rows, key=_place)
    ]


def _place(row: Mapping[str, Any]) -> tuple[int, int, int]:
    return row["severity_rank"], row["lane_turn"], row["id"]
