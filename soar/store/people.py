"""
People, and their tokens.

In: names, roles and hashes of tokens. Out: who a token belongs to.
Never: a token in clear, or a name that is a person's and a role's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain.errors import Conflict, NotFound
from soar.domain.model import Person
from soar.domain.roles import permitted
from soar.store.roles import PERMITTED
from soar.store.rows import Queries, Row


def person_of(row: Mapping[str, Any]) -> Person:
    """Return the person of a row; nowhere else is one made: no tenant is left out."""
    return Person(
        username=row["username"],
        roles=tuple(row["roles"]),
        kind=row["kind"],
        tenants=tuple(row["tenants"]),
        permissions=permitted(row["roles"], row.get("permitted") or ()),
    )


class People(Queries):
    """Named queries on people."""

    def save(self, username: str, roles: list[str], kind: str = "normal") -> int:
        """
        Add a person or give them these roles; who is disabled stays so.

        A name that is a role of others is refused, as is a role that is another person's name:
        a question to the one could be answered by the other.
        """
        self._check_apart(username, roles)
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
        """Give a person exactly these roles; they are apart from names as in :meth:`save`."""
        row = self._one("select username from person where id = :id", id=person_id)
        self._check_apart(row["username"] if row else "", roles)
        self._do("update person set roles = :roles where id = :id", id=person_id, roles=roles)
        self._own(person_id)

    def _own(self, person_id: int) -> None:
        """Make all roles of a person the operator's: no group takes them away again."""
        self._do(
            "update linked_identity set provided = '{}' where person_id = :id and provided <> '{}'",
            id=person_id,
        )

    def _check_apart(self, username: str, roles: list[str]) -> None:
        """Refuse a person who could answer for a role that they do not have, or the reverse."""
        if username not in roles and self._value(
            "select exists (select 1 from person where :name = any(roles) and username <> :name)"
            " or exists (select 1 from role where name = :name)",
            name=username,
        ):
            raise Conflict(f"{username!r} is a role: somebody of that name could answer for it")
        taken = self._value(
            "select username from person where username = any(:roles) and username <> :name"
            " and not username = any(roles) order by 1 limit 1",
            roles=roles,
            name=username,
        )
        if taken is not None:
            raise Conflict(f"{taken!r} is a person's name: it cannot be a role as well")

    def set_tenants(self, person_id: int, tenants: list[int]) -> None:
        """Let a person see these tenants; without any, all of them."""
        self._do(
            "update person set tenants = cast(:tenants as bigint[]) where id = :id",
            id=person_id,
            tenants=tenants,
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
            f"""
            select p.*, t.hash as token_hash, t.expires_at, t.allowed_ips, {PERMITTED},
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
