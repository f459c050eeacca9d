"""
The way in and out: sign in, set a password, confirm, sign out.

In: what somebody typed into a form. Out: a cookie, and the page they wanted.
Never: a guess that is not counted, a way to another site, or a form that another site could send.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from soar import identity
from soar.access import NotAuthenticated, Throttled
from soar.api.errors import Unavailable, told
from soar.domain.errors import BadInput
from soar.identity import Limits, Session
from soar.store.work import Work
from soar.vault import VaultClosed
from soar.web import forms
from soar.web.guard import Visit, check_token, page, refused, render, to

if TYPE_CHECKING:
    from soar.bootstrap import House

AT_ONCE = 4
"""Sign-ins that are judged at the same moment; the others wait, and hold up no other page."""
DOOR = "soar-door"
"""The cookie of who is not signed in yet: it holds the forms of the way in together."""
TOO_OLD = "is too old, or cookies are off: try again"
Shown = Callable[[Work, str], Response]


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    limiter = CapacityLimiter(AT_ONCE)
    return [
        open_page(house, "/login", get=_login_page, post=_login),
        open_page(house, "/password", get=_password_page, post=_password),
        page(house, "/confirm", get=confirm_page, post=confirm, limiter=limiter),
        page(house, "/account", get=account),
        page(house, "/logout", post=sign_out),
    ]


Opened = Callable[["House", Request, Mapping[str, str]], Response]


def open_page(
    house: House, path: str, *, get: Opened | None = None, post: Opened | None = None
) -> Route:
    """Return the route of a page for those who are not signed in yet."""
    handlers = {"GET": get, "HEAD": get, "POST": post}
    possible = {verb: handler for verb, handler in handlers.items() if handler is not None}
    limiter = CapacityLimiter(AT_ONCE)

    async def endpoint(request: Request) -> Response:
        try:
            form = await forms.sent(request)
        except Exception as error:
            return refused(error, path)
        answer = possible[request.method]
        return await to_thread.run_sync(_answered, house, request, form, answer, limiter=limiter)

    return Route(path, endpoint, methods=list(possible))


def _answered(house: House, request: Request, form: Mapping[str, str], answer: Opened) -> Response:
    try:
        return answer(house, request, form)
    except VaultClosed as error:
        return refused(Unavailable(str(error)), request.url.path)
    except Exception as error:
        return refused(error, request.url.path)


def _login_page(house: House, request: Request, _: Mapping[str, str]) -> Response:
    wanted = forms.local(request.query_params.get("next"))
    with house.database.begin() as work:
        found = _who(work, request)
    if found is None:
        return sign_in_form(house, request, wanted)
    return to("/password" if found[1] else wanted)


def sign_in_form(
    house: House, request: Request, wanted: str, error: Exception | None = None
) -> Response:
    """Return the form to sign in, with the cookie that belongs to it."""
    door = forms.cookie(request, DOOR) or secrets.token_urlsafe(32)
    status, sentence = told(error, "/login") if error else (200, "")
    answer = render(
        None,
        "login.html",
        status,
        next=wanted,
        sentence=sentence,
        csrf=identity.csrf_of(door),
        provider=provider_name(house),
    )
    forms.keep(answer, request, door, DOOR)
    return _patient(answer, error)


def provider_name(house: House) -> str:
    """Return how people know the provider, or nothing where there is none."""
    return house.settings.oidc_name if house.settings.oidc_issuer else ""


def _patient(answer: Response, error: Exception | None) -> Response:
    """Say when to come back, where somebody came too often."""
    if isinstance(error, Throttled):
        answer.headers["Retry-After"] = str(error.seconds)
    return answer


def _login(house: House, request: Request, form: Mapping[str, str]) -> Response:
    wanted = forms.local(form.get("next"))
    door = forms.cookie(request, DOOR)
    if not door:
        return sign_in_form(house, request, wanted, BadInput("form", TOO_OLD))
    check_token(form, identity.csrf_of(door))
    try:
        with house.database.begin() as work:
            identity.sign_out(work, forms.cookie(request))
            secret = identity.sign_in(
                work,
                username=forms.field(form, "username", longest=200),
                password=forms.field(form, "password", longest=4000),
                code=forms.field(form, "code", longest=20),
                address=forms.address(request),
                vault=house.vault,
                limits=limits(house),
            )
            must_change = identity.password_session_of(work, secret) is not None
    except (NotAuthenticated, BadInput) as error:
        return sign_in_form(house, request, wanted, error)
    return let_in(request, secret, "/password" if must_change else wanted)


def let_in(request: Request, secret: str, address: str) -> Response:
    """Give a browser its session, and send it on."""
    answer = to(address)
    forms.keep(answer, request, secret)
    forms.drop(answer, request, DOOR)
    return answer


def limits(house: House) -> Limits:
    """Return for how long a session of this installation stands."""
    found = house.settings
    return Limits(idle_seconds=found.session_idle_minutes * 60, seconds=found.session_hours * 3600)


def _password_page(house: House, request: Request, _: Mapping[str, str]) -> Response:
    with house.database.begin() as work:
        found = _who(work, request)
    if found is None:
        return to("/login?next=/password")
    return _password_form(found)


def _who(work: Work, request: Request) -> tuple[Session, bool] | None:
    """Return who is signed in, and whether they can do nothing but set a password."""
    secret = forms.cookie(request)
    only = identity.password_session_of(work, secret)
    if only:
        return only, True
    session = identity.session_of(work, secret, address=forms.address(request))
    return (session, False) if session else None


def _password_form(who: tuple[Session, bool], error: Exception | None = None) -> Response:
    session, must = who
    status, sentence = told(error, "/password") if error else (200, "")
    answer = render(
        None,
        "password.html",
        status,
        person=session.person,
        csrf=session.csrf,
        must=must,
        sentence=sentence,
    )
    return _patient(answer, error)


def _password(house: House, request: Request, form: Mapping[str, str]) -> Response:
    with house.database.begin() as work:
        found = _who(work, request)
    if found is None:
        return to("/login?next=/password")
    check_token(form, found[0].csrf)
    try:
        if form.get("new") != form.get("again"):
            raise BadInput("password", "was typed in two different ways")
        with house.database.begin() as work:
            secret = identity.set_password(
                work,
                forms.cookie(request),
                new=forms.field(form, "new", longest=4000),
                current=forms.field(form, "current", longest=4000),
                code=forms.field(form, "code", longest=20),
                address=forms.address(request),
                vault=house.vault,
                limits=limits(house),
            )
    except (NotAuthenticated, BadInput) as error:
        return _password_form(found, error)
    return let_in(request, secret, forms.HOME)


def confirm_page(visit: Visit) -> Response:
    """Ask for a proof once more: the password, or a new sign-in at the provider."""
    return _confirm_form(visit, forms.local(visit.request.query_params.get("next")))


def _confirm_form(visit: Visit, wanted: str, error: Exception | None = None) -> Response:
    status, sentence = told(error, "/confirm") if error else (200, "")
    row = visit.work.credentials.of(visit.session.person.username)
    answer = render(
        visit,
        "confirm.html",
        status,
        next=wanted,
        sentence=sentence,
        password=bool(row and row["password_hash"]),
        provider=_linked_provider(visit),
    )
    return _patient(answer, error)


def _linked_provider(visit: Visit) -> str:
    """Return how the provider is called, where it knows who sits here."""
    issuer, username = visit.house.settings.oidc_issuer, visit.session.person.username
    known = bool(issuer) and visit.work.identities.is_linked(username, issuer)
    return provider_name(visit.house) if known else ""


def confirm(visit: Visit) -> Response:
    """Note that somebody has shown their password again, and send them on."""
    wanted = forms.local(visit.form.get("next"))
    try:
        identity.confirm(
            visit.work,
            forms.cookie(visit.request),
            password=forms.field(visit.form, "password", longest=4000),
            code=forms.field(visit.form, "code", longest=20),
            address=visit.address,
            vault=visit.house.vault,
        )
    except (NotAuthenticated, BadInput) as error:
        return _confirm_form(visit, wanted, error)
    except VaultClosed as error:
        return refused(Unavailable(str(error)), "/confirm")
    return to(wanted)


def account(visit: Visit) -> Response:
    """Show who is signed in, and with what."""
    row = visit.work.credentials.of(visit.session.person.username)
    shown = visit.session.authenticated_at
    return render(
        visit,
        "account.html",
        authenticated_at=None if shown == identity.UNKNOWN else shown,
        password=bool(row and row["password_hash"]),
        codes=bool(row and row["totp"]),
        provider=_linked_provider(visit),
    )


def sign_out(visit: Visit) -> Response:
    """End the session."""
    identity.sign_out(visit.work, forms.cookie(visit.request))
    answer = to("/login")
    forms.drop(answer, visit.request)
    return answer
