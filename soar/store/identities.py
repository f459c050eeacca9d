"""
Who people are at a provider, and the browsers that are on their way there and back.

In: issuers, subjects and hashes. Out: rows. Never: a state or a cookie in clear, a subject that two
people share, or a hop that is used twice.
"""

from __future__ import annotations

from collections.abc import Mapping

from soar.store.rows import Queries, Row, dumped

LASTS = "interval '10 minutes'"
"""For so long somebody may take to sign in at the provider."""
MOST = 200
"""So many browsers behind one address may be on their way; those that left first are forgotten."""


class Identities(Queries):
    """Named queries on linked identities, and on hops."""

    def of(self, issuer: str, subject: str) -> Row | None:
        """Return the person that an identity is linked to, locked until the commit."""
        return self._one(
            "select p.id as person_id, p.username, p.roles, p.kind, p.active, i.provided"
            " from linked_identity i join person p on p.id = i.person_id"
            " where i.issuer = :issuer and i.subject = :subject for update",
            issuer=issuer,
            subject=subject,
        )

    def all_of(self, person_id: int) -> list[Row]:
        """Return who a person is, at each provider."""
        return self._all(
            "select issuer, subject, provided, linked_by, linked_at from linked_identity"
            " where person_id = :id order by issuer",
            id=person_id,
        )

    def is_linked(self, username: str, issuer: str) -> bool:
        """Tell whether a person is known to a provider."""
        return bool(
            self._value(
                "select exists (select 1 from linked_identity i join person p on p.id = i.person_id"
                " where p.username = :name and i.issuer = :issuer)",
                name=username,
                issuer=issuer,
            )
        )

    def linked(self) -> set[int]:
        """Return everybody who is known to a provider."""
        rows = self._all("select distinct person_id from linked_identity")
        return {row["person_id"] for row in rows}

    def link(self, person_id: int, issuer: str, subject: str, *, by: str) -> bool:
        """Link a person; False where the identity is linked, or the person at that issuer."""
        return bool(
            self._do(
                "insert into linked_identity (person_id, issuer, subject, linked_by)"
                " values (:id, :issuer, :subject, :by) on conflict do nothing",
                id=person_id,
                issuer=issuer,
                subject=subject,
                by=by,
            )
        )

    def unlink(self, person_id: int, issuer: str) -> Row | None:
        """Forget who a person is at a provider; None where that was not known."""
        return self._one(
            "delete from linked_identity where person_id = :id and issuer = :issuer"
            " returning subject, provided",
            id=person_id,
            issuer=issuer,
        )

    def new_person(self, username: str) -> int | None:
        """Add a person without roles; None where one has that name, in whatever case."""
        found = self._value(
            "insert into person (username) select :name where not exists"
            " (select 1 from person where lower(username) = lower(:name))"
            " on conflict do nothing returning id",
            name=username,
        )
        return None if found is None else int(found)

    def provide(
        self, person_id: int, issuer: str, *, roles: list[str], provided: list[str]
    ) -> None:
        """Give a person these roles, *provided* of them by their groups."""
        self._do("update person set roles = :roles where id = :id", id=person_id, roles=roles)
        self._do(
            "update linked_identity set provided = :provided"
            " where person_id = :id and issuer = :issuer",
            id=person_id,
            issuer=issuer,
            provided=provided,
        )

    def depart(
        self, state_hash: str, browser_hash: str, *, purpose: str, wanted: str, address: str
    ) -> None:
        """Keep that a browser leaves for the provider, and forget those that did not come back."""
        self._do(f"delete from sign_in_hop where create_time < now() - {LASTS}")
        self._do(
            "delete from sign_in_hop where state_hash in (select state_hash from sign_in_hop"
            " where address = :address order by create_time desc, state_hash offset :most)",
            address=address,
            most=MOST - 1,
        )
        self._do(
            "insert into sign_in_hop (state_hash, browser_hash, purpose, wanted, address)"
            " values (:state, :browser, :purpose, :wanted, :address)",
            state=state_hash,
            browser=browser_hash,
            purpose=purpose,
            wanted=wanted,
            address=address,
        )

    def arrive(self, state_hash: str, browsers: Mapping[str, str]) -> Row | None:
        """Take a hop once, for the browser that left: *browsers* has its hash for each purpose."""
        return self._one(
            f"""
            delete from sign_in_hop h using jsonb_each_text(cast(:browsers as jsonb)) b
            where h.state_hash = :state and h.purpose = b.key and h.browser_hash = b.value
              and h.create_time > now() - {LASTS}
            returning h.purpose, h.wanted, h.create_time
            """,
            state=state_hash,
            browsers=dumped(dict(browsers)),
        )
