"""
The small world that all simulators agree on: who is malicious, which hosts and users exist.

Addresses are of the documentation ranges (RFC 5737, RFC 3849) and names of reserved
domains (RFC 2606), so nothing here can ever be a real target.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What the engines of VirusTotal say about one indicator (numbers of engines)."""

    malicious: int = 0
    suspicious: int = 0
    harmless: int = 0
    undetected: int = 0
    label: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """An IP address: VirusTotal's opinion, AbuseIPDB's score, place and network."""

    opinion: Opinion
    abuse_score: int
    reports: int
    country: str
    city: str
    latitude: float
    longitude: float
    asn: int
    organisation: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """An endpoint that CrowdStrike manages."""

    device_id: str
    hostname: str
    local_ip: str
    platform: str = "Windows"
    os_version: str = "Windows 11"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A user of the directory."""

    username: str
    name: str
    mail: str
    title: str = ""


_CLEAN = Opinion(harmless=68, undetected=22)
_TOTAL = 90


def _bad(count: int, label: str, suspicious: int = 2) -> Opinion:
    return Opinion(
        malicious=count,
        suspicious=suspicious,
        harmless=_TOTAL - count - suspicious - 20,
        undetected=20,
        label=label,
    )


BAD_HASH = "44d88612fea8a8f36de82e1278abb02f0123456789abcdef0123456789abcdef"
CLEAN_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Everything the simulators know; indicators not listed are unknown to the vendors."""

    urls: dict[str, Opinion] = field(
        default_factory=lambda: {
            "http://login-portal.evil.example/verify": _bad(14, "phishing"),
            "https://intranet.example.org/handbook": _CLEAN,
            "https://www.example.com/": _CLEAN,
            "https://tracker.dubious.example/click": _bad(2, "suspicious"),
        }
    )
    files: dict[str, Opinion] = field(
        default_factory=lambda: {
            BAD_HASH: _bad(52, "trojan.emotet"),
            CLEAN_HASH: _CLEAN,
        }
    )
    domains: dict[str, Opinion] = field(
        default_factory=lambda: {
            "evil.example": _bad(16, "malware"),
            "c2.evil.example": _bad(18, "command and control"),
            "example.com": _CLEAN,
            "example.org": _CLEAN,
        }
    )
    addresses: dict[str, Address] = field(
        default_factory=lambda: {
            "203.0.113.66": Address(
                opinion=_bad(9, "scanner"),
                abuse_score=85,
                reports=312,
                country="NL",
                city="Amsterdam",
                latitude=52.37,
                longitude=4.89,
                asn=64500,
                organisation="Example Bulletproof Hosting",
            ),
            "198.51.100.23": Address(
                opinion=_CLEAN,
                abuse_score=0,
                reports=0,
                country="US",
                city="Chicago",
                latitude=41.88,
                longitude=-87.63,
                asn=64501,
                organisation="Example Mail Services",
            ),
            "192.0.2.45": Address(
                opinion=_bad(7, "botnet"),
                abuse_score=92,
                reports=87,
                country="BR",
                city="São Paulo",
                latitude=-23.55,
                longitude=-46.63,
                asn=64502,
                organisation="Example Telecom",
            ),
        }
    )
    hosts: tuple[Host, ...] = (
        Host(
            device_id="a1b2c3d4e5f60718293a4b5c6d7e8f90",
            hostname="WORKSTATION-042",
            local_ip="10.20.30.42",
        ),
        Host(
            device_id="0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            hostname="WORKSTATION-077",
            local_ip="10.20.30.77",
        ),
        Host(
            device_id="11112222333344445555666677778888",
            hostname="SRV-FILE-01",
            local_ip="10.20.40.10",
            platform="Windows",
            os_version="Windows Server 2022",
        ),
    )
    people: tuple[Person, ...] = (
        Person(username="jdoe", name="Jane Doe", mail="jdoe@example.org", title="Accountant"),
        Person(username="rroe", name="Richard Roe", mail="rroe@example.org", title="Engineer"),
    )
    firewall: str = "PA-5260"
    unavailable: frozenset[str] = frozenset({"https://slow.example.net/report"})
    """Indicators for which VirusTotal answers 503 every time."""

    keys: dict[str, str] = field(
        default_factory=lambda: {
            "virustotal": "lab-virustotal-key",
            "abuseipdb": "lab-abuseipdb-key",
            "palo_alto": "lab-palo-alto-key",
            "crowdstrike_id": "lab-crowdstrike-client",
            "crowdstrike_secret": "lab-crowdstrike-secret",
            "servicenow_user": "soar",
            "servicenow_password": "lab-servicenow-password",
            "splunk_token": "lab-splunk-token",
            "directory_user": "soar_svc@example.org",
            "directory_password": "lab-directory-password",
        }
    )
