"""
The single statements of writes: claim one with its intent, mark it sent, end it.

In: a call's id and attempt. Out: its row and its intent's, moved together, in one commit.
Never: two calls that hold one intent: the unique index of the ledger lets one in, the others
follow it, or find the effect confirmed; and none for a call that is only simulated.
"""

from __future__ import annotations

from soar.store.claims import CLAIMABLE, CLAIMED, PARKED, TAKEN, USED
from soar.store.shadow import MARKING, SHADOWED

_LIVE = """
    exists (select 1 from app_run l where l.id = e.app_run_id
            and l.status in ('pending', 'running', 'parked'))
"""

_LEFT = f"e.status <> 'confirmed' and not {_LIVE} and e.undo_run_id is null"
"""Whoever held the intent has ended without an effect, or not knowing whether there is one; while
it is undone, who wants it waits."""

_REVERSE = """
    effect o join app_run l on l.id = o.app_run_id and l.status in ('pending', 'running', 'parked')
    where o.asset = {m}.asset and o.target = {m}.target and o.intent = 'standing'
    and {m}.intent = 'standing' and o.ended_at is null and o.status = 'sent'
"""
"""What was sent and takes back what *m* is to do, while nobody knows its end: done at once both
would stand as whichever ends later, and one that is verified would be found undone, and done again.
"""

_TURNED = "reverse.call is not null and (held.app_run_id <> c.id or held.status = 'claimed')"
_FOLLOWS = f"((held.app_run_id <> c.id and held.status <> 'confirmed') or ({_TURNED}))"

RELEASING = """
    exists (select 1 from effect o join app_run l on l.id = o.app_run_id
            where o.asset = e.asset and o.action = e.undo and o.target = e.target
            and o.intent = 'standing' and o.ended_at is null and o.status in ('claimed', 'sent')
            and l.status in ('pending', 'running', 'parked'))
"""
"""What takes an effect back is on its way: it would find another one instead, and go on."""

CLAIM_WRITE = f"""
    with call as (
        select c.id, c.asset, c.action, c.run_id, c.container_id, coalesce(c.target, '') as target,
        case when c.target is null then 'call ' || c.id else 'standing' end as intent,
        c.shadow or (c.effect = 'none' and {SHADOWED}) as shadowed
        from app_run c where {CLAIMABLE} for update),
    held as (
        insert into effect as e
          (asset, action, target, intent, undo, status, app_run_id, run_id, container_id)
        select asset, action, target, intent, %(undo)s, 'claimed', id, run_id, container_id
        from call where not shadowed
        on conflict (asset, action, target, intent) where ended_at is null and status <> 'failed'
        do update set
          status = case when e.status = 'planned' and (e.app_run_id = excluded.app_run_id
                             or not {_LIVE}) then 'claimed' else e.status end,
          app_run_id = case when {_LEFT} then excluded.app_run_id else e.app_run_id end,
          run_id = case when {_LEFT} then excluded.run_id else e.run_id end,
          container_id = case when {_LEFT} then excluded.container_id else e.container_id end
        returning e.*),
    reverse as (
        select o.app_run_id as call, 'run ' || o.run_id || ' is doing the reverse' as said
        from call cross join {_REVERSE.format(m="call")} and o.action = %(undo)s and not shadowed)
    update app_run c set {TAKEN}, shadow = call.shadowed,
    status = case when {_FOLLOWS} then 'parked' else 'running' end,
    parked_for = case when {_FOLLOWS} then 'effect' end,
    follows = case when {_FOLLOWS} then coalesce(reverse.call, held.app_run_id) end,
    owner = case when {_FOLLOWS} then null else %(owner)s end,
    message = case when {_FOLLOWS}
              then coalesce(reverse.said, 'run ' || held.run_id || ' is doing the same')
                || ': waits for it'
              else c.message end,
    effect = case when held.app_run_id = c.id and held.status in ('sent', 'unknown') then 'sent'
             else c.effect end
    from call left join held on true left join reverse on true where c.id = call.id
    returning {CLAIMED}, c.follows, null,
    case when held.app_run_id <> c.id and held.status = 'confirmed' then to_jsonb(held)
      || (select jsonb_build_object('app', l.app) from app_run l where l.id = held.app_run_id) end,
    c.breaker_id, case when %(containment)s then (
      select jsonb_agg(r) from blast_rule r where r.asset in ('*', c.asset)) end,
    coalesce(extract(epoch from now() - held.sent_at)::float8, 'infinity'),
    exists (select 1 from policy p where p.asset in ('*', c.asset) and p.action in ('*', c.action)),
    c.shadow
"""
"""Claims a write together with its intent. Another call that holds the intent is followed, and so
is one that was sent and does the reverse, unless this one was sent before it; an effect that stands
comes back with the claim; one that was left unknown is this call's to settle. A call in shadow
takes none; one that may have been sent already is asked about first, as ever."""

CLAIMABLE_EFFECT = "e.ended_at is null and e.status in ('claimed', 'sent', 'unknown')"

CANCELLING = """
    select pg_advisory_xact_lock(20016, k) from (
      select distinct hashtext(cast(id as text)) as k from unnest(cast(:ids as bigint[])) id
      order by 1) locks
"""
"""Waits for whoever is marking a call of these runs, and keeps others from it until the commit."""

NOT_CANCELLED = """
    select pg_advisory_xact_lock_shared(20016, hashtext(cast(c.run_id as text)))
    from app_run c where c.id = {id}
"""
"""Goes before all else that marks a call: no run is cancelled in between, and one that was is seen.
The run's row itself is locked by its engine, for as long as a block takes."""

GOES_ON = """
    exists (select 1 from playbook_run r where r.id = c.run_id
            and r.status in ('queued', 'running'))
"""

ONE_WAY = """
    select pg_advisory_xact_lock(20029, hashtext(e.asset || ' ' || e.target)) from effect e
    where e.app_run_id = %(id)s and e.undo <> '' and e.intent = 'standing' and e.ended_at is null
"""
"""Of two calls that take each other back one is marked first, and the other sees that."""

REVERSED = f"""
    exists (select 1 from effect m cross join {_REVERSE.format(m="m")} and o.action = m.undo
            and m.app_run_id = c.id and m.ended_at is null and m.status <> 'sent')
"""

MARK_SENT = f"""
    {NOT_CANCELLED.format(id="%(id)s")};
    {MARKING};
    {ONE_WAY};
    with marked as (
        update app_run c set effect = 'sent' where c.id = %(id)s and c.status = 'running'
        and c.attempt = %(attempt)s and c.effect in ('none', 'sent') and exists (
          select 1 from effect e where e.app_run_id = c.id and {CLAIMABLE_EFFECT})
        and {GOES_ON} and not {SHADOWED} and not {REVERSED} returning c.id)
    update effect e set status = 'sent', sent_at = now() from marked
    where e.app_run_id = marked.id and {CLAIMABLE_EFFECT} returning e.id
"""
"""Several statements in one message: see :data:`soar.store.shadow.MARKING`."""

TURNED = f"""
    select c.id from app_run c where c.id = %(id)s and c.status = 'running'
    and c.attempt = %(attempt)s and {REVERSED}
"""
"""Finds a claimed call whose reverse was sent since."""

STOPPED = f"""
    select c.id from app_run c where c.id = %(id)s and c.status = 'running'
    and c.attempt = %(attempt)s and not {GOES_ON}
"""
"""Finds a claimed call whose run has ended."""

TAKE_OVER = f"""
    with call as (
        select c.id, c.asset, c.action, c.target, c.run_id, c.container_id from app_run c
        where c.id = %(id)s and c.status = 'running' and c.attempt = %(attempt)s for update),
    gone as (
        update effect e set ended_at = now(), checked_at = now(), ended_because = %(why)s
        from call where e.id = %(number)s and e.status = 'confirmed' and e.ended_at is null
        and e.undo_run_id is null and not {RELEASING}
        returning e.undo)
    insert into effect
      (asset, action, target, intent, undo, status, app_run_id, run_id, container_id)
    select call.asset, call.action, call.target, 'standing', gone.undo, 'claimed', call.id,
    call.run_id, call.container_id from call, gone on conflict do nothing returning id
"""
"""Ends an effect that no longer stands and gives its intent to the call that found it gone."""

_KNOWN = """
    status = case %(effect)s when 'confirmed' then 'confirmed' when 'unknown' then 'unknown'
             else 'failed' end,
    confirmed_at = case when %(effect)s = 'confirmed' then now() end,
    expires_at = case when %(effect)s = 'confirmed'
                 then now() + make_interval(secs => %(lasts)s) end,
    vendor_ends = %(vendor_ends)s,
    ended_at = case when %(effect)s = 'none' then now() end
"""

_OPEN = "e.ended_at is null and e.status in ('planned', 'claimed', 'sent', 'unknown')"

_UNDONE = """
    undone as (
        update effect o set ended_at = now(), ended_because = 'undone by run ' || ended.run_id
        from ended join effect m on m.app_run_id = ended.id where %(effect)s = 'confirmed'
        and m.ended_at is null and m.intent = 'standing' and o.intent = 'standing'
        and o.asset = m.asset and o.action = m.undo and o.target = m.target
        and o.ended_at is null and (o.status = 'confirmed' or (o.status = 'unknown'
          and not exists (select 1 from app_run l where l.id = o.app_run_id
                          and l.status in ('pending', 'running', 'parked')))))
"""
"""An action that takes effect ends what it undoes: a release the isolation, and the reverse."""

LEDGER = f"""
    ledger as (
        update effect e set {_KNOWN} from ended where e.app_run_id = ended.id and {_OPEN}),
    {_UNDONE}
"""

COUNTED = """
    update action_run j set remaining = remaining - 1,
    end_time = case when remaining <= 1 then now() else end_time end
    from ended where j.id = ended.join_id returning j.remaining, j.run_id, j.id
"""

SETTLE = f"""
    with ended as (
        update app_run c set status = %(status)s, message = %(message)s, effect = %(effect)s,
        parked_for = null, end_time = now() where c.approval_id = %(approval)s
        and c.status = 'parked' and c.parked_for = 'approval' and c.effect = 'unknown'
        returning id, join_id, run_id),
    {LEDGER} {COUNTED}
"""
"""Ends the call whose effect a person has told."""

PARK_UNKNOWN = f"""
    with parked as (
        update app_run set status = 'parked', parked_for = 'approval',
        {USED.format(column="approval_id")}, approval_id = null,
        message = %(message)s, effect = 'unknown', made = made + %(made)s, owner = null
        where id = %(id)s and status = 'running' and attempt = %(attempt)s returning id)
    update effect e set status = 'unknown' from parked
    where e.app_run_id = parked.id and e.ended_at is null returning e.id
"""
"""Parks a write of which nobody knows whether it took effect, until a person tells."""

PARK_WRITE = f"""
    with parked as ({PARKED} returning id),
    planned as (update effect e
        set status = case when e.status = 'claimed' or %(unsent)s then 'planned' else e.status end,
        sent_at = case when %(answered)s then null when %(lost)s then now() else e.sent_at end
        from parked
        where e.app_run_id = parked.id and e.ended_at is null and e.status in ('claimed', 'sent'))
    select id from parked
"""
"""Parks a write. Where its vendor has *answered* that it must wait, no request is on its way; one
that cannot be verified is as good as *unsent* then. Where the answer was *lost* the last of its
requests may have left just now."""

SHARE = f"""
    update effect e set checked_at = now(), expires_at = case
      when e.expires_at is null or e.vendor_ends then e.expires_at
      when %(lasts)s::float8 is null then null
      else greatest(e.expires_at, now() + make_interval(secs => %(lasts)s)) end
    where e.id = %(number)s and e.ended_at is null and e.undo_run_id is null and not {RELEASING}
    returning case when e.vendor_ends then e.expires_at at time zone 'UTC' end
"""
"""Lets a further call share an effect that stands: it stands as long as the longest wish, unless
its vendor ends it by itself: then it says when."""
