"""
An independent RDAP library accepts the lab's registry.

In: the running lab and ``whoisit`` with a bootstrap that names the lab. Out: nothing.
Never: a download of IANA's bootstrap, or a real registry.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
import whoisit  # type: ignore[import-untyped]
from whoisit.bootstrap import BaseBootstrap  # type: ignore[import-untyped]
from whoisit.errors import (  # type: ignore[import-untyped]
    RateLimitedError,
    ResourceDoesNotExist,
)

from soar.lab.server import LabServer, build
from soar.lab.vendors.rdap import Rdap


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """
    The lab, serving while the tests of this file run.
    """
    server = build(tmp_path_factory.mktemp("lab")).start()
    yield server
    server.stop()


@pytest.fixture
def session(lab: LabServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[requests.Session]:
    """
    A session that trusts the lab, for a whoisit whose bootstrap names only the lab.
    """
    registry = f"{lab.tls_url}/rdap/"
    # whoisit refuses documentation addresses in its bootstrap, but asks a registry by name.
    monkeypatch.setitem(BaseBootstrap.RIR_RDAP_ENDPOINTS, "arin", registry)
    whoisit.clear_bootstrapping()
    whoisit.load_bootstrap_data(
        {
            "timestamp": 0,
            "asn": {"services": [[["64496-64511"], [registry]]]},
            "dns": {"services": [[["example", "com"], [registry]]]},
            "ipv4": {"services": [[["192.0.2.0/24"], [registry]]]},
            "ipv6": {"services": [[["2001:db8::/32"], [registry]]]},
            "object": {"services": [[["LAB"], [registry]]]},
        },
        from_json=False,
    )
    with requests.Session() as opened:
        # A machine's own REQUESTS_CA_BUNDLE would otherwise replace the lab's certificate.
        opened.trust_env = False
        opened.verify = str(lab.certificate)
        yield opened
    whoisit.clear_bootstrapping()


def test_whoisit_reads_a_network(session: requests.Session) -> None:
    """
    Holder, network, country and abuse contact of an address are where whoisit looks for them.
    """
    found = whoisit.ip("192.0.2.45", rir="arin", session=session)

    assert found["network"] == ipaddress.ip_network("192.0.2.0/24")
    assert found["country"] == "BR"
    assert found["entities"]["registrant"][0]["name"] == "Example Telecom"
    assert found["entities"]["abuse"][0]["email"] == "abuse@example.net"


def test_whoisit_reads_a_domain(session: requests.Session) -> None:
    """
    Registrar, dates and name servers of a domain are where whoisit looks for them.
    """
    found = whoisit.domain("evil.example", session=session)

    assert found["name"] == "evil.example"
    assert found["registration_date"] == datetime(2025, 12, 20, tzinfo=UTC)
    assert found["nameservers"] == ["ns1.evil.example", "ns2.evil.example"]
    assert found["entities"]["registrar"][0]["name"] == "Example Registrar"
    assert found["dnssec"] is False


def test_whoisit_reads_an_autonomous_system(session: requests.Session) -> None:
    """
    The range and the holder of an AS number are where whoisit looks for them.
    """
    found = whoisit.asn(64500, session=session)

    assert found["asn_range"] == [64500, 64500]
    assert found["entities"]["registrant"][0]["name"] == "Example Bulletproof Hosting"


def test_whoisit_reads_what_is_not_registered(session: requests.Session) -> None:
    """
    A 404 is "does not exist" for addresses, domains and AS numbers.
    """
    with pytest.raises(ResourceDoesNotExist):
        whoisit.domain("unheard-of.example", session=session)
    with pytest.raises(ResourceDoesNotExist):
        whoisit.ip("10.0.0.1", rir="arin", session=session)
    with pytest.raises(ResourceDoesNotExist):
        whoisit.asn(64511, session=session)


def test_whoisit_reads_a_busy_registry(session: requests.Session, lab: LabServer) -> None:
    """
    429 is "rate limited" to whoisit.
    """
    simulator = next(s for s in lab.lab.simulators if isinstance(s, Rdap))
    simulator.busy_for = 90
    try:
        with pytest.raises(RateLimitedError):
            whoisit.domain("evil.example", session=session)
    finally:
        simulator.busy_for = 0


def test_what_is_no_address_is_a_bad_request(session: requests.Session, lab: LabServer) -> None:
    """
    A malformed query is 400 with RDAP's error body.
    """
    answer = session.get(f"{lab.tls_url}/rdap/ip/evil.example", timeout=5)

    assert answer.status_code == answer.json()["errorCode"] == 400
    assert answer.headers["Content-Type"] == "application/rdap+json"
