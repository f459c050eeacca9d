"""
What clients and playbooks look up beside containers: words, CEF fields, what playbooks are for.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.bootstrap import House
from soar.store.work import Work
from tests.integration.rest.stage import Client, add_container, stored


def test_statuses_and_severities_are_numbered_words(reader: Client) -> None:
    """
    Listed, filtered, one by its id; one that there is not is 404.
    """
    listed = reader.get("/rest/container_status").json()
    assert [(row["id"], row["name"], row["status_type"]) for row in listed["data"]] == [
        (1, "new", "new"),
        (2, "open", "open"),
        (3, "closed", "resolved"),
    ]
    assert reader.ids("/rest/container_status", _filter_name__in='["closed", "new"]') == [1, 3]
    assert reader.get("/rest/severity/1").json()["name"] == "critical"
    assert reader.get("/rest/severity", sort="name").json()["count"] == 4
    assert reader.get("/rest/container_status/9").status_code == 404


def test_containers_are_found_by_the_id_of_a_status(analyst: Client) -> None:
    """
    As by its name, one or several.
    """
    first, second = add_container(analyst), add_container(analyst)
    analyst.post(f"/rest/container/{second}", {"status": "closed"})

    assert analyst.ids("/rest/container", _filter_status__in="[3]") == [second]
    assert analyst.ids("/rest/container", _filter_status="1") == [first]
    assert analyst.ids("/rest/container", _filter_status__in="['new', 'closed']") == [first, second]


def test_the_kinds_of_cef_fields_are_told(analyst: Client) -> None:
    """
    For all fields; for those of artifacts as they say themselves, and on request by CEF as well.
    """
    fields = analyst.get("/rest/cef_metadata").json()["cef"]
    assert fields["sourceAddress"] == {"data_type": "string", "contains": ["ip"]}
    number = add_container(analyst)
    cef = {"sourceAddress": "192.0.2.1", "odd": "192.0.2.2"}
    new = {"container_id": number, "name": "a", "cef": cef, "cef_types": {"odd": ["ip"]}}
    made = analyst.post("/rest/artifact", new).json()["id"]

    def types(**asked: str) -> dict[str, Any]:
        rows = analyst.get("/rest/artifact", _filter_id=str(made), **asked).json()["data"]
        return dict(rows[0]["cef_types"])

    analyst.post(f"/rest/artifact/{made}", {"cef_types": {"odd": ["ip"]}})
    assert types() == {"odd": ["ip"]}
    assert types(include_all_cef_types="") == {"odd": ["ip"], "sourceAddress": ["ip"]}


@pytest.mark.parametrize("noun", ["artifact", "container"])
def test_what_was_read_is_changed_and_sent_back_whole(analyst: Client, noun: str) -> None:
    """
    What stands there as it was shown is no change; a field that cannot be changed is refused.
    """
    number = add_container(analyst)
    if noun == "artifact":
        new = {"container_id": number, "name": "a", "cef": {"a": "1"}}
        number = analyst.post("/rest/artifact", new).json()["id"]
    address = f"/rest/{noun}/{number}"
    whole = {**analyst.get(address).json(), "tags": ["seen"]}

    answer = analyst.post(address, whole)

    assert answer.json() == {"success": True, "id": number}
    assert analyst.get(address).json()["tags"] == ["seen"]
    refused = analyst.post(address, {**whole, "create_time": "1970-01-01T00:00:00.000000Z"})
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("create_time: is not a field")


def test_playbooks_are_found_by_what_they_are_for(house: House, reader: Client) -> None:
    """
    By tags, category, label, repository and kind; with the inputs that they take.
    """
    spec = [{"name": "ip", "contains": ["ip"]}]
    more = {"kind": "input", "category": "Block", "tags": ["block", "ip"], "inputs": spec}

    def keep(work: Work, name: str, **details: Any) -> int:
        return work.playbooks.save(
            name=name, title=name, version="1.0", source="def on_start(c): pass", details=details
        )[0]

    one = stored(house, lambda w: keep(w, "one", repo="community", labels=["events"], **more))
    other = stored(house, lambda w: keep(w, "other", tags=["ip"]))

    asked: dict[str, tuple[str, list[int]]] = {
        "_filter_tags__contains": ('["block", "ip"]', [one]),
        "_filter_category": ('"Block"', [one]),
        "_filter_labels__contains": ('"events"', [one]),
        "_filter_scm": ('"local"', [other]),
        "_filter_playbook_type": ('"automation"', [other]),
        "_filter_draft_mode": ("False", [one, other]),
        "_exclude_category": ('"Block"', [other]),
    }
    assert {n: reader.ids("/rest/playbook", **{n: v}) for n, (v, _) in asked.items()} == {
        name: ids for name, (_, ids) in asked.items()
    }
    shown = reader.get(f"/rest/playbook/{one}").json()
    assert (shown["playbook_type"], shown["input_spec"]) == ("data", spec)
    assert (shown["_pretty_scm"], shown["disabled"]) == ("community", False)
