"""
Credentials: what a person must know to sign in.

In: hashes and sealed secrets. Out: rows. Never: a password or a code's secret in clear.
"""

from __future__ import annotations

from collections.abc import Mapping

from soar.store.rows import Queries, Row, dumped

ROW = (
    "select p.id as person_id, p.username, p.roles, p.kind, p.active, p.tenants,"
    " coalesce(c.password_hash, '') as password_hash, coalesce(c.one_time, false) as one_time,"
    " coalesce(c.expires_at <= now(), false) as expired, c.expires_at, c.password_set_at, c.totp"
    " from person p left join credential c on c.person_id = p.id"
)


class Credentials(Queries):
    """Named queries on credentials."""

    def of(self, username: str) -> Row | None:
        """Return a person with what they sign in with, if there is such a person."""
        return self._one(f"{ROW} where p.username = :name", name=username)

    def all(self) -> list[Row]:
        """Return everybody with what they sign in with."""
        return self._all(f"{ROW} order by p.username")

    def set_password(
        self, person_id: int, password_hash: str, *, one_time_seconds: float | None = None
    ) -> None:
        """Keep the hash of a password; with seconds it is a one-time password, so long."""
        self._do(
            """
            insert into credential (person_id, password_hash, one_time, expires_at,
              password_set_at)
            values (:id, :hash, :one_time,
              now() + make_interval(secs => cast(:seconds as double precision)), now())
            on conflict (person_id) do update set password_hash = excluded.password_hash,
              one_time = excluded.one_time, expires_at = excluded.expires_at,
              password_set_at = excluded.password_set_at
            """,
            id=person_id,
            hash=password_hash,
            one_time=one_time_seconds is not None,
            seconds=one_time_seconds,
        )

    def rehash(self, person_id: int, password_hash: str, *, before: str) -> None:
        """Keep the same password under newer parameters, unless it was changed meanwhile."""
        self._do(
            "update credential set password_hash = :hash"
            " where person_id = :id and password_hash = :before",
            id=person_id,
            hash=password_hash,
            before=before,
        )

    def set_totp(self, person_id: int, sealed: Mapping[str, str] | None) -> None:
        """Keep the sealed secret of a person's codes, or none; a code that was used stays used."""
        self._do(
            """
            insert into credential (person_id, totp) values (:id, cast(:totp as jsonb))
            on conflict (person_id) do update set totp = excluded.totp
            """,
            id=person_id,
            totp=None if sealed is None else dumped(dict(sealed)),
        )

    def propose_totp(self, person_id: int, sealed: Mapping[str, str]) -> None:
        """Keep the sealed secret of codes that a person must prove before they count."""
        self._do(
            """
            insert into new_codes (person_id, totp) values (:id, cast(:totp as jsonb))
            on conflict (person_id) do update set totp = excluded.totp, create_time = now()
            """,
            id=person_id,
            totp=dumped(dict(sealed)),
        )

    def proposed_totp(self, person_id: int, *, seconds: float) -> Mapping[str, str] | None:
        """Return the sealed secret that a person must prove, if it is not too old."""
        found: Mapping[str, str] | None = self._value(
            "select totp from new_codes where person_id = :id and create_time > now()"
            " - make_interval(secs => cast(:seconds as double precision)) for update",
            id=person_id,
            seconds=seconds,
        )
        return found

    def forget_proposed(self, person_id: int) -> None:
        """Forget the secret that a person was to prove."""
        self._do("delete from new_codes where person_id = :id", id=person_id)

    def use_step(self, person_id: int, step: int) -> bool:
        """Take a code's step once: tell whether neither it nor a later one was used before."""
        return bool(
            self._do(
                "update credential set totp_step = :step"
                " where person_id = :id and totp_step < :step",
                id=person_id,
                step=step,
            )
        )

    def anybody(self) -> bool:
        """Tell whether anybody has a password; who else asks waits until this one is through."""
        self._do("lock table credential in share row exclusive mode")
        return bool(
            self._value("select exists (select 1 from credential where password_hash <> '')")
        )
