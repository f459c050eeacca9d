"""
People, and their tokens.

In: names, roles and hashes of tokens. Out: who a token belongs to.
Never: a token in clear.
"""

from __future__ import annotations

from soar.domain.errors import NotFound
from soar.store.rows import Queries, Row


class People(Queries):
    """Named queries on people."""

    def save(self, username: str, roles: list[str], kind: str = "normal") -> int:
        """Add a person or give them these roles; who is disabled stays so."""
        number = int(
            self._value(
                """
                insert into person (username, roles, kind) values (:username, :roles, :kind)
                on conflict (username) do update set roles = excluded.roles, kind = excluded.kind
                returning id
                """,
                username=username,
                roles=roles,
                kind=kind,
            )
        )
        self._own(number)
        return number

    def get(self, username: str) -> Row:
        """Return one person."""
        row = self._one("select * from person where username = :name", name=username)
        if row is None:
            raise NotFound(f"there is no person {username!r}: see `soar user list`")
        return row

    def set_roles(self, person_id: int, roles: list[str]) -> None:
        """Give a person exactly these roles."""
        self._do("update person set roles = :roles where id = :id", id=person_id, roles=roles)
        self._own(person_id)

    def _own(self, person_id: int) -> None:
        """Make all roles of a person the operator's: no group takes them away again."""
        self._do(
            "update linked_identity set provided = '{}' where person_id = :id and provided <> '{}'",
            id=person_id,
        )

    def set_active(self, person_id: int, active: bool) -> None:
        """Let a person in, or keep them out."""
        self._do("update person set active = :on where id = :id", id=person_id, on=active)

    def all(self) -> list[Row]:
        """Return everybody."""
        return self._all("select * from person order by username")

    def add_token(
        self, person_id: int, token_hash: str, *, seconds: float | None, allowed_ips: list[str]
    ) -> None:
        """Keep the hash of a token, for how long it counts, and from where (empty: anywhere)."""
        self._do(
            """
            insert into token (person_id, hash, expires_at, allowed_ips) values (:id, :hash,
              now() + make_interval(secs => cast(:seconds as double precision)), :allowed_ips)
            """,
            id=person_id,
            hash=token_hash,
            seconds=seconds,
            allowed_ips=allowed_ips,
        )

    def tokens(self) -> list[Row]:
        """Return every token, without its hash."""
        return self._all(
            """
            select t.id, p.username, p.roles, p.kind, t.create_time, t.expires_at, t.allowed_ips,
              coalesce(t.expires_at <= now(), false) as expired
            from token t join person p on p.id = t.person_id order by p.username, t.id
            """
        )

    def by_token(self, token_hash: str) -> Row | None:
        """Return the person whose token has this hash, if there is one."""
        return self._one(
            """
            select p.*, t.hash as token_hash, t.expires_at, t.allowed_ips,
              coalesce(t.expires_at <= now(), false) as expired
            from token t join person p on p.id = t.person_id where t.hash = :hash
            """,
            hash=token_hash,
        )

    def revoke(self, username: str, *, only: int | None = None) -> int:
        """Remove every token of a person, or *only* one; return how many there were."""
        return self._do(
            "delete from token where person_id = (select id from person where username = :name)"
            " and id = coalesce(cast(:only as bigint), id)",
            name=username,
            only=only,
        )
