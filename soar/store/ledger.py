"""
The ledger of effects: what stands at the vendors, until when, and what nobody knows.

In: ids, and what a vendor or a person told. Out: rows as mappings.
Never: an effect that ends in silence: each says by whom, or why, it ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from soar.store.effects import SETTLE
from soar.store.prepared import Written
from soar.store.rows import Queries, Row, storable

_LIVE = """
    exists (select 1 from app_run c where c.id = e.app_run_id
            and c.status in ('pending', 'running', 'parked'))
"""

_STANDS = "e.intent = 'standing' and e.ended_at is null"

_SHOWN = """
    select e.*, c.parameters, c.message, c.app, c.approval_id, p.name as playbook,
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


class Ledger(Queries):
    """Named queries on effects."""

    def contained(
        self, actions: Sequence[str], *, asset: str = "", ended: bool = False, limit: int = 1000
    ) -> list[Row]:
        """Return what stands of *actions*, or may stand; with *ended* also what did."""
        now = "e.ended_at is null and e.status in ('sent', 'confirmed', 'unknown')"
        which = "e.status in ('sent', 'confirmed', 'unknown')" if ended else now
        return self._all(
            f"""
            {_SHOWN} where e.intent = 'standing' and {which} and e.action = any(:actions)
            and (:asset = '' or e.asset = :asset) order by e.id desc limit :limit
            """,
            actions=list(actions),
            asset=asset,
            limit=limit,
        )

    def get(self, effect_id: int) -> Row | None:
        """Return one effect as it is shown."""
        return self._one(f"{_SHOWN} where e.id = :id", id=effect_id)

    def unasked(self, limit: int = 50) -> list[Row]:
        """Return parked calls of which nobody knows whether they took effect, with no question."""
        return self._all(
            """
            select c.*, e.id as effect_id from effect e join app_run c on c.id = e.app_run_id
            where e.status = 'unknown' and e.ended_at is null and c.status = 'parked'
            and c.parked_for = 'approval' and c.effect = 'unknown' and c.approval_id is null
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
            "update app_run set approval_id = :approval where id = :id",
            id=app_run_id,
            approval=approval_id,
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
        """Note which run undoes an effect."""
        self._do(
            "update effect set undo_run_id = :run, undo_tries = undo_tries + 1 where id = :id",
            id=effect_id,
            run=run_id,
        )

    def not_undone(self) -> list[Row]:
        """Let what a run failed to undo be tried again: in 1, 2, 4 … minutes, at most an hour."""
        return self._all(
            """
            update effect e set undo_run_id = null,
            undo_at = now() + least(power(2, e.undo_tries - 1), 60) * interval '1 minute'
            from playbook_run r where r.id = e.undo_run_id and e.ended_at is null
            and r.status not in ('queued', 'running') returning e.id, r.id as run_id
            """
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

    def seen(self, effect_id: int, *, stands: bool) -> bool:
        """Record what the vendor says of an effect; True if that was news."""
        if stands:
            sql = """
                update effect set checked_at = now(), status = 'confirmed',
                confirmed_at = coalesce(confirmed_at, now())
                where id = :id and ended_at is null returning (confirmed_at = now()) as news
                """
        else:
            sql = """
                update effect set checked_at = now(), ended_at = now(),
                status = case status when 'confirmed' then status else 'failed' end,
                ended_because = 'the vendor says that it does not stand'
                where id = :id and ended_at is null returning true as news
                """
        return bool(self._value(sql, id=effect_id))
