"""
How a call ends: the one statement that records its outcome and counts it.

In: an :class:`Outcome`. Out: the statement of its kind (a read, a lookup that others follow, a
write with its intent) and its values. Never: a call that ends twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain.model import Outcome, Whole
from soar.store.claims import LAZILY
from soar.store.effects import COUNTED, LEDGER
from soar.store.results import plain, size_text

_ENDED = """
    update app_run set status = %(status)s, message = {message},
    summary = %(summary)s::jsonb, data = %(data)s::jsonb, effect = %(effect)s,
    made = made + %(made)s, reused_from = %(reused_from)s, end_time = now(),
    attachment_id = {attachment} {also}
    where app_run.id = %(id)s and status = 'running' and attempt = %(attempt)s
    returning app_run.id, join_id, run_id, message, attachment_id{commits}
"""

_ATTACHED = """
    mine as (
        select id, container_id, run_id, action from app_run
        where id = %(id)s and status = 'running' and attempt = %(attempt)s for update),
    whole as (
        insert into attachment (container_id, run_id, app_run_id, name, media_type, size, sha1,
          sha256, content)
        select container_id, run_id, id, replace(action, ' ', '_') || '-' || id || '.json',
          'application/json', %(size)s, %(sha1)s, %(sha256)s, %(content)s from mine returning id),
"""
"""Keeps the whole text of a result whose row holds only its front: once, with the call's end."""

_WITHIN = {"message": "%(message)s", "attachment": "%(attachment_id)s", "also": ""}
_TRUNCATED = {
    "message": "%(message)s || format(%(note)s, whole.id)",
    "attachment": "whole.id",
    "also": "from whole",
}

_END_LOOKUP = """
    with {attached} ended as ({ended}),
    followed as (
        update app_run w set status = %(status)s, message = ended.message,
        summary = %(summary)s::jsonb, data = %(data)s::jsonb, attachment_id = ended.attachment_id,
        reused_from = coalesce(%(reused_from)s, ended.id), end_time = now()
        from ended where w.follows = %(id)s and w.status = 'parked' and w.parked_for = 'lookup'
        returning w.join_id),
    counted as (select join_id, count(*) as n from (
        select join_id from ended union all select join_id from followed) x group by join_id),
    ordered as materialized (
        select j.id from action_run j where j.id = any(array(select join_id from counted))
        and (select count(*) from counted) > 1 order by j.id for update)
    update action_run j set remaining = remaining - n,
    end_time = case when remaining <= n then now() else end_time end
    from counted where j.id = counted.join_id and (select count(*) from ordered) >= 0
    returning j.remaining, j.run_id, j.id
"""
"""Ends a lookup and those that follow it, found by its number and so by their index. Joins are
taken in their order: two lookups that the same runs wait for do not wait for each other. Its flight
stays for a while: a claim that began before this end, and cannot see its answer yet, finds it there
and follows; the sweep wakes it."""

_END_AND_COUNT = """
    with {attached} ended as ({ended})
    update action_run j set remaining = remaining - 1,
    end_time = case when remaining <= 1 then now() else end_time end
    from ended where j.id = ended.join_id returning j.remaining, j.run_id, j.id
"""

_END_WRITE = """
    with {attached} ended as ({ended}), {ledger} {counted}
"""

_KINDS = {
    "lookup": _END_LOOKUP,
    "write": _END_WRITE.replace("{ledger}", LEDGER).replace("{counted}", COUNTED),
    "read": _END_AND_COUNT,
}


def _statement(kind: str, *, truncated: bool) -> str:
    """Return one ending. That of a read does not wait for the disk, nor do others of its join."""
    commits = "" if kind == "write" else f", {LAZILY}"
    return _KINDS[kind].format(
        attached=_ATTACHED if truncated else "",
        ended=_ENDED.format(**(_TRUNCATED if truncated else _WITHIN), commits=commits),
    )


END: Mapping[tuple[str, bool], str] = {
    (kind, truncated): _statement(kind, truncated=truncated)
    for kind in _KINDS
    for truncated in (False, True)
}
"""The statement that ends a call, by its kind and whether its result is truncated."""


def ending(outcome: Outcome) -> str:
    """Return the statement that ends a call: a lookup takes those along that follow it."""
    truncated = outcome.kept is not None and outcome.kept.whole is not None
    kind = "write" if outcome.writes else "lookup" if outcome.shared else "read"
    return END[kind, truncated]


def end_values(outcome: Outcome) -> Mapping[str, Any]:
    """Return the values of :func:`ending`'s statement for one outcome."""
    kept = outcome.kept or plain(outcome.message, outcome.summary, outcome.data)
    return {
        "id": outcome.app_run_id,
        "attempt": outcome.attempt,
        "status": "success" if outcome.succeeded else "failed",
        "message": kept.message,
        "summary": kept.summary,
        "data": kept.data,
        "effect": outcome.effect,
        "made": outcome.made,
        "reused_from": outcome.reused_from,
        "attachment_id": kept.attachment_id,
        "lasts": outcome.lasts.total_seconds() if outcome.lasts else None,
        "vendor_ends": outcome.vendor_ends,
        **(_attached(kept.whole) if kept.whole else {}),
    }


def _attached(whole: Whole) -> Mapping[str, Any]:
    size = size_text(whole.size)
    return {
        "note": f" (result truncated: {size}; whole text in attachment %s)",
        "size": whole.size,
        "sha1": whole.sha1,
        "sha256": whole.sha256,
        "content": whole.content,
    }
