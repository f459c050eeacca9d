"""
VirusTotal's API v3, one GET at a time, each answer judged by what we do next.

In: a collection (``urls``, ``files``, ``ip_addresses``, ``domains``) and an identifier.
Out: the object, or ``None`` where VirusTotal says that it knows nothing.
Never: a redirect followed, because the key would travel with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests

from soar.connector import (
    ActionContext,
    ActionFailed,
    BadCredentials,
    RetryLater,
    Secret,
    VendorSession,
    check,
    retry_after,
)

VENDOR = "VirusTotal"
QUOTA_WINDOW = timedelta(minutes=1)
"""VirusTotal promises no Retry-After; the shortest of its quotas is counted per minute."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VirusTotal:
    """VirusTotal, seen with one asset's key."""

    http: VendorSession
    base_url: str
    key: Secret
    timeout: int

    @classmethod
    def of(cls, ctx: ActionContext) -> VirusTotal:
        """Open VirusTotal with the asset of this call."""
        base_url = ctx.asset.text("base_url", "https://www.virustotal.com")
        return cls(
            http=ctx.http,
            base_url=base_url.rstrip("/"),
            key=ctx.asset.secret("api_key"),
            timeout=ctx.asset.number("timeout", 20),
        )

    def find(self, collection: str, identifier: str) -> dict[str, Any] | None:
        """Return the object that VirusTotal keeps under an identifier, or None if it has none."""
        response = self.http.call(
            "GET",
            f"{self.base_url}/api/v3/{collection}/{identifier}",
            headers={"x-apikey": self.key.reveal(), "Accept": "application/json"},
            timeout=(5, self.timeout),
            allow_redirects=False,
        )
        return self._judge(response)

    def _judge(self, response: requests.Response) -> dict[str, Any] | None:
        body = _body(response)
        error = body.get("error")
        error = error if isinstance(error, Mapping) else {}
        match response.status_code, error.get("code"):
            case 404, "NotFoundError":
                return None
            case 404, _:
                raise ActionFailed(f"{self.base_url} is not VirusTotal's API: check base_url")
            case 401, _:
                raise BadCredentials(f"{VENDOR} refused the asset's api_key (401)")
            case 403, _:
                raise BadCredentials(f"{VENDOR} does not allow this to the asset's api_key (403)")
            case 400, "NotAvailableYet":
                raise RetryLater(f"{VENDOR} has not finished looking at this", after=QUOTA_WINDOW)
            case 400, _:
                raise ActionFailed(f"{VENDOR} refused the request: {self._said(error)}")
            case 429, _:
                after = retry_after(response.headers) or QUOTA_WINDOW
                raise RetryLater(
                    f"{VENDOR}'s quota for this key is spent (429)", after=after, all_calls=True
                )
        return _object(check(response, vendor=VENDOR), body)

    def _said(self, error: Mapping[str, Any]) -> str:
        # A vendor may quote the request that it refuses; the key is no part of any sentence.
        text = str(error.get("message") or error.get("code") or "no reason given")
        return text.replace(self.key.reveal(), "***")[:200]


def _body(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _object(response: requests.Response, body: Mapping[str, Any]) -> dict[str, Any]:
    found = body.get("data")
    if response.status_code != 200 or not isinstance(found, dict):
        raise ActionFailed(
            f"{VENDOR}'s answer ({response.status_code}) is not an object of its API"
        )
    return found
