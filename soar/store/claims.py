"""
The single statements of the hot path: claim a call, end it, park it. Each commits alone.

In: a call's id and attempt. Out: its row, once; its join, counted once.
Never: a call that ends twice, or one whose claim somebody else holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain.model import Claim, Outcome
from soar.store.assets import asset_of
from soar.store.rows import as_json, storable

CALL_SECONDS = 180
"""No call lasts longer: one claimed so long ago was lost, though its worker lives (a database
that restarted just as the outcome was written)."""

OWNER_ALIVE = f"""(
    c.claimed_at > now() - interval '{CALL_SECONDS} seconds' and exists (
      select 1 from worker w where w.owner = c.owner and w.expires_at > now()))
"""

IN_LANE = "status = 'parked' and parked_for = 'budget'"

_CLAIMABLE = f"""
    c.id = %(id)s and (c.status = 'pending' or (c.status = 'running' and not {OWNER_ALIVE}))
    and c.task = %(task)s
"""

_BEHIND = f"""
    c.lane_since is null and exists (
      select 1 from app_run w where w.asset = c.asset and w.{IN_LANE.replace(" and ", " and w.")})
"""

_CLAIMED = f"""
    c.id, c.run_id, c.container_id, c.asset, c.app, c.action, c.task, c.parameters, c.attempt,
    c.tries, c.waited_since, c.approval_id, c.effect, c.severity_rank,
    (select row_to_json(a) from asset a where a.slug = c.asset), {_BEHIND},
    (select r.status in ('queued', 'running') from playbook_run r where r.id = c.run_id)
"""

CLAIM = f"""
    update app_run c set status = 'running', owner = %(owner)s, attempt = attempt + 1, rings = 0,
    start_time = coalesce(start_time, now()), claimed_at = now(), parked_for = null, due_at = null
    where {_CLAIMABLE} returning {_CLAIMED}
"""

_FRESH = """
    (select row_to_json(x) from (
      select f.id, f.run_id, f.message, f.summary, f.data,
             extract(epoch from now() - f.end_time) as age
      from app_run f where f.lookup = c.lookup and f.status = 'success' and f.reused_from is null
      and f.end_time > now() - make_interval(secs => %(freshness)s)
      order by f.end_time desc limit 1) x)
"""

CLAIM_LOOKUP = f"""
    with call as (select c.id, c.lookup, c.severity_rank from app_run c where {_CLAIMABLE}
        for update),
    flight as (
        insert into flight as f (lookup, app_run_id) select lookup, id from call
        where lookup is not null on conflict (lookup) do update set app_run_id = case
          when exists (select 1 from app_run l where l.id = f.app_run_id
                       and l.status in ('pending', 'running', 'parked'))
          then f.app_run_id else excluded.app_run_id end
        returning app_run_id),
    promoted as (
        update app_run l set severity_rank = call.severity_rank from call where l.id = any(array(
          select l.id from app_run l, flight where l.id = flight.app_run_id
          and l.id <> call.id and l.severity_rank > call.severity_rank
          for update of l skip locked)))
    update app_run c set attempt = attempt + 1, claimed_at = now(), due_at = null, rings = 0,
    start_time = coalesce(start_time, now()),
    status = case when flight.app_run_id <> c.id then 'parked' else 'running' end,
    parked_for = case when flight.app_run_id <> c.id then 'lookup' end,
    follows = case when flight.app_run_id <> c.id then flight.app_run_id end,
    owner = case when flight.app_run_id <> c.id then null else %(owner)s end
    from call left join flight on true where c.id = call.id
    returning {_CLAIMED}, c.follows, {_FRESH}
"""
"""Claims a lookup that others may ask for as well. The first of them flies; the others follow
it: they wait for its answer. A newer one of higher severity lends it its place in the lane."""

_ENDED = """
    update app_run set status = %(status)s, message = %(message)s,
    summary = %(summary)s::jsonb, data = %(data)s::jsonb, effect = %(effect)s,
    made = made + %(made)s, reused_from = %(reused_from)s, end_time = now()
    where id = %(id)s and status = 'running' and attempt = %(attempt)s
"""

END_LOOKUP = f"""
    with ended as ({_ENDED} returning id, join_id, lookup),
    landed as (delete from flight f using ended
        where f.lookup = ended.lookup and f.app_run_id = ended.id),
    followed as (
        update app_run w set status = %(status)s, message = %(message)s,
        summary = %(summary)s::jsonb, data = %(data)s::jsonb,
        reused_from = coalesce(%(reused_from)s, ended.id), end_time = now()
        from ended where w.follows = ended.id and w.status = 'parked' and w.parked_for = 'lookup'
        returning w.join_id),
    counted as (select join_id, count(*) as n from (
        select join_id from ended union all select join_id from followed) x group by join_id)
    update action_run j set remaining = remaining - n,
    end_time = case when remaining <= n then now() else end_time end
    from counted where j.id = counted.join_id returning j.remaining, j.run_id, j.id
"""

END_AND_COUNT = f"""
    with ended as ({_ENDED} returning join_id)
    update action_run j set remaining = remaining - 1,
    end_time = case when remaining <= 1 then now() else end_time end
    from ended where j.id = ended.join_id returning j.remaining, j.run_id, j.id
"""

PARK = """
    update app_run set status = 'parked', parked_for = %(reason)s, message = %(message)s,
    due_at = now() + make_interval(secs => %(seconds)s), tries = tries + %(tries)s,
    made = made + %(made)s,
    waited_since = case when %(vendor)s then coalesce(waited_since, now()) else waited_since end,
    lane_since = coalesce(lane_since, now()), owner = null
    where id = %(id)s and status = 'running' and attempt = %(attempt)s returning id
"""

MARK_SENT = """
    update app_run set effect = 'sent' where id = %(id)s and status = 'running'
    and attempt = %(attempt)s and effect in ('none', 'sent') returning id
"""

HEARTBEAT = """
    insert into worker (owner, role, expires_at)
    values (%(owner)s, %(role)s, now() + make_interval(secs => %(seconds)s))
    on conflict (owner) do update set expires_at = excluded.expires_at
"""


def claim_of(row: tuple[Any, ...]) -> Claim:
    """Read one row of :data:`CLAIM`."""
    names = (
        "id",
        "run_id",
        "container_id",
        "asset",
        "app",
        "action",
        "task",
        "parameters",
        "attempt",
        "tries",
        "waited_since",
        "approval_id",
        "effect",
        "severity_rank",
        "held",
        "behind",
        "wanted",
        "follows",
        "fresh",
    )
    values = dict(zip(names, row, strict=False))  # only a lookup has the last two
    values["held"] = asset_of(values["held"]) if values["held"] else None
    return Claim(**values)


def ending(outcome: Outcome) -> str:
    """Return the statement that ends a call: a lookup takes those along that follow it."""
    return END_LOOKUP if outcome.shared else END_AND_COUNT


def end_values(outcome: Outcome) -> Mapping[str, Any]:
    """Return the values of :data:`END_AND_COUNT` for one outcome."""
    return {
        "id": outcome.app_run_id,
        "attempt": outcome.attempt,
        "status": "success" if outcome.succeeded else "failed",
        "message": storable(outcome.message),
        "summary": as_json(outcome.summary),
        "data": as_json(list(outcome.data)),
        "effect": outcome.effect,
        "made": outcome.made,
        "reused_from": outcome.reused_from,
    }
