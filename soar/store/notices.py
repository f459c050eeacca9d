"""
Notices: who is told what about an approval, and how far that is.

In: approvals to which something happened. Out: one row per channel and recipient, planned in the
same transaction, and a message with its id. Never: a wait: what failed is due again later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from soar.domain.errors import NotFound
from soar.domain.notices import CLOSES_AFTER, ENDINGS, Event
from soar.store.rows import Queries, Row
from soar.store.transaction import Transaction

SEND_NOTICE = "soar.notify.send"
NOTIFY_QUEUE = "notify"
LEASE_SECONDS = 60
"""A notice whose sender died is due again after so long."""
AT_ONCE = 2
"""So many notices of one channel are sent at the same time: a dead server holds no more threads."""
RING_SECONDS = 5

_SEES = "({0}.tenants = '{{}}' or k.tenant_id = any({0}.tenants))"
"""Whether a person or channel may hear of the container *k*."""

# An e-mail goes to the addresses that the channel names for the role or person who is asked, and
# to everybody who may answer: the person, who holds the role, who stands in for one of them.
ADDRESSED = f"""
    select lower(t.address) as recipient, '' as person
    from unnest(w.names) n(name),
    jsonb_array_elements_text(ch.configuration->'recipients'->n.name) t(address)
    union all
    select d.address, p.username from person_address d
    join person p on p.id = d.person_id and p.active and p.kind <> 'automation'
      and {_SEES.format("p")}
    where d.kind = 'email' and (p.username = any(w.names) or p.roles && w.names
      or exists (select 1 from shift s where s.person = p.username and s.begins <= now()
        and s.ends > now() and '@' || s.team = any(w.names))
      or exists (select 1 from delegation g
        join person q on q.username = g.giver and q.active and q.kind <> 'automation'
          and {_SEES.format("q")}
        where g.taker = p.username and g.until > now()
        and (q.username = any(w.names) or q.roles && w.names)))
"""
PLAN = f"""
    insert into notice (approval_id, channel_id, event, recipient, person)
    select a.id, ch.id, :event, r.recipient, r.person from approval a
    join container k on k.id = a.container_id
    cross join lateral (select coalesce(cast(:names as text[]), a.addressees) as names) w
    join channel ch on :event = any(ch.events)
      and (ch.assignees = '{{}}' or w.names && ch.assignees) and {_SEES.format("ch")}
    cross join lateral (
      select '' as recipient, '' as person where ch.kind <> 'email' union all
      select x.recipient, max(x.person) from ({ADDRESSED}) x where ch.kind = 'email'
      group by x.recipient) r
    where a.id = any(:ids)
    on conflict (approval_id, channel_id, event, recipient) do update set status = 'planned',
    tries = 0, rings = 0, next_try_at = now(), rung_at = now(), claimed_at = null, error = ''
    where excluded.event = 'escalated' returning id
"""
"""Each is told once of an event; a channel that tells all of them, of each step of a ladder."""
STILL = f"""
    select exists (select from notice n join approval a on a.id = n.approval_id
    join container k on k.id = a.container_id join channel ch on ch.id = n.channel_id
    cross join lateral (select a.addressees as names) w
    where n.id = :id and {_SEES.format("ch")} and (ch.kind <> 'email'
      or exists (select from ({ADDRESSED}) x where x.recipient = n.recipient)))
"""
"""Whether who was to be told when a notice was planned may hear of it when it is sent."""
PLAN_REMINDERS = """
    insert into reminder (approval_id, at)
    select a.id, a.create_time + (a.due_at - a.create_time) / 2 from approval a
    where a.id = any(:ids) and exists (select 1 from channel where 'reminder' = any(events))
    on conflict do nothing
"""
CLOSE = """
    with gone as (delete from reminder where approval_id = any(:ids))
    update notice set status = 'moot', end_time = now() where approval_id = any(:ids)
    and status = 'planned' and event in ('opened', 'reminder', 'escalated')
    and (claimed_at is null or claimed_at < now() - make_interval(secs => :lease))
"""
"""Nobody is asked any more, but by a message that is just being sent."""
CLAIM = """
    update notice n set tries = n.tries + 1, rings = 0, claimed_at = now(),
    next_try_at = now() + make_interval(secs => :lease)
"""
UNDER_WAY = """
    (select count(*) from notice o where o.channel_id = n.channel_id and o.status = 'planned'
    and o.claimed_at > now() - make_interval(secs => :lease))
"""
ROOM = """
    (select case when h.closed_until > now() then 0 when h.failures >= :closes then 1 else :most end
     from channel h where h.id = n.channel_id)
"""
"""How many notices of a channel may be under way: none while it is closed, then one to try it."""


class Notices(Queries):
    """Named queries on notices."""

    def __init__(self, transaction: Transaction, send: Callable[..., None]) -> None:
        super().__init__(transaction)
        self._send = send

    def plan(
        self, approval_ids: Sequence[int], event: str, *, names: Sequence[str] | None = None
    ) -> None:
        """
        Plan to tell what happened to these approvals, on every channel that wants to hear.

        *names*: of those who may answer, these only.
        """
        ids = list(approval_ids)
        if not ids:
            return
        told = None if names is None else list(names)
        self._ring([row["id"] for row in self._all(PLAN, ids=ids, event=event, names=told)])
        if event == Event.OPENED:
            self._do(PLAN_REMINDERS, ids=ids)
        elif event in ENDINGS.values():
            self._do(CLOSE, ids=ids, lease=LEASE_SECONDS)

    def opened(
        self, approval_id: int, steps: Sequence[tuple[datetime | None, Sequence[str]]]
    ) -> None:
        """Plan to tell those who may answer now, and others when their time comes."""
        now = [name for at, names in steps if at is None for name in names]
        self.plan([approval_id], Event.OPENED, names=now)
        for at, names in steps:
            if at is not None:
                self._do(
                    "insert into reminder (approval_id, at, names) values (:id, :at, :names)"
                    " on conflict (approval_id, at) do update"
                    " set names = reminder.names || excluded.names",
                    id=approval_id,
                    at=at,
                    names=list(names),
                )

    def remind(self, limit: int = 200) -> int:
        """Plan what is due to be told of open questions: past their half, or at a next step."""
        rows = self._all(
            """
            with due as (delete from reminder where ctid = any(array(
              select ctid from reminder where at <= now() order by at limit :limit
              for update skip locked)) returning approval_id, at, names)
            select a.id, due.names from due join approval a on a.id = due.approval_id
            where a.status = 'open' and a.due_at > now() order by a.id, due.at
            """,
            limit=limit,
        )
        self.plan([row["id"] for row in rows if not row["names"]], Event.REMINDER)
        for row in rows:
            if row["names"]:
                self.plan([row["id"]], Event.ESCALATED, names=row["names"])
        return len(rows)

    def reply(self, approval_id: int, channel_id: int, recipient: str, detail: str) -> None:
        """Plan to tell one person of a channel what became of their answer."""
        number = self._value(
            """
            insert into notice (approval_id, channel_id, event, recipient, detail)
            values (:approval, :channel, 'reply', :recipient, :detail)
            on conflict (approval_id, channel_id, event, recipient) do update
            set detail = excluded.detail, status = 'planned', tries = 0, rings = 0,
            next_try_at = now(), rung_at = now(), claimed_at = null, error = '' returning id
            """,
            approval=approval_id,
            channel=channel_id,
            recipient=recipient,
            detail=detail,
        )
        self._ring([int(number)])

    def ring_due(self, limit: int = 200) -> int:
        """Ring again for what is due and nobody took; each ring waits twice as long."""
        rows = self._all(
            """
            update notice set rings = rings + 1, rung_at = now() where id = any(array(
              select id from notice where status = 'planned' and next_try_at <= now()
              and rung_at < now() - make_interval(secs => :wait * 2 ^ least(rings, 8))
              and not exists (select 1 from channel h where h.id = notice.channel_id
                and h.closed_until > now())
              order by next_try_at limit :limit for update skip locked)) returning id
            """,
            wait=RING_SECONDS,
            limit=limit,
        )
        self._ring(sorted(row["id"] for row in rows))
        return len(rows)

    def _ring(self, ids: Sequence[int]) -> None:
        for number in ids:
            self._send(SEND_NOTICE, number, queue=NOTIFY_QUEUE)

    def claim(self, notice_id: int) -> Row | None:
        """Take a notice that is due, unless enough of its channel are under way."""
        return self._one(
            f"{CLAIM} where n.id = :id and n.status = 'planned' and n.next_try_at <= now()"
            f" and {UNDER_WAY} < {ROOM} returning *",
            id=notice_id,
            lease=LEASE_SECONDS,
            most=AT_ONCE,
            closes=CLOSES_AFTER,
        )

    def claim_next(self, channel_id: int) -> Row | None:
        """Take the next notice of a channel that is due; for who has just ended one of it."""
        return self._one(
            f"{CLAIM} where n.id = (select id from notice where channel_id = :channel"
            " and status = 'planned' and next_try_at <= now() order by next_try_at, id limit 1"
            " for update skip locked) returning *",
            channel=channel_id,
            lease=LEASE_SECONDS,
        )

    def ended(
        self, notice_id: int, tries: int, status: str, *, reference: str = "", error: str = ""
    ) -> bool:
        """Write how the try of a notice ended, unless somebody else has tried since."""
        return bool(
            self._do(
                """
                update notice set status = :status, error = :error, claimed_at = null,
                end_time = now(), reference = :reference
                where id = :id and tries = :tries and status = 'planned'
                """,
                id=notice_id,
                tries=tries,
                status=status,
                reference=reference,
                error=error,
            )
        )

    def later(
        self, notice_id: int, tries: int, wait: timedelta, *, error: str = "", counts: bool = True
    ) -> None:
        """Let a notice be tried again after *wait*; *counts*: that it was one of its tries."""
        self._do(
            """
            update notice set next_try_at = now() + make_interval(secs => :wait), error = :error,
            claimed_at = null, tries = tries - :uncounted
            where id = :id and tries = :tries and status = 'planned'
            """,
            id=notice_id,
            tries=tries,
            wait=wait.total_seconds(),
            error=error,
            uncounted=0 if counts else 1,
        )

    def still(self, notice_id: int) -> bool:
        """Tell whether a planned notice may be sent: roles, tenants and addresses change."""
        return bool(self._value(STILL, id=notice_id))

    def first(self, approval_id: int, channel_id: int, *, but: int) -> Row | None:
        """Return the notice, *but* this one, that put a question to a channel."""
        return self._one(
            "select status, reference from notice where approval_id = :approval"
            " and channel_id = :channel and event in ('opened', 'escalated') and recipient = ''"
            " and id <> :but order by status <> 'planned' and reference = '', id limit 1",
            approval=approval_id,
            channel=channel_id,
            but=but,
        )

    def asked(self, public_id: str) -> int:
        """Return the number of the question that a message names."""
        found = self._value("select id from approval where public_id = :id", id=public_id)
        if found is None:
            raise NotFound(f"there is no approval {public_id[:40]!r}")
        return int(found)

    def question(self, approval_id: int) -> Row | None:
        """Return an approval with the name of its container, as a notice tells of it."""
        return self._one(
            "select a.*, c.name as container_name, c.severity from approval a"
            " join container c on c.id = a.container_id where a.id = :id",
            id=approval_id,
        )
