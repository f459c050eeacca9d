"""
MaxMind's actions: where an address is, and a test that the database can be read.

In: an address. Out: its place, in the fields that Splunk's connector uses.
Never: a guess; an address that the database does not hold is "not found".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from soar.connector import ActionContext, ActionFailed, Output, Params, action
from soar.tasks.maxmind.client import Address, Database


@action()
def test_connectivity(ctx: ActionContext, params: Params) -> Output:  # noqa: ARG001
    """Open the database and say what it is."""
    return Output(message=f"{Database.of(ctx).kind} can be read")


@action()
def geolocate_ip(ctx: ActionContext, params: Params) -> Output:
    """Say where an address is."""
    record = Database.of(ctx).find(_address(params))
    if record is None:
        return Output(message="not in the MaxMind database", summary={"found": False})
    place = _place(record)
    summary = {
        "found": True,
        "city": place["city_name"],
        "state": place["state_iso_code"],
        "country": place["country_name"],
        "country_iso_code": place["country_iso_code"],
        "as_org": place["as_org"],
    }
    return Output(message=_line(place), summary=summary, data=(place,))


def _place(record: Mapping[str, Any]) -> dict[str, Any]:
    state = (record.get("subdivisions") or [{}])[0]
    traits = {**record, **_part(record, "traits")}
    location = _part(record, "location")
    return {
        "city_name": _name(_part(record, "city")),
        "state_name": _name(state),
        "state_iso_code": state.get("iso_code", ""),
        "country_name": _name(_part(record, "country")),
        "country_iso_code": _part(record, "country").get("iso_code", ""),
        "continent_name": _name(_part(record, "continent")),
        "postal_code": _part(record, "postal").get("code", ""),
        "latitude": location.get("latitude"),
        "longitude": location.get("longitude"),
        "time_zone": location.get("time_zone", ""),
        # An ASN database has these two at the top, a City database of GeoIP2 under "traits".
        "asn": traits.get("autonomous_system_number"),
        "as_org": traits.get("autonomous_system_organization", ""),
    }


def _line(place: Mapping[str, Any]) -> str:
    where = [place["city_name"], place["country_iso_code"]]
    return ", ".join(filter(None, where)) or place["as_org"] or "in the database, without a place"


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = record.get(name)
    return part if isinstance(part, Mapping) else {}


def _name(part: Mapping[str, Any]) -> str:
    return str(_part(part, "names").get("en", ""))


def _address(params: Params) -> Address:
    value = params.text("ip")
    try:
        return ipaddress.ip_address(value.partition("%")[0])
    except ValueError:
        raise ActionFailed(
            f"parameter 'ip' must be an IPv4 or IPv6 address, not {value[:200]!r}: "
            "correct the artifact or the playbook"
        ) from None
