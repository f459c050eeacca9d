"""The report's lines, composed from hand-made facts and timelines: no store needed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from soar import catalog, report
from soar.report import Facts, Step
from soar.timeline import Entry, RunLine, Timeline

START = datetime(2024, 5, 17, 9, 0, tzinfo=UTC)
URL = "http://login-portal.evil.example/verify"

SEED_REPORT = """\
SOAR PLAYBOOK EXECUTION REPORT
━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
Playbook: Phishing Triage Automation v2.3
Container: SOAR-2024-08921
Trigger: Notable event from Splunk ES (phishing)
Actions Executed:
  [1] URL Reputation (VirusTotal) — 14/90 engines malicious [2.1s]
  [2] IP Reputation (AbuseIPDB) — Confidence: 85% [1.3s]
  [3] Block URL (Palo Alto) — Blocked on PA-5260 [0.8s]
  [4] Block IP (Palo Alto) — Blocked on PA-5260 [0.7s]
  [5] Create Ticket (ServiceNow) — INC0012345 created [1.5s]
  [6] Prompt Analyst (Tier 2) — Response: "Isolate Host" [4m 12s]
  [7] Quarantine Device (CrowdStrike) — WORKSTATION-042 isolated [3.2s]
Total Duration: 4m 22s (vs 35min avg manual triage)
Time Saved: ~31 minutes
Disposition: True Positive — Escalated to IR"""


def call(action, app, detail="", *, seconds=None, status="success", after=0.0, **more):
    return Entry(
        time=START + timedelta(seconds=after),
        kind="action",
        title=action,
        app=app,
        asset=f"{app}_prod",
        detail=detail,
        status=status,
        seconds=seconds,
        **more,
    )


def engines(malicious, *, seconds=2.1, url=URL, **more):
    return call(
        "url reputation",
        "virustotal",
        f"{malicious}/90 engines malicious",
        seconds=seconds,
        parameters={"url": url},
        summary={"malicious": malicious, "total_engines": 90, "known": True},
        **more,
    )


def question(
    status, *, detail="", seconds=None, kind="prompt", who="soc_tier2", title="ask", agreed=()
):
    return Entry(
        time=START,
        kind=kind,
        title=title,
        who=who,
        detail=detail,
        status=status,
        seconds=seconds,
        agreed=agreed,
        due=START + timedelta(minutes=15),
    )


def run(number=1, *, begin=0.0, end=262.0, parent=None, **more):
    fields = {
        "playbook": "phishing_triage_automation",
        "title": "Phishing Triage Automation",
        "version": "2.3",
        "manual_minutes": 35,
        "status": "success" if end is not None else "running",
        "error": "",
        **more,
    }
    return RunLine(
        id=number,
        parent=parent,
        created=START,
        started=START + timedelta(seconds=begin),
        ended=None if end is None else START + timedelta(seconds=end),
        **fields,
    )


def timeline(*entries, runs=None, **more):
    fields = {
        "container_id": 8921,
        "case": "SOAR-2024-08921",
        "name": "Reported mail",
        "label": "phishing",
        "severity": "high",
        "status": "open",
        "asset": "splunk_es_prod",
        "app": "splunk_es",
        **more,
    }
    return Timeline(entries=entries, runs=tuple(runs) if runs is not None else (run(),), **fields)


def facts(*entries, now=START, **more):
    return report.facts(timeline(*entries, **more), catalog=catalog.load(), now=now)


def lines(*entries, **more):
    return report.compose(facts(*entries, **more)).splitlines()


def test_a_timeline_becomes_the_seeds_report_to_the_letter():
    """
    The user's own example comes out exactly, from true durations.
    """
    text = report.compose(
        facts(
            engines(14),
            call(
                "ip reputation",
                "abuseipdb",
                "Confidence: 85%",
                seconds=1.3,
                summary={"abuse_confidence_score": 85},
                parameters={"ip": "203.0.113.66"},
            ),
            call("block url", "palo_alto", "Blocked on PA-5260", seconds=0.8),
            call("block ip", "palo_alto", "Blocked on PA-5260", seconds=0.7),
            call("create ticket", "servicenow", "INC0012345 created", seconds=1.5),
            question("answered", detail="Isolate Host", seconds=252),
            call("quarantine device", "crowdstrike", "WORKSTATION-042 isolated", seconds=3.2),
        )
    )

    assert text == SEED_REPORT


def test_two_lookups_of_one_indicator_need_no_telling_apart():
    """
    Two playbooks that ask the same thing leave the line as it is.
    """
    assert lines(engines(14), engines(14))[6:8] == [
        "  [1] URL Reputation (VirusTotal) — 14/90 engines malicious [2.1s]",
        "  [2] URL Reputation (VirusTotal) — 14/90 engines malicious [2.1s]",
    ]


def test_composing_needs_nothing_but_facts():
    """
    Facts without steps and without a baseline leave out what nobody has said.
    """
    found = Facts(
        playbooks=("A v1.0", "B v2.0"),
        case="SOAR-2024-00001",
        trigger="Alert from siem (events)",
        steps=(),
        total_seconds=1.25,
        manual_minutes=0,
        disposition="Undetermined — Analyst review (nothing was looked up)",
    )

    assert report.compose(found).splitlines()[2:] == [
        "Playbook: A v1.0 + B v2.0",
        "Container: SOAR-2024-00001",
        "Trigger: Alert from siem (events)",
        "Actions Executed: none",
        "Total Duration: 1.2s",
        "Disposition: Undetermined — Analyst review (nothing was looked up)",
    ]


def test_the_same_action_twice_shows_which_was_which_defanged():
    """
    Two lookups of one kind carry their indicator, with no working link in it.
    """
    found = lines(engines(14), engines(0, url="https://www.example.com/", seconds=1.0))

    assert found[6] == (
        "  [1] URL Reputation (VirusTotal) — 14/90 engines malicious"
        " (hxxp://login-portal[.]evil[.]example/verify) [2.1s]"
    )
    assert found[7].endswith("0/90 engines malicious (hxxps://www[.]example[.]com/) [1.0s]")


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            call("block ip", "palo_alto", "no\nsuch\x1b[31m\tkey", status="failed", seconds=0.4),
            "Block IP (Palo Alto) — FAILED: no such [31m key [0.4s]",
        ),
        (
            call("whois ip", "whois", status="parked", waits_for="budget"),
            "Whois IP (RDAP) — Waiting for the budget of whois_prod",
        ),
        (
            call("disable user", "active_directory", status="parked", waits_for="approval"),
            "Disable User (Active Directory) — Waiting for an approval",
        ),
        (
            call("geolocate ip", "maxmind", status="parked", waits_for="schedule", due=START),
            "Geolocate IP (MaxMind) — Waiting for its time until 2024-05-17 09:00 UTC",
        ),
        (
            call("geolocate ip", "maxmind", status="pending"),
            "Geolocate IP (MaxMind) — Waiting to start",
        ),
        (
            call("geolocate ip", "maxmind", status="running"),
            "Geolocate IP (MaxMind) — Running",
        ),
        (call("no such", "", "no app", status="failed"), "No Such — FAILED: no app"),
        (
            question("expired", seconds=900),
            "Prompt Analyst (Tier 2) — No answer in time — nothing was done [15m 0s]",
        ),
        (
            question("open", who="ada"),
            "Prompt Analyst (ada) — Waiting for an answer until 2024-05-17 09:15 UTC",
        ),
        (
            question(
                "answered", detail="Approve", seconds=3.0, kind="approval", title="disable user"
            ),
            'Approval of Disable User (Tier 2) — Response: "Approve" [3.0s]',
        ),
        (
            question("answered", detail="Yes", agreed=("ada", "ben for cy"), seconds=3.0),
            'Prompt Analyst (Tier 2) — Response: "Yes" by ada and ben for cy [3.0s]',
        ),
    ],
)
def test_each_state_of_a_step_has_its_line(entry, line):
    """
    Failed, waiting and unanswered steps say so, on one line without control characters.
    """
    assert lines(entry)[6] == f"  [1] {line}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0s"),
        (59.94, "59.9s"),
        (59.96, "1m 0s"),
        (252, "4m 12s"),
        (3599.6, "1h 0m"),
        (3780, "1h 3m"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds, text):
    """
    Seconds with a tenth below a minute, then minutes, then hours.
    """
    assert report.duration(seconds) == text


def test_runs_side_by_side_count_once_and_pauses_not_at_all():
    """
    The total is the time in which any run was at work; child runs are inside of their parents.
    """
    found = facts(
        runs=[
            run(1, begin=0, end=10),
            run(2, begin=5, end=12, title="Enrichment", playbook="e", manual_minutes=0),
            run(3, begin=100, end=103),
            run(4, begin=4, end=9, parent=1, title="Containment", playbook="c"),
        ]
    )

    assert found.total_seconds == 15
    assert found.manual_minutes == 35
    assert found.playbooks == ("Phishing Triage Automation v2.3 (2 runs)", "Enrichment v2.3")


def test_a_run_that_goes_on_is_counted_until_now():
    """
    An unfinished run has a duration too: the one so far.
    """
    found = facts(runs=[run(end=None)], now=START + timedelta(seconds=40))

    assert found.total_seconds == 40
    text = report.compose(found)
    assert "Total Duration: 40.0s so far (vs 35min avg manual triage)" in text
    assert "Time Saved" not in text


def test_time_saved_is_never_negative():
    """
    A prompt that stayed open for an hour saved nothing, and did not save minus 25 minutes.
    """
    assert "Time Saved: ~0 minutes" in lines(runs=[run(end=3600)])


@pytest.mark.parametrize(
    ("source", "trigger"),
    [
        ({"app": "splunk_es"}, "Notable event from Splunk ES (phishing)"),
        ({"app": "", "asset": "abuse_mailbox"}, "Reported e-mail (phishing)"),
        ({"app": "", "asset": "siem", "label": "events"}, "Alert from siem (events)"),
    ],
)
def test_the_trigger_says_where_the_alert_came_from(source, trigger):
    """
    A notable, a reported mail, or whatever the asset is called.
    """
    assert lines(**source)[4] == f"Trigger: {trigger}"


@pytest.mark.parametrize(
    ("entries", "status", "disposition"),
    [
        ([engines(14)], "open", "True Positive — Needs a responder"),
        (
            [engines(14), call("block url", "palo_alto")],
            "open",
            "True Positive — Escalated to IR",
        ),
        (
            [engines(14), call("block url", "palo_alto", "no", status="failed")],
            "open",
            "True Positive — Needs a responder",
        ),
        ([engines(14), engines(0)], "closed", "True Positive — Needs a responder"),
        ([engines(2)], "open", "Suspicious — Analyst review"),
        ([engines(0)], "closed", "False Positive — Closed"),
        ([engines(0)], "open", "False Positive — Not closed"),
        (
            [engines(0), call("url reputation", "virustotal", "503", status="failed")],
            "open",
            "Undetermined — Analyst review (1 of 2 lookups failed: VirusTotal)",
        ),
        (
            [call("url reputation", "virustotal", summary={"known": False})],
            "open",
            "Undetermined — Analyst review (1 of 1 lookups unknown to their source: VirusTotal)",
        ),
        (
            [engines(0), call("ip reputation", "abuseipdb", status="pending")],
            "open",
            "Undetermined — 1 of 2 lookups not finished",
        ),
        ([], "open", "Undetermined — Analyst review (nothing was looked up)"),
    ],
)
def test_the_disposition_follows_from_the_lookups_and_what_was_done(entries, status, disposition):
    """
    The worst opinion wins; a failed or unknown source never makes a false positive.
    """
    assert facts(*entries, status=status).disposition == disposition


def test_what_was_only_simulated_has_escalated_nothing():
    """
    A containment in shadow, and a ticket in shadow, need a responder as before.
    """
    would = "shadow: would have blocked 203.0.113.66"
    entries = [
        engines(43),
        call("block ip", "palo_alto", would, shadow=True),
        call("create ticket", "servicenow", "shadow: would have", shadow=True),
    ]

    assert facts(*entries).disposition == "True Positive — Needs a responder"
    assert any(would in line for line in lines(*entries))


def test_a_failed_run_says_its_error():
    """
    A run's error stands in the report, on one line.
    """
    found = lines(runs=[run(status="failed", error="block 'verdict' failed:\nKeyError: 'x'")])

    assert found[-1] == "Run failed: block 'verdict' failed: KeyError: 'x'"


def test_markdown_keeps_what_came_from_outside_as_text():
    """
    A vendor's message cannot make a link, an image or a table.
    """
    step = Step(title="Block IP", by="Palo Alto", outcome="![x](http://evil.example) <b>|*_")
    found = Facts(
        playbooks=("P v1",),
        case="SOAR-2024-00001",
        trigger="t",
        steps=(step,),
        total_seconds=1,
        manual_minutes=0,
        disposition="d",
    )

    text = report.markdown(found)

    assert r"1. Block IP (Palo Alto) — !\[x\](hxxp://evil.example) \<b\>\|\*\_" in text
    assert "http://" not in text
