"""
The provider as it says it is: its addresses and keys, read again each hour, and its answers.

In: a :class:`Client`, and the code that a browser brings. Out: an address to send a browser to;
whom the provider vouches for. Never: an address of another issuer, keys asked for without a bound,
or a claim that was not checked.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from joserfc.jwk import KeySet

from soar.oidc import line, token
from soar.oidc.client import VERIFIED, Client, is_safe
from soar.oidc.errors import ProviderAway, Refused

KEPT = 3600.0
"""Seconds for which addresses and keys are kept."""
AGAIN = 30.0
"""Seconds between two looks for a key that is not known: anybody may name one."""
PLAIN = re.compile(r"[A-Za-z0-9._~-]+")
SULK = 5.0
"""Seconds for which a provider that was away is not asked again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Where the provider answers what."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    methods: tuple[str, ...]
    names_itself: bool
    """Whether each answer says from which issuer it is (RFC 9207)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vouched:
    """Somebody whom the provider vouches for."""

    issuer: str
    subject: str
    claims: Mapping[str, Any] = field(repr=False)
    authenticated_at: datetime | None
    """When they last showed the provider who they are, if it says so."""
    acr: str


@dataclass
class Provider:
    """One provider, for one process."""

    client: Client
    clock: Callable[[], float] = time.monotonic
    _addresses: tuple[float, Addresses] | None = None
    _keys: tuple[float, KeySet] | None = None
    _away: tuple[float, str] = (float("-inf"), "")
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def address(self, *, state: str, nonce: str, verifier: str, anew: bool) -> str:
        """Return where a browser goes to sign in; *anew*: the provider asks also who is in."""
        extra = {"nonce": nonce, "max_age": str(0 if anew else self.client.most_seconds)}
        if anew:
            extra["prompt"] = "login"
        if self.client.acr:
            extra["acr_values"] = " ".join(self.client.acr)
        where = self.addresses().authorization
        with line.session(self.client) as made:
            url, _ = made.create_authorization_url(
                where, state=state, code_verifier=verifier, **extra
            )
        return str(url)

    def vouched(
        self, code: str, *, verifier: str, nonce: str, issuer: str | None, anew: bool
    ) -> Vouched:
        """Return whom a code stands for; *issuer* is what the browser's address says of it."""
        self._check_issuer(issuer)
        given = self._exchanged(code, verifier)
        access = given.get("access_token")
        claims = dict(self._opened(given.get("id_token")))
        token.check(
            claims,
            self.client,
            nonce=nonce,
            access_token=access,
            most_seconds=None if anew else self.client.most_seconds,
        )
        claims |= self._told_apart(claims, access)
        return Vouched(
            issuer=self.client.issuer,
            subject=claims["sub"],
            claims=claims,
            authenticated_at=token.moment(claims),
            acr=str(claims.get("acr") or "")[:200],
        )

    def addresses(self) -> Addresses:
        """Return the provider's addresses; :class:`ProviderAway` says why there are none."""
        with self._lock:
            if self._addresses is None or self.clock() - self._addresses[0] > KEPT:
                self._addresses = (self.clock(), self._asked(self._discovered))
            return self._addresses[1]

    def keys(self, *, again: bool = False) -> KeySet:
        """Return the keys with which the provider signs; *again*: one of them is not known."""
        with self._lock:
            most = AGAIN if again else KEPT
            if self._keys is None or self.clock() - self._keys[0] > most:
                where = self.addresses().keys
                found = self._asked(lambda: token.keys(line.document(self.client, where)))
                self._keys = (self.clock(), found)
            return self._keys[1]

    def _asked(self, ask: Callable[[], Any]) -> Any:
        """Ask the provider; one that was away just now is left alone for a moment."""
        at, why = self._away
        if self.clock() - at < SULK:
            raise ProviderAway(why)
        try:
            return ask()
        except ProviderAway as error:
            self._away = (self.clock(), str(error))
            raise

    def _discovered(self) -> Addresses:
        url = self.client.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = line.document(self.client, url)
        if found.get("issuer") != self.client.issuer:
            raise ProviderAway(f"{url} speaks for another issuer than SOAR_OIDC_ISSUER")
        methods = found.get("token_endpoint_auth_methods_supported")
        return Addresses(
            authorization=self._endpoint(found, "authorization_endpoint"),
            token=self._endpoint(found, "token_endpoint"),
            keys=self._endpoint(found, "jwks_uri"),
            userinfo=self._endpoint(found, "userinfo_endpoint", needed=False),
            methods=tuple(map(str, methods)) if isinstance(methods, list) else (),
            names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        )

    def _endpoint(self, found: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
        url = found.get(name)
        if url is None and not needed:
            return ""
        if not isinstance(url, str) or not is_safe(url, beside=self.client.issuer):
            raise ProviderAway(f"the provider's {name} is missing or no https address")
        return url

    def _check_issuer(self, issuer: str | None) -> None:
        if issuer is None and not self.addresses().names_itself:
            return
        if issuer != self.client.issuer:
            raise token.untrusted(self.client, "another issuer answered")

    def _exchanged(self, code: str, verifier: str) -> Mapping[str, Any]:
        """Give the code back and return the tokens that it stands for."""
        addresses = self.addresses()

        def ask() -> Any:
            with line.session(self.client, method=self._method(addresses)) as made:
                return made.fetch_token(
                    addresses.token,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    allow_redirects=False,
                )

        try:
            found = line.asked(addresses.token, ask)
        except requests.HTTPError as error:
            if error.response is not None and error.response.status_code < 500:
                raise self._unwilling() from None
            raise ProviderAway("the provider failed while it was asked for the token") from None
        except OAuthError:
            raise self._unwilling() from None
        if not isinstance(found, dict):
            raise ProviderAway("the provider's token is no JSON object")
        return found

    def _unwilling(self) -> Refused:
        return Refused(
            f"{self.client.name} did not accept what this sign-in brought: begin again",
            why="the provider refused the code",
        )

    def _method(self, addresses: Addresses) -> str:
        """Return how the secret is shown: in a header, or in the body where that is safer."""
        secret = self.client.secret
        if secret is None or "client_secret_post" not in addresses.methods:
            return ""
        # A header wants other letters encoded, and providers differ in whether they decode them.
        plain = PLAIN.fullmatch(secret.reveal()) and PLAIN.fullmatch(self.client.client_id)
        in_header = "client_secret_basic" in addresses.methods and plain
        return "" if in_header else "client_secret_post"

    def _opened(self, text: Any) -> Mapping[str, Any]:
        """Return the claims of an id_token whose signature holds; an unknown key is looked for."""
        for again in (False, True):
            try:
                return token.opened(text, self.keys(again=again), self.client)
            except token.UnknownKey:
                continue
        raise token.untrusted(self.client, "signed with an unknown key")

    def _told_apart(self, claims: Mapping[str, Any], access: Any) -> Mapping[str, Any]:
        """Return claims that the provider tells at its userinfo address only, about the same."""
        where = self.addresses().userinfo
        wanted = self._wanted(claims)
        if not (wanted and where and isinstance(access, str)):
            return {}
        told = line.document(self.client, where, token=access)
        if told.get("sub") != claims["sub"]:
            raise token.untrusted(self.client, "userinfo is about somebody else")
        if VERIFIED not in told:
            wanted -= {"email_verified"}
        return {name: told[name] for name in wanted if name in told}

    def _wanted(self, claims: Mapping[str, Any]) -> set[str]:
        """Return the claims that count here and are missing; none of those that say who it is."""
        wanted = {self.client.groups_claim} if self.client.roles else set()
        if self.client.creates_people and not self.client.username(claims):
            wanted |= set(self.client.names)
        wanted -= set(claims) - {VERIFIED}
        # Whether an address is verified is believed only of the one that comes along with it.
        return (wanted | ({"email_verified"} if VERIFIED in wanted else set())) - token.ITS_OWN
