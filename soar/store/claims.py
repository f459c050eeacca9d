"""
The single statements of the hot path: claim a call, end it, park it. Each commits alone.

In: a call's id and attempt. Out: its row, once; its join, counted once.
Never: a call that ends twice, or one whose claim somebody else holds.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from soar.domain.model import Asset, Claim
from soar.store.assets import asset_of

CALL_SECONDS = 180
"""No call lasts longer: one claimed so long ago was lost, though its worker lives (a database
that restarted just as the outcome was written)."""

OWNER_ALIVE = f"""(
    c.claimed_at > now() - interval '{CALL_SECONDS} seconds' and exists (
      select 1 from worker w where w.owner = c.owner and w.expires_at > now()))
"""

MOST_CRASHES = 2
"""A call of which so many workers died is made while no other such call is: see
:mod:`soar.store.suspects`. If a third dies, it is set aside unless another was the cause."""

IN_LANE = "status = 'parked' and parked_for = 'budget'"

WAITED_FOR = f"""
    lane(asset) as (
      (select asset from app_run where {IN_LANE} order by asset limit 1)
      union all
      select (select r.asset from app_run r where r.{IN_LANE.replace("and ", "and r.")}
              and r.asset > lane.asset order by r.asset limit 1)
      from lane where lane.asset is not null)
"""
"""The assets that calls wait for, found by jumps in the index: for ``with recursive``. The last one
is null."""

CLAIMABLE = f"""
    c.id = %(id)s and c.task = %(task)s and (c.status = 'pending'
      or (c.status = 'running' and c.crashes < {MOST_CRASHES - 1} and not {OWNER_ALIVE}))
"""

TAKEN = """
    attempt = attempt + 1, rings = 0, claimed_at = now(), due_at = null,
    start_time = coalesce(start_time, now()), crashes = crashes + (c.status = 'running')::int,
    made = made + (c.status = 'running')::int
"""
"""What every claim writes; one that takes a dead worker's call over counts the crash, and a request
that its vendor may have got."""

_BEHIND = f"""
    c.lane_since is null and (
      select true from app_run w where w.asset = c.asset and w.{IN_LANE.replace(" and ", " and w.")}
      order by w.lane_since limit 1) is not null
"""
"""Whether others wait for the asset longer; in their order, so that their index answers, whatever
the table looked like when this was planned."""

_TENANT = "(select k.tenant_id from container k where k.id = c.container_id)"
_HELD = f"""
    (select row_to_json(x)::text from (
      select a.*, case when a.tenants <> '{{}}' then {_TENANT} end as called_for
      from asset a where a.slug = c.asset) x)
"""
"""The asset; where it serves some tenants and not all, also the tenant that it is called for."""

_SERVED = f"""
    not exists (select 1 from asset a where a.slug = c.asset and a.tenants <> '{{}}'
                and {_TENANT} <> all(a.tenants))
"""

CLAIMED = f"""
    c.id, c.run_id, c.container_id, c.asset, c.app, c.action, c.task, c.parameters, c.attempt,
    c.tries, c.waited, c.approval_id, c.effect, c.severity_rank,
    {_HELD}, {_BEHIND},
    (select r.status in ('queued', 'running') from playbook_run r where r.id = c.run_id), c.lookup
"""

CLAIM = f"""
    update app_run c set {TAKEN}, status = 'running', owner = %(owner)s, parked_for = null
    where {CLAIMABLE} returning {CLAIMED}, null, null, null, null, null, null, false, false
"""

LAZILY = "set_config('synchronous_commit', 'off', true)"
"""The commit of this statement does not wait for the disk: a server that crashes at once may
forget it, though never without all that was committed after it. Only for reading: a call whose
claim or end was forgotten is claimed and made again."""

CLAIM_READ = f"{CLAIM}, {LAZILY}"

_FRESH = """
    (select row_to_json(x) from (
      select f.id, f.run_id, f.message, f.summary, f.data, f.attachment_id,
             extract(epoch from now() - f.end_time) as age
      from app_run f where f.lookup = c.lookup and f.status = 'success' and f.reused_from is null
      and f.end_time > now() - make_interval(secs => %(freshness)s)
      order by f.end_time desc limit 1) x)
"""

CLAIM_LOOKUP = f"""
    with call as (select c.id, c.severity_rank, c.lane_turn,
        case when {_SERVED} then c.lookup end as lookup
        from app_run c where {CLAIMABLE} for update),
    flight as (
        insert into flight as f (lookup, app_run_id) select lookup, id from call
        where lookup is not null on conflict (lookup) do update set app_run_id = case
          when exists (select 1 from app_run l where l.id = f.app_run_id
                       and l.status in ('pending', 'running', 'parked'))
          then f.app_run_id else excluded.app_run_id end
        returning app_run_id),
    promoted as (
        update app_run l set severity_rank = call.severity_rank, lane_turn = call.lane_turn
        from call where l.id = any(array(
          select l.id from app_run l, flight where l.id = flight.app_run_id and l.id <> call.id
          and (l.severity_rank, l.lane_turn) > (call.severity_rank, call.lane_turn)
          for update of l skip locked)))
    update app_run c set {TAKEN},
    status = case when flight.app_run_id <> c.id then 'parked' else 'running' end,
    parked_for = case when flight.app_run_id <> c.id then 'lookup' end,
    follows = case when flight.app_run_id <> c.id then flight.app_run_id end,
    owner = case when flight.app_run_id <> c.id then null else %(owner)s end
    from call left join flight on true where c.id = call.id
    returning {CLAIMED}, c.follows, {_FRESH}, null, null, null, null, false, false, {LAZILY}
"""
"""Claims a lookup that others may ask for as well. The first of them flies; the others follow
it: they wait for its answer. One that would go before it lends it its place in the lane. What its
asset does not serve follows nobody: it is refused."""

UNSHARED = """
    update app_run set lookup = null where id = %(id)s and status = 'running'
    and attempt = %(attempt)s
"""
"""Keeps the answer to a lookup from those who ask the same of its asset's former settings."""

USED = """
    earlier_ids = case when {column} is null then earlier_ids
      else array_append(earlier_ids, {column}) end
"""
"""What is written where another question takes the place of the one that a call went under: the
earlier answer is used up, and stays on record."""

PARKED = """
    update app_run set status = 'parked', parked_for = %(reason)s, message = %(message)s,
    due_at = now() + make_interval(secs => %(seconds)s), tries = tries + %(tries)s,
    made = made + %(made)s, effect = case when %(unsent)s then 'none' else effect end,
    waited = waited + make_interval(secs => %(costs)s),
    lane_since = coalesce(lane_since, now()), owner = null
    where id = %(id)s and status = 'running' and attempt = %(attempt)s
"""

PARK = f"{PARKED} returning id"

HEARTBEAT = """
    insert into worker (owner, role, expires_at)
    values (%(owner)s, %(role)s, now() + make_interval(secs => %(seconds)s))
    on conflict (owner) do update set expires_at = least(
      greatest(worker.expires_at, excluded.expires_at),
      clock_timestamp() + make_interval(secs => %(seconds)s)) returning now()
"""
"""A beat that was overtaken shortens no lease, and a clock that was set back prolongs none."""

HOMELESS = """
    select c.id from app_run c where c.id = %(id)s and c.status = 'running'
    and c.attempt = %(attempt)s and (c.effect = 'none' or %(unsent)s)
    and not exists (select 1 from asset a where a.slug = c.asset)
"""
"""Finds a claimed call that was not sent, or is as good as *unsent*, and whose asset was deleted:
nothing will wake it."""

MOST_ROWS = 1_000
"""So many texts of asset rows a process keeps with what it has read from them, secrets sealed."""

FORGOTTEN = """
    update app_run set status = 'pending', owner = null, rung_at = now() - interval '1 day',
    made = made + 1
    where status = 'running' and owner = %(owner)s and claimed_at < %(as_of)s
    and not id = any(%(making)s::bigint[]) returning id
"""
"""Frees the calls that a living process holds and does not make: the answer to its claim, or its
word of their end, was lost with a connection. The sweep rings for them at once. A request may have
been made."""


def claim_of(row: tuple[Any, ...], since: float = 0.0) -> Claim:
    """Read one row of :data:`CLAIM`, asked for at a moment of this process's clock."""
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
        "waited",
        "approval_id",
        "effect",
        "severity_rank",
        "held",
        "behind",
        "wanted",
        "lookup",
        "follows",
        "fresh",
        "standing",
        "breaker_id",
        "rules",
        "sent_ago",
        "governed",
        "shadow",
    )
    values = dict(zip(names, row, strict=False))  # what follows told the server how to commit
    values["shadow"] = bool(values["shadow"])
    values["held"], values["tenant"] = _held(values["held"])
    return Claim(**values, since=since)


@lru_cache(maxsize=MOST_ROWS)
def _held(text: str | None) -> tuple[Asset | None, int | None]:
    """Return the asset of a row and the tenant it is called for: read once while it says so."""
    if text is None:
        return None, None
    row = json.loads(text)
    return asset_of(row), row["called_for"]
