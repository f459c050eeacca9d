"""
A registry's RDAP service as RFC 9082 and 9083 describe it, and a bootstrap that redirects to it.

In: ``/rdap/ip/…``, ``/rdap/domain/…``, ``/rdap/autnum/…``; ``/rdap.org/…`` redirects there.
Out: RDAP's JSON with contacts as vCards. Never: a subdomain; registries know registrations only.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from werkzeug.exceptions import abort
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from soar.lab.simulator import Simulator
from soar.lab.world import Address, World

REGISTRIES = {"BR": "whois.lacnic.net", "NL": "whois.ripe.net", "US": "whois.arin.net"}
CONFORMANCE = ["rdap_level_0", "cidr0", "arin_originas0"]


@dataclass(kw_only=True)
class Rdap(Simulator):
    """The simulated registry."""

    vendor: str = "rdap"
    world: World
    busy_for: int = 0
    """Seconds that the registry asks every caller to wait (429); 0 means open."""

    def __post_init__(self) -> None:
        self.routes = (
            Rule("/rdap/ip/<name>", endpoint=self.ip, methods=["GET"]),
            Rule("/rdap/domain/<name>", endpoint=self.domain, methods=["GET"]),
            Rule("/rdap/autnum/<int:number>", endpoint=self.autnum, methods=["GET"]),
            Rule("/rdap.org/<kind>/<name>", endpoint=self.bootstrap, methods=["GET"]),
        )
        super().__post_init__()

    def bootstrap(self, request: Request, kind: str, name: str) -> Response:
        """Redirect to the registry that answers, as rdap.org does."""
        return Response(status=302, headers={"Location": f"{request.host_url}rdap/{kind}/{name}"})

    def ip(self, request: Request, name: str) -> Response:
        """Answer ``/ip/{address}`` with the network it belongs to."""
        self._open()
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            _refuse(400, "Bad Request", f"{name} is not an IP address")
        for known, found in self.world.addresses.items():
            if address in ipaddress.ip_network(f"{known}/24", strict=False):
                return _json(200, _network(known, found, request.base_url))
        return _refuse(404, "Not Found", f"no network holds {name}")

    def domain(self, request: Request, name: str) -> Response:
        """Answer ``/domain/{name}`` for a registered domain."""
        self._open()
        if name.lower() not in self.world.domains or name.count(".") != 1:
            _refuse(404, "Not Found", f"{name} is not registered")
        malicious = self.world.domains[name.lower()].malicious > 0
        return _json(200, _domain(name.lower(), malicious, request.base_url))

    def autnum(self, request: Request, number: int) -> Response:
        """Answer ``/autnum/{number}`` with who runs it."""
        self._open()
        for found in self.world.addresses.values():
            if found.asn == number:
                return _json(200, _autnum(found, request.base_url))
        return _refuse(404, "Not Found", f"AS{number} is not registered")

    def _open(self) -> None:
        if self.busy_for:
            wait = {"Retry-After": str(self.busy_for)}
            _refuse(429, "Too Many Requests", "slow down", headers=wait)


def build(world: World) -> Simulator:
    """Make the registry of a world."""
    return Rdap(world=world)


def _network(name: str, found: Address, url: str) -> dict[str, Any]:
    network = ipaddress.ip_network(f"{name}/24", strict=False)
    return _common("ip network", f"NET-{found.asn}-1", found.country, url) | {
        "startAddress": str(network[0]),
        "endAddress": str(network[-1]),
        "ipVersion": f"v{network.version}",
        "name": found.organisation.upper().replace(" ", "-"),
        "type": "DIRECT ALLOCATION",
        "country": found.country,
        "cidr0_cidrs": [{"v4prefix": str(network[0]), "length": network.prefixlen}],
        "arin_originas0_originautnums": [found.asn],
        "entities": _holder(found),
    }


def _autnum(found: Address, url: str) -> dict[str, Any]:
    return _common("autnum", f"AS{found.asn}", found.country, url) | {
        "startAutnum": found.asn,
        "endAutnum": found.asn,
        "name": found.organisation.upper().replace(" ", "-"),
        "country": found.country,
        "entities": _holder(found),
    }


def _domain(name: str, malicious: bool, url: str) -> dict[str, Any]:
    registered = "2025-12-20T00:00:00Z" if malicious else "1995-08-14T04:00:00Z"
    registrar = _entity("REG-1", ["registrar"], "Example Registrar", country="US")
    registrar["entities"] = [_entity("REG-1-A", ["abuse"], "Abuse Desk", mail="abuse@example.net")]
    holder = _entity("HOLDER-1", ["registrant"], "Example Holder", country="NL")
    return _common("domain", f"{name.upper()}-LAB", "US", url) | {
        "ldhName": name,
        "events": [
            {"eventAction": "registration", "eventDate": registered},
            {"eventAction": "expiration", "eventDate": "2030-08-13T04:00:00Z"},
            {"eventAction": "last changed", "eventDate": "2026-01-01T00:00:00Z"},
        ],
        "nameservers": [
            {"objectClassName": "nameserver", "ldhName": f"ns{number}.{name}"} for number in (1, 2)
        ],
        "secureDNS": {"delegationSigned": not malicious},
        "entities": [registrar, holder],
    }


def _common(kind: str, handle: str, country: str, url: str) -> dict[str, Any]:
    return {
        "rdapConformance": CONFORMANCE,
        "objectClassName": kind,
        "handle": handle,
        "port43": REGISTRIES.get(country, "whois.arin.net"),
        "status": ["active"],
        "links": [{"rel": "self", "href": url, "value": url, "type": "application/rdap+json"}],
        "events": [{"eventAction": "registration", "eventDate": "2015-03-01T00:00:00Z"}],
    }


def _holder(found: Address) -> list[dict[str, Any]]:
    holder = _entity(f"ORG-{found.asn}", ["registrant"], found.organisation, country=found.country)
    desk = _entity(f"ABUSE-{found.asn}", ["abuse"], "Abuse Desk", mail="abuse@example.net")
    holder["entities"] = [desk]
    return [holder]


def _entity(
    handle: str, roles: list[str], name: str, *, country: str = "", mail: str = ""
) -> dict[str, Any]:
    card: list[Any] = [
        ["version", {}, "text", "4.0"],
        ["fn", {}, "text", name],
        ["kind", {}, "text", "group" if mail else "org"],
    ]
    if country:
        street = ["", "", "1 Example Street", "Example City", "", "10000", country]
        card.append(["adr", {}, "text", street])
    if mail:
        card.append(["email", {"type": "work"}, "text", mail])
        card.append(["tel", {"type": ["work", "voice"]}, "uri", "tel:+1-555-0100"])
    return {
        "objectClassName": "entity",
        "handle": handle,
        "roles": roles,
        "vcardArray": ["vcard", card],
    }


def _refuse(
    status: int, title: str, description: str, *, headers: Mapping[str, str] | None = None
) -> NoReturn:
    body = {"errorCode": status, "title": title, "description": [description]}
    answer = _json(status, {"rdapConformance": CONFORMANCE} | body)
    answer.headers.update(headers or {})
    abort(answer)


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/rdap+json")
