"""
Containers and artifacts as a client sees them.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.bootstrap import House
from tests.integration.rest.stage import (
    TRIGGER,
    Client,
    add_container,
    add_playbook,
    ask,
    client_of,
    stored,
)


def test_an_alert_becomes_a_container_with_artifacts(house: House, analyst: Client) -> None:
    """
    Posting an alert opens a container and queues the playbooks whose trigger matches.
    """
    stored(house, add_playbook)
    assert (
        client_of(house, analyst.url, "root", "admin").post("/rest/trigger", TRIGGER).status_code
        == 200
    )

    answer = analyst.post(
        "/rest/container",
        {
            "name": "Reported mail",
            "label": "phishing",
            "severity": "high",
            "source_data_identifier": "m-1",
            "custom_fields": {"team": "blue"},
            "owner": "ada",
            "sensitivity": "red",
            "artifacts": [{"name": "url", "cef": {"requestURL": "http://x"}}],
        },
    ).json()

    assert answer["success"] is True
    assert len(answer["new_artifact_ids"]) == 1
    shown = analyst.get(f"/rest/container/{answer['id']}").json()
    assert (shown["artifact_count"], shown["owner_name"], shown["sensitivity"]) == (1, "ada", "red")
    assert shown["custom_fields"] == {"team": "blue"}
    assert shown["create_time"].endswith("Z")
    assert len(shown["create_time"]) == len("2024-01-01T00:00:00.000000Z")
    runs = analyst.get(f"/rest/container/{answer['id']}/playbook_runs").json()["data"]
    assert [(r["playbook_name"], r["status"]) for r in runs] == [("triage", "pending")]


def test_the_same_alert_again_names_the_first_container(analyst: Client) -> None:
    """
    A repeat of (asset, source id) is refused with the id of what is there; nothing is added.
    """
    first = add_container(analyst, source_data_identifier="m-1")

    again = analyst.post("/rest/container", {"name": "x", "source_data_identifier": "m-1"})

    assert again.status_code == 400
    assert again.json()["failed"] is True
    assert again.json()["existing_container_id"] == first
    assert analyst.ids("/rest/container") == [first]


def test_two_alerts_without_an_id_are_two_containers(analyst: Client) -> None:
    """
    Where no source id is given one is made, as Splunk does.
    """
    assert add_container(analyst) != add_container(analyst)


def test_a_container_is_changed(analyst: Client) -> None:
    """
    Fields are replaced, custom fields are merged, closing it sets its close time.
    """
    number = add_container(analyst, custom_fields={"a": 1})

    answer = analyst.post(
        f"/rest/container/{number}",
        {
            "status": "closed",
            "severity": "low",
            "tags": ["done"],
            "custom_fields": {"b": 2},
            "owner": "ada",
            "name": "New name",
            "label": "malware",
            "description": "d",
            "sensitivity": "green",
            "container_type": "case",
        },
    )

    assert answer.json() == {"success": True, "id": number}
    shown = analyst.get(f"/rest/container/{number}").json()
    assert shown["custom_fields"] == {"a": 1, "b": 2}
    assert (shown["status"], shown["severity"], shown["tags"]) == ("closed", "low", ["done"])
    assert (shown["label"], shown["container_type"]) == ("malware", "case")
    assert shown["close_time"] is not None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"nonsense": 1}, "nonsense"),
        ({"status": "finished"}, "status"),
        ({"severity": "extreme"}, "severity"),
        ({"label": "no such label"}, "label"),
        ({"owner": "nobody"}, "nobody"),
        ({"tags": "x"}, "tags"),
        ({"custom_fields": []}, "custom_fields"),
        ({"name": "  "}, "name"),
        ({"description": 5}, "description"),
    ],
)
def test_a_change_that_cannot_be_made_is_named(
    analyst: Client, change: dict[str, Any], word: str
) -> None:
    """
    400 names the field; the container stays as it was.
    """
    number = add_container(analyst)
    before = analyst.get(f"/rest/container/{number}").json()

    answer = analyst.post(f"/rest/container/{number}", {"description": "changed", **change})

    assert answer.status_code == 400
    assert word in answer.json()["message"]
    assert analyst.get(f"/rest/container/{number}").json() == before


def test_what_belongs_to_a_container_is_listed(house: House, analyst: Client) -> None:
    """
    Artifacts, actions, runs, notes, comments and report stand below their container.
    """
    asked = ask(house, analyst)
    other = add_container(analyst, artifacts=[{"name": "not this"}])
    stored(house, lambda w: w.containers.add_note(asked.container, content="c", author="ada"))
    stored(
        house,
        lambda w: w.containers.add_note(asked.container, content="n", author="ada", kind="note"),
    )
    analyst.post("/rest/artifact", {"container_id": asked.container, "name": "ip"})

    at = f"/rest/container/{asked.container}"

    assert [a["name"] for a in analyst.get(f"{at}/artifacts").json()["data"]] == ["ip"]
    assert analyst.ids(f"{at}/playbook_runs") == [asked.run]
    assert [a["action"] for a in analyst.get(f"{at}/actions").json()["data"]] == ["prompt"]
    assert [n["content"] for n in analyst.get(f"{at}/notes").json()["data"]] == ["n"]
    assert [n["comment"] for n in analyst.get(f"{at}/comments").json()["data"]] == ["c"]
    assert "SOAR PLAYBOOK EXECUTION REPORT" in analyst.get(f"{at}/report").text
    assert analyst.get(f"/rest/container/{other + 1}/artifacts").status_code == 404


def test_artifacts_are_added_one_by_one_or_many_at_once(analyst: Client) -> None:
    """
    A list gets a result for each, and a bad one does not stop the others.
    """
    number = add_container(analyst)

    one = analyst.post(
        "/rest/artifact", {"container_id": number, "cef": {"sourceAddress": "1.2.3.4"}}
    )
    many = analyst.post(
        "/rest/artifact",
        [
            {"container_id": number, "name": "a", "source_data_identifier": "s"},
            {"container_id": number, "name": "b", "severity": "extreme"},
            {"container_id": 4711, "name": "c"},
            {"container_id": number, "name": "d", "source_data_identifier": "s"},
            5,
        ],
    ).json()

    assert one.json()["success"] is True
    assert [m["success"] for m in many] == [True, False, False, True, False]
    assert many[1]["message"].startswith("severity: ")
    assert many[3]["existing_artifact_id"] == many[0]["id"]
    assert analyst.ids("/rest/artifact", _filter_cef__sourceAddress='"1.2.3.4"') == [
        one.json()["id"]
    ]
    assert analyst.ids("/rest/artifact", _filter_container=number) == [
        one.json()["id"],
        many[0]["id"],
    ]


def test_large_fields_come_only_when_asked_for(analyst: Client) -> None:
    """
    A list leaves out data; one row has it, and so has a list with include_expensive.
    """
    number = add_container(analyst, data={"raw": "x"}, artifacts=[{"name": "a", "data": {"b": 1}}])

    for noun, data in (("container", {"raw": "x"}), ("artifact", {"b": 1})):
        assert "data" not in analyst.get(f"/rest/{noun}").json()["data"][0]
        heavy = analyst.get(f"/rest/{noun}", include_expensive="").json()["data"][0]
        assert heavy["data"] == data
    assert analyst.get(f"/rest/container/{number}").json()["data"] == {"raw": "x"}
    slim = analyst.get("/rest/container", _exclude_fields="tags, label").json()["data"][0]
    assert {"tags", "label"}.isdisjoint(slim)
