"""
Sessions: where people are signed in, and until when.

In: hashes of secrets. Out: rows of sessions that stand. Never: a secret in clear, or a session of
somebody who is not active.
"""

from __future__ import annotations

from datetime import datetime

from soar.store.roles import PERMITTED
from soar.store.rows import Queries, Row

STANDS = (
    "s.ended_at is null and s.ends_at > now() and p.active"
    " and s.seen_at + make_interval(secs => s.idle_seconds) > now()"
)
KEPT = "interval '30 days'"
"""For so long an ended session tells from which addresses somebody signs in."""
SEEN_EVERY = "interval '30 seconds'"


class Sessions(Queries):
    """Named queries on sessions."""

    def add(
        self,
        person_id: int,
        secret_hash: str,
        *,
        address: str,
        idle_seconds: int,
        seconds: int,
        only_password: bool = False,
        authenticated_at: datetime | None = None,
    ) -> None:
        """
        Keep a new session, and forget those that ended long ago.

        *authenticated_at*: when somebody showed who they are, where that was not just now.
        """
        self._do(f"delete from session where ends_at < now() - {KEPT}")
        self._do(
            """
            insert into session (person_id, hash, address, idle_seconds, ends_at, only_password,
              authenticated_at)
            values (:id, :hash, :address, :idle,
              now() + make_interval(secs => cast(:seconds as double precision)), :only_password,
              least(cast(:at as timestamptz), now()))
            """,
            id=person_id,
            hash=secret_hash,
            address=address,
            idle=idle_seconds,
            seconds=seconds,
            only_password=only_password,
            at=authenticated_at,
        )

    def standing(self, secret_hash: str) -> Row | None:
        """Return the session of a secret with its person, if it stands."""
        return self._one(
            "select s.id, s.person_id, s.hash, s.only_password, s.address, s.authenticated_at,"
            f" p.username, p.roles, p.kind, p.tenants, {PERMITTED}"
            " from session s join person p on p.id = s.person_id"
            f" where s.hash = :hash and {STANDS}",
            hash=secret_hash,
        )

    def touch(self, session_id: int) -> bool:
        """Note that a session is in use, and tell so; one noted a moment ago is left alone."""
        return bool(
            self._do(
                f"update session set seen_at = now() where id = :id"
                f" and seen_at < now() - {SEEN_EVERY}",
                id=session_id,
            )
        )

    def authenticated(self, session_id: int, *, at: datetime | None = None) -> None:
        """Note that somebody has shown again who they are, just now or at another moment."""
        self._do(
            "update session set seen_at = now(), authenticated_at ="
            " least(cast(:at as timestamptz), now()) where id = :id",
            id=session_id,
            at=at,
        )

    def end(self, secret_hash: str) -> Row | None:
        """End one session; None if it had ended."""
        return self._one(
            "update session s set ended_at = now() from person p where p.id = s.person_id"
            " and s.hash = :hash and s.ended_at is null returning s.id, p.username",
            hash=secret_hash,
        )

    def end_all(self, person_id: int) -> int:
        """End every session of a person; return how many there were."""
        return self._do(
            "update session set ended_at = now() where person_id = :id and ended_at is null",
            id=person_id,
        )

    def end_others(self, person_id: int, secret_hash: str) -> int:
        """End every session of a person but one; return how many there were."""
        return self._do(
            "update session set ended_at = now() where person_id = :id and ended_at is null"
            " and hash <> :hash",
            id=person_id,
            hash=secret_hash,
        )

    def of(self, person_id: int) -> list[Row]:
        """Return the sessions of a person that stand."""
        return self._all(
            "select s.address, s.create_time, s.seen_at, s.ends_at from session s"
            f" join person p on p.id = s.person_id where s.person_id = :id and {STANDS}"
            " order by s.id",
            id=person_id,
        )

    def knows(self, username: str, address: str) -> bool:
        """Tell whether somebody signed in from an address lately."""
        return bool(
            self._value(
                "select exists (select 1 from session s join person p on p.id = s.person_id"
                f" where p.username = :name and s.address = :address"
                f" and s.create_time > now() - {KEPT})",
                name=username,
                address=address,
            )
        )
