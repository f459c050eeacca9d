"""
The way in through a provider: a browser leaves with a form of ours, and comes back once.

In: the form's button; the address to which the provider sends a browser back. Out: a session, a
session that is young again, or one sentence. Never: a redirect by a form's answer (a page's rules
forbid forms to lead elsewhere), or a way back that another browser could go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from soar import federation, identity
from soar.access import NotAuthenticated
from soar.api.errors import Unavailable
from soar.domain.errors import BadInput, SoarError
from soar.federation import CONFIRM, SIGN_IN, Hop
from soar.identity import Attempt
from soar.oidc.client import CALLBACK
from soar.oidc.errors import ProviderAway, Refused
from soar.oidc.provider import Provider, Vouched
from soar.telemetry import log
from soar.web import forms, login
from soar.web.guard import HEADERS, Visit, check_token, page, refused, render, to

if TYPE_CHECKING:
    from soar.bootstrap import House

LONGEST_CODE = 4000
ERROR = re.compile(r"[a-z_]{1,60}")


def routes(house: House) -> list[Route]:
    """Return the addresses of this module; without a provider, none."""
    client = federation.client(house.settings)
    if client is None:
        return []
    way = Way(Provider(client))
    return [
        login.open_page(house, "/login/provider", post=way.leave),
        login.open_page(house, CALLBACK, get=way.come_back),
        page(house, "/confirm/provider", post=way.confirm, limiter=CapacityLimiter(login.AT_ONCE)),
    ]


@dataclass(frozen=True, slots=True)
class Way:
    """The way to one provider and back."""

    provider: Provider

    def leave(self, house: House, request: Request, form: Mapping[str, str]) -> Response:
        """Send a browser to the provider, to sign in."""
        wanted = forms.local(form.get("next"))
        door = forms.cookie(request, login.DOOR)
        if not door:
            error = BadInput("form", login.TOO_OLD)
            return login.sign_in_form(house, request, wanted, error)
        check_token(form, identity.csrf_of(door))
        try:
            self.provider.addresses()
        except ProviderAway as error:
            log.warning("provider_away", why=str(error))
            return login.sign_in_form(house, request, wanted, self._away())
        with house.database.begin() as work:
            hop = federation.depart(
                work, door, purpose=SIGN_IN, wanted=wanted, address=forms.address(request)
            )
        return self._sent(None, hop)

    def confirm(self, visit: Visit) -> Response:
        """Send somebody who is signed in to the provider, to show again who they are."""
        try:
            self.provider.addresses()
        except ProviderAway as error:
            log.warning("provider_away", why=str(error))
            return refused(self._away(), "/confirm")
        hop = federation.depart(
            visit.work,
            forms.cookie(visit.request),
            purpose=CONFIRM,
            wanted=forms.local(visit.form.get("next")),
            address=visit.address,
        )
        return self._sent(visit, hop)

    def come_back(self, house: House, request: Request, _: Mapping[str, str]) -> Response:
        """Let in, or confirm, who comes back from the provider; HEAD does nothing."""
        if request.method != "GET":
            return Response(status_code=405, headers=HEADERS | {"Allow": "GET"})
        address = forms.address(request)
        cookies = {SIGN_IN: forms.cookie(request, login.DOOR), CONFIRM: forms.cookie(request)}
        with house.database.begin() as work:
            attempt = identity.attempted(work, address=address)
        try:
            with house.database.begin() as work:
                hop = federation.arrive(work, request.query_params.get("state", ""), cookies)
        except Refused as error:
            log.warning("sign_in_refused", user="", address=address, why=error.why)
            raise
        return self._judged(house, request, hop, attempt)

    def _judged(self, house: House, request: Request, hop: Hop, attempt: Attempt) -> Response:
        """Ask the provider whom the code stands for; who is not let in is on the record."""
        vouched: Vouched | None = None
        shown: SoarError
        try:
            vouched = self._vouched(request, hop)
            return self._accepted(house, request, hop, vouched, attempt)
        except ProviderAway as error:
            log.warning("provider_away", why=str(error))
            why, shown = "the provider is away", self._away()
        except Refused as error:
            why, shown = error.why, error
        except NotAuthenticated as error:
            why, shown = "the session has ended", error
        with house.database.begin() as work:
            federation.refused(work, why, address=forms.address(request), vouched=vouched)
        raise shown

    def _vouched(self, request: Request, hop: Hop) -> Vouched:
        asked = request.query_params
        if "error" in asked:
            told = asked["error"] if ERROR.fullmatch(asked["error"]) else "unknown error"
            raise Refused(
                f"{self.provider.client.name} did not sign you in ({told}): begin again", why=told
            )
        code = asked.get("code", "")
        if not 0 < len(code) <= LONGEST_CODE:
            raise Refused("the provider sent no code: begin again", why="no code")
        return self.provider.vouched(
            code,
            verifier=hop.verifier,
            nonce=hop.nonce,
            issuer=asked.get("iss"),
            anew=hop.anew,
        )

    def _accepted(
        self, house: House, request: Request, hop: Hop, vouched: Vouched, attempt: Attempt
    ) -> Response:
        """Begin the session that the provider's word is good for, or make one young."""
        address, client = forms.address(request), self.provider.client
        with house.database.begin() as work:
            if hop.purpose == CONFIRM:
                assert hop.began is not None
                federation.confirm(
                    work, hop.cookie, client, vouched, began=hop.began, address=address
                )
                attempt.succeeded(work)
                return to(hop.wanted)
            identity.sign_out(work, forms.cookie(request))
            secret = federation.sign_in(
                work, client, vouched, address=address, limits=login.limits(house)
            )
            attempt.succeeded(work)
        return login.let_in(request, secret, hop.wanted)

    def _sent(self, visit: Visit | None, hop: Hop) -> Response:
        """Return the page that leads to the provider by itself, and by a link."""
        try:
            where = self.provider.address(
                state=hop.state, nonce=hop.nonce, verifier=hop.verifier, anew=hop.anew
            )
        except ProviderAway:
            raise self._away() from None
        answer = render(visit, "leaving.html", where=where, provider=self.provider.client.name)
        answer.headers["Refresh"] = f"0;url={where}"
        return answer

    def _away(self) -> Unavailable:
        name = self.provider.client.name
        return Unavailable(f"{name} cannot be reached at the moment: try again, or ask an operator")
