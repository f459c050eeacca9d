"""
The words that containers are described with: statuses, severities, and what CEF fields hold.

In: nothing. Out: Splunk's shapes. Never: a word that a container could not have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.routing import Route

from soar.api.door import Call, Shape, route
from soar.api.permissions import of
from soar.api.playbook_nouns import SEVERITY, STATUSES
from soar.domain import cef
from soar.store.listing import Listing
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

Shaped = Callable[[Row], Shape]
NEEDS = of("containers")
TYPES = {"closed": "resolved"}
"""What kind of status each is, where it is not its own name."""


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    both: dict[str, tuple[Listing, Shaped]] = {
        "container_status": (STATUSES, status),
        "severity": (SEVERITY, severity),
    }
    found: list[Route] = [route(house, "/rest/cef_metadata", needs=NEEDS, get=metadata)]
    for name, (listing, shape) in both.items():
        found.append(route(house, f"/rest/{name}", needs=NEEDS, get=_page(listing, shape)))
        found.append(route(house, f"/rest/{name}/{{id}}", needs=NEEDS, get=_one(listing, shape)))
    return found


def _page(listing: Listing, shape: Shaped) -> Callable[[Call], Shape]:
    return lambda call: call.envelope(listing, shape)


def _one(listing: Listing, shape: Shaped) -> Callable[[Call], Shape]:
    return lambda call: shape(call.one(listing))


def status(row: Row) -> Shape:
    """Return a status of containers."""
    kind = TYPES.get(row["name"], row["name"])
    first, order = row["id"] == 1, row["id"]
    told = {"status_type": kind, "is_default": first, "disabled": False, "order": order}
    return {"id": row["id"], "name": row["name"], **told}


def severity(row: Row) -> Shape:
    """Return a severity; the first is the highest."""
    told = {"is_default": row["name"] == "medium", "disabled": False, "order": row["id"]}
    return {"id": row["id"], "name": row["name"], **told}


def metadata(_: Call) -> Shape:
    """Return what is known of CEF fields."""
    return cef.metadata()
