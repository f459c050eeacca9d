"""
``soar shadow`` and ``/rest/shadow``: switches turned, listed, and on record.

In: words and objects. Out: rows of switches, sentences that name the field.
Never: a switch that covers nothing because of a slip.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from soar.bootstrap import House
from tests.integration.conftest import Soar
from tests.integration.rest.stage import Client, admin, analyst, url

__all__ = ["admin", "analyst", "url"]


@pytest.fixture(autouse=True)
def _known(house: House) -> None:
    with house.database.begin() as work:
        work.playbooks.save(name="triage", title="Triage", version="1", source="")
        work.assets.save(slug="edr", app="crowdstrike", configuration={})


def switches(house: House) -> list[tuple[str, str, str]]:
    """Return what is in shadow, and by whom."""
    with house.database.begin() as work:
        return [(r["scope"], r["name"], r["created_by"]) for r in work.shadow.all()]


def trail(house: House) -> list[tuple[str, str, str]]:
    """Return who switched what."""
    with house.database.begin() as work:
        rows = work.people._all("select * from audit where what like 'shadow%' order by id")
    return [(row["who"], row["what"], row["detail"]["scope"]) for row in rows]


def test_switches_are_turned_and_listed_on_the_command_line(house: House, soar: Soar) -> None:
    """
    Playbook, asset and everything; each change is on record.
    """
    on = soar("shadow", "on", "--playbook", "local/triage")
    again = soar("shadow", "on", "--playbook", "triage", "--json")
    soar("shadow", "on", "--asset", "edr")
    soar("shadow", "on", "--all")

    assert on.stdout == "playbook 'triage' is in shadow: writes are simulated\n"
    assert json.loads(again.stdout)["new"] is False
    assert switches(house) == [
        ("playbook", "triage", "command line"),
        ("asset", "edr", "command line"),
        ("all", "", "command line"),
    ]
    assert [row["scope"] for row in json.loads(soar("shadow", "list", "--json").stdout)] == [
        "playbook", "asset", "all",
    ]  # fmt: skip
    assert "triage" in soar("shadow", "list").stdout

    off = soar("shadow", "off", "--all")
    assert off.stdout == (
        "the whole system is out of the shadow; still in it: playbook 'triage', asset 'edr'\n"
    )
    assert len(switches(house)) == 2
    assert trail(house) == [
        ("command line", "shadow switched on", "playbook"),
        ("command line", "shadow switched on", "asset"),
        ("command line", "shadow switched on", "all"),
        ("command line", "shadow switched off", "all"),
    ]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("on",), "shadow: name one thing: --playbook, --asset or --all"),
        (("on", "--all", "--asset", "edr"), "shadow: name one thing"),
        (("on", "--asset", "er"), "name: there is no asset 'er'"),
        (("on", "--playbook", "x"), "name: there is no playbook 'x'"),
        (("off", "--all"), "the whole system is not in shadow: see `soar shadow list`"),
    ],
)
def test_a_switch_that_covers_nothing_is_refused(
    house: House, soar: Soar, words: tuple[str, ...], error: str
) -> None:
    """
    A sentence, and nothing is switched.
    """
    refused = soar("shadow", *words)

    assert refused.exit_code != 0
    assert refused.stderr.startswith(f"error: {error}")
    assert switches(house) == []


def test_switches_are_turned_and_listed_over_rest(house: House, admin: Client) -> None:
    """
    In the form of the other collections.
    """
    made = admin.post("/rest/shadow", {"scope": "asset", "name": "edr"}).json()
    page = admin.get("/rest/shadow", _filter_scope='"asset"').json()

    assert (made["success"], made["new"]) == (True, True)
    assert page["count"] == 1
    assert page["data"][0] == admin.get(f"/rest/shadow/{made['id']}").json()
    assert page["data"][0]["created_by"] == "root"
    assert admin.post("/rest/shadow", {"scope": "asset", "name": "edr"}).json()["new"] is False

    assert admin.delete(f"/rest/shadow/{made['id']}").json() == {"success": True, "id": made["id"]}
    assert admin.delete(f"/rest/shadow/{made['id']}").status_code == 404
    assert trail(house) == [
        ("root", "shadow switched on", "asset"),
        ("root", "shadow switched off", "asset"),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "body: must be a JSON object"),
        ({"scope": "some"}, "scope: 'some' is none of: all, playbook, asset"),
        ({"scope": ["all"]}, "scope: ['all'] is none of"),
        ({"scope": "all", "name": "x"}, "name: must be left out"),
        ({"scope": "asset"}, "name: is missing: give the asset's name"),
        ({"scope": "asset", "name": 7}, "name: is missing"),
        ({"scope": "asset", "asset": "edr"}, "asset: is no field of shadow mode"),
    ],
)
def test_a_wrong_switch_over_rest_names_the_field(
    house: House, admin: Client, body: Any, message: str
) -> None:
    """
    400, and the sentence of the command line.
    """
    refused = admin.post("/rest/shadow", body)

    assert refused.status_code == 400
    assert message in refused.json()["message"]
    assert switches(house) == []


def test_only_an_administrator_switches(house: House, admin: Client, analyst: Client) -> None:
    """
    Reading needs a token only.
    """
    number = admin.post("/rest/shadow", {"scope": "all"}).json()["id"]

    assert analyst.post("/rest/shadow", {"scope": "all"}).status_code == 403
    assert analyst.delete(f"/rest/shadow/{number}").status_code == 403
    assert analyst.get("/rest/shadow").json()["count"] == 1
    assert len(switches(house)) == 1
