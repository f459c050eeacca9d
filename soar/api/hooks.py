"""
The doors for what comes back through channels: buttons of Slack, signed webhooks.

In: a bounded body, raw. Out: a word that it was heard, or a refusal.
Never: anything by GET; a body parsed before its signature is checked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from soar.api import bodies, door
from soar.api.errors import Unavailable, answer_to
from soar.domain.errors import SoarError
from soar.notify import from_slack, from_webhook
from soar.signing import Signer
from soar.vault import Vault

if TYPE_CHECKING:
    from soar.bootstrap import House

Hear = Callable[["House", Request, bytes], Response]


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    return [
        _hook(house, "/hooks/slack", slack, most=from_slack.LARGEST),
        _hook(house, "/hooks/webhook/{name}", webhook, most=from_webhook.LARGEST),
    ]


def _hook(house: House, path: str, hear: Hear, *, most: int) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            body = await bodies.read(request, largest=most)
            return await run_in_threadpool(hear, house, request, body)
        except Exception as error:
            return answer_to(error, path)

    return Route(path, endpoint, methods=["POST"])


def slack(house: House, request: Request, body: bytes) -> Response:
    """Hear what somebody pressed; what is to be said about it comes as a message of its own."""
    vault, signer = _keys(house)
    with house.database.begin() as work:
        from_slack.hear(work, request.headers, body, vault=vault, signer=signer, now=time.time())
    return Response(status_code=200)


def webhook(house: House, request: Request, body: bytes) -> Response:
    """Hear a signed answer that a person sends through another system."""
    vault, signer = _keys(house)
    with house.database.begin() as work:
        heard: dict[str, Any] = from_webhook.hear(
            work,
            request.path_params["name"],
            request.headers,
            body,
            token=door.token(request.headers, bearer=True),
            address=door.address(request),
            vault=vault,
            signer=signer,
            now=time.time(),
        )
    return JSONResponse(heard)


def _keys(house: House) -> tuple[Vault, Signer]:
    try:
        return house.vault(), house.signer()
    except SoarError:
        raise Unavailable("this server lacks a key to hear answers: ask its operator") from None
