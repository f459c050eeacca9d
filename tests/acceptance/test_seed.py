"""The user's own playbooks run as they are written, on a real pool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SEED = Path(__file__).resolve().parents[2].parent / "shared" / "seed"
pytestmark = [
    pytest.mark.seed,
    pytest.mark.skipif(not SEED.is_dir(), reason="seed folder is absent"),
]
BAD_HASH = "44d88612fea8a8f36de82e1278abb02f0123456789abcdef0123456789abcdef"


def seed(name: str) -> str:
    """Return a file of the seed as it stands."""
    return (SEED / name).read_text(encoding="utf-8")


def test_the_seeds_phishing_triage_blocks_tickets_and_is_held_at_the_gate(pool: Any) -> None:
    """
    The playbook blocks the URL and address and opens a ticket on a verdict, but isolates the
    endpoint only after an analyst approved exactly that, although it never asks.
    """
    pool.playbook(seed("phishing_triage.py"), label="seed-phishing")
    host = pool.new_host()

    container = pool.alert(
        "seed-phishing",
        {
            "type": "url",
            "value": "http://login-portal.evil.example/verify",
            "sourceHostName": host,
        },
        {"type": "hash", "value": BAD_HASH},
        {"type": "ip", "value": "203.0.113.66"},
    )
    question = pool.question(container)

    assert pool.lab.state()["crowdstrike"]["devices"][host] == "normal"
    assert question["payload"]["effects"]["Approve"][0]["parameters"] == {"hostname": host}
    assert f"quarantine device on crowdstrike_prod: hostname={host}" in question["message"]

    pool.answer(question, "Approve")
    (run,) = pool.ended(container)

    state = pool.lab.state()
    done = {c["action"]: (c["status"], c["message"]) for c in pool.calls(container)}
    assert run["status"] == "success"
    assert state["crowdstrike"]["devices"][host] == "contained"
    assert state["crowdstrike"]["contain_calls"][host] == 1
    assert done["quarantine device"] == ("success", f"{host} isolated")
    assert done["block url"][0] == done["block ip"][0] == done["create ticket"][0] == "success"
    assert "203.0.113.66" in str(state["palo_alto"]["blocked_ips"])


def test_the_seeds_enrichment_does_its_work_and_names_the_callback_that_is_missing(
    pool: Any,
) -> None:
    """
    Every lookup is made and the enrichment artifact added; the run then ends failed, saying that
    geoip_callback does not exist.
    """
    pool.playbook(seed("alert_enrichment.py"), label="seed-enrichment")

    container = pool.alert(
        "seed-enrichment",
        {"sourceAddress": "192.0.2.45", "destinationDnsDomain": "c2.evil.example"},
    )
    (run,) = pool.ended(container)

    done = {c["action"]: c["status"] for c in pool.calls(container)}
    with pool.house.database.begin() as work:
        added = [a for a in work.containers.artifacts(container) if a["label"] == "enrichment"]
    assert done == dict.fromkeys(
        ("ip reputation", "geolocate ip", "whois ip", "domain reputation"), "success"
    )
    assert [a["cef"]["vt_malicious"] for a in added] == [7]
    assert run["status"] == "failed"
    assert "geoip_callback" in run["error"]
    assert "geoip_callback" in pool.log(run["id"])


START_OF_CONTAINMENT = """

def on_start(container):
    phantom.act("ip reputation", parameters=[{"ip": "203.0.113.66"}],
                assets=["virustotal_prod"], callback=containment_decision, name="lookup")
"""


def test_one_answer_to_the_seeds_containment_prompt_covers_what_it_leads_to(pool: Any) -> None:
    """
    The analyst sees what each option would do; choosing Both isolates the host and disables the
    account without a second question.
    """
    pool.playbook(seed("containment.py") + START_OF_CONTAINMENT, label="seed-containment")
    host = pool.new_host()

    container = pool.alert(
        "seed-containment",
        {
            "sourceAddress": "10.20.30.77",
            "sourceHostName": host,
            "sourceUserName": "rroe",
        },
    )
    question = pool.question(container)
    effects = question["payload"]["effects"]

    assert [e["action"] for e in effects["Both"]] == ["quarantine device", "disable user"]
    assert effects["Monitor Only"] == []

    pool.answer(question, "Both")
    (run,) = pool.ended(container)

    assert run["status"] == "success"
    assert {c["action"]: c["status"] for c in pool.calls(container)} == {
        "ip reputation": "success",
        "quarantine device": "success",
        "disable user": "success",
    }
    assert pool.lab.state()["crowdstrike"]["contain_calls"][host] == 1
    assert pool.lab.state()["active_directory"]["rroe"]["disabled"] is True


def test_nobody_answering_the_seeds_prompt_contains_nothing(pool: Any) -> None:
    """
    When the fifteen minutes are over the callback runs with no response: Monitor Only.
    """
    pool.playbook(seed("containment.py") + START_OF_CONTAINMENT, label="seed-silence")
    container = pool.alert(
        "seed-silence", {"sourceHostName": "WORKSTATION-042", "sourceUserName": "jdoe"}
    )
    question = pool.question(container)
    before = pool.lab.state()["crowdstrike"]["devices"]["WORKSTATION-042"]

    pool.house.database.run(
        "update approval set due_at = now() where id = %(id)s", {"id": question["id"]}
    )
    pool.ended(container)

    with pool.house.database.begin() as work:
        comments = [n["content"] for n in work.reads.notes_of(container)]
    assert comments == ["Analyst approved: Monitor Only"]
    assert [c["action"] for c in pool.calls(container)] == ["ip reputation"]
    assert pool.lab.state()["crowdstrike"]["devices"]["WORKSTATION-042"] == before
