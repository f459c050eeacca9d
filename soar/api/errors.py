"""
Refusals as clients read them: a status, and one sentence in JSON.

In: an exception of the domain, or a bug. Out: ``{"failed": true, "message": "…"}``.
Never: a detail of a bug, a parameter or a trace in an answer.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from soar.access import NotAuthenticated, Throttled
from soar.domain.errors import BadInput, Conflict, IllegalMove, NotAllowed, NotFound, SoarError
from soar.store.deeds import LOCKED
from soar.store.errors import OUT_OF_RANGE
from soar.store.listing import is_unreachable
from soar.telemetry import log


class TooLarge(SoarError):
    """The body is larger than a request may be."""


class Unavailable(SoarError):
    """Something that this server needs is missing or cannot be reached."""


class Duplicate(SoarError):
    """What was posted is here already; *existing* names it."""

    def __init__(self, message: str, *, existing: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.existing = dict(existing)


STATUSES: Mapping[type[Exception], int] = {
    Throttled: 429,
    NotAuthenticated: 401,
    BadInput: 400,
    Duplicate: 400,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    IllegalMove: 409,
    TooLarge: 413,
    Unavailable: 503,
}


def refusal(status: int, message: str, **more: Any) -> JSONResponse:
    """Return a refusal in one sentence."""
    return JSONResponse({"failed": True, "message": message, **more}, status_code=status)


def answer_to(error: Exception, where: str) -> JSONResponse:
    """Return the answer to an exception; what is a bug is logged and not told."""
    more = error.existing if isinstance(error, Duplicate) else {}
    return refusal(*told(error, where), **more)


def told(error: Exception, where: str) -> tuple[int, str]:
    """Return the status of an exception, and the sentence that its reader may see."""
    status = next((s for kind, s in STATUSES.items() if isinstance(error, kind)), 500)
    if status != 500:
        return status, str(error)
    if getattr(getattr(error, "orig", None), "pgcode", "") == LOCKED:
        return 409, "somebody else is changing this just now; a block that asks holds its own run"
    if isinstance(error, OUT_OF_RANGE):
        return 400, "a number is larger, or a text longer, than can be kept"
    if is_unreachable(error):
        return 503, "the database cannot be reached"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "request_failed",
        where=where,
        error=type(error).__name__,
        at=f"{frame.filename}:{frame.lineno}",
    )
    return 500, "the server could not answer: its log says where it failed"


async def http_error(request: Request, error: Exception) -> Response:
    """Answer an unknown address or verb as JSON."""
    assert isinstance(error, HTTPException)
    messages = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.method} is not possible at {request.url.path}",
    }
    answer = refusal(error.status_code, messages.get(error.status_code, error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def server_error(request: Request, error: Exception) -> Response:
    """Answer a bug outside an endpoint like one inside."""
    return answer_to(error, request.url.path)
