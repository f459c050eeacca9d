"""
What a browser sends: cookies, forms, where it wants to go next, and from which site it comes.

In: a request. Out: plain texts, or a refusal. Never: an address of another site to go to, a form
read beyond its limit, or a form that another site has sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from soar.api import bodies
from soar.domain.errors import BadInput, NotAllowed

LARGEST = 64 * 1024
MOST_FIELDS = 100
FORM = "application/x-www-form-urlencoded"
HOME = "/account"
LONGEST_ADDRESS = 2000


async def sent(request: Request) -> dict[str, str]:
    """Return what a request posts, refused where another site sends it; nothing of other verbs."""
    if request.method != "POST":
        return {}
    refuse_other_sites(request)
    return await read(request)


async def read(request: Request) -> dict[str, str]:
    """Return the fields of a form, each given once."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await bodies.read(request, largest=LARGEST)
    if kind != FORM:
        raise BadInput("form", f"must come as {FORM}")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise BadInput("form", "cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BadInput("form", "has a field twice")
    return fields


def refuse_other_sites(request: Request) -> None:
    """
    Refuse a form that a browser says comes from another site.

    Sec-Fetch-Site counts where it is sent, since no proxy changes what it means. Else Origin does;
    our own pages may send "null" there, as they forbid referrers: then the form's token tells.
    """
    site = request.headers.get("sec-fetch-site", "")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}".lower()
    origin = request.headers.get("origin", "null").lower()
    if site not in ("", "same-origin", "none") or (not site and origin not in ("null", own)):
        raise NotAllowed("this form was sent by another site: nothing was done")


def local(text: str | None) -> str:
    """Return an address of ours to go to next; of anything else, the first page."""
    wanted = text or ""
    if not wanted.startswith("/") or len(wanted) > LONGEST_ADDRESS or not _is_plain(wanted):
        return HOME
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or wanted.startswith("//"):
        return HOME
    return HOME if parts.path.rstrip("/") in ("/login", "/logout") else wanted


def _is_plain(text: str) -> bool:
    """Tell whether a text has nothing that browsers drop or read as a slash."""
    return text.isascii() and text.isprintable() and not set(text) & {"\\", " "}


def wanted(request: Request) -> str:
    """Return the address that was asked for, as :func:`local` takes it."""
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def address(request: Request) -> str:
    """Return who is asking; a trusted proxy has said for whom it asks."""
    return request.client.host if request.client else "unknown"


def cookie_name(request: Request, what: str = "soar") -> str:
    """Return the name of a cookie: over TLS, one that no other host and no plain page can set."""
    return f"__Host-{what}" if request.url.scheme == "https" else what


def cookie(request: Request, what: str = "soar") -> str:
    """Return a cookie; one that is longer than any of ours is none."""
    value = request.cookies.get(cookie_name(request, what), "")
    return value if len(value) <= 100 and value.isascii() else ""


def keep(response: Response, request: Request, value: str, what: str = "soar") -> None:
    """
    Let the browser keep a cookie until it is closed.

    Lax, not Strict: a link in a mail leads somebody who is signed in to its page. No cookie goes
    along with a form of another site.
    """
    response.set_cookie(
        cookie_name(request, what),
        value,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def drop(response: Response, request: Request, what: str = "soar") -> None:
    """Let the browser forget a cookie."""
    response.delete_cookie(
        cookie_name(request, what),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def field(form: Mapping[str, str], name: str, *, longest: int = 2000) -> str:
    """Return a field of a form; one that is missing is empty."""
    value = form.get(name, "")
    if len(value) > longest:
        raise BadInput(name, f"must have at most {longest} characters")
    return value
