"""
Indicators, evidence, users and repositories: what community playbooks ask REST for.
"""

from __future__ import annotations

import hashlib

import pytest

from soar.bootstrap import House
from tests.integration.rest.stage import Client, add_container, stored
from tests.integration.rest.tenants import ACME, GLOBEX, member_of, settle

URL = "http://bad.example/"
MAIL = {"requestURL": URL, "sourceAddress": "198.51.100.7", "port": 25, "toEmail": ["a@x", "b@x"]}


@pytest.fixture
def seen(analyst: Client) -> tuple[int, int]:
    """Two containers that share one value; the second is closed."""
    first = add_container(
        analyst, artifacts=[{"name": "m", "severity": "high", "cef": MAIL}], severity="high"
    )
    second = add_container(
        analyst,
        status="closed",
        artifacts=[{"name": "m", "severity": "low", "cef": {"requestURL": URL}}],
    )
    return first, second


def test_an_indicator_is_a_value_and_where_it_was_seen(
    analyst: Client, seen: tuple[int, int]
) -> None:
    """
    Every single value is one, those of lists too; it is told with its kind and its hash.
    """
    listed = analyst.get("/rest/indicator", page_size=0).json()["data"]
    found = analyst.get("/rest/indicator_by_value", indicator_value=URL, timerange="all").json()

    assert {one["value"] for one in listed} == {URL, "198.51.100.7", "25", "a@x", "b@x"}
    assert found in listed
    assert (found["total_events"], found["open_events"]) == (2, 1)
    assert found["severity_counts"] == {"critical": 0, "high": 1, "medium": 0, "low": 1}
    assert found["_special_contains"] == ["url"]
    assert found["value_hash"] == hashlib.sha256(URL.encode()).hexdigest()
    assert analyst.get(f"/rest/indicator/{found['id']}").json() == found


def test_indicators_are_found_by_hash_kind_and_tag(analyst: Client, seen: tuple[int, int]) -> None:
    """
    In the forms that playbooks write them: a tuple of hashes, a kind, a tag.
    """
    number = analyst.get("/rest/indicator_by_value", indicator_value=URL).json()["id"]
    wanted = hashlib.sha256(URL.encode()).hexdigest()

    assert analyst.ids("/rest/indicator", _filter_value_hash__in=str((wanted, None))) == [number]
    assert analyst.ids("/rest/indicator", _filter_type='"url"') == [number]
    assert analyst.ids("/rest/indicator", _filter_value__iexact=f'"{URL.upper()}"') == [number]
    assert analyst.post(f"/rest/indicator/{number}", {"tags": ["seen", "bad"]}).json() == {
        "success": True,
        "id": number,
    }
    assert analyst.ids("/rest/indicator", _filter_tags__contains='"bad"') == [number]
    assert analyst.get(f"/rest/indicator/{number}").json()["tags"] == ["seen", "bad"]


@pytest.mark.parametrize("tags", ["bad", [1], [""], ["x" * 201], None])
def test_tags_are_a_list_of_texts(analyst: Client, seen: tuple[int, int], tags: object) -> None:
    """
    Anything else is refused, and the field is named.
    """
    number = analyst.get("/rest/indicator_by_value", indicator_value=URL).json()["id"]

    answer = analyst.post(f"/rest/indicator/{number}", {"tags": tags})

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("tags: ")


def test_a_value_that_was_not_seen_is_no_indicator(analyst: Client, seen: tuple[int, int]) -> None:
    """
    Nor is one that was not seen in the span asked for; a span that does not exist is refused.
    """
    at = "/rest/indicator_by_value"

    assert analyst.get(at, indicator_value="10.9.9.9").status_code == 404
    assert analyst.get(at, indicator_value=URL, timerange="yesterday").status_code == 404
    assert analyst.get(at, indicator_value=URL, timerange="today").status_code == 200
    refused = analyst.get("/rest/indicator", timerange="ever")
    assert refused.json()["message"].startswith("timerange: 'ever' is none of all, today")


def test_common_containers_are_those_of_an_indicator(
    analyst: Client, seen: tuple[int, int]
) -> None:
    """
    By ids or by value, the newest first; a list without an envelope.
    """
    number = analyst.get("/rest/indicator_by_value", indicator_value=URL).json()["id"]
    at = "/rest/indicator_common_container"

    by_id = analyst.get(at, indicator_ids=number).json()

    assert [one["container_id"] for one in by_id] == [seen[1], seen[0]]
    assert by_id[0]["container_status"] == "closed"
    assert by_id == analyst.get(at, indicator_value=URL).json()
    assert analyst.get(at, indicator_ids="one").status_code == 400


def test_a_value_is_one_indicator_for_each_tenant(house: House, url: str) -> None:
    """
    Nobody learns from counts, tags or containers that another tenant has seen it.
    """
    acme, globex = settle(house, ACME), settle(house, GLOBEX)
    anna, gus = (member_of(house, url, n, t) for n, t in (("anna", ACME), ("gus", GLOBEX)))
    gus.post(f"/rest/indicator/{globex['indicator']}", {"tags": ["theirs"]})

    found = anna.get("/rest/indicator_by_value", indicator_value="http://x/").json()
    common = anna.get(
        "/rest/indicator_common_container",
        indicator_ids=f"{acme['indicator']},{globex['indicator']}",
    ).json()

    assert (found["id"], found["total_events"], found["tags"]) == (acme["indicator"], 1, [])
    assert [one["container_id"] for one in common] == [acme["container"]]
    assert anna.post(f"/rest/indicator/{globex['indicator']}", {"tags": []}).status_code == 404


def test_a_part_of_a_container_becomes_evidence_once(
    analyst: Client, seen: tuple[int, int]
) -> None:
    """
    A second time says so in Splunk's words, which playbooks compare; removed, it can be again.
    """
    (artifact,) = analyst.ids(f"/rest/container/{seen[0]}/artifacts")
    part = {"container_id": seen[0], "object_id": artifact, "content_type": "artifact"}

    added = analyst.post("/rest/evidence", part).json()
    again = analyst.post("/rest/evidence", part).json()

    assert added["success"]
    assert (again["failed"], again["message"]) == (True, "Already added to Evidence.")
    assert analyst.ids("/rest/evidence", _filter_container=seen[0]) == [added["id"]]
    assert analyst.ids("/rest/evidence", _filter_container=seen[1]) == []
    assert analyst.delete(f"/rest/evidence/{added['id']}").status_code == 200
    assert analyst.post("/rest/evidence", part).json()["success"]


@pytest.mark.parametrize(
    ("change", "status"),
    [({"object_id": 999999}, 404), ({"content_type": "mood"}, 400), ({"container_id": 99}, 404)],
)
def test_only_parts_of_the_container_are_evidence(
    analyst: Client, seen: tuple[int, int], change: dict[str, object], status: int
) -> None:
    """
    Something else is refused.
    """
    (artifact,) = analyst.ids(f"/rest/container/{seen[0]}/artifacts")
    part = {"container_id": seen[0], "object_id": artifact, "content_type": "artifact"}

    assert analyst.post("/rest/evidence", part | change).status_code == status


def test_marks_stand_in_the_audit_trail(
    house: House, analyst: Client, seen: tuple[int, int]
) -> None:
    """
    Who tagged an indicator, and who added and removed evidence.
    """
    number = analyst.get("/rest/indicator_by_value", indicator_value=URL).json()["id"]
    (artifact,) = analyst.ids(f"/rest/container/{seen[0]}/artifacts")
    part = {"container_id": seen[0], "object_id": artifact, "content_type": "artifact"}
    analyst.post(f"/rest/indicator/{number}", {"tags": ["bad"]})
    added = analyst.post("/rest/evidence", part).json()["id"]
    analyst.delete(f"/rest/evidence/{added}")

    told = stored(house, lambda work: [row["what"] for row in work.trail._all(
        "select what from audit order by id desc limit 3")])  # fmt: skip

    assert told == ["evidence removed", "evidence added", "indicator tagged"]


def test_users_are_listed_without_machines(analyst: Client, house: House) -> None:
    """
    Machines are in the list if somebody asks for their type; a user is found by id.
    """
    stored(house, lambda work: work.people.save("robot", ["automation"], "automation"))

    people = analyst.get("/rest/ph_user", page_size=0).json()["data"]
    (robot,) = analyst.get("/rest/ph_user", _filter_type='"automation"').json()["data"]
    (one,) = analyst.get("/rest/ph_user", _filter_username=f'"{people[0]["username"]}"').json()[
        "data"
    ]

    assert "robot" not in {person["username"] for person in people}
    assert (robot["username"], robot["type"], robot["roles"]) == (
        "robot",
        "automation",
        ["automation"],
    )
    assert analyst.get(f"/rest/ph_user/{one['id']}").json() == one
    assert {"email", "is_active", "first_name", "last_name"} <= set(one)
    assert not {"hash", "token", "password"} & set(one)


def test_repositories_are_those_of_playbooks_and_functions(analyst: Client, house: House) -> None:
    """
    What is kept here is the first; a trailing slash is forgiven.
    """
    assert [r["name"] for r in analyst.get("/rest/scm/", page_size=1000).json()["data"]] == [
        "local"
    ]
    assert analyst.ids("/rest/scm", _filter_name='"local"') == [1]
    assert analyst.get("/rest/scm/1").json()["name"] == "local"
