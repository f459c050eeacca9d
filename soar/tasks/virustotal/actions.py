"""
VirusTotal's actions: four lookups, and a test of the connection.

In: an indicator, checked before it leaves. Out: the engines' count and VirusTotal's own object.
Never: "clean" for what no engine has looked at; that is unknown.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from soar.connector import ActionContext, ActionFailed, Output, Params, action
from soar.tasks.virustotal.client import VirusTotal

HASH = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
OPINIONS = ("malicious", "suspicious", "harmless", "undetected")
"""The engines that said something; those that timed out or cannot judge are not counted."""


@action()
def test_connectivity(ctx: ActionContext, params: Params) -> Output:  # noqa: ARG001
    """Look up a reserved domain: any answer but a refusal proves the key."""
    VirusTotal.of(ctx).find("domains", "example.com")
    return Output(message="VirusTotal accepts the asset's key")


@action()
def url_reputation(ctx: ActionContext, params: Params) -> Output:
    """Say how many engines call a URL malicious."""
    return _report(VirusTotal.of(ctx).find("urls", url_id(_url(params))))


@action()
def file_reputation(ctx: ActionContext, params: Params) -> Output:
    """Say how many engines call a file malicious."""
    return _report(VirusTotal.of(ctx).find("files", _hash(params)))


@action()
def ip_reputation(ctx: ActionContext, params: Params) -> Output:
    """Say how many engines call an address malicious."""
    return _report(VirusTotal.of(ctx).find("ip_addresses", _address(params)))


@action()
def domain_reputation(ctx: ActionContext, params: Params) -> Output:
    """Say how many engines call a domain malicious."""
    return _report(VirusTotal.of(ctx).find("domains", _domain(params)))


def url_id(url: str) -> str:
    """Return VirusTotal's name for a URL: its base64url without padding."""
    return base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def _report(found: Mapping[str, Any] | None) -> Output:
    attributes = _mapping(found, "attributes")
    counts = _counts(_mapping(attributes, "last_analysis_stats"))
    total = sum(counts.values())
    summary = counts | {
        "total_engines": total,
        "positives": counts["malicious"],
        "known": total > 0,
        "threat_name": _threat_name(attributes),
    }
    data = () if found is None else (dict(found),)
    return Output(message=_line(found, counts["malicious"], total), summary=summary, data=data)


def _line(found: Mapping[str, Any] | None, malicious: int, total: int) -> str:
    if found is None:
        return "unknown to VirusTotal"
    if not total:
        return "no engine of VirusTotal has looked at it yet"
    return f"{malicious}/{total} engines malicious"


def _mapping(value: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    inner = (value or {}).get(name)
    return inner if isinstance(inner, Mapping) else {}


def _counts(stats: Mapping[str, Any]) -> dict[str, Any]:
    return {opinion: int(stats.get(opinion) or 0) for opinion in OPINIONS}


def _threat_name(attributes: Mapping[str, Any]) -> str:
    suggested = _mapping(attributes, "popular_threat_classification").get("suggested_threat_label")
    names = attributes.get("threat_names")
    first = names[0] if isinstance(names, list) and names else ""
    return str(suggested or first or "")


def _url(params: Params) -> str:
    value = params.text("url")
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https", "ftp"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or any(c.isspace() or not c.isprintable() for c in value):
        raise _unusable("url", value, "a URL with scheme and host, such as http://example.com/a")
    return value


def _hash(params: Params) -> str:
    value = params.text("hash")
    if not HASH.fullmatch(value.lower()):
        raise _unusable("hash", value, "an MD5, SHA-1 or SHA-256 in hexadecimal")
    return value.lower()


def _address(params: Params) -> str:
    value = params.text("ip")
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise _unusable("ip", value, "an IPv4 or IPv6 address") from None
    if "%" in value:
        raise _unusable("ip", value, "an address without a zone")
    return str(address)


def _domain(params: Params) -> str:
    value = params.text("domain")
    try:
        name = value.rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or not all(map(LABEL.fullmatch, labels)):
        raise _unusable("domain", value, "a domain such as example.com, without scheme or path")
    return name


def _unusable(parameter: str, value: str, wanted: str) -> ActionFailed:
    return ActionFailed(
        f"parameter {parameter!r} must be {wanted}, not {value[:200]!r}: "
        "correct the artifact or the playbook"
    )
