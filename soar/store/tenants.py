"""
Tenants: whose containers are whose, and the one test by which a list is somebody's.

In: names and numbers. Out: rows, and text for a ``where``.
Never: a tenant removed: containers, assets and people name it by its number for good. No foreign
key says so: each new container would lock the one row of the Default Tenant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Table, Text

from soar.domain.errors import Conflict
from soar.store.columns import flag, id_column, metadata, now_column
from soar.store.rows import Queries, Row, storable

tenant = Table(
    "tenant",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    flag("active", True),
    now_column("create_time"),
)

OF_CONTAINER = "c.tenant_id = any(:tenants)"
NAMED = "lower(:tenant) in (cast(id as text), lower(name))"
TAKES = f"""
    (select cast(0 as bigint) as id where :tenant = ''
     union all select id from tenant where active and {NAMED})
"""
"""The tenant that a new container is for: the Default Tenant, of which no row is read, or one that
is named by number or name and takes new containers."""


SPOKEN = """(select t.name from tenant t where t.id = {}
    and exists (select from tenant o where o.id <> t.id))"""
"""The name of a tenant, where there are several."""


def among(tenants: Sequence[int], test: str = OF_CONTAINER) -> tuple[str, Mapping[str, Any]]:
    """Return what narrows a query to some tenants, and its values; without any, to all of them."""
    return (f" and {test}", {"tenants": list(tenants)}) if tenants else ("", {})


class Tenants(Queries):
    """Named queries on tenants."""

    def all(self) -> list[Row]:
        """Return every tenant, the Default Tenant first."""
        return self._all("select * from tenant order by id")

    def spoken(self, number: int) -> str:
        """Return the name of a tenant as it is shown: none where there is only one."""
        return str(self._value(f"select {SPOKEN.format(':id')}", id=number) or "")

    def find(self, named: str) -> Row | None:
        """Return the tenant of a number or name, in any case."""
        return self._one(f"select * from tenant where {NAMED} order by id limit 1", tenant=named)

    def taking(self, named: str) -> int | None:
        """Return the number of the tenant that takes new containers under a number or name."""
        number: int | None = self._value(f"select id from {TAKES} t limit 1", tenant=named)
        return number

    def add(self, name: str) -> Row:
        """Add a tenant; a name that another has is refused."""
        row = self._one(
            "insert into tenant (name) select :name where not exists ("
            "select 1 from tenant where lower(name) = lower(:name))"
            " on conflict (name) do nothing returning *",
            name=storable(name),
        )
        if row is None:
            raise Conflict(f"there is a tenant {name!r} already: see `soar tenant list`")
        return row

    def change(self, number: int, *, name: str, active: bool) -> Row:
        """Give a tenant a name, and say whether it takes new containers."""
        row = self._one(
            "update tenant t set name = :name, active = :active where id = :id and not exists ("
            "select 1 from tenant o where lower(o.name) = lower(:name) and o.id <> t.id)"
            " returning *",
            id=number,
            name=storable(name),
            active=active,
        )
        if row is None:
            raise Conflict(f"there is a tenant {name!r} already: see `soar tenant list`")
        return row
