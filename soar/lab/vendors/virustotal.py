"""
VirusTotal v3 as its callers see it: four kinds of objects, keys with quotas, the real errors.

In: requests below ``/api/v3`` with an ``x-apikey``. Out: VirusTotal's JSON, or its refusal.
Never: a quota shared by two keys; each key has its own sliding minute.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import json
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlsplit, urlunsplit

from werkzeug.exceptions import abort
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from soar.lab.simulator import Simulator
from soar.lab.world import Address, Opinion, World

PUBLIC_KEY = "lab-public-key"
"""A free key: four calls in any minute, as VirusTotal gives to everybody."""

PUBLIC_PER_MINUTE = 4
PAID_PER_MINUTE = 1000
WINDOW = 60.0
ANALYSED_AT = 1767225600
"""When the engines last looked at everything here: 2026-01-01, in epoch seconds."""


@dataclass(kw_only=True)
class Quota:
    """What one key may ask in any sixty seconds, and what it asked so far."""

    per_minute: int
    taken: deque[float] = field(default_factory=deque)
    refused: int = 0

    def take(self, now: float) -> bool:
        """Take one call, unless the last minute already holds all that the key allows."""
        while self.taken and now - self.taken[0] >= WINDOW:
            self.taken.popleft()
        if len(self.taken) >= self.per_minute:
            self.refused += 1
            return False
        self.taken.append(now)
        return True


@dataclass(kw_only=True)
class VirusTotal(Simulator):
    """The simulated VirusTotal."""

    vendor: str = "virustotal"
    world: World
    clock: Callable[[], float] = time.monotonic
    quotas: dict[str, Quota] = field(init=False)

    def __post_init__(self) -> None:
        self.routes = (
            Rule("/api/v3/urls/<identifier>", endpoint=self.url, methods=["GET"]),
            Rule("/api/v3/files/<identifier>", endpoint=self.file, methods=["GET"]),
            Rule("/api/v3/ip_addresses/<identifier>", endpoint=self.address, methods=["GET"]),
            Rule("/api/v3/domains/<identifier>", endpoint=self.domain, methods=["GET"]),
            Rule("/api/v3/users/<identifier>", endpoint=self.user, methods=["GET"]),
        )
        self.quotas = {
            self.world.keys["virustotal"]: Quota(per_minute=PAID_PER_MINUTE),
            PUBLIC_KEY: Quota(per_minute=PUBLIC_PER_MINUTE),
        }
        self._urls = {url_hash(url): url for url in self.world.urls}
        self._files = {short: long for long in self.world.files for short in _digests(long)}
        self._busy = {*self.world.unavailable, *map(url_hash, self.world.unavailable)}
        super().__post_init__()

    def state(self) -> Mapping[str, Any]:
        """How many calls each kind of key made in the last minute, and how many were refused."""
        kinds = ("paid", "public")
        return {
            kind: {"calls": len(quota.taken), "refused": quota.refused}
            for kind, quota in zip(kinds, self.quotas.values(), strict=False)
        }

    def url(self, request: Request, identifier: str) -> Response:
        """Answer ``GET /urls/{id}``; the id is base64url of the URL, or its sha256."""
        self._admit(request)
        key = identifier.lower() if _is_hash(identifier) else url_hash(_decoded(identifier))
        self._available(key)
        url = self._urls.get(key) or _unknown("URL", identifier)
        opinion = self.world.urls[url]
        facts = {"url": url, "last_final_url": url, "times_submitted": 3, "categories": {}}
        return _object("url", key, opinion, facts | {"threat_names": _labels(opinion)})

    def file(self, request: Request, identifier: str) -> Response:
        """Answer ``GET /files/{md5, sha1 or sha256}``."""
        self._admit(request)
        if not _is_hash(identifier):
            _refuse(400, "InvalidArgumentError", f'"{identifier}" is not a valid file hash')
        self._available(identifier.lower())
        long = self._files.get(identifier.lower()) or _unknown("File", identifier)
        return _object("file", long, self.world.files[long], _file_facts(self.world, long))

    def address(self, request: Request, identifier: str) -> Response:
        """Answer ``GET /ip_addresses/{ip}``."""
        self._admit(request)
        try:
            name = str(ipaddress.ip_address(identifier))
        except ValueError:
            _refuse(400, "InvalidArgumentError", f'"{identifier}" is not a valid IP address')
        self._available(name)
        found = self.world.addresses.get(name) or _unknown("IP address", name)
        return _object("ip_address", name, found.opinion, _address_facts(name, found))

    def domain(self, request: Request, identifier: str) -> Response:
        """Answer ``GET /domains/{domain}``."""
        self._admit(request)
        name = identifier.lower()
        if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+", name):
            _refuse(400, "InvalidArgumentError", f'"{identifier}" is not a valid domain pattern')
        self._available(name)
        opinion = self.world.domains.get(name) or _unknown("Domain", name)
        facts = {"tld": name.rpartition(".")[2], "categories": {}, "last_dns_records": []}
        return _object("domain", name, opinion, facts | {"registrar": "Example Registrar"})

    def user(self, request: Request, identifier: str) -> Response:
        """Answer ``GET /users/{id}`` with the quota of the key that asks."""
        quota = self._admit(request)
        used = {"allowed": quota.per_minute * 60, "used": len(quota.taken)}
        attributes = {"status": "active", "quotas": {"api_requests_hourly": used}}
        return _json(200, {"data": {"type": "user", "id": identifier, "attributes": attributes}})

    def _admit(self, request: Request) -> Quota:
        key = request.headers.get("x-apikey", "")
        if not key:
            _refuse(401, "AuthenticationRequiredError", "X-Apikey header is missing")
        quota = self.quotas.get(key)
        if quota is None:
            _refuse(401, "WrongCredentialsError", "Wrong API key")
        if not quota.take(self.clock()):
            _refuse(429, "QuotaExceededError", "Quota exceeded")
        return quota

    def _available(self, name: str) -> None:
        if name in self._busy:
            _refuse(503, "TransientError", "Transient server error, retry might work")


def build(world: World) -> Simulator:
    """Make the VirusTotal of a world."""
    return VirusTotal(world=world)


def url_hash(url: str) -> str:
    """Return the sha256 under which VirusTotal keeps a URL: of the URL with a path."""
    scheme, host, path, query, _ = urlsplit(url)
    return hashlib.sha256(
        urlunsplit((scheme, host.lower(), path or "/", query, "")).encode()
    ).hexdigest()


def _digests(sha256: str) -> tuple[str, str, str]:
    # The world names files by sha256 only; its shorter hashes are the beginnings of that.
    return sha256[:32], sha256[:40], sha256


def _is_hash(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}", text))


def _decoded(identifier: str) -> str:
    try:
        padding = "=" * (-len(identifier) % 4)
        return base64.b64decode(identifier + padding, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        _refuse(400, "InvalidArgumentError", f'"{identifier}" is not a valid URL identifier')


def _labels(opinion: Opinion) -> list[str]:
    return [opinion.label] if opinion.label else []


def _file_facts(world: World, sha256: str) -> dict[str, Any]:
    md5, sha1, _ = _digests(sha256)
    facts: dict[str, Any] = {"md5": md5, "sha1": sha1, "sha256": sha256, "size": 68}
    facts |= {"meaningful_name": "invoice.exe", "names": ["invoice.exe"], "type_description": "EXE"}
    if label := world.files[sha256].label:
        facts["popular_threat_classification"] = {"suggested_threat_label": label}
    return facts


def _address_facts(name: str, found: Address) -> dict[str, Any]:
    network = ipaddress.ip_network(f"{name}/24", strict=False)
    return {
        "country": found.country,
        "asn": found.asn,
        "as_owner": found.organisation,
        "network": str(network),
    }


def _object(kind: str, identifier: str, opinion: Opinion, facts: dict[str, Any]) -> Response:
    attributes = facts | {
        "last_analysis_stats": _stats(opinion),
        "last_analysis_results": _results(opinion),
        "last_analysis_date": ANALYSED_AT,
        "reputation": -opinion.malicious,
        "tags": [],
    }
    link = f"https://www.virustotal.com/api/v3/{kind}s/{identifier}"
    data = {"type": kind, "id": identifier, "links": {"self": link}, "attributes": attributes}
    return _json(200, {"data": data})


def _stats(opinion: Opinion) -> dict[str, int]:
    return {
        "malicious": opinion.malicious,
        "suspicious": opinion.suspicious,
        "harmless": opinion.harmless,
        "undetected": opinion.undetected,
        "timeout": 0,
    }


def _results(opinion: Opinion) -> dict[str, dict[str, str]]:
    words = {"malicious": opinion.label or "malicious", "suspicious": "suspicious"}
    words |= {"harmless": "clean", "undetected": "unrated"}
    said = [kind for kind, count in _stats(opinion).items() for _ in range(count)]
    return {
        f"Engine {number:02}": {
            "method": "blacklist",
            "engine_name": f"Engine {number:02}",
            "category": kind,
            "result": words[kind],
        }
        for number, kind in enumerate(said, start=1)
    }


def _unknown(kind: str, identifier: str) -> NoReturn:
    _refuse(404, "NotFoundError", f'{kind} "{identifier}" not found')


def _refuse(status: int, code: str, message: str) -> NoReturn:
    abort(_json(status, {"error": {"code": code, "message": message}}))


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")
