"""What alert_enrichment asks for, told as dialogues."""

from __future__ import annotations

IP = "203.0.113.66"


def test_every_source_is_asked_about_every_address_at_once(play, alert):
    """
    One chord: reputation, place and owner of each address, reputation of each domain.
    """
    run = play(
        "alert_enrichment",
        alert({"sourceAddress": IP}, {"destinationDnsDomain": "evil.example"}),
    )

    assert len(run.plan.joins) == 1
    assert run.acts == [
        ("ip reputation", [{"ip": IP}], ["virustotal_prod"]),
        ("geolocate ip", [{"ip": IP}], ["maxmind_prod"]),
        ("whois ip", [{"ip": IP}], ["whois_prod"]),
        ("domain reputation", [{"domain": "evil.example"}], ["virustotal_prod"]),
    ]


def test_each_indicator_gets_one_artifact_and_no_decision(play, alert, engines, found, refused):
    """
    What the sources said lands in one artifact; a silent source is named; no status changes.
    """
    run = play("alert_enrichment", alert({"sourceAddress": IP}))

    run.hears_results(
        [
            engines(IP, 9, suspicious=2),
            found("maxmind_prod", IP, country="Netherlands", city="Amsterdam"),
            refused("whois_prod", IP),
        ]
    )

    (artifact,) = run.plan.artifacts
    assert artifact.fields["label"] == "enrichment"
    assert artifact.fields["cef"] == {
        "enriched": IP, "vt_malicious": 9, "vt_suspicious": 2, "country": "Netherlands",
        "city": "Amsterdam", "enrichment_source": "virustotal, maxmind",
        "enrichment_failed": "whois",
    }  # fmt: skip
    assert run.container["status"] == "new"


def test_enrichment_is_not_enriched_again(play, alert, engines, found):
    """
    A second run asks about what the alert brought, not about what the first run added.
    """
    container = alert({"sourceAddress": IP})
    first = play("alert_enrichment", container)
    first.hears_results([engines(IP, 9), *[found(a, IP) for a in ("maxmind_prod", "whois_prod")]])

    second = play("alert_enrichment", first.container)

    assert second.acts == [
        ("ip reputation", [{"ip": IP}], ["virustotal_prod"]),
        ("geolocate ip", [{"ip": IP}], ["maxmind_prod"]),
        ("whois ip", [{"ip": IP}], ["whois_prod"]),
    ]


def test_an_address_nobody_answers_about_gets_a_comment(play, alert, refused):
    """
    All sources down: no empty artifact, one sentence.
    """
    run = play("alert_enrichment", alert({"sourceAddress": IP}))

    run.hears_results([refused(a, IP) for a in ("virustotal_prod", "maxmind_prod", "whois_prod")])

    assert run.plan.artifacts == []
    assert run.comments == [f"No source answered about {IP}."]


def test_an_internal_address_is_shown_to_nobody(play, alert):
    """
    Private addresses do not leave the house.
    """
    assert play("alert_enrichment", alert({"sourceAddress": "10.1.2.3"})).acts == []
