"""
AbuseIPDB's API v2, one check at a time, each answer judged by what we do next.

In: an address and a number of days. Out: AbuseIPDB's report.
Never: a redirect followed, because the key would travel with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from soar.connector import (
    ActionContext,
    ActionFailed,
    BadCredentials,
    Secret,
    VendorSession,
    check,
)

VENDOR = "AbuseIPDB"


@dataclass(frozen=True, kw_only=True, slots=True)
class AbuseIPDB:
    """AbuseIPDB, seen with one asset's key."""

    http: VendorSession
    base_url: str
    key: Secret
    timeout: int

    @classmethod
    def of(cls, ctx: ActionContext) -> AbuseIPDB:
        """Open AbuseIPDB with the asset of this call."""
        base_url = ctx.asset.text("base_url", "https://api.abuseipdb.com")
        return cls(
            http=ctx.http,
            base_url=base_url.rstrip("/"),
            key=ctx.asset.secret("api_key"),
            timeout=ctx.asset.number("timeout", 20),
        )

    def check(self, address: str, *, days: int) -> dict[str, Any]:
        """Return what has been reported about an address in the last *days* days."""
        response = self.http.call(
            "GET",
            f"{self.base_url}/api/v2/check",
            params={"ipAddress": address, "maxAgeInDays": days},
            headers={"Key": self.key.reveal(), "Accept": "application/json"},
            timeout=(5, self.timeout),
            allow_redirects=False,
        )
        return self._judge(response)

    def _judge(self, response: requests.Response) -> dict[str, Any]:
        match response.status_code:
            case 401 | 403 as code:
                raise BadCredentials(f"{VENDOR} refused the asset's api_key ({code})")
            case 402:
                raise ActionFailed(f"{VENDOR}'s plan for this key does not include this (402)")
            case 422:
                raise ActionFailed(f"{VENDOR} refused the request: {self._said(response)}")
        report = _body(check(response, vendor=VENDOR)).get("data")
        if response.status_code != 200 or not isinstance(report, dict):
            raise ActionFailed(f"{VENDOR}'s answer ({response.status_code}) is not a report")
        return report

    def _said(self, response: requests.Response) -> str:
        # A vendor may quote the request that it refuses; the key is no part of any sentence.
        errors = _body(response).get("errors")
        first = errors[0] if isinstance(errors, list) and errors else {}
        detail = first.get("detail") if isinstance(first, dict) else None
        return str(detail or "no reason given").replace(self.key.reveal(), "***")[:200]


def _body(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
