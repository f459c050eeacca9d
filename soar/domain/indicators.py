"""
What in a container's artifacts can be looked up or contained.

In: artifacts in Splunk's shape. Out: distinct values per kind, in the order they came.
Never: an internal address offered to an outside service, or what enrichment itself has added.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from soar.domain.cef import FIELDS, VALUE_FIELDS, kind_of

KINDS = ("url", "hash", "ip", "domain")
OWN_LABEL = "enrichment"
"""The label of artifacts that say what was found out, not what the alert brought."""

INTERNAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "0.0.0.0/8",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Networks that are somebody's own; nobody outside can have an opinion of them."""


def of(artifacts: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the distinct URLs, hashes, public addresses and domains of all artifacts."""
    found: dict[str, dict[str, None]] = {kind: {} for kind in KINDS}
    for artifact in artifacts:
        if artifact.get("label") == OWN_LABEL:
            continue
        for kind in KINDS:
            found[kind].update(dict.fromkeys(_of_kind(artifact.get("cef") or {}, kind)))
    return {kind: list(values) for kind, values in found.items()}


def named(artifacts: Iterable[Mapping[str, Any]], *fields: str) -> list[str]:
    """Return the distinct values of the first of these CEF fields that any artifact has."""
    mappings = [a.get("cef") or {} for a in artifacts if a.get("label") != OWN_LABEL]
    for field in fields:
        values = [text for cef in mappings for text in _texts(cef.get(field))]
        if values:
            return list(dict.fromkeys(values))
    return []


def is_internal(address: str) -> bool:
    """Tell whether an address belongs to a private, local or link-local network."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(parsed.version == n.version and parsed in n for n in INTERNAL)


def _of_kind(cef: Mapping[str, Any], kind: str) -> Iterator[str]:
    values = [text for field in _fields(cef, kind) for text in _texts(cef.get(field))]
    # Several hashes of one artifact are one file: the best one is enough.
    for value in values[:1] if kind == "hash" else values:
        text = value if kind == "url" else value.lower()
        if kind != "ip" or not is_internal(text):
            yield text.rstrip(".") if kind == "domain" else text


def _fields(cef: Mapping[str, Any], kind: str) -> Iterator[str]:
    yield from FIELDS[kind]
    if kind_of(str(cef.get("type", ""))) == kind:
        yield from VALUE_FIELDS


def _texts(value: Any) -> list[str]:
    given = value if isinstance(value, list | tuple) else [value]
    return [text.strip() for text in given if isinstance(text, str) and text.strip()]
