"""
The one door of every page: who is signed in, one transaction, one page with its headers.

In: a request of a browser. Out: a :class:`Visit` for the page, and what it renders.
Never: a page without a session, a form without its token, or a GET that changes anything but the
moment at which the session was last in use.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from soar import identity
from soar.access import Throttled
from soar.api.errors import told
from soar.domain.errors import NotAllowed
from soar.identity import Session
from soar.store.listing import lists
from soar.store.work import Work
from soar.web import forms

if TYPE_CHECKING:
    from soar.bootstrap import House

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none';"
        " base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
STALE = "this form is not of your session, or is too old: open the page again; nothing was done"


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """One request of somebody who is signed in, inside its transaction."""

    house: House
    work: Work
    request: Request
    session: Session
    form: Mapping[str, str]
    address: str
    afterwards: list[Callable[[Work], None]] = field(default_factory=list)
    """What is noted of the visit once its transaction is over, in which a GET writes nothing."""


Handler = Callable[[Visit], Response]


def page(
    house: House,
    path: str,
    *,
    get: Handler | None = None,
    post: Handler | None = None,
    limiter: CapacityLimiter | None = None,
) -> Route:
    """
    Return the route of a page; HEAD is answered like GET, and no other verb is.

    *limiter* says how many requests of it are answered at the same moment.
    """
    handlers = {"GET": get, "HEAD": get, "POST": post}
    possible = {verb: handler for verb, handler in handlers.items() if handler is not None}

    async def endpoint(request: Request) -> Response:
        try:
            form = await forms.sent(request)
        except Exception as error:
            return refused(error, path)
        return await to_thread.run_sync(
            _respond, house, request, possible, form, path, limiter=limiter
        )

    return Route(path, endpoint, methods=list(possible))


def _respond(
    house: House,
    request: Request,
    possible: Mapping[str, Handler],
    form: Mapping[str, str],
    path: str,
) -> Response:
    try:
        session = _session(house, request)
        if session is None:
            return _to_login(request if "GET" in possible else None)
        if request.method == "POST":
            check_token(form, session.csrf)
        with house.database.begin() as work:
            if request.method != "POST":
                lists(work).forbid_changes()
            visit = Visit(
                house=house,
                work=work,
                request=request,
                session=session,
                form=form,
                address=forms.address(request),
            )
            answer = possible[request.method](visit)
        if visit.afterwards:
            with house.database.begin() as work:
                for note in visit.afterwards:
                    note(work)
        return answer
    except Exception as error:
        return refused(error, path)


def _session(house: House, request: Request) -> Session | None:
    with house.database.begin() as work:
        return identity.session_of(work, forms.cookie(request), address=forms.address(request))


def _to_login(request: Request | None) -> Response:
    wanted = forms.local(forms.wanted(request)) if request else forms.HOME
    return to(f"/login?next={quote(wanted, safe='/')}")


def to(address: str) -> Response:
    """Send a browser to an address of ours, which it asks for by GET."""
    return RedirectResponse(address, status_code=303, headers=HEADERS)


def check_token(form: Mapping[str, str], expected: str) -> None:
    """Refuse a form that does not carry its session's token."""
    given = form.get("csrf", "")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise NotAllowed(STALE)


def refused(error: Exception, where: str) -> HTMLResponse:
    """Return the page of a refusal: its sentence, and nothing of a bug."""
    status, sentence = told(error, where)
    answer = render(None, "refused.html", status, sentence=sentence)
    if isinstance(error, Throttled):
        answer.headers["Retry-After"] = str(error.seconds)
    return answer


def render(visit: Visit | None, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page; of somebody who is signed in, it knows their name and its forms' token."""
    session = visit.session if visit else None
    known = {"person": session.person if session else None, "csrf": session.csrf if session else ""}
    text = _pages().get_template(template).render(**known | values)
    return HTMLResponse(text, status_code=status, headers=HEADERS)


@cache
def _pages() -> Environment:
    return Environment(
        loader=PackageLoader("soar.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
