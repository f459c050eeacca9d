"""
The reference says what the code does: addresses, fields and statuses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from starlette.routing import Route

from soar.api import nouns, playbook_nouns
from soar.api import roles as role_nouns
from soar.api.app import create
from soar.api.errors import STATUSES
from soar.store.listing import OPERATORS, Listing

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "rest.md"
TEXT = REFERENCE.read_text(encoding="utf-8")
LISTINGS = [
    listing
    for room in (nouns, playbook_nouns)
    for listing in vars(room).values()
    if isinstance(listing, Listing)
] + [role_nouns.ROLES]
ROUTES = [cast(Route, route) for route in create(cast(Any, None)).routes]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_address_is_in_the_reference(route: Route) -> None:
    """
    An address stands in the table, with something under each verb that it knows.
    """
    (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{route.path}` |")]
    get, post = (cell.strip() for cell in row.split("|")[2:4])

    assert bool(get) == ("GET" in (route.methods or ()))
    assert bool(post) == ("POST" in (route.methods or ()))


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.noun)
def test_every_field_is_in_the_reference(listing: Listing) -> None:
    """
    What can be filtered is written down.
    """
    fields = TEXT.partition("### Fields to filter and sort by")[2]

    assert [name for name in listing.fields if f"`{name}`" not in fields] == []


def test_operators_and_statuses_are_in_the_reference() -> None:
    """
    The tables of the reference are those of the code.
    """
    assert [operator for operator in OPERATORS if f"`{operator}`" not in TEXT] == []
    assert [status for status in STATUSES.values() if f"| {status} |" not in TEXT] == []
