"""
Whois' actions: who holds an address, who registered a domain, and a test of the service.

In: an address or a domain, checked before it leaves. Out: the registration.
Never: a failure where a registry has no record; that is an answer.
"""

from __future__ import annotations

import ipaddress
import re

import tldextract

from soar.connector import ActionContext, ActionFailed, Output, Params, action
from soar.tasks.whois import records
from soar.tasks.whois.client import Rdap

LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
SUFFIXES = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
"""The public suffixes as this package carries them; nothing is fetched or written."""


@action()
def test_connectivity(ctx: ActionContext, params: Params) -> Output:  # noqa: ARG001
    """Ask for a reserved domain: an answer of RDAP, even "not found", proves the service."""
    Rdap.of(ctx).find("domain", "example.com")
    return Output(message="the RDAP service answers")


@action()
def whois_ip(ctx: ActionContext, params: Params) -> Output:
    """Say who holds the network of an address."""
    address = _address(params)
    found = Rdap.of(ctx).find("ip", address)
    if found is None:
        return _nothing(address)
    row = records.of_address(found, query=address)
    summary = {
        "found": True,
        "organization": row["asn_description"],
        "asn": row["asn"],
        "registry": row["asn_registry"],
        "country_code": row["asn_country_code"],
        "network": row["network"]["cidr"],
    }
    line = _line(row["asn_description"], row["asn_country_code"])
    return Output(message=line, summary=summary, data=(row,))


@action()
def whois_domain(ctx: ActionContext, params: Params) -> Output:
    """Say who registered a domain, with whom and when."""
    domain = _registered(_domain(params))
    found = Rdap.of(ctx).find("domain", domain)
    if found is None:
        return _nothing(domain)
    row = records.of_domain(found, query=domain)
    registrant = row["contacts"]["registrant"]
    organization = records.holder(row["objects"])
    summary = {
        "found": True,
        "domain": row["domain"],
        "organization": organization,
        "country": registrant.get("country", ""),
        "registrar": row["registrar"],
        "creation_date": row["creation_date"],
    }
    line = _line(organization or row["registrar"] or domain, registrant.get("country", ""))
    return Output(message=line, summary=summary, data=(row,))


def _nothing(name: str) -> Output:
    return Output(message=f"no registry has a record of {name}", summary={"found": False})


def _line(holder: str, country: str) -> str:
    return f"{holder or 'holder not published'} ({country})" if country else holder


def _registered(name: str) -> str:
    """Return the registered domain above a host name; registries know nothing below it."""
    known = SUFFIXES(name).top_domain_under_public_suffix
    return known or ".".join(name.split(".")[-2:])


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
