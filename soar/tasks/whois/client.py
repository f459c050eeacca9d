"""
One RDAP service (RFC 7480, 9082): a GET per object, redirects to the registry followed.

In: an object class (``ip``, ``domain``) and a name. Out: the registry's object, or ``None``.
Never: a credential; RDAP is public, so a refusal is a failure and not a bad key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests

from soar.connector import (
    ActionContext,
    ActionFailed,
    RetryLater,
    VendorSession,
    check,
    retry_after,
)

MEDIA_TYPE = "application/rdap+json"
SHORTEST_WAIT = timedelta(seconds=30)
"""How long to leave a registry alone that says "too many" without saying how long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rdap:
    """The RDAP service of one asset."""

    http: VendorSession
    base_url: str
    timeout: int

    @classmethod
    def of(cls, ctx: ActionContext) -> Rdap:
        """Open the RDAP service with the asset of this call."""
        return cls(
            http=ctx.http,
            base_url=ctx.asset.text("base_url", "https://rdap.org").rstrip("/"),
            timeout=ctx.asset.number("timeout", 20),
        )

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return what the registry holds under a name, or None if it holds nothing."""
        response = self.http.call(
            "GET",
            f"{self.base_url}/{kind}/{name}",
            headers={"Accept": MEDIA_TYPE},
            allow_redirects=True,  # RFC 7480: bootstrap services redirect; no key is sent
            timeout=(5, self.timeout),
        )
        return self._judge(response)

    def _judge(self, response: requests.Response) -> dict[str, Any] | None:
        match response.status_code:
            case 404:
                return None
            case 401 | 403 as code:
                raise ActionFailed(f"the registry does not answer this network's calls ({code})")
            case 429:
                after = retry_after(response.headers) or SHORTEST_WAIT
                raise RetryLater("the registry asks to wait (429)", after=after, all_calls=True)
            case 400 | 422 as code:
                raise ActionFailed(f"the registry refused the request ({code}): {_said(response)}")
        found = _body(check(response, vendor="the registry"))
        if "objectClassName" not in found:
            raise ActionFailed(f"{self.base_url} does not answer in RDAP: check base_url")
        return found


def _said(response: requests.Response) -> str:
    body = _body(response)
    description = body.get("description")
    lines = description if isinstance(description, list) else []
    return ": ".join(str(part) for part in [body.get("title", "no reason given"), *lines])[:200]


def _body(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
