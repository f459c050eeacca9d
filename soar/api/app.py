"""
The web application: every route, and what all answers have in common.

In: a house. Out: a Starlette application. Never: a page or an answer without its headers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from soar.api import (
    about,
    actions,
    approvals,
    artifacts,
    attachments,
    blast,
    containers,
    containments,
    custom_lists,
    directory,
    evidence,
    hooks,
    indicators,
    inventory,
    lanes,
    notes,
    policies,
    roles,
    runs,
    shadow,
    tenants,
    words,
    workbooks,
)
from soar.api.errors import http_error, server_error

if TYPE_CHECKING:
    from soar.bootstrap import House

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Frame:
    """Goes around every request: forgives a trailing slash, adds the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        path = scope["path"].rstrip("/") or "/"
        await self._app({**scope, "path": path}, receive, send_with_headers)


def create(house: House, *, pages: Sequence[BaseRoute] = ()) -> Starlette:
    """Return the application of a process that clients talk to, and people by its *pages*."""
    kept = (containers, artifacts, attachments, indicators, evidence)
    cases = (*kept, custom_lists, notes, workbooks)
    work = (*cases, runs, actions, approvals, containments)
    rooms = (
        about,
        *work,
        inventory,
        directory,
        words,
        tenants,
        blast,
        policies,
        shadow,
        roles,
        lanes,
        hooks,
    )
    app = Starlette(
        routes=[*(route for room in rooms for route in room.routes(house)), *pages],
        middleware=[Middleware(Frame)],
        exception_handlers={HTTPException: http_error, Exception: server_error},
    )
    app.router.redirect_slashes = False
    return app
