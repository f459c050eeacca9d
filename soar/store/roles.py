"""
Roles in the store: those that people made, and all of them in one list with what is built in.

In: names and permissions. Out: rows. Never: a row for a built-in role, which could be changed.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, Identity, Table, Text

from soar.domain.roles import BUILT_IN, FIRST_OWN
from soar.store.columns import flag, metadata, now_column, text_column, texts
from soar.store.rows import Queries, Row

role = Table(
    "role",
    metadata,
    Column("id", BigInteger, Identity(start=FIRST_OWN), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    text_column("description"),
    texts("permissions"),
    flag("disabled", False),
    text_column("created_by"),
    now_column("create_time"),
    now_column("update_time"),
)

PERMITTED = (
    "array(select distinct unnest(r.permissions) from role r"
    " where r.name = any(p.roles) and not r.disabled) as permitted"
)
"""What the rows of roles permit the person *p*; what is built in is added where it is read."""


def _built_in() -> str:
    """Return the built-in roles as rows of SQL: fixed texts of the code."""

    def quoted(text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    return ", ".join(
        f"({known.id}, {quoted(known.name)}, {quoted(known.description)},"
        f" array[{', '.join(map(quoted, sorted(known.permissions)))}])"
        for known in BUILT_IN.values()
    )


MOST_NAMED = 20
"""So many roles a refusal names: there may be any number of them."""
EVERY = (
    "(select id, name, description, permissions, disabled, false as immutable, created_by,"
    " create_time, update_time from role union all"
    " select b.id, b.name, b.description, b.permissions, false, true, '',"
    " cast(null as timestamptz), cast(null as timestamptz)"
    f" from (values {_built_in()}) b (id, name, description, permissions))"
)
"""Every role, built in or not."""


class Roles(Queries):
    """Named queries on roles."""

    def all(self) -> list[Row]:
        """Return every role that is not disabled, with how many people have it."""
        return self._all(
            "select x.*, (select count(*) from person p where x.name = any(p.roles)) as people"
            f" from {EVERY} x where not x.disabled order by x.id"
        )

    def get(self, name: str) -> Row | None:
        """Return one role, if there is such a one; it may be disabled."""
        return self._one(f"select x.* from {EVERY} x where x.name = :name", name=name)

    def holders(self, name: str) -> list[str]:
        """Return who has a role."""
        rows = self._all(
            "select username from person where :name = any(roles) order by username", name=name
        )
        return [row["username"] for row in rows]

    def giving(self, permission: str) -> list[str]:
        """Return the names of the first roles that give a permission."""
        rows = self._all(
            f"select x.name from {EVERY} x where not x.disabled and :wanted = any(x.permissions)"
            f" order by x.id limit {MOST_NAMED}",
            wanted=permission,
        )
        return [row["name"] for row in rows]

    def unheard(self, names: Sequence[str], *, of: str) -> list[str]:
        """Return those names that are no role, and that nobody else but *of* has."""
        rows = self._all(
            "select n.name from unnest(cast(:names as text[])) n(name)"
            f" where not exists (select 1 from {EVERY} x where x.name = n.name and not x.disabled)"
            " and not exists (select 1 from person p"
            " where n.name = any(p.roles) and p.username <> :of) order by n.name",
            names=list(names),
            of=of,
        )
        return [row["name"] for row in rows]

    def add(self, name: str, *, description: str, permissions: Sequence[str], by: str) -> bool:
        """Add a role; False if there is one of that name."""
        return bool(
            self._do(
                "insert into role (name, description, permissions, created_by)"
                " values (:name, :description, :permissions, :by) on conflict (name) do nothing",
                name=name,
                description=description,
                permissions=list(permissions),
                by=by,
            )
        )

    def lock(self, name: str) -> Row | None:
        """Return a role that people made, for a change; None if there is no such row."""
        return self._one("select * from role where name = :name for update", name=name)

    def save(
        self, name: str, *, description: str, permissions: Sequence[str], disabled: bool
    ) -> None:
        """Change a role."""
        self._do(
            "update role set description = :description, permissions = :permissions,"
            " disabled = :disabled, update_time = now() where name = :name",
            name=name,
            description=description,
            permissions=list(permissions),
            disabled=disabled,
        )
