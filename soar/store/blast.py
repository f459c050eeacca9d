"""
The breaker's memory: its rules, what was let go when, and the one statement that lets go.

In: checked rules; a call's id, attempt and the limits it counts under. Out: rows, and whether
there was room. Never: two calls that both take the last place of a limit.
"""

from __future__ import annotations

from collections.abc import Mapping

from soar.domain.blast import LONGEST
from soar.store.effects import CLAIMABLE_EFFECT, GOES_ON, NOT_CANCELLED, ONE_WAY, REVERSED
from soar.store.rows import Queries, Row, storable
from soar.store.shadow import MARKING, SHADOWED

RULES = "select * from blast_rule r"

_LOCKED = """
    select pg_advisory_xact_lock(20009, k) from (
      select distinct hashtext(s) as k from unnest(%(scopes)s::text[]) s order by 1) locks
"""

_OURS = "c.status = 'running' and c.attempt = %(attempt)s and c.effect in ('none', 'sent')"
"""Asked again where the row is written: who waited for it may have lost the call meanwhile."""

_ROOM = f"""
    moment as materialized (select clock_timestamp() as now),
    call as (
        select c.id, c.asset, c.action, p.name as playbook, k.tenant_id,
        exists (select 1 from blast_pass b where b.app_run_id = c.id) as passed
        from app_run c join playbook_run r on r.id = c.run_id
        join playbook p on p.id = r.playbook_id join container k on k.id = c.container_id
        where c.id = %(id)s and {_OURS}
        and {GOES_ON} and not {SHADOWED}),
    full_up as (
        select l.number, n.sent from call cross join moment
        cross join jsonb_to_recordset(%(limits)s::jsonb) as l(number int, action text,
          of_asset boolean, of_playbook boolean, of_tenant boolean, calls int, seconds float8)
        cross join lateral (
          select count(*) as sent from blast_pass b
          where b.passed_at > moment.now - make_interval(secs => l.seconds)
          and l.action in ('*', b.action) and (not l.of_asset or b.asset = call.asset)
          and (not l.of_playbook or b.playbook = call.playbook)
          and (not l.of_tenant or b.tenant_id = call.tenant_id)) n
        where not call.passed and n.sent >= l.calls)
"""

_WHOSE = "coalesce((select t.name from tenant t where t.id = call.tenant_id), '')"

LET_GO = f"""
    {NOT_CANCELLED.format(id="%(id)s")};
    {MARKING};
    {ONE_WAY};
    {_LOCKED};
    with {_ROOM},
    marked as (
        update app_run c set effect = 'sent' from call where c.id = call.id and {_OURS}
        and not %(held)s and not {REVERSED}
        and not exists (select 1 from full_up) and exists (
          select 1 from effect e where e.app_run_id = c.id and {CLAIMABLE_EFFECT})
        returning c.id),
    sent as (
        update effect e set status = 'sent', sent_at = now() from marked
        where e.app_run_id = marked.id and {CLAIMABLE_EFFECT} returning e.id),
    kept as (
        insert into blast_pass (app_run_id, action, asset, playbook, tenant_id, passed_at)
        select call.id, call.action, call.asset, call.playbook, call.tenant_id, moment.now
        from call cross join moment join marked on marked.id = call.id on conflict do nothing)
    select null::int as number, 0::bigint as sent, call.playbook, '' as tenant from call, sent
    union all select full_up.number, full_up.sent, call.playbook, {_WHOSE} from call, full_up
"""
"""
Marks a containment as sent, unless a limit is full; then it returns which, and how full. One that
is only simulated now, or whose run was cancelled, is neither marked nor counted.

The locks come in a statement of their own: what it counts afterwards is what others, who held
them, have committed. Both go in one message, and end together. What was let go once is let go.
"""


class Blast(Queries):
    """Named queries on the breaker."""

    def rules(self) -> list[Row]:
        """Return every rule in the order they were made."""
        return self._all(f"{RULES} order by id")

    def add(self, rule: Mapping[str, str], *, by: str) -> int:
        """Keep a checked rule."""
        return int(
            self._value(
                """
                insert into blast_rule (kind, action, asset, pattern, "limit", per, note,
                  created_by) values (:kind, :action, :asset, :pattern, :limit, :per, :note, :by)
                returning id
                """,
                **rule,
                by=by,
            )
        )

    def get(self, rule_id: int) -> Row | None:
        """Return one rule."""
        return self._one(f"{RULES} where id = :id", id=rule_id)

    def remove(self, rule_id: int) -> bool:
        """Remove a rule; False where there was none."""
        return bool(self._do("delete from blast_rule where id = :id", id=rule_id))

    def ours(self, app_run_id: int, attempt: int) -> Row | None:
        """
        Lock the call that a worker makes and return it; None if it is not its own any more.

        Nor is that of a run which was cancelled: no question is opened about it.
        """
        self._do(NOT_CANCELLED.format(id=":id"), id=app_run_id)
        return self._one(
            "select * from app_run c where c.id = :id and c.status = 'running'"
            f" and c.attempt = :attempt and {GOES_ON} for update of c",
            id=app_run_id,
            attempt=attempt,
        )

    def one_at_a_time(self, run_id: int) -> None:
        """Let nobody else hold a call of a run until the end of the transaction."""
        self._do("select pg_advisory_xact_lock(20010, hashtext(:run))", run=str(run_id))

    def naming(self, run_id: int, app_run_id: int) -> Row | None:
        """Return the newest second question of a run that names a call among several; its age."""
        return self._one(
            """
            select a.*, coalesce(extract(epoch from now() - a.close_time)::float8, 0) as age
            from approval a where a.run_id = :run and a.kind = 'breaker'
            and jsonb_exists(a.payload->'app_runs', :number) order by a.id desc limit 1
            """,
            run=run_id,
            number=str(app_run_id),
        )

    def beside(self, call: Row, *, limit: int) -> list[Row]:
        """Return the calls of the same block, action and asset that are still to be sent."""
        return self._all(
            """
            select c.id, c.parameters from app_run c where c.join_id = :join and c.id <> :id
            and (c.asset, c.app, c.action) = (:asset, :app, :action) and c.effect = 'none'
            and c.breaker_id is null and not c.shadow and (c.status in ('pending', 'running')
              or (c.status = 'parked' and c.parked_for in ('budget', 'schedule', 'suspicion')))
            order by c.id limit :limit
            """,
            join=call["join_id"],
            limit=limit,
            **{name: call[name] for name in ("id", "asset", "app", "action")},
        )

    def forget(self, limit: int = 1000) -> int:
        """Forget what was let go so long ago that no limit counts it, of calls that have ended."""
        return self._do(
            """
            delete from blast_pass where app_run_id = any(array(
              select b.app_run_id from blast_pass b join app_run c on c.id = b.app_run_id
              where b.passed_at < now() - make_interval(secs => :seconds)
              and c.status not in ('pending', 'running', 'parked')
              order by b.passed_at limit :limit for update of b skip locked))
            """,
            seconds=LONGEST.total_seconds(),
            limit=limit,
        )

    def hold(self, app_run_id: int, approval_id: int, *, message: str, made: int) -> None:
        """Park a call until a second approval is answered; its intent is only planned again."""
        self._do(
            """
            with held as (
              update app_run set status = 'parked', parked_for = 'approval', owner = null,
              breaker_id = :approval, message = :message, made = made + :made where id = :id
              returning id)
            update effect e set status = 'planned' from held
            where e.app_run_id = held.id and e.status = 'claimed'
            """,
            id=app_run_id,
            approval=approval_id,
            message=storable(message),
            made=made,
        )
