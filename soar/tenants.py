"""
Tenants as people name them: made, renamed, closed for new containers; and read from their names.

In: names or numbers, and who asks for it. Out: rows, numbers.
Never: a tenant removed, the Default Tenant closed, or a change off the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from soar.domain.errors import BadInput
from soar.domain.model import Person
from soar.store.rows import Row
from soar.store.work import Work

DEFAULT = "0"
"""The number of the Default Tenant, as people write it: to it belongs what names none."""
LONGEST = 100
SEE = "see `soar tenant list`"


def add(work: Work, name: str, *, by: str) -> Row:
    """Make a tenant."""
    row = work.tenants.add(_checked(name))
    work.audit(by, "tenant added", {"tenant": row["id"], "name": row["name"]})
    return row


def edit(
    work: Work, named: str, *, by: str, name: str | None = None, active: bool | None = None
) -> Row:
    """Rename a tenant, or say whether it takes new containers; what is not given stays."""
    before = find(work, named)
    if active is False and not before["id"]:
        raise BadInput("tenant", "the Default Tenant cannot be disabled: what names none is its")
    row = work.tenants.change(
        before["id"],
        name=before["name"] if name is None else _checked(name),
        active=before["active"] if active is None else active,
    )
    changed = {field: row[field] for field in ("name", "active") if row[field] != before[field]}
    work.audit(by, "tenant changed", {"tenant": row["id"], **changed})
    return row


def find(work: Work, named: str) -> Row:
    """Return the tenant of a name or number."""
    row = work.tenants.find(named.strip())
    if row is None:
        raise BadInput("tenant", f"{named[:LONGEST]!r} is no tenant: {SEE}")
    return row


def ids(work: Work, named: Iterable[object]) -> list[int]:
    """Return the numbers of tenants, in their order, each once."""
    return sorted({int(find(work, str(one))["id"]) for one in named})


def names(work: Work, numbers: Sequence[int]) -> list[str]:
    """Return the names of tenants."""
    return [row["name"] for row in work.tenants.all() if row["id"] in numbers]


def for_new(work: Work, named: str, person: Person) -> str:
    """
    Return the tenant of a container that a person opens, as an alert names it.

    Who sees one tenant need not name it. A tenant that is not theirs is as if it were not there.
    """
    if not person.tenants:
        return named
    if not named and len(person.tenants) == 1:
        return str(person.tenants[0])
    row = work.tenants.find(named or DEFAULT)
    if row is None or not person.sees(row["id"]):
        what = f"{named[:LONGEST]!r} is no tenant of yours" if named else "is missing"
        raise BadInput("tenant", f"{what}: name one whose containers you see")
    return str(row["id"])


def give_asset(work: Work, slug: str, named: Iterable[object], *, by: str) -> list[int]:
    """Let an asset serve these tenants; without any, all of them."""
    work.assets.get(slug)
    given = ids(work, named)
    work.assets.set_tenants(slug, given)
    work.audit(by, "asset tenants set", {"asset": slug, "tenants": given})
    return given


def give_person(work: Work, username: str, named: Iterable[object], *, by: str) -> list[int]:
    """Let a person see these tenants; without any, all of them. It holds at once."""
    row, given = work.people.get(username), ids(work, named)
    work.people.set_tenants(row["id"], given)
    detail = {"user": username, "tenants": given, "before": row["tenants"]}
    work.audit(by, "user tenants set", detail)
    return given


def _checked(name: str) -> str:
    """Return the name of a tenant in its one form; digits alone would be a number."""
    text = " ".join(name.split())
    if not text or len(text) > LONGEST or not text.isprintable() or text.isdecimal():
        raise BadInput("name", f"{name[:LONGEST]!r} must be 1 to {LONGEST} letters, not a number")
    return text
