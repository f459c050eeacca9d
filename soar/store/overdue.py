"""
What is older than it should be: one bounded query for each kind of thing that can be left behind.

In: how old a kind may be, and how many rows to show. Out: rows with id, age in seconds, detail.
Never: a write, or a query that reads what has ended without a bound.
"""

from __future__ import annotations

from collections.abc import Mapping

from soar.store.claims import IN_LANE, WAITED_FOR
from soar.store.election import CLOCK
from soar.store.rows import Queries, Row

RECENT = 20_000
"""So many of the newest rows are searched for what ended badly."""

LIVE = "exists (select 1 from worker w where w.owner = c.owner and w.expires_at > now())"
OPEN_RUN = "r.status in ('queued', 'running')"
NOTHING_OPEN = """
    not exists (select 1 from action_run a where a.run_id = r.id and a.delivered_at is null)
"""
RECENT_CALLS = f"(select * from app_run order by id desc limit {RECENT}) c"

# Each query gives id, since, detail. The rest is put around it.
KINDS: Mapping[str, str] = {
    "message unsent": "select o.id, o.create_time as since, o.kind as detail from outbox o",
    "call unclaimed": """
        select c.id, coalesce(c.rung_at, c.create_time) as since,
          format('%s on %s, rung %s times', c.action, c.asset, c.rings + 1) as detail
        from app_run c where c.status = 'pending'
    """,
    "worker died": f"""
        select c.id, coalesce((select w.expires_at from worker w where w.owner = c.owner),
          c.claimed_at) as since,
          format('%s on %s, claimed by %s', c.action, c.asset, c.owner) as detail
        from app_run c where c.status = 'running' and not {LIVE}
    """,
    "call too long": f"""
        select c.id, c.claimed_at as since, format('%s on %s', c.action, c.asset) as detail
        from app_run c where c.status = 'running' and {LIVE}
    """,
    "call due": """
        select c.id, c.due_at as since, format('%s on %s', c.action, c.asset) as detail
        from app_run c where c.status = 'parked' and c.parked_for = 'schedule'
        and c.due_at <= now() and exists (select 1 from asset a where a.slug = c.asset)
    """,
    "follower left": """
        select c.id, coalesce(l.end_time, c.create_time) as since,
          format('%s on %s follows call %s', c.action, c.asset, c.follows) as detail
        from app_run c left join app_run l on l.id = c.follows
        where c.follows is not null and c.status = 'parked' and c.parked_for in ('lookup', 'effect')
        and coalesce(l.status, 'gone') not in ('pending', 'running', 'parked')
    """,
    "approval overdue": """
        select p.id, p.due_at as since, p.name as detail from approval p
        where p.status = 'open' and p.due_at <= now()
    """,
    "join undelivered": f"""
        select a.id, a.end_time as since, format('%s of run %s', a.name, a.run_id) as detail
        from action_run a join playbook_run r on r.id = a.run_id and {OPEN_RUN}
        where a.delivered_at is null and a.join_id = a.id and a.end_time is not null
    """,
    "join miscounted": f"""
        select a.id, greatest(a.create_time, (select max(c.end_time) from app_run c
          where c.join_id = a.id)) as since,
          format('%s of run %s counts %s open calls', a.name, a.run_id, a.remaining) as detail
        from action_run a join playbook_run r on r.id = a.run_id and {OPEN_RUN}
        where a.delivered_at is null and a.join_id = a.id and a.end_time is null
        and a.kind in ('act', 'group') and not exists (select 1 from app_run c
          where c.join_id = a.id and c.status in ('pending', 'running', 'parked'))
    """,
    "run unheard": """
        select r.id, greatest(r.update_time, r.due_at) as since, '' as detail from playbook_run r
        where r.status = 'queued' and coalesce(r.due_at <= now(), true)
    """,
    "run stuck": f"""
        select r.id, r.update_time as since, '' as detail from playbook_run r
        where r.status = 'running' and {NOTHING_OPEN}
    """,
    "effect unknown": """
        select e.id, coalesce(e.sent_at, e.create_time) as since,
          format('%s on %s, %s of run %s', e.action, e.asset, coalesce(nullif(e.target, ''),
            'call ' || e.app_run_id), e.run_id) as detail
        from effect e where e.status = 'unknown' and e.ended_at is null
    """,
    "lease overdue": """
        select e.id, e.expires_at as since, format('%s on %s, %s: undone %s times in vain%s',
          e.action, e.asset, e.target, e.undo_tries, (select substr(l.message, strpos(l.message,
            ': ')) from run_log l where l.run_id = e.run_id and l.level = 'warning'
            and starts_with(l.message, format('containment %s is not undone: ', e.id))
            order by l.id desc limit 1)) as detail
        from effect e where e.expires_at is not null and e.ended_at is null
        and e.expires_at <= now()
    """,
    "notice unsent": """
        select n.id, n.next_try_at as since, format('%s of approval %s on %s%s', n.event,
          n.approval_id, ch.name, case when n.error = '' then '' else ': ' || n.error end) as detail
        from notice n join channel ch on ch.id = n.channel_id
        where n.status = 'planned' and n.next_try_at <= now()
    """,
    "notice failed": """
        select n.id, n.end_time as since, format('%s of approval %s on %s, tried %s times: %s',
          n.event, n.approval_id, ch.name, n.tries, n.error) as detail
        from notice n join channel ch on ch.id = n.channel_id
        where n.status = 'failed' and n.end_time > now() - interval '1 day'
    """,
    "channel closed": """
        select ch.id, ch.failing_since as since, format('%s, failed %s times: it is tried again'
          ' at %s UTC', ch.name, ch.failures,
          to_char(ch.closed_until at time zone 'UTC', 'HH24:MI:SS')) as detail
        from channel ch where ch.closed_until is not null
    """,
    "call suspected": """
        select c.id, c.rung_at as since, format('%s on %s, %s workers died of it or of another',
          c.action, c.asset, c.crashes) as detail
        from app_run c where c.status = 'parked' and c.parked_for = 'suspicion'
        and c.follows is not null
    """,
    "call poisoned": f"""
        select c.id, c.end_time as since, format('%s on %s', c.action, c.asset) as detail
        from {RECENT_CALLS} where c.crashes > 2 and c.status = 'failed'
        and c.effect <> 'unknown' and c.end_time > now() - interval '1 day'
    """,
    "block set aside": f"""
        select r.id, r.update_time as since, r.error as detail
        from (select * from playbook_run order by id desc limit {RECENT}) r
        where r.error like 'block % was set aside%' and r.update_time > now() - interval '1 day'
    """,
    "asset closed": """
        select a.id, a.updated_at as since, format('%s is %s while calls wait for it', a.slug,
          case when a.disabled then 'disabled' else 'broken' end) as detail
        from asset a where (a.disabled or a.broken <> '') and exists (select 1 from app_run c
          where c.asset = a.slug and c.status = 'parked' and c.parked_for = 'budget')
    """,
    "asset gone": f"""
        with recursive {WAITED_FOR},
        waits as (
          select c.* from lane cross join lateral (
            select id, asset, action, lane_since as since from app_run
            where asset = lane.asset and {IN_LANE} order by lane_since limit 1) c
          union all
          select id, asset, action, due_at as since from app_run
          where status = 'parked' and parked_for = 'schedule' and due_at <= now())
        select w.id, w.since, format('%s waits for asset %s', w.action, w.asset) as detail
        from waits w where not exists (select 1 from asset a where a.slug = w.asset)
    """,
    "no worker": """
        select 0 as id, min(c.create_time) as since, 'actions' as detail from (
          select create_time from app_run where status = 'pending' limit 1000) c
        where not exists (select 1 from worker w where w.role = 'actions'
          and w.expires_at > now()) having count(*) > 0
    """,
}
FRAME = """
    select x.id, extract(epoch from now() - x.since) as age, x.detail from ({inner}) x
    where x.since < now() - make_interval(secs => :allowed) limit :count
"""


class Overdue(Queries):
    """Named queries on what was left behind."""

    def of(self, kind: str, *, allowed: float, count: int) -> list[Row]:
        """Return at most *count* things of a kind that are older than *allowed* seconds."""
        inner = KINDS[kind]
        return self._all(FRAME.format(inner=inner), allowed=allowed, count=count)

    def unheard_joins(self, most: int) -> int:
        """Count the joins that have ended and that no engine has looked at, up to *most*."""
        return int(
            self._value(
                "select count(*) from (select 1 from action_run a join playbook_run r"
                " on r.id = a.run_id where a.delivered_at is null and a.end_time is not null"
                f" and a.join_id = a.id and {OPEN_RUN} limit :most) a",
                most=most,
            )
        )

    def silent_clock(self) -> float | None:
        """Return how many seconds ago the elected clock was heard; None where none is elected."""
        found = self._value(
            """
            select extract(epoch from clock_timestamp() - coalesce(a.state_change, now()))
            from pg_locks l left join pg_stat_activity a on a.pid = l.pid
            where l.locktype = 'advisory' and l.granted
            and l.classid = 0 and l.objid = :lock and l.objsubid = 1
            and l.database = (select oid from pg_database where datname = current_database())
            """,
            lock=CLOCK,
        )
        return None if found is None else float(found)

    def revision(self) -> str:
        """Return the revision of the schema."""
        return str(self._value("select max(version_num) from alembic_version") or "base")

    def connections(self) -> tuple[int, int]:
        """Return how many connections PostgreSQL has, and how many it takes."""
        row = self._one(
            "select (select count(*) from pg_stat_activity where backend_type = 'client backend')"
            " as used, current_setting('max_connections')::int as most"
        )
        assert row is not None
        return int(row["used"]), int(row["most"])

    def clock(self) -> float:
        """Return what time PostgreSQL has, in seconds."""
        return float(self._value("select extract(epoch from clock_timestamp())"))

    def end_miscounted(self, *, seconds: float, count: int = 200) -> list[tuple[int, int]]:
        """End joins that count calls of which none is open; return (run, join)."""
        ids = [row["id"] for row in self.of("join miscounted", allowed=seconds, count=count)]
        if not ids:
            return []
        rows = self._all(
            """
            update action_run j set remaining = 0, end_time = now(), rung_at = now()
            where j.id = any(array(select a.id from action_run a where a.id = any(:ids)
              and a.end_time is null order by a.id for update skip locked))
            and not exists (select 1 from app_run c where c.join_id = j.id
              and c.status in ('pending', 'running', 'parked')) returning j.id, j.run_id
            """,
            ids=ids,
        )
        return [(row["run_id"], row["id"]) for row in rows]
