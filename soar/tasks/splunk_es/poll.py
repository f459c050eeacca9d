"""
Turns a notable event into an alert of this product.

In: one notable, as Splunk's search or alert action gives it. Out: a container with artifacts.
Never: I/O, or a value that the notable does not hold.

Sources: Splunk ES "Notable event fields"; names of the Common Event Format (ArcSight CEF).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from soar.connector import ActionFailed

SEVERITIES = {
    "informational": "low",
    "info": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "critical": "critical",
}
ADDRESSES = {
    "src": "sourceAddress",
    "src_ip": "sourceAddress",
    "dest": "destinationAddress",
    "dest_ip": "destinationAddress",
}
"""Fields that hold an address or, where the log had none, a host name."""
HOST_INSTEAD = {"sourceAddress": "sourceHostName", "destinationAddress": "destinationHostName"}
PLAIN = {
    "src_host": "sourceHostName",
    "src_nt_host": "sourceHostName",
    "src_dns": "sourceDnsDomain",
    "src_port": "sourcePort",
    "src_user": "sourceUserName",
    "dest_host": "destinationHostName",
    "dest_nt_host": "destinationHostName",
    "dest_domain": "destinationDnsDomain",
    "dest_dns": "destinationDnsDomain",
    "destinationDnsDomain": "destinationDnsDomain",
    "domain": "destinationDnsDomain",
    "query": "destinationDnsDomain",
    "dest_port": "destinationPort",
    "url": "requestURL",
    "file_hash": "fileHash",
    "file_name": "fileName",
    "security_domain": "deviceEventCategory",
}
NOTHING = frozenset({"", "unknown", "n/a", "null", "-"})
"""What Splunk's normalisation writes where a log said nothing."""


def container_from_notable(notable: Mapping[str, Any]) -> dict[str, Any]:
    """Return the alert that a notable stands for; a notable without an event_id fails."""
    event_id = _first(notable, "event_id")
    if not event_id:
        raise ActionFailed("the notable has no event_id, so a repeat could not be recognised")
    severity = _severity(notable)
    return {
        "source_data_identifier": event_id,
        "name": _first(notable, "rule_title", "rule_name", "search_name") or "Splunk notable",
        "label": "notable",
        "severity": severity,
        "description": _first(
            notable, "rule_description", "description", "savedsearch_description"
        ),
        "data": dict(notable),
        "artifacts": _artifacts(notable, event_id, severity),
    }


def _artifacts(notable: Mapping[str, Any], event_id: str, severity: str) -> list[dict[str, Any]]:
    """Return one artifact, and a further one for each further value of a field with several."""
    fields = _fields(notable)
    count = max((len(values) for values in fields.values()), default=0)
    found: list[dict[str, Any]] = []
    for place in range(max(count, 1)):
        cef = {name: values[place] for name, values in fields.items() if place < len(values)}
        found.append(
            {
                "name": "Notable event" if place == 0 else f"Notable event, value {place + 1}",
                "label": "notable",
                "severity": severity,
                "cef": cef,
                "source_data_identifier": f"{event_id}:{place}",
            }
        )
    return found


def _fields(notable: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the CEF fields of a notable, each with its distinct values in order."""
    fields: dict[str, list[str]] = {}
    for name, value in _named(notable):
        values = fields.setdefault(name, [])
        if value not in values:
            values.append(value)
    when = _first(notable, "time", "_time")
    if when:
        fields["startTime"] = [when]
    return fields


def _named(notable: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field, name in ADDRESSES.items():
        for value in _values(notable.get(field)):
            yield (name if _is_address(value) else HOST_INSTEAD[name]), value
    for field, name in PLAIN.items():
        for value in _values(notable.get(field)):
            yield name, value
    # In ES `user` is who acts, unless the notable also names a src_user: then it is the target.
    acting = "destinationUserName" if _values(notable.get("src_user")) else "sourceUserName"
    for value in _values(notable.get("user")):
        yield acting, value


def _values(raw: Any) -> list[str]:
    """Return a field's values: Splunk gives one as text and several as a list."""
    given = raw if isinstance(raw, (list, tuple)) else [raw]
    texts = [str(value).strip() for value in given if value is not None]
    return [text for text in texts if text.lower() not in NOTHING]


def _first(notable: Mapping[str, Any], *names: str) -> str:
    return next((value for name in names for value in _values(notable.get(name))), "")


def _severity(notable: Mapping[str, Any]) -> str:
    given = [v.lower() for v in (_first(notable, "urgency"), _first(notable, "severity"))]
    return next((SEVERITIES[word] for word in given if word in SEVERITIES), "medium")


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
