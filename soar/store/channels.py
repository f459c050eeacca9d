"""
Channels, the addresses of people on them, links in messages, and what came in already.

In: checked configurations with their secrets sealed; hashes. Out: rows.
Never: an opened secret, or a token in clear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from soar.domain.errors import Conflict, NotFound
from soar.domain.notices import CLOSES_AFTER, FIRST_CLOSED, LONGEST_CLOSED
from soar.store.rows import Queries, Row, as_json

FORGET_SECONDS = 3600
"""What came in is remembered for so long: far longer than its signature counts."""


class Channels(Queries):
    """Named queries on channels."""

    def save(
        self,
        name: str,
        kind: str,
        configuration: Mapping[str, Any],
        *,
        events: Sequence[str],
        assignees: Sequence[str],
        tenants: Sequence[int] = (),
    ) -> int:
        """Add a channel, or replace all that is set of the one of this name and kind."""
        number = self._value(
            """
            insert into channel (name, kind, configuration, events, assignees, tenants)
            values (:name, :kind, cast(:configuration as jsonb), :events, :assignees,
              cast(:tenants as bigint[]))
            on conflict (name) do update set configuration = excluded.configuration,
            events = excluded.events, assignees = excluded.assignees, tenants = excluded.tenants,
            update_time = now(), failures = 0, failing_since = null, closed_until = null
            where channel.kind = excluded.kind returning id
            """,
            name=name,
            kind=kind,
            configuration=as_json(configuration),
            events=list(events),
            assignees=list(assignees),
            tenants=list(tenants),
        )
        if number is None:
            raise Conflict(f"channel {name!r} is of another kind: remove it first")
        return int(number)

    def all(self, kind: str = "") -> list[Row]:
        """Return every channel by name, or those of one kind."""
        return self._all("select * from channel where :kind in ('', kind) order by name", kind=kind)

    def get(self, name: str) -> Row:
        """Return one channel."""
        row = self._one("select * from channel where name = :name", name=name)
        if row is None:
            raise NotFound(f"there is no channel {name!r}: see `soar channel list`")
        return row

    def by_id(self, channel_id: int) -> Row | None:
        """Return one channel by its number."""
        return self._one("select * from channel where id = :id", id=channel_id)

    def counts(self) -> dict[int, Row]:
        """Return what is planned and what has failed lately, by channel."""
        rows = self._all(
            """
            select channel_id, count(*) filter (where status = 'planned') as planned,
              count(*) filter (where status = 'failed') as failed,
              (array_agg(error order by coalesce(end_time, next_try_at) desc)
                filter (where error <> ''))[1] as error
            from notice where status = 'planned'
              or (status = 'failed' and end_time > now() - interval '1 day') group by channel_id
            """
        )
        return {row["channel_id"]: row for row in rows}

    def failed(self, channel_id: int) -> Row | None:
        """
        Count a message that a channel did not take; after a few in a row it is closed for a while.

        Returned is its row if that has closed it. What fails while it is closed was under way.
        """
        row = self._one(
            """
            update channel set failures = failures + 1,
            failing_since = coalesce(failing_since, now()),
            closed_until = case when failures + 1 >= :most then now() + least(
              make_interval(secs => :longest),
              make_interval(secs => :first * power(2, least(failures + 1 - :most, 20)))) end
            where id = :id and coalesce(closed_until, '-infinity') <= now() returning *
            """,
            id=channel_id,
            most=CLOSES_AFTER,
            first=FIRST_CLOSED.total_seconds(),
            longest=LONGEST_CLOSED.total_seconds(),
        )
        return row if row and row["closed_until"] else None

    def worked(self, channel_id: int) -> bool:
        """Open a channel that took a message; False if nothing was wrong with it."""
        return bool(
            self._do(
                "update channel set failures = 0, failing_since = null, closed_until = null"
                " where id = :id and failures > 0",
                id=channel_id,
            )
        )

    def delete(self, name: str) -> bool:
        """Remove a channel with its notices; False where there was none."""
        return bool(self._do("delete from channel where name = :name", name=name))

    def reseal(self, channel_id: int, configuration: Mapping[str, Any]) -> None:
        """Keep the same settings, sealed with another key."""
        self._do(
            "update channel set configuration = cast(:configuration as jsonb) where id = :id",
            id=channel_id,
            configuration=as_json(configuration),
        )

    def give_address(self, person_id: int, kind: str, address: str) -> None:
        """Say under which address a person is known; one that is another's is refused."""
        self._do(
            "delete from person_address where person_id = :person and kind = :kind"
            " and address <> :address",
            person=person_id,
            kind=kind,
            address=address,
        )
        done = self._value(
            """
            insert into person_address (person_id, kind, address)
            values (:person, :kind, :address) on conflict (kind, address) do update
            set address = excluded.address where person_address.person_id = :person returning id
            """,
            person=person_id,
            kind=kind,
            address=address,
        )
        if done is None:
            raise Conflict(f"this {kind} address is another person's: unlink them first")

    def take_addresses(self, person_id: int) -> int:
        """Forget the addresses of a person; return how many there were."""
        return self._do("delete from person_address where person_id = :id", id=person_id)

    def addresses(self) -> list[Row]:
        """Return who is known under which address."""
        return self._all(
            "select p.username, d.kind, d.address, d.create_time from person_address d"
            " join person p on p.id = d.person_id order by p.username, d.kind"
        )

    def whose(self, kind: str, address: str) -> Row | None:
        """Return the active person who has this address."""
        return self._one(
            "select p.username, p.roles, p.kind, p.tenants from person_address d"
            " join person p on p.id = d.person_id and p.active"
            " where d.kind = :kind and d.address = :address",
            kind=kind,
            address=address,
        )

    def add_link(
        self,
        notice: Mapping[str, Any],
        token_hash: str,
        *,
        purpose: str,
        choice: str = "",
        payload_digest: str = "",
    ) -> None:
        """Keep the hash of a token that a message carries; it counts until its question is due."""
        self._do(
            """
            insert into link (approval_id, notice_id, hash, purpose, person, choice,
              payload_digest, expires_at)
            select a.id, :notice, :hash, :purpose, :person, :choice, :digest, a.due_at
            from approval a where a.id = :approval
            """,
            notice=notice["id"],
            approval=notice["approval_id"],
            hash=token_hash,
            purpose=purpose,
            person=notice["person"],
            choice=choice,
            digest=payload_digest,
        )

    def link(self, token_hash: str, purpose: str) -> Row | None:
        """Return what a token names, also after its time; reading it changes nothing."""
        return self._one(
            """
            select l.approval_id, l.person, l.choice, l.payload_digest, n.channel_id, n.recipient,
              a.public_id, a.payload, l.expires_at <= now() as expired
            from link l join notice n on n.id = l.notice_id
            join approval a on a.id = l.approval_id where l.hash = :hash and l.purpose = :purpose
            """,
            hash=token_hash,
            purpose=purpose,
        )

    def receive(self, source: str, key: str) -> bool:
        """Note that something came in; False if it came before."""
        return bool(
            self._do(
                "insert into received (source, key) values (:source, :key) on conflict do nothing",
                source=source,
                key=key,
            )
        )

    def forget(self, limit: int = 1000) -> int:
        """Forget what came in long ago, and links a day after their end."""
        gone = self._do(
            """
            delete from received where (source, key) in (
              select source, key from received
              where time < now() - make_interval(secs => :seconds) order by time limit :limit
              for update skip locked)
            """,
            seconds=FORGET_SECONDS,
            limit=limit,
        )
        return gone + self._do(
            "delete from link where id = any(array(select id from link"
            " where expires_at < now() - interval '1 day' order by expires_at limit :limit"
            " for update skip locked))",
            limit=limit,
        )
