"""
CrowdStrike's room: the Falcon API, one method per question.

In: an opened asset. Out: hosts and their containment status, or the failure of an answer.
Never: a credential in a message, a sleep, or a filter that a host name could change.

Protocol facts: the Falcon API as falconpy 1.6 and psfalcon speak it (OAuth2 token, device
queries, entities and actions); FQL escapes quotes and backslashes with a backslash.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests

from soar.connector import (
    ActionContext,
    ActionFailed,
    BadCredentials,
    OutcomeUnknown,
    RetryLater,
    Secret,
    check,
    retry_after,
)

VENDOR = "CrowdStrike Falcon"
DEFAULT_URL = "https://api.crowdstrike.com"
RENEW_EARLY = timedelta(minutes=2)
MOST_HOSTS = 100

JSON = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """One host that Falcon manages."""

    device_id: str
    hostname: str
    status: str
    """normal, containment_pending, contained or lift_containment_pending."""
    platform: str
    details: JSON


@dataclass(frozen=True, kw_only=True, slots=True)
class Falcon:
    """One tenant, spoken to as one API client."""

    ctx: ActionContext
    url: str

    def host(self, device_id: str) -> Host | None:
        """Return one host by its ID, or ``None`` if there is none."""
        hosts = self._hosts([device_id])
        return hosts[0] if hosts else None

    def hosts_called(self, hostname: str) -> tuple[Host, ...]:
        """Return the hosts with exactly this name, in any case."""
        params = {"filter": f"hostname:{fql_text(hostname)}", "limit": str(MOST_HOSTS)}
        found = self._call("GET", "/devices/queries/devices/v1", params=params)
        ids = [str(device_id) for device_id in _resources(found)]
        # Falcon's match may be wider than equality, so the names are compared once more.
        return tuple(host for host in self._hosts(ids) if _same(host.hostname, hostname))

    def any_host(self) -> bool:
        """Tell whether the API client may list hosts and there is one."""
        params = {"limit": "1"}
        return bool(_resources(self._call("GET", "/devices/queries/devices/v1", params=params)))

    def contain(self, device_id: str) -> bool:
        """Ask for containment; false if Falcon says the host is in another state already."""
        return self._act("contain", device_id)

    def lift(self, device_id: str) -> bool:
        """Ask to lift containment; false if Falcon says the host is in another state already."""
        return self._act("lift_containment", device_id)

    def _act(self, name: str, device_id: str) -> bool:
        response = self._send(
            "POST",
            "/devices/entities/devices-actions/v2",
            writes=True,
            params={"action_name": name},
            json={"ids": [device_id]},
        )
        if response.status_code == 409 or _first_error(response)[0] == 409:
            return False
        _accept(response, writes=True)
        return True

    def _hosts(self, ids: list[str]) -> tuple[Host, ...]:
        if not ids:
            return ()
        path = "/devices/entities/devices/v2"
        response = self._send("POST", path, writes=False, json={"ids": ids})
        # One ID that is gone is an error beside the hosts that were found.
        gone = response.status_code == 404 or _first_error(response)[0] == 404
        body = _body(response, writes=False) if gone else _accept(response, writes=False)
        return tuple(_host(raw) for raw in _resources(body))

    def _call(self, method: str, path: str, **kwargs: Any) -> JSON:
        return _accept(self._send(method, path, writes=False, **kwargs), writes=False)

    def _send(self, method: str, path: str, *, writes: bool, **kwargs: Any) -> requests.Response:
        """Send one request with the token; a token that was refused is renewed once."""
        response = self._send_with(self._token(), method, path, writes=writes, **kwargs)
        if response.status_code in {401, 403}:
            self.ctx.state.pop("token", None)
            response = self._send_with(self._token(), method, path, writes=writes, **kwargs)
        return response

    def _send_with(
        self, token: Secret, method: str, path: str, *, writes: bool, **kwargs: Any
    ) -> requests.Response:
        return self.ctx.http.call(
            method,
            f"{self.url}{path}",
            writes=writes,
            headers={"Authorization": f"Bearer {token.reveal()}", "Accept": "application/json"},
            allow_redirects=False,
            **kwargs,
        )

    def _token(self) -> Secret:
        """Return the bearer token of this asset, a new one shortly before its end."""
        kept, until = self.ctx.state.get("token", (None, None))
        if isinstance(kept, Secret) and isinstance(until, datetime) and self.ctx.now() < until:
            return kept
        token, lifetime = self._new_token()
        self.ctx.state["token"] = (token, self.ctx.now() + lifetime - RENEW_EARLY)
        return token

    def _new_token(self) -> tuple[Secret, timedelta]:
        form = {
            "client_id": self.ctx.asset.text("client_id"),
            "client_secret": self.ctx.asset.secret("client_secret").reveal(),
        }
        if member := self.ctx.asset.text("member_cid"):
            form["member_cid"] = member
        # Not a write: a second token does no harm, so a lost answer is only a reason to wait.
        response = self.ctx.http.call(
            "POST", f"{self.url}/oauth2/token", writes=False, data=form, allow_redirects=False
        )
        if response.status_code in {400, 401, 403}:
            raise BadCredentials(f"{VENDOR} refused the API client ({response.status_code})")
        body = _accept(response, writes=False)
        token, seconds = body.get("access_token"), body.get("expires_in", 1799)
        if not isinstance(token, str) or not token:
            raise ActionFailed(f"{VENDOR} answered without a token; check base_url")
        return Secret(token), timedelta(seconds=int(seconds))


def falcon(ctx: ActionContext) -> Falcon:
    """Open the tenant of an asset."""
    if not ctx.asset.text("client_id"):
        raise BadCredentials(f"asset {ctx.asset.slug!r} has no 'client_id'")
    return Falcon(ctx=ctx, url=ctx.asset.text("base_url", DEFAULT_URL).rstrip("/"))


def fql_text(value: str) -> str:
    """Write a text as a quoted FQL string that ends where it should."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _accept(response: requests.Response, *, writes: bool) -> JSON:
    """Return the envelope of a success, else raise the failure of its status or its errors."""
    if 300 <= response.status_code < 400:
        region = response.headers.get("X-Cs-Region", "another one")
        raise ActionFailed(f"this API client belongs to region {region}: change the base_url")
    code, message = _first_error(response)
    if response.status_code < 400 and code:
        raise _failure(code, message, response, writes=writes)
    if 400 <= response.status_code < 500 and response.status_code not in _CHECKED:
        raise ActionFailed(f"{VENDOR} refused the request ({response.status_code}): {message}")
    return _body(check(response, vendor=VENDOR, writes=writes), writes=writes)


_CHECKED = frozenset({401, 403, 408, 425, 429})
"""Client errors whose meaning is the same at every vendor."""


def _failure(code: int, message: str, response: requests.Response, *, writes: bool) -> Exception:
    """Classify an error that came inside a successful answer."""
    if code in {401, 403}:
        return BadCredentials(f"{VENDOR} refused the API client ({code})")
    if code == 429:
        return RetryLater(
            f"{VENDOR} asks to wait ({code})", after=retry_after(response.headers), all_calls=True
        )
    if code >= 500 and writes:
        return OutcomeUnknown(f"{VENDOR} failed while it was writing ({code})")
    if code >= 500:
        return RetryLater(f"{VENDOR} cannot answer now ({code})")
    return ActionFailed(f"{VENDOR} refused the request ({code}): {message}")


def _body(response: requests.Response, *, writes: bool) -> JSON:
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    if writes:
        raise OutcomeUnknown(f"{VENDOR} gave an answer that cannot be read to a write")
    raise ActionFailed(f"{VENDOR} gave an answer that is not of its API; check base_url")


def _first_error(response: requests.Response) -> tuple[int, str]:
    """Return code and words of the first entry of ``errors``; zero if there is none."""
    try:
        errors = response.json().get("errors")
        first = errors[0] if errors else {}
        return int(first.get("code", 0)), str(first.get("message", ""))[:200]
    except (ValueError, TypeError, AttributeError, LookupError):
        return 0, ""


def _resources(body: Mapping[str, Any]) -> list[Any]:
    resources = body.get("resources")
    return resources if isinstance(resources, list) else []


def _host(raw: JSON) -> Host:
    return Host(
        device_id=str(raw.get("device_id", "")),
        hostname=str(raw.get("hostname", "")),
        status=str(raw.get("status", "")),
        platform=str(raw.get("platform_name", "")),
        details=raw,
    )


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
