"""What phishing_triage_automation asks for, told as dialogues."""

from __future__ import annotations

from soar.domain.commands import ActTogether, CallPlaybook

EVIL = "http://login-portal.evil.example/verify"
CLEAN = "https://www.example.com/"
BAD_IP = "203.0.113.66"
HASH = "44d88612fea8a8f36de82e1278abb02f0123456789abcdef0123456789abcdef"
NAME = "phishing_triage_automation"


def url(value):
    return {"type": "url", "value": value}


def test_all_indicators_are_looked_up_in_one_chord_and_each_once(play, alert):
    """
    Typed artifacts and CEF fields alike are asked about, repeats once, internal addresses never.
    """
    run = play(
        NAME,
        alert(
            url(EVIL), {"requestURL": EVIL, "sourceAddress": BAD_IP, "fromEmail": "a@b.example"},
            {"type": "hash", "value": HASH.upper()}, {"destinationDnsDomain": "Evil.Example."},
            {"sourceAddress": "10.20.30.42"},
        ),
    )  # fmt: skip

    assert [type(command) for command in run.asks] == [ActTogether]
    assert run.asks[0].callback == "verdict"
    assert run.acts == [
        ("url reputation", [{"url": EVIL}], ["virustotal_prod"]),
        ("file reputation", [{"hash": HASH}], ["virustotal_prod"]),
        ("ip reputation", [{"ip": BAD_IP}], ["virustotal_prod"]),
        ("ip reputation", [{"ip": BAD_IP}], ["abuseipdb_prod"]),
        ("domain reputation", [{"domain": "evil.example"}], ["virustotal_prod"]),
    ]


def test_an_alert_without_indicators_stays_open_and_says_so(play, alert):
    """
    Where there is nothing to look up, nothing is closed and an analyst is told.
    """
    run = play(NAME, alert({"fromEmail": "someone@example.org"}))

    assert run.acts == []
    assert run.container["status"] == "open"
    assert run.comments == ["No indicator to look up: an analyst must read this alert."]


def test_one_malicious_url_outweighs_a_clean_one(play, alert, engines):
    """
    The worst verdict wins: the bad URL is blocked, one ticket opened, nothing closed.
    """
    run = play(NAME, alert(url(CLEAN), url(EVIL)))

    run.hears_results([engines(CLEAN, 0), engines(EVIL, 14, threat_name="phishing")])

    block, ticket = run.acts
    assert block == ("block url", [{"url": EVIL}], ["palo_alto_prod"])
    assert ticket[0] == "create ticket"
    assert ticket[1][0]["correlation_id"].startswith("soar-case-1-2024-05-17")
    assert len(ticket[1][0]["correlation_id"]) <= 100
    assert (run.container["status"], run.container["severity"]) == ("open", "high")
    assert run.container["custom_fields"] == {
        "verdict": "malicious", "confidence": 1.0, "threat": "phishing",
    }  # fmt: skip
    assert "14/90 engines malicious" in run.comments[0]
    assert run.plan.children == []


def test_a_critical_case_stays_critical(play, alert, engines):
    """
    Escalating raises a severity and never lowers it.
    """
    run = play(NAME, alert(url(EVIL), severity="critical"))

    run.hears_results([engines(EVIL, 14)])

    assert run.container["severity"] == "critical"


def test_a_malicious_address_is_blocked_once_though_two_sources_say_so(play, alert, engines, found):
    """
    VirusTotal and AbuseIPDB agree on one address: one block.
    """
    run = play(NAME, alert({"type": "ip", "value": BAD_IP}))

    run.hears_results(
        [engines(BAD_IP, 9), found("abuseipdb_prod", BAD_IP, abuse_confidence_score=85)]
    )

    assert run.acts[0] == ("block ip", [{"ip": BAD_IP}], ["palo_alto_prod"])


def test_a_named_host_leads_to_the_containment_question_and_to_no_containment(play, alert, engines):
    """
    The playbook never isolates anything itself: it starts the one that asks.
    """
    run = play(NAME, alert({**url(EVIL), "sourceHostName": "WORKSTATION-042"}))

    run.hears_results([engines(EVIL, 14)])

    assert [c.playbook for c in run.asks if isinstance(c, CallPlaybook)] == ["containment"]
    assert run.plan.gated == []


def test_a_malicious_file_leads_to_the_containment_question_even_without_a_host(
    play, alert, engines
):
    """
    Malware needs a person's look at containment, whoever it hit.
    """
    run = play(NAME, alert({"type": "hash", "value": HASH}))

    run.hears_results([engines(HASH, 52)])

    assert [child.playbook for child in run.plan.children] == ["containment"]
    assert [action for action, _, _ in run.acts] == ["create ticket"]


def test_a_failed_containment_playbook_is_said(play, alert, engines):
    """
    What the called playbook could not do stands in the case.
    """
    run = play(NAME, alert({"type": "hash", "value": HASH}))
    run.hears_results([engines(HASH, 52)])

    run.hears_playbook(success=False, message="there is no playbook 'containment'")

    assert run.comments == ["The containment playbook failed: there is no playbook 'containment'"]


def test_a_suspicious_url_becomes_a_case_for_review(play, alert, engines):
    """
    Two engines of ninety: promoted with the template, nothing blocked, nothing closed.
    """
    run = play(NAME, alert(url(EVIL)))

    run.hears_results([engines(EVIL, 2)])

    assert run.acts == []
    assert run.container["template"] == "Phishing Investigation"
    assert (run.container["kind"], run.container["status"]) == ("case", "open")
    assert run.comments[0].startswith("Suspicious: http://login-portal.evil.example/verify")


def test_clean_throughout_is_closed(play, alert, engines):
    """
    Every indicator looked up, all clean: closed with the reason.
    """
    run = play(NAME, alert(url(CLEAN), {"destinationDnsDomain": "example.com"}))

    run.hears_results([engines(CLEAN, 0), engines("example.com", 0)])

    assert run.container["status"] == "closed"
    assert run.comments == ["Clean: all 2 lookups answered and none found anything. Auto-closed."]


def test_a_failed_lookup_keeps_a_clean_case_open_and_is_named(play, alert, engines, refused):
    """
    One source failed: not clean, the case goes to an analyst and says which source.
    """
    run = play(NAME, alert(url(CLEAN), url("https://slow.example.net/report")))

    run.hears_results(
        [engines(CLEAN, 0), refused("virustotal_prod", "https://slow.example.net/report", "503")]
    )

    assert run.container["status"] == "open"
    assert run.container["custom_fields"]["verdict"] == "unknown"
    assert run.container["custom_fields"]["confidence"] == 0.5
    assert "Failed: https://slow.example.net/report (virustotal: 503)." in run.comments[0]


def test_an_indicator_that_nobody_knows_keeps_a_case_open(play, alert, found):
    """
    "Unknown to VirusTotal" is an answer, and not a clean one.
    """
    run = play(NAME, alert(url(EVIL)))

    run.hears_results([found("virustotal_prod", EVIL, "unknown to VirusTotal", known=False)])

    assert run.container["status"] == "open"
    assert "Unknown: " in run.comments[0]


def test_the_notable_is_brought_up_to_date(play, alert, engines):
    """
    Only an alert of Splunk ES is written back, by its event id and with the finding.
    """
    run = play(
        NAME,
        alert(url(CLEAN), label="notable", data={"event_id": "ABC@@notable@@1"}),
    )

    run.hears_results([engines(CLEAN, 0)])

    (action, parameters, assets), *others = run.acts
    assert (action, assets, others) == ("update event", ["splunk_es_prod"], [])
    assert parameters[0]["event_ids"] == "ABC@@notable@@1"
    assert parameters[0]["status"] == "closed"
