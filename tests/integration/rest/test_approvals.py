"""
Approvals as a client sees them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from soar.bootstrap import House
from soar.domain import gate
from soar.store.work import Work
from tests.integration.rest.stage import Client, Question, ask, client_of, serving, stored


def test_a_question_is_shown_exactly(analyst: Client, question: Question) -> None:
    """
    Who is asked, until when, what each option would do, and the digest an answer carries.
    """
    pending = analyst.get(
        "/rest/approval",
        _filter_status='"pending"',
        _filter_action_run__container_id=f'"{question.container}"',
        sort="start_time",
    ).json()["data"]
    assert [(a["id"], a["owner"], a["responses"]) for a in pending] == [
        (question.id, "soc_tier2", [])
    ]

    shown = analyst.get(f"/rest/approval/{question.id}").json()

    assert shown["options"] == ["Isolate Host", "Monitor Only"]
    assert shown["effects"]["Isolate Host"][0]["action"] == "quarantine device"
    assert gate.digest(shown["payload"]) == shown["payload_digest"]
    assert shown["due_time"]


@pytest.mark.parametrize(
    "form", [{"choice": "Isolate Host"}, {"responses": ["isolate host"], "status": "approve"}]
)
def test_a_person_answers_once(
    house: House, analyst: Client, question: Question, form: dict[str, Any]
) -> None:
    """
    The answer is signed and lets the run go on; a second one comes too late: 409.
    """
    at = f"/rest/approval/{question.id}"
    body = {**form, "payload_digest": analyst.get(at).json()["payload_digest"], "message": "seen"}

    answer = analyst.post(at, body)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["choice"], answer.json()["answered_by"]) == ("Isolate Host", "ada")
    shown = analyst.get(at).json()
    assert (shown["status"], shown["responses"]) == ("approved", ["Isolate Host"])
    kept = stored(house, lambda w: w.approvals.get(question.id))
    assert kept["signature"]
    assert kept["reason"] == "seen"
    late = analyst.post(at, {**body, "choice": "Monitor Only", "responses": [], "status": ""})
    assert late.status_code == 409
    assert "already decided" in late.json()["message"]


def test_an_action_is_denied(house: House, analyst: Client) -> None:
    """
    The form that Splunk's clients send for a held action: status deny.
    """
    held = ask(house, analyst, kind="action")
    digest = analyst.get(f"/rest/approval/{held.id}").json()["payload_digest"]

    answer = analyst.post(f"/rest/approval/{held.id}", {"status": "deny", "payload_digest": digest})

    assert answer.json()["choice"] == "Deny"
    assert analyst.get(f"/rest/approval/{held.id}").json()["status"] == "denied"
    assert analyst.ids("/rest/approval", _filter_status='"denied"') == [held.id]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"choice": "Isolate Host"}, 400),
        ({"choice": "Isolate Host", "payload_digest": "0" * 64}, 409),
        ({"choice": "Burn it", "payload_digest": "0" * 64}, 400),
        ({}, 400),
        ({"responses": ["Isolate Host", "Monitor Only"]}, 400),
        ({"choice": "Isolate Host", "responses": ["Monitor Only"]}, 400),
        ({"responses": ["Isolate Host"], "status": "deny"}, 400),
        ({"status": "perhaps"}, 400),
    ],
)
def test_an_answer_that_is_not_clear_decides_nothing(
    analyst: Client, question: Question, body: dict[str, Any], status: int
) -> None:
    """
    Without the digest of what was shown, or with two meanings, the question stays open.
    """
    answer = analyst.post(f"/rest/approval/{question.id}", body)

    assert answer.status_code == status
    assert analyst.get(f"/rest/approval/{question.id}").json()["status"] == "pending"


def test_only_the_addressed_person_answers(house: House, admin: Client, question: Question) -> None:
    """
    Neither an administrator without the role, nor a machine with it, may decide.
    """
    machine = client_of(house, admin.url, "robot", "soc_tier2", "automation", kind="automation")
    digest = admin.get(f"/rest/approval/{question.id}").json()["payload_digest"]

    for client in (admin, machine):
        answer = client.post(
            f"/rest/approval/{question.id}", {"choice": "Isolate Host", "payload_digest": digest}
        )
        assert answer.status_code == 403

    assert admin.get(f"/rest/approval/{question.id}").json()["status"] == "pending"


def test_reading_never_decides(analyst: Client, question: Question) -> None:
    """
    GET and HEAD with an answer in the address or body change nothing.
    """
    at = f"{analyst.url}/rest/approval/{question.id}"
    digest = analyst.get(f"/rest/approval/{question.id}").json()["payload_digest"]
    body = {"choice": "Isolate Host", "payload_digest": digest}

    for verb in ("GET", "HEAD"):
        answer = requests.request(
            verb, at, params=body, json=body, headers={"ph-auth-token": analyst.token}, timeout=10
        )
        assert answer.status_code == 200

    assert analyst.get(f"/rest/approval/{question.id}").json()["status"] == "pending"


def test_the_transaction_of_a_get_cannot_write(
    house: House, reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Even an endpoint with a bug cannot change anything on GET: PostgreSQL refuses.
    """

    def writes(work: Work, token: str) -> Any:
        work.people.save("intruder", ["admin"])

    monkeypatch.setattr("soar.access.authenticate", writes)

    assert reader.get("/rest/version").status_code == 500
    monkeypatch.undo()
    assert "intruder" not in {p["username"] for p in stored(house, lambda w: w.people.all())}


def test_a_server_without_a_signing_key_says_so(
    house: House, question: Question, analyst: Client, tmp_path: Path
) -> None:
    """
    It is the operator's fault, not the client's: 503, and no path in the message.
    """
    changed = house.settings.model_copy(update={"signing_key_file": tmp_path / "none"})
    with serving(replace(house, settings=changed)) as url:
        answer = Client(url, analyst.token).post(f"/rest/approval/{question.id}", {"choice": "x"})

    assert answer.status_code == 503
    assert "none" not in answer.json()["message"]
