"""
What the server says of itself: version, health, and a page for those who come by browser.

In: nothing. Out: JSON, and one page without data. Never: data without a token.
"""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any

import redis
from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from soar import sentinel
from soar.api.door import Call, route
from soar.api.errors import refusal
from soar.api.permissions import ANYBODY
from soar.store.listing import lists

if TYPE_CHECKING:
    from soar.bootstrap import House

PRODUCT = "soar-celery"


@cache
def product_version() -> str:
    """Return the version that is installed."""
    return metadata.version(PRODUCT)


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    return [
        Route("/", index, methods=["GET"]),
        Route("/healthz", alive, methods=["GET"]),
        route(house, "/rest/version", needs=ANYBODY, get=version),
        route(house, "/rest/system_info", needs=ANYBODY, get=system_info),
        route(house, "/rest/health", needs=ANYBODY, get=health),
    ]


@cache
def _pages() -> Environment:
    return Environment(loader=PackageLoader("soar.api", "templates"), autoescape=True)


def index(_: Request) -> Response:
    """Show what this is, and how to get a token."""
    page = _pages().get_template("index.html")
    return HTMLResponse(page.render(product=PRODUCT))


def alive(_: Request) -> Response:
    """Say that the process answers; nothing behind it is asked."""
    return JSONResponse({"alive": True})


def version(_: Call) -> dict[str, Any]:
    """Return the version."""
    return {"version": product_version(), "product": PRODUCT}


def system_info(call: Call) -> dict[str, Any]:
    """Return where the server is reached, and its time zone."""
    return {"base_url": call.base_url, "time_zone": "UTC", "version": product_version()}


def health(call: Call) -> Any:
    """Tell whether database and Redis answer."""
    status = {"database": "ok" if lists(call.work).is_reachable() else "unreachable"}
    status["redis"] = "ok" if _redis_answers(call.house) else "unreachable"
    if set(status.values()) == {"ok"}:
        return {"status": status}
    away = " and ".join(name for name, state in status.items() if state != "ok")
    return refusal(503, f"{away} cannot be reached", health=status)


def _redis_answers(house: House) -> bool:
    client = sentinel.glance(house.settings.redis_url.get_secret_value())
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
