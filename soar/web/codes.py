"""
The page of somebody's codes: enrolled, proved and removed by the person themselves.

In: a visit of somebody who has just confirmed that it is them. Out: a secret shown once; codes that
count. Never: a secret on a page that is asked for by GET, or anything for who has not confirmed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import CapacityLimiter
from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from soar import codes, enrolment
from soar.access import NotAuthenticated, Throttled
from soar.api.errors import Unavailable, told
from soar.domain.errors import BadInput
from soar.enrolment import Shown
from soar.vault import VaultClosed
from soar.web import forms
from soar.web.guard import Visit, page, refused, render, to
from soar.web.login import AT_ONCE

if TYPE_CHECKING:
    from soar.bootstrap import House

PATH = "/account/codes"


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    limiter = CapacityLimiter(AT_ONCE)
    return [page(house, PATH, get=show, post=change, limiter=limiter)]


def show(visit: Visit) -> Response:
    """Show whether somebody has codes, and what they may do; first they confirm that it is them."""
    if not enrolment.is_fresh(visit.session):
        return to(f"/confirm?next={PATH}")
    return _page(visit)


def change(visit: Visit) -> Response:
    """Show new codes, take the first of them, or take them away."""
    wanted, code = visit.form.get("what", ""), forms.field(visit.form, "code", longest=20)
    cookie = forms.cookie(visit.request)
    try:
        if wanted == "begin":
            shown = enrolment.begin(visit.work, visit.session, vault=visit.house.vault)
            return _page(visit, shown=shown, proving=True)
        if wanted not in ("prove", "remove"):
            raise BadInput("what", "must be begin, prove or remove")
        act = enrolment.finish if wanted == "prove" else enrolment.remove
        act(
            visit.work,
            visit.session,
            cookie,
            code,
            address=visit.address,
            vault=visit.house.vault,
        )
    except (NotAuthenticated, BadInput) as error:
        return _page(visit, error=error, proving=wanted == "prove")
    except VaultClosed as error:
        return refused(Unavailable(str(error)), PATH)
    return to(forms.HOME)


def _page(
    visit: Visit,
    *,
    shown: Shown | None = None,
    proving: bool = False,
    error: Exception | None = None,
) -> Response:
    status, sentence = told(error, PATH) if error else (200, "")
    row = visit.work.credentials.of(visit.session.person.username)
    answer = render(
        visit,
        "codes.html",
        status,
        sentence=sentence,
        password=bool(row and row["password_hash"]),
        codes=bool(row and row["totp"]),
        proving=proving,
        shown=shown,
        drawing=Markup(codes.drawn(shown.address)) if shown else "",  # noqa: S704  # drawn by us
    )
    if isinstance(error, Throttled):
        answer.headers["Retry-After"] = str(error.seconds)
    return answer
