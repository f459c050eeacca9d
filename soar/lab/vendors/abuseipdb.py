"""
AbuseIPDB v2 as its callers see it: one check per address, a quota per day, the real errors.

In: ``GET /api/v2/check`` with a ``Key``. Out: AbuseIPDB's JSON and its rate headers.
Never: a quota that outlives its day: it starts anew at midnight UTC.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NoReturn

from werkzeug.exceptions import abort
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from soar.lab.simulator import Simulator
from soar.lab.world import Address, World

BAD_ADDRESS = (
    "The ip address must be a valid IPv4 or IPv6 address (e.g. 8.8.8.8 or 2001:4860:4860::8888)."
)
BAD_DAYS = "The max age in days must be between 1 and 365."
BAD_KEY = "Authentication failed. Your API key is either missing, incorrect, or revoked."


@dataclass(kw_only=True)
class AbuseIPDB(Simulator):
    """The simulated AbuseIPDB."""

    vendor: str = "abuseipdb"
    world: World
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    daily_limit: int = 1000
    checks: int = 0
    day: date = date.min

    def __post_init__(self) -> None:
        self.routes = (Rule("/api/v2/check", endpoint=self.check, methods=["GET"]),)
        super().__post_init__()

    def state(self) -> Mapping[str, Any]:
        """How many checks this day has seen, of how many."""
        return {"checks": self.checks, "daily_limit": self.daily_limit}

    def check(self, request: Request) -> Response:
        """Answer ``GET /api/v2/check``."""
        self._admit(request)
        try:
            address = ipaddress.ip_address(request.args.get("ipAddress", ""))
        except ValueError:
            self._refuse(422, BAD_ADDRESS, parameter="ipAddress")
        days = request.args.get("maxAgeInDays", "30")
        if not days.isdigit() or not 1 <= int(days) <= 365:
            self._refuse(422, BAD_DAYS, parameter="maxAgeInDays")
        return self._json(200, {"data": self._report(address)})

    def _admit(self, request: Request) -> None:
        if request.headers.get("Key") != self.world.keys["abuseipdb"]:
            self._refuse(401, BAD_KEY)
        if self.day != self.now().date():
            self.day, self.checks = self.now().date(), 0
        if self.checks >= self.daily_limit:
            self._refuse(429, f"Daily rate limit of {self.daily_limit} requests exceeded.")
        self.checks += 1

    def _report(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> dict[str, Any]:
        known = self.world.addresses.get(str(address))
        return {
            "ipAddress": str(address),
            "isPublic": known is not None or address.is_global,
            "ipVersion": address.version,
            "isWhitelisted": False,
            "isTor": False,
        } | _opinion(known)

    def _refuse(self, status: int, detail: str, *, parameter: str = "") -> NoReturn:
        error: dict[str, Any] = {"detail": detail, "status": status}
        if parameter:
            error["source"] = {"parameter": parameter}
        abort(self._json(status, {"errors": [error]}))

    def _json(self, status: int, body: Mapping[str, Any]) -> Response:
        answer = Response(json.dumps(body), status=status, content_type="application/json")
        answer.headers["X-RateLimit-Limit"] = str(self.daily_limit)
        answer.headers["X-RateLimit-Remaining"] = str(max(self.daily_limit - self.checks, 0))
        if status == 429:
            midnight = datetime.combine(self.day + timedelta(days=1), time(), UTC)
            answer.headers["X-RateLimit-Reset"] = str(int(midnight.timestamp()))
            answer.headers["Retry-After"] = str(int((midnight - self.now()).total_seconds()))
        return answer


def _opinion(known: Address | None) -> dict[str, Any]:
    reported = known is not None and known.reports > 0
    return {
        "abuseConfidenceScore": known.abuse_score if known else 0,
        "countryCode": known.country if known else None,
        "usageType": "Data Center/Web Hosting/Transit" if known else None,
        "isp": known.organisation if known else "",
        "domain": "example.net" if known else None,
        "hostnames": [],
        "totalReports": known.reports if known else 0,
        "numDistinctUsers": known.reports // 3 if known else 0,
        "lastReportedAt": "2026-01-01T00:00:00+00:00" if reported else None,
    }


def build(world: World) -> Simulator:
    """Make the AbuseIPDB of a world."""
    return AbuseIPDB(world=world)
