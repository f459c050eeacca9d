"""
Who has tenants sees and changes what is theirs, and hears of nothing else.

In: two tenants with one of everything. Out: lists of one of them, and 404.
Never: a row, a count or an id of the other.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from soar import tenants
from soar.bootstrap import House
from tests.integration.rest.stage import ASSET, Client, stored
from tests.integration.rest.tenants import (
    ACME,
    GLOBEX,
    PATHS,
    Made,
    member_of,
    settle,
    tenant,
    text_of,
)

WITHIN = ("artifacts", "attachments", "actions", "playbook_runs", "notes", "comments", "report")
ONES = [n for n in PATHS if "{" not in PATHS[n]]


@pytest.fixture
def acme(house: House) -> Made:
    """One of everything of the one tenant."""
    return settle(house, ACME)


@pytest.fixture
def globex(house: House, acme: Made) -> Made:
    """One of everything of the other."""
    return settle(house, GLOBEX)


@pytest.fixture
def anna(house: House, url: str) -> Client:
    """Somebody who sees the one tenant."""
    return member_of(house, url, "anna", ACME)


def path(noun: str, made: Made) -> str:
    """Return where a noun of a tenant is listed."""
    return PATHS[noun].format(**made)


@pytest.mark.parametrize("noun", PATHS)
def test_a_list_shows_what_is_of_its_readers_tenants(
    analyst: Client, anna: Client, acme: Made, globex: Made, noun: str
) -> None:
    """
    The count as well; who has no tenants sees all of them.
    """
    whole = analyst.get(path(noun, acme), page_size=0).json()
    shown = anna.get(path(noun, acme), page_size=0).json()

    assert [row["id"] for row in shown["data"]] == [acme[noun]]
    assert shown["count"] == 1
    if "{" not in PATHS[noun]:
        assert {acme[noun], globex[noun]} <= {row["id"] for row in whole["data"]}


@pytest.mark.parametrize("noun", ONES)
def test_a_row_of_another_tenant_is_not_there(
    anna: Client, acme: Made, globex: Made, noun: str
) -> None:
    """
    In the words in which a row is refused that nobody has, and no filter brings it back.
    """
    assert anna.get(f"{PATHS[noun]}/{acme[noun]}").status_code == 200
    refused = anna.get(f"{PATHS[noun]}/{globex[noun]}")
    nothing = anna.get(f"{PATHS[noun]}/999999")

    assert (refused.status_code, nothing.status_code) == (404, 404)
    said = refused.json()["message"].replace(str(globex[noun]), "999999")
    assert said == nothing.json()["message"]
    assert anna.ids(PATHS[noun], _filter_id=globex[noun]) == []


@pytest.mark.parametrize("part", WITHIN)
def test_nothing_is_read_within_a_container_of_another_tenant(
    anna: Client, acme: Made, globex: Made, part: str
) -> None:
    """
    Neither its rows nor its report.
    """
    assert anna.get(f"/rest/container/{acme['container']}/{part}").status_code == 200
    assert anna.get(f"/rest/container/{globex['container']}/{part}").status_code == 404


def test_nothing_is_read_within_a_run_of_another_tenant(
    anna: Client, acme: Made, globex: Made
) -> None:
    """
    Neither its log nor the calls of its acts, nor the place of a call in its lane.
    """
    for row, status in ((acme, 200), (globex, 404)):
        assert anna.get(f"/rest/playbook_run/{row['playbook run']}/log").status_code == status
        assert anna.get(f"/rest/action_run/{row['action run']}/app_runs").status_code == status
    lane = f"/rest/lane/edr_{globex['tenant']}/{globex['app run']}"
    assert "there is no app run" in anna.get(lane).json()["message"]


def test_a_text_is_read_by_those_who_see_its_container(
    anna: Client, acme: Made, globex: Made
) -> None:
    """
    Its vault id is the hash of the text: whoever knows it could have it from elsewhere.
    """
    ids = {
        name: hashlib.sha1(text_of(made["tenant"]), usedforsecurity=False).hexdigest()
        for name, made in (("acme", acme), ("globex", globex))
    }

    assert anna.get("/rest/download_attachment", vault_id=ids["acme"]).text == "secret of 1"
    assert anna.get("/rest/download_attachment", vault_id=ids["globex"]).status_code == 404


def test_nothing_is_changed_or_started_for_another_tenant(
    house: House, anna: Client, acme: Made, globex: Made
) -> None:
    """
    A container of it is not there, for whatever is to be done with it.
    """
    other, run = globex["container"], globex["playbook run"]
    tried = {
        f"/rest/container/{other}": {"severity": "low"},
        "/rest/artifact": {"container_id": other, "cef": {}},
        "/rest/playbook_run": {"container_id": other, "playbook_id": "triage"},
        f"/rest/playbook_run/{run}": {"cancel": True},
    }

    assert [anna.post(p, body).status_code for p, body in tried.items()] == [404] * 4
    assert anna.post("/rest/artifact", [{"container_id": other}]).json()[0]["failed"] is True
    assert anna.post(f"/rest/container/{acme['container']}", {"severity": "low"}).ok
    kept = stored(house, lambda work: work.containers.get(other))
    assert kept["severity"] == "high"


def opened(client: Client, **more: Any) -> Any:
    """Try to open a container and return the answer."""
    return client.post("/rest/container", {"name": "m", "run_automation": False, **more})


def test_a_container_is_opened_for_the_tenant_that_is_named(
    house: House, analyst: Client, anna: Client
) -> None:
    """
    By name or number; without one it is of the Default Tenant, or of the only one that its author
    sees. What its author does not see is as if it were not there.
    """
    acme, globex = tenant(house, ACME), tenant(house, GLOBEX)

    made = [opened(analyst, tenant_id=acme), opened(analyst, tenant="globex"), opened(analyst)]
    made += [opened(analyst, tenant_id=0), opened(anna), opened(anna, tenant="ACME")]
    shown = [analyst.get(f"/rest/container/{m.json()['id']}").json()["tenant"] for m in made]
    assert shown == [acme, globex, 0, 0, acme, acme]
    assert analyst.ids("/rest/container", _filter_tenant=globex) == [made[1].json()["id"]]

    for client, named in ((analyst, "Nobody"), (analyst, 99), (anna, "Globex"), (anna, "Nobody")):
        refused = opened(client, tenant=named)
        assert refused.status_code == 400
        assert refused.json()["message"].startswith(f"tenant: {str(named)!r} is no tenant")
    wrong = opened(analyst, tenant=["Acme"])
    assert wrong.json()["message"] == "tenant: must be text, not list"


def test_who_sees_several_tenants_names_one(house: House, url: str, anna: Client) -> None:
    """
    Nothing is guessed.
    """
    both = member_of(house, url, "bea", ACME, GLOBEX)

    assert opened(both).json()["message"].startswith("tenant: is missing")
    assert opened(both, tenant=GLOBEX).status_code == 200


def test_a_tenant_that_is_disabled_takes_no_new_containers(house: House, analyst: Client) -> None:
    """
    Those that it has stay.
    """
    tenant(house, ACME)
    first = opened(analyst, tenant=ACME).json()["id"]
    stored(house, lambda work: tenants.edit(work, ACME, active=False, by="a test"))

    refused = opened(analyst, tenant=ACME)

    assert refused.status_code == 400
    assert "is no tenant that takes new containers" in refused.json()["message"]
    assert analyst.get(f"/rest/container/{first}").status_code == 200


def test_the_same_alert_of_two_tenants_is_two_containers(analyst: Client, house: House) -> None:
    """
    Else the second one's would be lost, and it would hear the first one's number.
    """
    tenant(house, ACME)
    same: dict[str, Any] = {"source_data_identifier": "a-1", "asset": "mail"}

    first, second = opened(analyst, **same), opened(analyst, **same, tenant=ACME)
    again = opened(analyst, **same, tenant=ACME)

    assert first.json()["id"] != second.json()["id"]
    assert again.json()["existing_container_id"] == second.json()["id"]


def test_tenants_are_made_and_changed_by_administrators(
    house: House, admin: Client, analyst: Client
) -> None:
    """
    On record; the first one is there from the beginning, and stays.
    """
    assert [t["name"] for t in admin.get("/rest/tenant").json()["data"]] == ["Default Tenant"]
    made = admin.post("/rest/tenant", {"name": "Acme"}).json()
    assert (made["success"], made["name"], made["disabled"]) == (True, "Acme", False)
    at = f"/rest/tenant/{made['id']}"
    changed = admin.post(at, {"name": "Acme Europe", "active": False}).json()
    assert (changed["name"], changed["active"]) == ("Acme Europe", False)

    assert analyst.post("/rest/tenant", {"name": "Mine"}).status_code == 403
    assert admin.post("/rest/tenant", {"name": "ACME EUROPE"}).status_code == 409
    for body in ({"name": "7"}, {"name": " "}, {"name": "x" * 101}, {"name": "A", "id": 3}, {}):
        assert admin.post("/rest/tenant", body).status_code == 400
    assert admin.post("/rest/tenant/0", {"active": False}).status_code == 400
    assert admin.post(at, {"active": "no"}).status_code == 400
    trail = house.database.run("select who, what from audit order by id", {})
    assert trail == [("root", "tenant added"), ("root", "tenant changed")]


def test_who_has_tenants_changes_nothing_that_concerns_all(
    house: House, url: str, globex: Made
) -> None:
    """
    Not even as an administrator: an asset, a rule or a switch may be everybody's.
    """
    boss = member_of(house, url, "boss", ACME, roles="admin")
    tried: dict[str, Any] = {
        "/rest/asset": ASSET,
        f"/rest/asset/{globex['asset']}": {"disabled": True},
        "/rest/trigger": {},
        "/rest/blast_rule": {"kind": "protected", "pattern": "x"},
        "/rest/approval_policy": {"needs": "x"},
        "/rest/shadow": {"scope": "all"},
        "/rest/tenant": {"name": "Mine"},
    }

    answers = {p: boss.post(p, body) for p, body in tried.items()}

    assert {p: a.status_code for p, a in answers.items()} == dict.fromkeys(tried, 403)
    assert "concerns all tenants" in answers["/rest/shadow"].json()["message"]


def test_tenants_taken_from_a_person_are_gone_at_once(
    house: House, anna: Client, acme: Made, globex: Made
) -> None:
    """
    Their tokens are asked each time.
    """
    assert anna.ids("/rest/container") == [acme["container"]]

    stored(house, lambda work: tenants.give_person(work, "anna", [GLOBEX], by="a test"))

    assert anna.ids("/rest/container") == [globex["container"]]


def test_an_asset_is_given_its_tenants_with_its_settings(house: House, admin: Client) -> None:
    """
    By name or number; what is not given stays, an empty list is all.
    """
    acme = tenant(house, ACME)
    at = f"/rest/asset/{admin.post('/rest/asset', {**ASSET, 'tenants': [ACME]}).json()['id']}"

    assert admin.get(at).json()["tenants"] == [acme]
    admin.post(at, {"disabled": True})
    assert admin.get(at).json()["tenants"] == [acme]
    assert admin.post(at, {"tenants": ["Nobody"]}).status_code == 400
    assert admin.post(at, {"tenants": "Acme"}).status_code == 400
    admin.post(at, {"tenants": []})
    assert admin.get(at).json()["tenants"] == []
