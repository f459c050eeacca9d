"""
Attachments over REST: listed with their container, looked at, and their text fetched.

In: a call whose result was truncated. Out: nothing. Never: a text without a token.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import requests

from soar.bootstrap import House
from soar.domain.model import Outcome
from soar.store.claims import CLAIM
from soar.store.endings import end_values, ending
from soar.store.results import keep
from soar.store.work import Work
from tests.integration.rest.stage import Client, add_container, add_playbook, add_run, stored

TASK = "soar.tasks.sham.look_up"
ROWS = [{"number": i, "name": "naïve \ufffd" * 30} for i in range(500)]
DOCUMENT = {"message": "500 rows", "summary": {"total": 500}, "data": ROWS}


def add_call(work: Work, container: int) -> tuple[int, int]:
    """Add a call that waits for a worker; return its id and its run's."""
    run = add_run(work, container, add_playbook(work))
    join = work.runs.add_action_run(
        run_id=run, container_id=container, kind="act", action="look up", name="x", remaining=1
    )
    member = {"action": "look up", "asset": "sham", "task": TASK, "app": "sham"}
    ids = {"action_run_id": join, "join_id": join, "run_id": run, "container_id": container}
    return work.calls.add(**ids, severity_rank=1, member=member), run


@pytest.fixture
def truncated(house: House, analyst: Client) -> dict[str, Any]:
    """The ids of a container and of a call in it whose result was too large."""
    container = add_container(analyst)
    call, run = stored(house, lambda work: add_call(work, container))
    house.database.run(CLAIM, {"id": call, "owner": "alive", "task": TASK})
    kept = keep(DOCUMENT["message"], DOCUMENT["summary"], ROWS, cap=16 * 1024)
    outcome = Outcome(app_run_id=call, attempt=1, succeeded=True, message="", kept=kept)
    assert house.database.run(ending(outcome), end_values(outcome))
    return {"container": container, "call": call, "run": run}


def test_a_truncated_call_says_so_and_names_its_attachment(
    reader: Client, truncated: dict[str, Any]
) -> None:
    """
    In the one call with its result, in lists, and as a filter.
    """
    shown = reader.get(f"/rest/app_run/{truncated['call']}").json()
    flagged = reader.ids("/rest/app_run", _filter_truncated="True")

    assert (shown["truncated"], shown["result_data"][0]["truncated"]) == (True, True)
    assert shown["result_data"][0]["data"] == ROWS[: len(shown["result_data"][0]["data"])]
    assert 5 < len(shown["result_data"][0]["data"]) < 500
    assert "result truncated" in shown["message"]
    assert flagged == [truncated["call"]]
    assert reader.ids("/rest/app_run", _filter_attachment=shown["attachment"]) == flagged


def test_an_attachment_is_listed_and_its_text_is_the_whole_result(
    reader: Client, truncated: dict[str, Any]
) -> None:
    """
    By container, by hash, alone; the text is named by its vault id.
    """
    (listed,) = reader.get("/rest/container_attachment").json()["data"]
    (of_container,) = reader.get(f"/rest/container/{truncated['container']}/attachments").json()[
        "data"
    ]
    one = reader.get(f"/rest/container_attachment/{listed['id']}").json()
    text = reader.get("/rest/download_attachment", vault_id=listed["vault_id"])

    assert listed == of_container == one
    assert (one["container"], one["app_run"]) == (truncated["container"], truncated["call"])
    assert one["playbook_run"] == truncated["run"]
    assert text.status_code == 200
    assert text.headers["Content-Type"] == "application/json"
    assert text.headers["Content-Disposition"].startswith("attachment;")
    assert text.json() == DOCUMENT
    assert len(text.content) == one["size"]
    assert hashlib.sha1(text.content, usedforsecurity=False).hexdigest() == one["vault_id"]
    assert reader.ids("/rest/container_attachment", _filter_vault_document__hash=one["hash"])
    assert json.loads(reader.get(one["download"]).content) == DOCUMENT


def test_a_text_needs_a_token_and_a_vault_id_that_exists(
    reader: Client, truncated: dict[str, Any]
) -> None:
    """
    As everything else that can be read.
    """
    (listed,) = reader.get("/rest/container_attachment").json()["data"]
    bare = requests.get(reader.url + listed["download"], timeout=30)

    assert bare.status_code == 401
    assert reader.get("/rest/download_attachment").status_code == 400
    assert reader.get("/rest/download_attachment", vault_id="0" * 40).status_code == 404
    assert reader.get("/rest/download_attachment", vault_id="x\x00").status_code == 404
    assert reader.get("/rest/container_attachment/99").status_code == 404
