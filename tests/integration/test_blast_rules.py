"""
``soar blast`` and ``/rest/blast_rule``: rules listed, added, removed, and on record.

In: words and objects. Out: rows of rules, sentences that name the field.
Never: a rule whose slip protects nothing.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from soar.bootstrap import House
from soar.domain.blast import Protected, read
from tests.integration.conftest import Soar
from tests.integration.rest.stage import Client, admin, analyst, url

__all__ = ["admin", "analyst", "url"]

DC = {"kind": "protected", "pattern": "dc-*", "note": "domain controller"}


def rules(house: House) -> list[dict[str, Any]]:
    """Return the rules of the store."""
    with house.database.begin() as work:
        return work.blast.rules()


def trail(house: House) -> list[tuple[str, str, int]]:
    """Return who changed which rule."""
    with house.database.begin() as work:
        rows = work.people._all("select * from audit where what like 'blast%' order by id")
    return [(row["who"], row["what"], row["detail"]["rule"]) for row in rows]


def test_rules_are_added_listed_and_removed_on_the_command_line(house: House, soar: Soar) -> None:
    """
    Several targets at once, a limit; each is on record.
    """
    words = ("dc01", "10.9.0.0/16", "--action", "Quarantine  Device", "--note", "ours")
    added = soar("blast", "add", *words, "--json")
    limit = soar("blast", "add", "--limit", "10/h", "--per", "playbook")

    numbers = [rule["id"] for rule in json.loads(added.stdout)["added"]]
    assert "at most 10/hour (* on *, per playbook)" in limit.stdout
    assert read(rules(house))[:2] == [
        Protected(action="quarantine device", pattern="dc01", note="ours"),
        Protected(action="quarantine device", pattern="10.9.0.0/16", note="ours"),
    ]

    removed = soar("blast", "remove", numbers[0])
    assert removed.stdout == (
        f"rule {numbers[0]} removed: dc01 is protected (quarantine device on *)\n"
    )
    assert [row["pattern"] for row in rules(house)] == ["10.9.0.0/16", ""]
    assert trail(house) == [
        ("command line", "blast rule added", numbers[0]),
        ("command line", "blast rule added", numbers[1]),
        ("command line", "blast rule added", numbers[1] + 1),
        ("command line", "blast rule removed", numbers[0]),
    ]


def test_the_list_shows_what_is_built_in(soar: Soar) -> None:
    """
    With no rule of their own, people see what holds.
    """
    shown = json.loads(soar("blast", "list", "--json").stdout)
    drawn = soar("blast", "list").stdout

    assert {rule["created_by"] for rule in shown} == {"built in"}
    assert shown[-1]["limit"] == "10/hour"
    assert "10.0.0.0/8" in [rule["pattern"] for rule in shown]
    assert "private network, 10.0.0.0/8" in drawn
    assert "wider than /16" in drawn


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "target: is missing: name what is protected, or give --limit"),
        (("*",), "pattern: '*' must name a target"),
        (("--limit", "often"), "limit: 'often' is no limit: write it like"),
        (
            ("--limit", "1/hour", "--per", "run"),
            "per: 'run' is none of: asset, playbook, tenant, all",
        ),
        (("dc", "--per", "all"), "per: a rule of kind 'protected' has none: leave it out"),
        (("dc", "--action", "isolate"), "action: 'isolate' is no containment; it may be: *, block"),
        (("dc", "--action", "enable user"), "action: 'enable user' is no containment"),
        (("dc", "--asset", "nowhere"), "asset: 'nowhere' is no asset: see `soar asset list`"),
        (("dc", "x" * 501), "pattern: 'xxx"),
    ],
)
def test_a_rule_that_would_protect_nothing_is_refused(
    house: House, soar: Soar, words: tuple[str, ...], error: str
) -> None:
    """
    The sentence names the field, and of several rules none is kept.
    """
    refused = soar("blast", "add", *words)

    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"error: {error}")
    assert rules(house) == []


def test_a_rule_that_is_not_there_cannot_be_removed(soar: Soar) -> None:
    """
    A number that is no rule is a sentence.
    """
    refused = soar("blast", "remove", 7)

    assert refused.exit_code != 0
    assert "there is no blast rule 7: see `soar blast list`" in refused.stderr


def test_rules_are_added_listed_and_removed_over_rest(house: House, admin: Client) -> None:
    """
    The same rules, in the form of the other collections.
    """
    made = admin.post("/rest/blast_rule", DC).json()
    number = made["id"]

    assert made["success"] is True
    page = admin.get("/rest/blast_rule", _filter_kind='"protected"').json()
    assert (page["count"], page["num_pages"]) == (1, 1)
    assert page["data"] == [
        {
            "id": number,
            **DC,
            "action": "*",
            "asset": "*",
            "limit": "",
            "per": "",
            "created_by": "root",
            "create_time": page["data"][0]["create_time"],
        }
    ]
    assert admin.get(f"/rest/blast_rule/{number}").json() == page["data"][0]

    gone = admin.delete(f"/rest/blast_rule/{number}")
    assert (gone.status_code, gone.json()) == (200, {"success": True, "id": number})
    assert admin.delete(f"/rest/blast_rule/{number}").status_code == 404
    assert rules(house) == []
    assert trail(house) == [
        ("root", "blast rule added", number),
        ("root", "blast rule removed", number),
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "body: must be a JSON object"),
        ({**DC, "pattern": ""}, "pattern: '' must name a target"),
        ({**DC, "patern": "x"}, "patern: is no field of a rule; it has: kind, action"),
        ({**DC, "action": "look"}, "action: 'look' is no containment"),
        ({"kind": "limit", "limit": 10}, "limit: '10' is no limit"),
    ],
)
def test_a_wrong_rule_over_rest_names_the_field(admin: Client, body: Any, message: str) -> None:
    """
    400, and the sentence of the command line.
    """
    refused = admin.post("/rest/blast_rule", body)

    assert refused.status_code == 400
    assert message in refused.json()["message"]


def test_only_an_administrator_edits_rules(house: House, admin: Client, analyst: Client) -> None:
    """
    Who approves does not say what needs an approval; reading needs a token only.
    """
    number = admin.post("/rest/blast_rule", DC).json()["id"]

    assert analyst.post("/rest/blast_rule", DC).status_code == 403
    assert analyst.delete(f"/rest/blast_rule/{number}").status_code == 403
    assert analyst.get("/rest/blast_rule").json()["count"] == 1
    assert admin.delete("/rest/blast_rule").status_code == 405
    assert len(rules(house)) == 1
