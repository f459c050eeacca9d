"""
Who there is, and where playbooks come from: users and repositories, to read.

In: filters. Out: Splunk's shapes. Never: a secret of a person, or a change: that is for operators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from soar.api.door import Call, Shape, route
from soar.api.nouns import columns_of
from soar.api.permissions import of
from soar.domain import shapes
from soar.store.listing import SHARED, Condition, Listing
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

USERS = Listing(
    noun="user",
    source="person x",
    ours="(x.tenants = '{}' or x.tenants && cast(:tenants as bigint[]))",
    columns="x.id, x.username, x.roles, x.kind, x.active, x.tenants, x.create_time,"
    " (select min(a.address) from person_address a where a.person_id = x.id"
    " and a.kind = 'email') as address",
    fields={
        **columns_of("int", id="x.id"),
        **columns_of("text", username="x.username", type="x.kind"),
        **columns_of("bool", is_active="x.active"),
        **columns_of("texts", roles="x.roles"),
        **columns_of("time", create_time="x.create_time"),
    },
)
REPOSITORIES = Listing(
    noun="repository",
    source="(select row_number() over (order by first, name) as id, name from ("
    "select 'local' as name, 0 as first union all"
    " select repo, min(id) from custom_function where repo not in ('', 'local') group by repo"
    ") r) x",
    ours=SHARED,
    columns="x.*",
    fields={**columns_of("int", id="x.id"), **columns_of("text", name="x.name")},
)


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    people, programs = of("users_roles"), of("playbooks")
    return [
        route(house, "/rest/ph_user", needs=people, get=users),
        route(house, "/rest/ph_user/{id}", needs=people, get=user),
        route(house, "/rest/scm", needs=programs, get=repositories),
        route(house, "/rest/scm/{id}", needs=programs, get=repository),
    ]


def user_shape(row: Row) -> Shape:
    """Return a person."""
    return {
        "id": row["id"],
        "username": row["username"],
        "first_name": "",
        "last_name": "",
        "email": row["address"] or "",
        "title": "",
        "type": row["kind"],
        "is_active": row["active"],
        "roles": row["roles"],
        "default_tenant": row["tenants"][0] if row["tenants"] else 0,
        "create_time": shapes.stamp(row["create_time"]),
    }


def users(call: Call) -> Shape:
    """Return a page of people; machines are in it only if somebody asks for a type."""
    asked = any(name.startswith("_filter_type") for name, _ in call.parameters)
    only = [] if asked else [Condition(field="type", value="automation", negated=True)]
    return call.envelope(USERS, user_shape, only=only)


def user(call: Call) -> Shape:
    """Return one person."""
    return user_shape(call.one(USERS))


def repository_shape(row: Row) -> Shape:
    """Return a repository."""
    return {"id": row["id"], "name": row["name"], "type": "local", "uri": "", "branch": ""}


def repositories(call: Call) -> Shape:
    """Return a page of repositories."""
    return call.envelope(REPOSITORIES, repository_shape)


def repository(call: Call) -> Shape:
    """Return one repository."""
    return repository_shape(call.one(REPOSITORIES))
