"""
AbuseIPDB's actions: one lookup, and a test of the connection.

In: an address, checked before it leaves. Out: the confidence, and AbuseIPDB's own report.
Never: a verdict; from which confidence on an address is malicious is the playbook's to say.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from soar.connector import ActionContext, ActionFailed, Output, Params, action
from soar.tasks.abuseipdb.client import AbuseIPDB

DEFAULT_DAYS = 30
MOST_DAYS = 365


@action()
def test_connectivity(ctx: ActionContext, params: Params) -> Output:  # noqa: ARG001
    """Check the loopback address: any report proves the key."""
    AbuseIPDB.of(ctx).check("127.0.0.1", days=DEFAULT_DAYS)
    return Output(message="AbuseIPDB accepts the asset's key")


@action()
def ip_reputation(ctx: ActionContext, params: Params) -> Output:
    """Say how sure AbuseIPDB is that an address is abusive."""
    report = AbuseIPDB.of(ctx).check(_address(params), days=_days(params))
    summary = _summary(report)
    line = f"Confidence: {summary['abuse_confidence_score']}%"
    return Output(message=line, summary=summary, data=(report,))


def _summary(report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "abuse_confidence_score": int(report.get("abuseConfidenceScore") or 0),
        "total_reports": int(report.get("totalReports") or 0),
        "country_code": report.get("countryCode") or "",
        "isp": report.get("isp") or "",
        "is_public": bool(report.get("isPublic")),
        "is_whitelisted": bool(report.get("isWhitelisted")),
    }


def _address(params: Params) -> str:
    value = params.text("ip")
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise _unusable("ip", value, "an IPv4 or IPv6 address") from None
    if "%" in value:
        raise _unusable("ip", value, "an address without a zone")
    return str(address)


def _days(params: Params) -> int:
    days = params.number("days", DEFAULT_DAYS)
    if not 1 <= days <= MOST_DAYS:
        raise _unusable("days", str(days), f"a whole number from 1 to {MOST_DAYS}")
    return days


def _unusable(parameter: str, value: str, wanted: str) -> ActionFailed:
    return ActionFailed(
        f"parameter {parameter!r} must be {wanted}, not {value[:200]!r}: "
        "correct the artifact or the playbook"
    )
