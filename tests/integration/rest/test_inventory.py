"""
Assets, triggers and playbooks as a client sees them.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.bootstrap import House
from tests.integration.rest.stage import ASSET, TRIGGER, Client, add_playbook, stored


def test_an_asset_is_kept_and_shown_without_its_secret(house: House, admin: Client) -> None:
    """
    Secrets go in and never come out; stars sent back leave them as they are.
    """
    made = admin.post("/rest/asset", ASSET).json()
    assert (made["success"], made["name"]) == (True, "virustotal_prod")

    shown = admin.get(f"/rest/asset/{made['id']}")
    assert shown.json()["configuration"]["api_key"] == "***"
    assert "TOP-SECRET" not in shown.text
    before = stored(house, lambda w: w.assets.get("virustotal_prod").configuration)
    again = {**ASSET, "configuration": {**shown.json()["configuration"], "rate_limit": False}}
    assert admin.post("/rest/asset", again).status_code == 200
    changed = admin.post(
        f"/rest/asset/{made['id']}", {"configuration": {"max_requests_per_minute": 9}}
    )
    assert changed.json()["id"] == made["id"]

    after = stored(house, lambda w: w.assets.get("virustotal_prod").configuration)
    assert after == {**before, "rate_limit": False, "max_requests_per_minute": 9}
    assert admin.ids("/rest/asset", _filter_name__icontains='"VIRUS"') == [made["id"]]


@pytest.mark.parametrize(
    "change",
    [
        {"app": "No Such App"},
        {"configuration": {"nonsense": 1}},
        {"configuration": {"api_key": "***"}},
        {"configuration": {"api_key": {"sealed": "gAAAA"}}},
        {"configuration": "x"},
        {"asset_name": "Bad Name"},
    ],
)
def test_an_asset_that_cannot_be_used_is_refused(admin: Client, change: dict[str, Any]) -> None:
    """
    400, and no asset; nobody brings a sealed value of their own.
    """
    assert admin.post("/rest/asset", {**ASSET, **change}).status_code == 400
    assert admin.ids("/rest/asset") == []


WRONG = [
    *[("max_requests_per_minute", value) for value in (0, -1, "abc", 1e9)],
    *[("concurrency", value) for value in (0, -1, "abc", 1e9)],
    *[("rate_limit", value) for value in ("0/minute", -1, "abc", 1e9, True)],
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_budget_is_refused_by_its_name(admin: Client, name: str, value: object) -> None:
    """
    400 and a sentence that names the field; a new asset is not kept, and one there stays as it is.
    """
    wrong = {"configuration": {"api_key": "k", name: value}}
    refused = admin.post("/rest/asset", {**ASSET, **wrong})
    assert (refused.status_code, admin.ids("/rest/asset")) == (400, [])
    number = admin.post("/rest/asset", {**ASSET, "configuration": {"api_key": "k"}}).json()["id"]
    before = admin.get(f"/rest/asset/{number}").json()

    again = admin.post(f"/rest/asset/{number}", {"configuration": {name: value}})

    for answer in (refused, again):
        assert answer.status_code == 400
        assert answer.json()["message"].startswith(f"configuration.{name}: ")
    assert admin.get(f"/rest/asset/{number}").json() == before


def test_a_trigger_is_kept_in_the_seeds_form(house: House, admin: Client) -> None:
    """
    What is posted is what is listed; a playbook that does not exist is refused.
    """
    refused = admin.post("/rest/trigger", TRIGGER)
    assert refused.status_code == 400
    assert "playbook_name" in refused.json()["message"]
    stored(house, add_playbook)

    assert admin.post("/rest/trigger", TRIGGER).json() == {"success": True, "name": "triage"}

    listed = admin.get("/rest/trigger", _filter_label__contains='"phishing"').json()["data"][0]
    assert {name: listed[name] for name in TRIGGER} == TRIGGER


def test_playbooks_are_listed_in_their_newest_version(house: House, reader: Client) -> None:
    """
    The list shows active versions; one row shows any version with its text.
    """
    old = stored(house, add_playbook)
    new = stored(house, lambda w: add_playbook(w, version="1.1"))

    assert reader.ids("/rest/playbook") == [new]
    assert "python" not in reader.get("/rest/playbook").json()["data"][0]
    assert "on_start" in reader.get(f"/rest/playbook/{old}").json()["python"]
