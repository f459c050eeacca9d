"""
The demo's scene: the lab's assets, the seed's trigger, and alerts of the seed's kinds.

In: the doors of a running lab. Out: assets and alerts as people would write them.
Never: a real address or name: documentation ranges and reserved domains only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soar.lab.directory import DirectoryServer
from soar.lab.geo import write_database
from soar.lab.server import LabServer
from soar.lab.vendors.splunk_es import known_notables
from soar.lab.world import BAD_HASH, CLEAN_HASH, World
from soar.tasks.splunk_es.poll import container_from_notable

PAID_BUDGET = 1000  # calls per minute of a paid VirusTotal key: lanes show but do not bore
Asset = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One alert of the script and how its case must end."""

    title: str
    alert: dict[str, Any]
    disposition: str
    """How the report's disposition begins."""
    contained: str = ""
    """The host that must be isolated when the answer says so."""
    account: str = ""
    """The account that must be disabled when the answer says so."""
    tickets: int = 0
    blocked: tuple[str, ...] = ()
    """The addresses that must be blocked, whatever the analyst answers."""


def assets(lab: LabServer, directory: DirectoryServer, folder: Path) -> list[Asset]:
    """Return the seed's assets and their companions, pointed at the lab."""
    keys = World().keys
    database = folder / "lab-city.mmdb"
    write_database(database, World())
    ca = str(lab.certificate)
    return [
        _asset(
            "VirusTotal v3",
            "virustotal_prod",
            api_key=keys["virustotal"],
            base_url=lab.url,
            rate_limit=True,
            max_requests_per_minute=PAID_BUDGET,
        ),
        _asset("AbuseIPDB", "abuseipdb_prod", api_key=keys["abuseipdb"], base_url=lab.url),
        _asset("MaxMind GeoIP2", "maxmind_prod", database=str(database)),
        _asset("Whois RDAP", "whois_prod", base_url=f"{lab.url}/rdap"),
        _asset(
            "Palo Alto Networks Firewall",
            "palo_alto_prod",
            api_key=keys["palo_alto"],
            base_url=lab.tls_url,
            ca_file=ca,
        ),
        _asset(
            "CrowdStrike Falcon",
            "crowdstrike_prod",
            client_id=keys["crowdstrike_id"],
            client_secret=keys["crowdstrike_secret"],
            base_url=lab.tls_url,
            ca_file=ca,
        ),
        _asset(
            "Active Directory",
            "ad_prod",
            server=f"{directory.host}:{directory.port}",
            username=keys["directory_user"],
            password=keys["directory_password"],
            ssl=True,
            ca_file=str(directory.certificate),
        ),
        _asset(
            "ServiceNow",
            "servicenow_prod",
            base_url=lab.tls_url,
            ca_file=ca,
            username=keys["servicenow_user"],
            password=keys["servicenow_password"],
        ),
        _asset(
            "Splunk Enterprise Security",
            "splunk_es_prod",
            base_url=lab.tls_url,
            ca_file=ca,
            token=keys["splunk_token"],
        ),
    ]


def _asset(app: str, name: str, **configuration: Any) -> Asset:
    return {"app": app, "asset_name": name, "configuration": configuration}


TRIGGER: dict[str, Any] = {
    "playbook_name": "phishing_triage_automation",
    "trigger": {
        "type": "event_created",
        "conditions": {"label": ["phishing", "notable"], "severity": ["high", "medium"]},
    },
    "active": True,
    "run_as": "automation_user",
}

ENRICHMENT_TRIGGER: dict[str, Any] = {
    "name": "enrich notables",
    "playbook_name": "alert_enrichment",
    "trigger": {"type": "event_created", "conditions": {"label": ["notable"]}},
    "active": True,
    "run_as": "automation_user",
}


def _indicator(kind: str, value: str, **more: str) -> dict[str, Any]:
    return {
        "name": f"{kind} {value[:40]}",
        "label": "indicator",
        "severity": "medium",
        "source_data_identifier": f"{kind}:{value}",
        "cef": {"type": kind, "value": value, **more},
    }


def cases(batch: str) -> list[Case]:
    """Return the demo's cases; *batch* makes their source ids new, so a demo can run again."""
    return [_phishing(batch), _notable(batch), _clean(batch), _partly_failing(batch)]


def _phishing(batch: str) -> Case:
    where = {"sourceHostName": "WORKSTATION-042", "sourceUserName": "jdoe"}
    return Case(
        title="reported phishing mail",
        disposition="True Positive",
        contained="WORKSTATION-042",
        account="jdoe",
        tickets=1,
        blocked=("203.0.113.66",),
        alert={
            "asset": "mailbox",
            "source_data_identifier": f"mail-{batch}-1",
            "label": "phishing",
            "name": "Reported phishing mail: your mailbox is full",
            "severity": "high",
            "description": "Reported by jdoe with the phishing button.",
            "artifacts": [
                _indicator("url", "http://login-portal.evil.example/verify", **where),
                _indicator("url", "https://intranet.example.org/handbook"),
                _indicator("hash", BAD_HASH, fileName="invoice.xlsm"),
                _indicator("ip", "203.0.113.66", fromEmail="it-support@evil.example"),
            ],
        },
    )


def _notable(batch: str) -> Case:
    notable = list(known_notables(World()).values())[-1]
    alert = container_from_notable(notable)
    alert["asset"] = "splunk_es_prod"
    alert["source_data_identifier"] += f"-{batch}"
    return Case(
        title="Splunk ES notable",
        disposition="True Positive",
        contained="WORKSTATION-077",
        account="rroe",
        tickets=1,
        blocked=("192.0.2.45",),
        alert=alert,
    )


def _clean(batch: str) -> Case:
    return Case(
        title="clean mail",
        disposition="False Positive",
        alert={
            "asset": "mailbox",
            "source_data_identifier": f"mail-{batch}-2",
            "label": "phishing",
            "name": "Reported phishing mail: staff newsletter",
            "severity": "medium",
            "artifacts": [
                _indicator("url", "https://www.example.com/"),
                _indicator("hash", CLEAN_HASH, fileName="newsletter.pdf"),
                _indicator("ip", "198.51.100.23"),
            ],
        },
    )


def _partly_failing(batch: str) -> Case:
    return Case(
        title="mail whose lookups partly fail",
        disposition="Undetermined",
        alert={
            "asset": "mailbox",
            "source_data_identifier": f"mail-{batch}-3",
            "label": "phishing",
            "name": "Reported phishing mail: shared document",
            "severity": "medium",
            "artifacts": [
                _indicator("url", "https://slow.example.net/report"),
                _indicator("url", "https://www.example.com/"),
            ],
        },
    )


def duplicate(batch: str) -> dict[str, Any]:
    """Return the first alert once more: it must change nothing."""
    return dict(_phishing(batch).alert)


MALFORMED = '{"asset": "mailbox", "name": "cut off in the middle'
