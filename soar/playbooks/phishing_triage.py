"""
Phishing Triage Automation

In: a reported mail, or a notable event of Splunk ES. Out: one verdict over all of its indicators,
and what follows from it: blocked, ticketed and brought to an analyst, or closed as clean.
Never: a case closed unless every indicator was looked up and all are clean, or a host or account
contained without an analyst's answer.
"""

import phantom.rules as phantom

from soar.domain import indicators
from soar.domain.verdict import Threshold, Verdict, fold

# above the first number malicious, above the second suspicious (numbers of engines)
THRESHOLDS = {
    "url reputation": Threshold(field="malicious", malicious=5, suspicious=0),
    "file reputation": Threshold(field="positives", malicious=10, suspicious=0),
    "ip reputation": Threshold(field="malicious", malicious=3, suspicious=0),
    "domain reputation": Threshold(field="malicious", malicious=5, suspicious=0),
}

# kind of indicator, action, parameter of the action, asset
LOOKUPS = (
    ("url", "url reputation", "url", "virustotal_prod"),
    ("hash", "file reputation", "hash", "virustotal_prod"),
    ("ip", "ip reputation", "ip", "virustotal_prod"),
    ("ip", "ip reputation", "ip", "abuseipdb_prod"),
    ("domain", "domain reputation", "domain", "virustotal_prod"),
)


def on_start(container):
    """Look all indicators up at once; one callback hears all answers."""
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
        phantom.act_together(lookups, callback=verdict, name="indicators")
    else:
        phantom.set_status(container, "open")
        phantom.comment(container, "No indicator to look up: an analyst must read this alert.")


def verdict(action, success, container, results, handle):
    """Fold all answers into one verdict, and do what follows from it."""
    folded = fold(results, THRESHOLDS)
    phantom.update(
        container,
        {
            "custom_fields": {
                "verdict": folded.verdict.value,
                "confidence": folded.confidence,
                "threat": threat(folded, results),
            }
        },
    )
    if folded.verdict is Verdict.MALICIOUS:
        malicious(container, folded)
    elif folded.verdict is Verdict.SUSPICIOUS:
        review(container, f"Suspicious: {reasons(folded.suspicious)}.", folded)
    elif folded.closes:
        clean(container, results)
    else:
        review(container, "Undetermined.", folded)


def malicious(container, folded):
    """Block, escalate, open the one ticket of this case, and offer containment."""
    blocked = block(folded.malicious)
    if container["severity"] != "critical":
        phantom.set_severity(container, "high")
    phantom.set_status(container, "open")
    phantom.act(
        "create ticket",
        assets=["servicenow_prod"],
        parameters=[
            {
                "short_description": f"Phishing - {container['name']}"[:160],
                "description": f"Malicious: {reasons(folded.malicious)}",
                "urgency": "2",
                "impact": "2",
                # The same for every run on this case, so that it gets one ticket.
                "correlation_id": f"soar-case-{container['id']}-{container['create_time']}",
            }
        ],
        name="create_incident_ticket",
    )
    comment = f"Malicious: {reasons(folded.malicious)}.{blocked} Escalated.{gaps(folded)}"
    phantom.comment(container, comment)
    tell_splunk(container, "in progress", comment)
    if can_be_contained(container) or any(o.action == "file reputation" for o in folded.malicious):
        phantom.playbook("containment", container, name="containment", callback=after_containment)


def block(opinions):
    """Have the firewall block what is malicious, each indicator once, and say what."""
    asked = []
    targets = {
        ("block ip", "ip"): [o.indicator for o in opinions if o.action == "ip reputation"],
        ("block url", "url"): [
            o.indicator for o in opinions if o.action in ("url reputation", "domain reputation")
        ],
    }
    for (action, parameter), values in targets.items():
        wanted = [v for v in dict.fromkeys(values) if not indicators.is_internal(v)]
        if wanted:
            phantom.act(
                action,
                parameters=[{parameter: value} for value in wanted],
                assets=["palo_alto_prod"],
                name=action.replace(" ", "_"),
            )
            asked += wanted
    return f" To be blocked: {', '.join(asked)}." if asked else ""


def review(container, finding, folded):
    """Make it a case that an analyst looks at."""
    comment = f"{finding} An analyst must decide.{gaps(folded)}"
    phantom.set_status(container, "open")
    phantom.promote(container, template="Phishing Investigation")
    phantom.comment(container, comment)
    tell_splunk(container, "pending", comment)


def clean(container, results):
    """Close what every source calls clean."""
    comment = f"Clean: all {len(results)} lookups answered and none found anything. Auto-closed."
    phantom.set_status(container, "closed")
    phantom.comment(container, comment)
    tell_splunk(container, "closed", comment)


def after_containment(action, success, container, results, handle):
    """Say so where the containment playbook could not do its work."""
    if not success:
        problem = results[0]["message"] or "no reason was given"
        phantom.comment(container, f"The containment playbook failed: {problem}")


def tell_splunk(container, status, comment):
    """Bring the notable event that this came from up to date."""
    event_id = container["data"].get("event_id") or container["source_data_identifier"]
    if container["label"] == "notable" and event_id:
        phantom.act(
            "update event",
            parameters=[{"event_ids": event_id, "status": status, "comment": comment}],
            assets=["splunk_es_prod"],
            name="update_notable",
        )


def can_be_contained(container):
    """Tell whether the alert names a host or an account."""
    artifacts = phantom.get_artifacts(container_id=container["id"])
    fields = ("sourceHostName", "destinationHostName", "sourceUserName", "destinationUserName")
    return bool(indicators.named(artifacts, *fields))


def threat(folded, results):
    """Return what the worst indicator is called by who knows it."""
    bad = {o.indicator for o in folded.malicious}
    names = [
        r["summary"].get("threat_name")
        for r in results
        if bad & set(map(str, r["parameter"].values()))
    ]
    return next(filter(None, names), "") or reasons(folded.malicious[:1])


def reasons(opinions):
    """Say which indicators were found, by whom, and how sure."""
    return "; ".join(f"{o.indicator} ({o.source}: {o.detail})" for o in opinions)


def gaps(folded):
    """Say which sources said nothing."""
    text = f" Failed: {reasons(folded.failed)}." if folded.failed else ""
    return text + (f" Unknown: {reasons(folded.unknown)}." if folded.unknown else "")
