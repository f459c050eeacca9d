"""
The ledger of effects: what stands at the vendors, until when, and what nobody knows.

In: ids, and what a vendor or a person told. Out: rows as mappings.
Never: an effect that ends in silence: each says by whom, or why, it ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from soar.store.effects import RELEASING, SETTLE
from soar.store.prepared import Written
from soar.store.rows import Queries, Row, storable

_LIVE = """
    exists (select 1 from app_run c where c.id = e.app_run_id
            and c.status in ('pending', 'running', 'parked'))
"""

_UNDER_WAY = f"e.status <> 'confirmed' and {_LIVE}"
"""Its call will settle it: what anybody else finds meanwhile may be wrong a moment later."""

_STANDS = "e.intent = 'standing' and e.ended_at is null"

_SHOWN = f"""
    select e.*, c.parameters, c.message, c.app, c.approval_id, p.name as playbook,
    now() as read_at, {_LIVE} as live,
    exists (select 1 from approval a where a.id = c.approval_id and a.status = 'open') as asked,
    array(select distinct f.run_id from app_run f where f.reused_from = e.app_run_id
          and f.target is not null order by 1) as shared_by,
    array(select u.id from unnest(c.earlier_ids || c.approval_id) u(id) where u.id is not null
          union select u.id from app_run f cross join unnest(f.earlier_ids || f.approval_id) u(id)
          where f.reused_from = e.app_run_id and f.target is not null and u.id is not null
          order by 1) as approvals
    from effect e join app_run c on c.id = e.app_run_id
    join playbook_run r on r.id = e.run_id join playbook p on p.id = r.playbook_id
"""

_ALL_STANDING = """
    e.intent = 'standing' and e.status in ('sent', 'confirmed', 'unknown')
    and (:ended or e.ended_at is null) and e.action = any(:actions)
    and (:asset = '' or e.asset = :asset)
    and (cast(:before as bigint) is null or e.id < :before)
"""

_FOUND_STANDING = f"""
    with stood as (
        update effect e set checked_at = now(), status = 'confirmed',
        confirmed_at = coalesce(e.confirmed_at, now()),
        vendor_ends = case when e.status = 'confirmed' then e.vendor_ends
                      else cast(:lasts as float8) is not null end,
        expires_at = case when e.status = 'confirmed' then e.expires_at
          when cast(:lasts as float8) is not null then now() + make_interval(secs => :lasts)
          else coalesce(e.sent_at, now()) + make_interval(secs =>
            60 * nullif(nullif(c.parameters->>'lease_minutes', '')::float8, 0)) end
        from app_run c where c.id = e.app_run_id and e.id = :id and e.ended_at is null
        and not ({_UNDER_WAY}) returning e.*),
    undone as (
        update effect e set ended_at = now(), ended_because = :because from stood m
        where m.intent = 'standing' and e.intent = 'standing' and e.asset = m.asset
        and e.action = m.undo and e.target = m.target and e.ended_at is null
        and e.status in ('confirmed', 'unknown') and not ({_UNDER_WAY}))
    select confirmed_at = now() as news from stood
"""
"""A lease counts from its request; what a vendor ends lasts its whole time from now at the most.
What stands has ended what it undoes, as what is done does."""

_FOUND_GONE = f"""
    update effect e set checked_at = now(), ended_at = now(), ended_because = :because,
    status = case e.status when 'confirmed' then e.status else 'failed' end
    where e.id = :id and e.ended_at is null and not ({_UNDER_WAY})
    and e.undo_run_id is null and not {RELEASING}
    and coalesce(e.confirmed_at, e.sent_at, e.create_time) <= coalesce(:before, now())
    returning true as news
"""


class Ledger(Queries):
    """Named queries on effects."""

    def contained(
        self,
        actions: Sequence[str],
        *,
        asset: str = "",
        ended: bool = False,
        before: int | None = None,
        limit: int = 1000,
    ) -> list[Row]:
        """
        Return what stands of *actions*, or may stand, the newest first; with *ended* also what did.

        *before*: only what has a lower id.
        """
        return self._all(
            f"{_SHOWN} where {_ALL_STANDING} order by e.id desc limit :limit",
            actions=list(actions),
            asset=asset,
            ended=ended,
            before=before,
            limit=limit,
        )

    def count(self, actions: Sequence[str], *, asset: str, ended: bool, before: int) -> int:
        """Count what :meth:`contained` would return, were there no limit."""
        return int(
            self._value(
                f"select count(*) from effect e where {_ALL_STANDING}",
                actions=list(actions),
                asset=asset,
                ended=ended,
                before=before,
            )
        )

    def get(self, effect_id: int) -> Row | None:
        """Return one effect as it is shown."""
        return self._one(f"{_SHOWN} where e.id = :id", id=effect_id)

    def lock(self, effect_id: int) -> None:
        """Until the end of the transaction nobody else claims, settles or undoes an effect."""
        self._do("select 1 from effect where id = :id for update", id=effect_id)

    def unasked(self, limit: int = 50) -> list[Row]:
        """Return parked calls of which nobody knows whether they took effect, with no question."""
        return self._all(
            """
            select c.*, e.id as effect_id from effect e join app_run c on c.id = e.app_run_id
            where e.status = 'unknown' and e.ended_at is null and c.status = 'parked'
            and c.parked_for = 'approval' and c.effect = 'unknown' and c.approval_id is null
            and coalesce(c.due_at <= now(), true)
            order by c.id limit :limit for update of c skip locked
            """,
            limit=limit,
        )

    def tie(self, app_run_id: int, approval_id: int) -> None:
        """
        Let a parked call wait for the answer to a question about its effect.

        The answer that it went under was noted when it was parked: see :data:`USED`.
        """
        self._do(
            "update app_run set approval_id = :approval, due_at = null where id = :id",
            id=app_run_id,
            approval=approval_id,
        )

    def ask_later(self, app_run_id: int) -> None:
        """Let others be asked about first: this question cannot be opened now."""
        self._do(
            "update app_run set due_at = now() + interval '1 minute' where id = :id", id=app_run_id
        )

    def settle(self, approval_id: int, *, took_effect: bool, message: str) -> list[Row]:
        """End the call whose effect a person told, and return its join."""
        lease = self._value(
            "select parameters->>'lease_minutes' from app_run where approval_id = :id",
            id=approval_id,
        )
        return self._all(
            Written(SETTLE),
            approval=approval_id,
            status="success" if took_effect else "failed",
            effect="confirmed" if took_effect else "none",
            message=storable(message),
            lasts=float(lease) * 60 if lease and float(lease) else None,
            vendor_ends=False,
        )

    def again(self, approval_id: int) -> None:
        """Forget that a call may have been sent: a person wants it sent once more."""
        self._do(
            """
            with c as (update app_run set effect = 'none' where approval_id = :id
              and status = 'parked' and effect = 'unknown' returning id)
            update effect e set status = 'planned' from c
            where e.app_run_id = c.id and e.ended_at is null and e.status = 'unknown'
            """,
            id=approval_id,
        )

    def tidy(self) -> list[Row]:
        """Settle the intents of calls that ended without them: not sent, or nobody knows."""
        return self._all(
            f"""
            with left_over as (
              select e.id from effect e where e.status in ('planned', 'claimed', 'sent')
              and not {_LIVE} limit 500 for update skip locked)
            update effect e set status = case e.status when 'sent' then 'unknown' else 'failed' end,
            ended_at = case e.status when 'sent' then null else now() end,
            ended_because = case e.status when 'sent' then '' else 'its call ended unsent' end
            from left_over where e.id = left_over.id returning e.id, e.status, e.app_run_id
            """
        )

    def overdue(self, limit: int = 50) -> list[Row]:
        """Return leases whose time is over and whose undo may begin; in shadow it may not."""
        return self._all(
            f"""
            select e.*, c.parameters, c.app from effect e join app_run c on c.id = e.app_run_id
            where e.expires_at <= now() and {_STANDS} and e.status = 'confirmed'
            and not e.vendor_ends and e.undo_run_id is null
            and (e.undo_at is null or e.undo_at <= now())
            and not exists (select 1 from shadow s where s.scope = 'all'
                            or (s.scope = 'asset' and s.name = e.asset))
            order by e.expires_at limit :limit for update of e skip locked
            """,
            limit=limit,
        )

    def ended_by_vendors(self) -> None:
        """Close what a vendor ends by itself and whose time is over."""
        self._do(
            """
            update effect set ended_at = now(), ended_because = 'its time was over'
            where expires_at <= now() and ended_at is null and vendor_ends
            """
        )

    def undoing(self, effect_id: int, run_id: int) -> None:
        """Note which run undoes an effect; an undo from before it is none to share any more."""
        self._do(
            """
            with m as (update effect set undo_run_id = :run, undo_tries = undo_tries + 1
              where id = :id returning *)
            update effect e set ended_at = now(), ended_because = 'run ' || :run || ' does it again'
            from m where m.intent = 'standing' and e.intent = 'standing' and e.asset = m.asset
            and e.action = m.undo and e.target = m.target and e.ended_at is null
            and e.status = 'confirmed'
            """,
            id=effect_id,
            run=run_id,
        )

    def not_undone(self) -> list[Row]:
        """
        Let what a run failed to undo be tried again: in 1, 2, 4 … minutes, at most an hour.

        Not while a release of that run, which was cancelled, may still be on its way.
        """
        return self._all(
            """
            update effect e set undo_run_id = null,
            undo_at = now() + least(power(2, e.undo_tries - 1), 60) * interval '1 minute'
            from playbook_run r where r.id = e.undo_run_id and e.ended_at is null
            and r.status not in ('queued', 'running') and not exists (select 1 from app_run c
              where c.run_id = r.id and c.status in ('pending', 'running', 'parked'))
            returning e.id, r.id as run_id,
            e.run_id as made_by, coalesce((select c.message from app_run c where c.run_id = r.id
              order by c.id desc limit 1), 'run ' || r.id || ' has ended ' || r.status) as why
            """
        )

    def undo_later(self, effect_id: int) -> None:
        """Try an undo that could not begin again: in 1, 2, 4 … minutes, at most an hour."""
        self._do(
            """
            update effect set undo_tries = undo_tries + 1,
            undo_at = now() + least(power(2, least(undo_tries, 6)), 60) * interval '1 minute'
            where id = :id
            """,
            id=effect_id,
        )

    def renew(self, effect_id: int, minutes: int) -> Row | None:
        """Let a lease stand for so many minutes from now (0: until undone); None if it cannot."""
        return self._one(
            f"""
            update effect e set undo_at = null, undo_tries = 0,
            expires_at = now() + nullif(:minutes, 0) * interval '1 minute'
            where e.id = :id and {_STANDS} and e.status = 'confirmed' and not e.vendor_ends
            and e.undo_run_id is null returning e.*
            """,
            id=effect_id,
            minutes=minutes,
        )

    def seen(
        self,
        effect_id: int,
        *,
        stands: bool,
        before: datetime | None = None,
        lasts: timedelta | None = None,
    ) -> bool | None:
        """
        Record what the vendor says of an effect; True if that was news, None if it does not count.

        It does not while the effect's call is under way; nor does "gone", unless it was sent, or
        confirmed, *before* a moment, or while a release is on its way, which would find another
        effect in its place. *lasts*: after how long its vendor ends it.
        """
        if stands:
            because = "the vendor says that what it undoes stands"
            return self._stood(effect_id, because, lasts=lasts)
        return self._gone(effect_id, "the vendor says that it does not stand", before=before)

    def told(self, effect_id: int, *, took_effect: bool, by: str) -> bool:
        """Record what a person says of an effect that nobody knew; False if it does not count."""
        if took_effect:
            found = self._stood(effect_id, f"{by} looked: what it undoes took effect")
        else:
            found = self._gone(effect_id, f"{by} looked: it did not take effect")
        return found is not None

    def _stood(
        self, effect_id: int, because: str, *, lasts: timedelta | None = None
    ) -> bool | None:
        self.lock(effect_id)
        seconds = lasts.total_seconds() if lasts else None
        news = self._value(_FOUND_STANDING, id=effect_id, because=because, lasts=seconds)
        return None if news is None else bool(news)

    def _gone(self, effect_id: int, because: str, *, before: datetime | None = None) -> bool | None:
        self.lock(effect_id)
        values = {"id": effect_id, "because": because, "before": before}
        return True if self._value(_FOUND_GONE, **values) else None
