"""
Runs, actions and their calls as a client sees them.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from soar.bootstrap import House
from soar.store.work import Work
from tests.integration.rest.stage import Client, add_container, add_playbook, add_run, stored


@pytest.mark.parametrize("means", ["id", "digits", "name", "repository"])
def test_a_playbook_is_run_on_a_container(house: House, analyst: Client, means: str) -> None:
    """
    By id or by name with a repository; the answer's run id is a text.
    """
    playbook = stored(house, add_playbook)
    newest = stored(house, lambda w: add_playbook(w, version="1.1"))
    container = add_container(analyst)
    names = {
        "id": playbook,
        "digits": str(playbook),
        "name": "triage",
        "repository": "local/triage",
    }

    answer = analyst.post(
        "/rest/playbook_run",
        {"container_id": container, "playbook_id": names[means], "scope": "all", "run": True},
    )

    assert answer.json() == {"playbook_run_id": "1", "received": True, "success": True}
    run = analyst.get("/rest/playbook_run/1").json()
    assert (run["status"], run["playbook"], run["container"]) == ("pending", newest, container)
    assert (run["run_as"], run["version"]) == ("ada", "1.1")
    assert json.loads(run["message"])["playbook"] == "local/triage"


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        ({"playbook_id": 99}, 404, 'Playbook "99" not found'),
        ({"playbook_id": "local/none"}, 404, 'Playbook "local/none" not found'),
        ({"playbook_id": None}, 400, "playbook_id: is missing"),
        ({"container_id": 99}, 404, "there is no container 99"),
        ({"container_id": "x"}, 400, "container_id: must be a whole number"),
        ({"run": False}, 400, "run: must be true"),
        ({"scope": "some"}, 400, "scope: 'some' is not all, new, or a list of artifact ids"),
        ({"scope": ["x"]}, 400, "scope: \"['x']\" is not all"),
        ({"inputs": {"a": 1}}, 400, "inputs: cannot be given here"),
        ({"targets": 1}, 400, "targets: is not a field"),
    ],
)
def test_a_run_that_cannot_be_queued_is_refused(
    house: House, analyst: Client, more: dict[str, Any], status: int, message: str
) -> None:
    """
    An unknown playbook or container, or an order that a run cannot honour, queues nothing.
    """
    stored(house, add_playbook)
    asked = {"container_id": add_container(analyst), "playbook_id": "triage", **more}

    answer = analyst.post("/rest/playbook_run", asked)

    assert answer.status_code == status
    assert answer.json()["message"].startswith(message)
    assert analyst.ids("/rest/playbook_run") == []


def test_times_of_runs_are_texts_or_in_the_seeds_form_numbers(
    house: House, analyst: Client
) -> None:
    """
    With filter= times are seconds and can be subtracted; otherwise Splunk's texts.
    """
    container = add_container(analyst)

    def write(work: Work) -> tuple[int, int]:
        playbook = add_playbook(work)
        return (
            add_run(work, container, playbook, ended=True),
            add_run(work, container, playbook),
        )

    done, waiting = stored(house, write)

    text = analyst.get("/rest/playbook_run", _filter_status='"success"').json()["data"]
    assert [row["id"] for row in text] == [done]
    assert datetime.fromisoformat(text[0]["end_time"]) >= datetime.fromisoformat(
        text[0]["start_time"]
    )
    seeds = analyst.get("/rest/playbook_run", filter='{"status":"success"}').json()["data"]
    assert seeds[0]["end_time"] - seeds[0]["start_time"] >= 0
    assert seeds[0]["auto_resolved"] is True
    open_runs = analyst.get("/rest/playbook_run", filter='{"status":"pending"}').json()["data"]
    assert [(row["id"], row["end_time"]) for row in open_runs] == [(waiting, None)]


def test_the_log_of_a_run_that_is_cancelled_once(house: House, analyst: Client) -> None:
    """
    A log line's type 0 is an error; cancelling closes a run, and a second time is refused.
    """
    container = add_container(analyst)

    def write(work: Work) -> int:
        run_id = add_run(work, container, add_playbook(work))
        other = add_run(work, container, add_playbook(work))
        work.runs.log(run_id, [("info", "on_start", "begins"), ("error", "on_start", "broken")])
        work.runs.log(other, [("info", "", "another run")])
        return run_id

    run_id = stored(house, write)

    log = analyst.get(f"/rest/playbook_run/{run_id}/log", page_size=0, sort="time").json()["data"]
    assert [(line["message"], line["message_type"]) for line in log] == [
        ("begins", 2),
        ("broken", 0),
    ]
    wrong = analyst.post(f"/rest/playbook_run/{run_id}", {"cancel": False})
    assert wrong.status_code == 400
    cancel = analyst.post(f"/rest/playbook_run/{run_id}", {"cancel": True, "reason": "a test"})
    assert cancel.json() == {"success": True, "cancelled": [run_id]}
    assert analyst.get(f"/rest/playbook_run/{run_id}").json()["cancelled"] is True
    again = analyst.post(f"/rest/playbook_run/{run_id}", {"cancel": True})
    assert "has ended already: cancelled" in again.json()["message"]


def test_actions_and_their_calls(house: House, analyst: Client) -> None:
    """
    An action run has app runs; what the vendor returned comes with one of them.
    """
    container = add_container(analyst)

    def write(work: Work) -> tuple[int, int]:
        run_id = add_run(work, container, add_playbook(work))
        act = work.runs.add_action_run(
            run_id=run_id,
            container_id=container,
            kind="act",
            action="ip reputation",
            name="ip_1",
            remaining=1,
        )
        call = work.calls.add(
            action_run_id=act,
            join_id=act,
            run_id=run_id,
            container_id=container,
            severity_rank=1,
            member={
                "action": "ip reputation",
                "asset": "abuse",
                "app": "abuseipdb",
                "parameters": {"ip": "1.2.3.4"},
                "context": {"guid": "g"},
                "parked_for": "approval",
            },
        )
        work.runs.add_action_run(
            run_id=run_id, container_id=container, kind="group", action="", name="group"
        )
        work.calls._do("update app_run set approval_id = 7, breaker_id = 9 where id = :id", id=call)
        return act, call

    act, call = stored(house, write)

    assert analyst.ids("/rest/action_run", _filter_container=container) == [act]
    shown = analyst.get(f"/rest/action_run/{act}/app_runs").json()["data"]
    assert [(c["id"], c["status"], c["app_name"]) for c in shown] == [
        (call, "pending", "abuseipdb")
    ]
    assert "result_data" not in shown[0]
    single = analyst.get(f"/rest/app_run/{call}").json()
    assert single["result_data"][0]["parameter"] == {"ip": "1.2.3.4", "context": {"guid": "g"}}
    assert (single["approval"], single["breaker"]) == (7, 9)
    assert analyst.ids("/rest/app_run", _filter_breaker=9) == [call]
    assert single["exception_occured"] is single["exception_occurred"] is False
    assert analyst.get("/rest/app_run", include_expensive=1).json()["data"][0]["result_data"]
