"""
The whole application of an http process: REST for clients, pages for people.

In: a house. Out: a Starlette application. Never: a page outside the guard but the way in.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from soar.api import app as api
from soar.web import approvals, codes, login, provider

if TYPE_CHECKING:
    from soar.bootstrap import House

ROOMS = (login, provider, codes, approvals)
STYLE = (files("soar.web") / "static/soar.css").read_text(encoding="utf-8")


def create(house: House) -> Starlette:
    """Return the application of a process that people and clients talk to."""
    pages = [route for room in ROOMS for route in room.routes(house)]
    return api.create(house, pages=[Route("/static/soar.css", style, methods=["GET"]), *pages])


def style(_: Request) -> Response:
    """Return how every page looks."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})
