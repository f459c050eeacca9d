"""The user's own three playbooks, as they are written, on the stage: each of their traps."""

from __future__ import annotations

from pathlib import Path

import pytest

from soar.domain.commands import Act
from soar.engine.program import load
from soar.phantom.results import of_calls

SEED = Path(__file__).parents[2].parent / "shared" / "seed"
EVIL = "http://login-portal.evil.example/verify"
CLEAN = "https://www.example.com/"
IP = "203.0.113.66"
HOSTED = {"sourceAddress": "10.20.30.42", "sourceHostName": "WORKSTATION-042"}

pytestmark = [
    pytest.mark.seed,
    pytest.mark.skipif(not SEED.is_dir(), reason="the seed folder is absent"),
]


@pytest.fixture
def seed(on_stage):
    """Return a maker of dialogues with a playbook of the seed; nothing has been called yet."""

    def make(name, container):
        return on_stage(load(name, (SEED / f"{name}.py").read_text(encoding="utf-8")), container)

    return make


def typed(kind, value):
    return {"type": kind, "value": value}


def test_get_artifacts_gives_a_list_and_targets_supply_the_parameters(seed, alert):
    """
    Without full_data a list comes back; targets=artifact alone says what is looked up.
    """
    run = seed(
        "phishing_triage", alert(typed("url", EVIL), typed("hash", "ab" * 16), typed("ip", IP))
    ).begins()

    assert run.error == ""
    assert run.acts == [
        ("url reputation", [{"url": EVIL}], ["virustotal_prod"]),
        ("file reputation", [{"hash": "ab" * 16}], ["virustotal_prod"]),
        ("ip reputation", [{"ip": IP}], ["virustotal_prod"]),
    ]


def test_get_artifacts_with_full_data_gives_a_triple(seed, alert):
    """
    With full_data success, a message and the artifacts come back.
    """
    run = seed(
        "alert_enrichment", alert({"sourceAddress": IP, "destinationDnsDomain": "evil.example"})
    ).begins()

    assert run.error == ""
    assert [(join.name, join.callback) for join in run.plan.joins] == [
        (f"vt_ip_{IP}", "enrich_ip_callback"),
        (f"geo_{IP}", "geoip_callback"),
        (f"whois_{IP}", ""),
        ("vt_domain_evil.example", ""),
    ]


def test_a_callback_may_be_a_function_object(seed, alert):
    """
    callback=url_reputation_callback is kept as the function's name.
    """
    run = seed("phishing_triage", alert(typed("url", EVIL))).begins()

    assert run.asks[0].callback == "url_reputation_callback"


def test_the_missing_geoip_callback_is_an_error_only_when_it_is_due(seed, alert, found):
    """
    The playbook loads and starts; the callback that does not exist is named when it is called.
    """
    run = seed("alert_enrichment", alert({"sourceAddress": IP})).begins()
    assert run.error == ""

    run.hears_results([found("maxmind_prod", IP, country="Netherlands")], name=f"geo_{IP}")

    assert "callback 'geoip_callback' does not exist" in run.error


def test_a_callback_may_read_the_summary_inside_of_data(seed, alert, engines):
    """
    result["data"][0]["summary"] holds the counts: 14 engines block the URL and open a ticket.
    """
    run = seed("phishing_triage", alert(typed("url", EVIL), HOSTED)).begins()

    run.hears_results([engines(EVIL, 14)])

    assert run.error == ""
    assert [action for action, _, _ in run.acts] == ["block url", "create ticket"]
    assert run.acts[0][1] == [{"url": EVIL}]
    assert run.container["severity"] == "high"
    assert run.comments[0].startswith("URL flagged by 14/90 engines.")


def test_a_callback_may_read_the_summary_beside_the_data(seed, alert, engines):
    """
    result["summary"] holds the same counts, and they become an artifact.
    """
    run = seed("alert_enrichment", alert({"sourceAddress": IP})).begins()

    run.hears_results([engines(IP, 9, suspicious=2)], name=f"vt_ip_{IP}")

    assert run.plan.artifacts[0].fields["cef"] == {
        "vt_malicious": 9, "vt_suspicious": 2, "enrichment_source": "VirusTotal",
    }  # fmt: skip


def test_one_clean_url_closes_the_container_as_written(seed, alert, engines):
    """
    The user's playbook decides per URL: a clean one closes, and the engine lets it.
    """
    run = seed("phishing_triage", alert(typed("url", EVIL), typed("url", CLEAN))).begins()

    run.hears_results([engines(EVIL, 14)])
    assert run.container["status"] == "open"

    run.hears_results([engines(CLEAN, 0)])
    assert run.container["status"] == "closed"


def test_an_isolation_that_nobody_was_asked_about_is_held(seed, alert, engines):
    """
    The playbook isolates without a question: the plan holds the call at the gate.
    """
    run = seed("phishing_triage", alert(typed("hash", "ab" * 16), HOSTED)).begins()

    run.hears_results([engines("ab" * 16, 52)])

    (held,) = run.plan.gated
    assert (held.action, held.asset) == ("quarantine device", "crowdstrike_prod")
    assert held.parameters == {"hostname": "WORKSTATION-042"}


def test_a_failed_lookup_is_commented_as_written(seed, alert, refused):
    """
    success is false when all calls failed.
    """
    run = seed("phishing_triage", alert(typed("url", EVIL))).begins()

    run.hears_results([refused("virustotal_prod", EVIL)])

    assert run.comments == ["URL reputation check failed"]


def test_a_malicious_address_is_blocked_from_its_result(seed, alert, engines):
    """
    targets=result brings the looked-up address to the block.
    """
    run = seed("phishing_triage", alert(typed("ip", IP))).begins()

    run.hears_results([engines(IP, 9)])

    assert run.acts == [("block ip", [{"ip": IP}], ["palo_alto_prod"])]


@pytest.fixture
def asked(seed, alert):
    """Return the containment fragment with its question open."""
    run = seed("containment", alert({**HOSTED, "sourceUserName": "jdoe"}))
    row = {
        "id": 1, "action_run_id": 7, "action": "file reputation", "app": "virustotal",
        "asset": "virustotal_prod", "parameters": {"hash": "ab" * 16}, "context": {},
        "status": "success", "message": "", "summary": {"threat_name": "trojan.emotet"}, "data": [],
    }  # fmt: skip
    return run.calls("containment_decision", {"name": "lookup"}, True, of_calls([row]), None)


def test_the_question_reads_the_first_result_and_the_containers_artifacts(asked):
    """
    results[0]["summary"] and container["artifacts"][0] are where the fragment looks for them.
    """
    assert asked.error == ""
    (prompt,) = asked.asks
    assert "Host: 10.20.30.42\nThreat: trojan.emotet\n" in prompt.message
    assert (prompt.to, prompt.minutes) == (("soc_tier2",), 15)


def test_a_prompts_results_are_a_mapping_with_the_response(asked):
    """
    results.get("response") is the analyst's choice.
    """
    asked.hears_answer("Both")

    assert asked.error == ""
    assert [c.action for c in asked.asks if isinstance(c, Act)] == [
        "quarantine device", "disable user",
    ]  # fmt: skip
    assert asked.comments == ["Analyst approved: Both"]


def test_no_answer_is_the_fragments_own_default(asked):
    """
    An expired prompt has no response: the fragment's default applies and nothing is contained.
    """
    asked.hears_timeout()

    assert asked.acts == []
    assert asked.comments == ["Analyst approved: Monitor Only"]
