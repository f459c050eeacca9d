"""
Universal Alert Enrichment

In: any new alert. Out: one artifact for each address and domain, with what is known of it.
Never: a decision: it changes no status and no severity.
"""

import phantom.rules as phantom

from soar.domain import indicators

# kind of indicator, action, parameter of the action, asset
LOOKUPS = (
    ("ip", "ip reputation", "ip", "virustotal_prod"),
    ("ip", "geolocate ip", "ip", "maxmind_prod"),
    ("ip", "whois ip", "ip", "whois_prod"),
    ("domain", "domain reputation", "domain", "virustotal_prod"),
)

# action, what its summary calls it, what the artifact calls it
FINDINGS = (
    ("ip reputation", "malicious", "vt_malicious"),
    ("ip reputation", "suspicious", "vt_suspicious"),
    ("domain reputation", "malicious", "vt_malicious"),
    ("domain reputation", "suspicious", "vt_suspicious"),
    ("geolocate ip", "country", "country"),
    ("geolocate ip", "city", "city"),
    ("whois ip", "organization", "network_owner"),
    ("whois ip", "network", "network"),
)


def on_start(container):
    """Ask all sources about all addresses and domains at once."""
    found = indicators.of(phantom.get_artifacts(container_id=container["id"]))
    lookups = [
        {
            "action": action,
            "parameters": [{parameter: value} for value in found[kind]],
            "assets": [asset],
            "name": f"{action} {asset}",
        }
        for kind, action, parameter, asset in LOOKUPS
        if found[kind]
    ]
    if lookups:
        phantom.act_together(lookups, callback=enriched, name="enrichment")
    else:
        phantom.debug("No public address or domain: nothing to enrich.")


def enriched(action, success, container, results, handle):
    """Add one artifact for each indicator that any source knew something of."""
    for kind in ("ip", "domain"):
        for value in dict.fromkeys(r["parameter"][kind] for r in results if kind in r["parameter"]):
            about = [r for r in results if r["parameter"].get(kind) == value]
            add(container, kind, value, about)


def add(container, kind, value, results):
    """Add what the sources said of one indicator."""
    answered = [r for r in results if r["status"] == "success"]
    if not answered:
        phantom.comment(container, f"No source answered about {value}.")
        return
    facts = {
        name: result["summary"][field]
        for result in answered
        for action, field, name in FINDINGS
        if result["action"] == action and result["summary"].get(field) not in (None, "")
    }
    silent = [r["app"] for r in results if r["status"] != "success"]
    phantom.add_artifact(
        container,
        {
            "name": f"Enrichment of {value}",
            "label": indicators.OWN_LABEL,
            "severity": "low",
            "cef": {
                "enriched": value,
                **facts,
                "enrichment_source": ", ".join(dict.fromkeys(r["app"] for r in answered)),
                **({"enrichment_failed": ", ".join(silent)} if silent else {}),
            },
            "source_data_identifier": f"enrichment:{kind}:{value}",
        },
    )
