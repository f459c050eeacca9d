"""
RDAP's objects in the shapes that playbooks know from ipwhois and Splunk's whois connector.

In: an RDAP object (RFC 9083) with jCards (RFC 7095). Out: plain rows.
Never: a failure for a field that a registry leaves out; it is empty.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

REGISTRIES = {
    "arin": "arin",
    "ripe": "ripencc",
    "apnic": "apnic",
    "afrinic": "afrinic",
    "lacnic": "lacnic",
    "registro.br": "lacnic",
}
"""What the registry's host name contains, and what ipwhois calls the registry."""

CONTACT_ROLES = {
    "registrant": "registrant",
    "administrative": "admin",
    "technical": "tech",
    "billing": "billing",
    "abuse": "abuse",
}
ADDRESS_PARTS = ("box", "extra", "street", "city", "state", "postalcode", "country")
EVENTS = {
    "registration": "creation_date",
    "expiration": "expiration_date",
    "last changed": "updated_date",
}


def of_address(found: Json, *, query: str) -> dict[str, Any]:
    """Return an IP network as ipwhois' ``lookup_rdap`` returns it."""
    objects = [_object(entity) for entity in _entities(found)]
    autnums = found.get("arin_originas0_originautnums") or []
    network = _network(found)
    return {
        "query": query,
        "asn": str(autnums[0]) if autnums else "",
        "asn_registry": _registry(found),
        "asn_country_code": network["country"],
        "asn_description": holder(objects) or network["name"],
        "network": network,
        "entities": [entity["handle"] for entity in objects],
        "objects": objects,
    }


def of_domain(found: Json, *, query: str) -> dict[str, Any]:
    """Return a domain in the fields of Splunk's ``whois domain``."""
    objects = [_object(entity) for entity in _entities(found)]
    emails = {mail["value"] for entity in objects for mail in entity["contact"]["email"]}
    servers = [_text(server, "ldhName") for server in _rows(found.get("nameservers"))]
    return {
        "query": query,
        "domain": _text(found, "ldhName").lower() or query,
        "id": _text(found, "handle"),
        "registrar": _first(objects, "registrar"),
        "whois_server": _text(found, "port43"),
        "status": [str(word) for word in found.get("status") or []],
        "nameservers": servers,
        "emails": sorted(emails),
        "contacts": {role: _contact(objects, name) for name, role in CONTACT_ROLES.items()},
        "objects": objects,
    } | _dates(found)


def holder(objects: list[dict[str, Any]]) -> str:
    """Return the name of whoever the registration belongs to."""
    return _first(objects, "registrant") or _first(objects, "administrative")


def _network(found: Json) -> dict[str, Any]:
    return {
        "handle": _text(found, "handle"),
        "parent_handle": _text(found, "parentHandle"),
        "name": _text(found, "name"),
        "type": _text(found, "type"),
        "cidr": ", ".join(_cidrs(found)),
        "start_address": _text(found, "startAddress"),
        "end_address": _text(found, "endAddress"),
        "ip_version": _text(found, "ipVersion"),
        "country": _text(found, "country").upper(),
        "status": [str(word) for word in found.get("status") or []],
    }


def _cidrs(found: Json) -> list[str]:
    named = [
        f"{part.get('v4prefix') or part.get('v6prefix')}/{part.get('length')}"
        for part in _rows(found.get("cidr0_cidrs"))
    ]
    if named:
        return named
    try:
        first = ipaddress.ip_address(_text(found, "startAddress"))
        last = ipaddress.ip_address(_text(found, "endAddress"))
        return [str(net) for net in ipaddress.summarize_address_range(first, last)]
    except (TypeError, ValueError):
        return []


def _registry(found: Json) -> str:
    links = " ".join(_text(link, "href") for link in _rows(found.get("links")))
    source = f"{_text(found, 'port43')} {links}".lower()
    return next((name for part, name in REGISTRIES.items() if part in source), "")


def _dates(found: Json) -> dict[str, str]:
    dates = dict.fromkeys(EVENTS.values(), "")
    for event in _rows(found.get("events")):
        if field := EVENTS.get(_text(event, "eventAction").lower()):
            dates[field] = _text(event, "eventDate")
    return dates


def _entities(found: Json) -> Iterator[Json]:
    """Yield an object's entities, each followed by its own entities."""
    for entity in _rows(found.get("entities")):
        yield entity
        yield from _entities(entity)


def _object(entity: Json) -> dict[str, Any]:
    roles = [str(role).lower() for role in entity.get("roles") or []]
    return {"handle": _text(entity, "handle"), "roles": roles, "contact": _card(entity)}


def _card(entity: Json) -> dict[str, Any]:
    """Read a jCard: ``["vcard", [[name, parameters, type, value], …]]``."""
    card: dict[str, Any] = {"name": "", "kind": "", "organization": "", "title": "", "role": ""}
    card |= {"email": [], "phone": [], "address": []}
    array = entity.get("vcardArray")
    lines = array[1] if isinstance(array, list) and len(array) == 2 else []
    for line in lines if isinstance(lines, list) else []:
        if isinstance(line, list) and len(line) >= 4:
            _read(card, str(line[0]).lower(), line[1], line[3])
    return card


def _read(card: dict[str, Any], name: str, parameters: Any, value: Any) -> None:
    kind = parameters.get("type") if isinstance(parameters, Mapping) else None
    match name:
        case "fn":
            card["name"] = str(value)
        case "org":
            card["organization"] = " ".join(value) if isinstance(value, list) else str(value)
        case "kind" | "title" | "role":
            card[name] = str(value)
        case "email":
            card["email"].append({"type": kind, "value": str(value).removeprefix("mailto:")})
        case "tel":
            card["phone"].append({"type": kind, "value": str(value).removeprefix("tel:")})
        case "adr":
            card["address"].append(_address(kind, parameters, value))


def _address(kind: Any, parameters: Any, value: Any) -> dict[str, Any]:
    parts = value if isinstance(value, list) else []
    words = [" ".join(part) if isinstance(part, list) else str(part) for part in parts]
    named = dict(zip(ADDRESS_PARTS, words, strict=False))
    label = parameters.get("label") if isinstance(parameters, Mapping) else None
    written = str(label) if label else ", ".join(filter(None, words))
    return {"type": kind, "value": written} | named


def _contact(objects: list[dict[str, Any]], role: str) -> dict[str, str]:
    card = next((entry["contact"] for entry in objects if role in entry["roles"]), None)
    if card is None:
        return {}
    place = card["address"][0] if card["address"] else {}
    return {
        "name": card["name"],
        "organization": card["organization"],
        "email": card["email"][0]["value"] if card["email"] else "",
        "phone": card["phone"][0]["value"] if card["phone"] else "",
    } | {part: place.get(part, "") for part in ("street", "city", "state", "postalcode", "country")}


def _first(objects: list[dict[str, Any]], role: str) -> str:
    cards = (entry["contact"] for entry in objects if role in entry["roles"])
    return next((card["organization"] or card["name"] for card in cards), "")


def _rows(value: Any) -> list[Json]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _text(found: Json, name: str) -> str:
    value = found.get(name)
    return value.strip() if isinstance(value, str) else ""
