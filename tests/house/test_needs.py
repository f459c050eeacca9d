"""
No address is open by mistake: each says what it needs, or is named here with its reason.

In: the routes of the whole application. Out: the addresses that say nothing.
Never: an exception without its reason, or one that is no longer needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from starlette.routing import Route

from soar.api.door import Guarded
from soar.domain.roles import AREAS, VERBS
from soar.settings import Settings
from soar.web.app import create

WITH_PROVIDER = Settings(
    oidc_issuer="https://login.example.com",
    oidc_client_id="soar",
    public_url="https://soar.example.com",
)
HOUSE: Any = SimpleNamespace(settings=WITH_PROVIDER)
ROUTES = [cast(Route, route) for route in create(HOUSE).routes]
GUARDED = [route for route in ROUTES if isinstance(route, Guarded)]

BESIDE: Mapping[str, str] = {
    "/": "says what this is, without data",
    "/healthz": "says that the process is alive",
    "/static/soar.css": "how pages look",
    "/login": "the way in",
    "/password": "the way in",
    "/login/provider": "the way in",
    "/login/callback": "the way in",
    "/confirm": "one's own session",
    "/confirm/provider": "one's own session",
    "/account": "one's own session",
    "/account/codes": "one's own session",
    "/logout": "one's own session",
    "/approvals": "shows what somebody is asked; what others are asked needs view containers",
    "/approvals/{id}": "shows who is asked; anybody else needs view containers",
    "/hooks/slack": "signed by Slack; approvals decide",
    "/hooks/webhook/{name}": "signed by the channel; approvals decide",
}
TOKEN_ONLY = {
    ("GET", "/rest/version"),
    ("GET", "/rest/system_info"),
    ("GET", "/rest/health"),
    ("GET", "/rest/approval"),
    ("GET", "/rest/approval/{id}"),
    ("POST", "/rest/approval/{id}"),
}


def test_every_address_stands_behind_the_door_or_is_named() -> None:
    """
    What is below /rest stands behind the door; what does not has its reason above.
    """
    outside = {route.path for route in ROUTES if not isinstance(route, Guarded)}

    assert outside == set(BESIDE)
    assert not [path for path in outside if path.startswith("/rest")]


def test_every_method_needs_a_permission_or_is_named() -> None:
    """
    A method of an address behind the door needs an area and a verb that exist; a few need a token
    only, and say why.
    """
    free = set()
    for route in GUARDED:
        for method in (route.methods or set()) - {"HEAD"}:
            needed = route.needs.of(method)
            if needed is None:
                free.add((method, route.path))
                assert route.needs.why, route.path
            else:
                assert needed[0] in AREAS
                assert needed[1] in VERBS

    assert free == TOKEN_ONLY


def test_head_needs_what_get_needs() -> None:
    """
    What GET shows only to some, HEAD tells nobody else.
    """
    assert [r.path for r in GUARDED if r.needs.of("HEAD") != r.needs.of("GET")] == []
