"""
Standing in: whoever may answer lets somebody else, for a time, and every answer says so.

In: people, a question to a role, and delegations. Out: answers, or exit code 4.
Never: more than the giver may do now.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from soar import access, delegation
from soar.bootstrap import House
from soar.domain.errors import BadInput, NotFound
from tests.integration.conftest import Soar
from tests.integration.rest.stage import Client
from tests.integration.rest.stage import url as url
from tests.integration.test_cli import question as question
from tests.integration.test_cli import token


@pytest.fixture
def people(soar: Soar) -> dict[str, str]:
    """Anna may answer; Ben and Carl may not, nor may a machine. Their tokens."""
    return {
        "anna": token(soar, "anna", "--role", "soc_tier2"),
        "ben": token(soar, "ben", "--role", "soc_tier1"),
        "carl": token(soar, "carl"),
        "bot": token(soar, "bot", "--automation"),
    }


def answered(soar: Soar, question: int, who: str) -> int:
    """Try to answer as somebody, and return the exit code."""
    return soar("approve", question, "Monitor Only", "--yes", "--json", SOAR_TOKEN=who).exit_code


def test_who_stands_in_may_answer_and_the_answer_says_for_whom(
    house: House, soar: Soar, people: dict[str, str], question: int
) -> None:
    """
    On the screen, in what is signed, and in the audit trail.
    """
    given = soar("delegation", "add", "ben", "--for", "8h", SOAR_TOKEN=people["anna"])

    told = soar("approve", question, "Monitor Only", "--yes", SOAR_TOKEN=people["ben"])

    assert given.exit_code == told.exit_code == 0
    assert "ben answers for anna until " in given.stdout
    assert "ben, for anna, chose 'Monitor Only'" in told.stdout
    ((signed,),) = house.database.run("select signed from approval", {})
    assert (signed["by"], signed["for"], signed["channel"]) == ("ben", "anna", "command line")
    trail = house.database.run("select who, what, detail from audit order by number", {})[-2:]
    assert [(who, what) for who, what, _ in trail] == [
        ("anna", "delegation given"),
        ("ben", "approval answered"),
    ]
    assert trail[1][2]["for"] == "anna"


def test_the_door_shows_for_whom_it_was(
    house: House, soar: Soar, url: str, people: dict[str, str], question: int
) -> None:
    """
    And finds the answers that were given for somebody.
    """
    soar("delegation", "add", "ben", "--for", "8h", "--from", "anna")
    asking = Client(url, people["ben"])
    path = f"/rest/approval/{question}"
    body = {"choice": "Monitor Only", "payload_digest": asking.get(path).json()["payload_digest"]}

    assert asking.post(path, body).status_code == 200

    assert asking.get(path).json()["answered_for"] == "anna"
    assert asking.ids("/rest/approval", _filter_answered_for='"anna"') == [question]


def test_whoever_answers_in_their_own_right_answers_for_nobody(
    house: House, soar: Soar, people: dict[str, str], question: int
) -> None:
    """
    Also where somebody else has given them a delegation.
    """
    soar("token", "create", "dora", "--role", "soc_tier2")
    soar("delegation", "add", "anna", "--for", "8h", "--from", "dora")

    assert answered(soar, question, people["anna"]) == 0

    ((signed,),) = house.database.run("select signed from approval", {})
    assert signed["for"] == ""


ANNA = "where username = 'anna' returning id"
ENDS = {
    "ended by hand": "",
    "run out": "update delegation set until = now() returning id",
    "its giver is gone": f"update person set active = false {ANNA}",
    "its giver lost the role": f"update person set roles = '{{}}' {ANNA}",
}


@pytest.mark.parametrize("how", list(ENDS.values()), ids=list(ENDS))
def test_a_delegation_that_has_ended_gives_nothing(
    house: House, soar: Soar, people: dict[str, str], question: int, how: str
) -> None:
    """
    It never gives more than its giver may do at that moment.
    """
    words = ("delegation", "add", "ben", "--for", "8h", "--from", "anna", "--json")
    number = json.loads(soar(*words).stdout)["id"]
    if how:
        house.database.run(how, {})
    else:
        assert soar("delegation", "end", number).exit_code == 0
        assert soar("delegation", "end", number).exit_code == 3

    assert answered(soar, question, people["ben"]) == 4


def test_a_delegation_is_not_passed_on(soar: Soar, people: dict[str, str], question: int) -> None:
    """
    Anna lets Ben, Ben lets Carl: Carl may what Ben may in his own right, which is nothing here.
    """
    soar("delegation", "add", "ben", "--for", "8h", SOAR_TOKEN=people["anna"])
    soar("delegation", "add", "carl", "--for", "8h", SOAR_TOKEN=people["ben"])

    assert answered(soar, question, people["carl"]) == 4
    assert answered(soar, question, people["ben"]) == 0


def test_a_machine_that_a_row_names_stands_in_for_nobody(
    house: House, soar: Soar, people: dict[str, str], question: int
) -> None:
    """
    Though somebody wrote it into the table.
    """
    with house.database.begin() as work:
        work.delegations.add("anna", "bot", seconds=3600)

    assert answered(soar, question, people["bot"]) == 4


@pytest.mark.parametrize(
    ("giver", "taker", "days", "error", "said"),
    [
        ("anna", "anna", 1, BadInput, "taker: 'anna' cannot stand in for themselves"),
        ("anna", "bot", 1, BadInput, "taker: 'bot' is a machine"),
        ("bot", "ben", 1, BadInput, "from: 'bot' is a machine"),
        ("anna", "ben", 31, BadInput, "for: is longer than 30 days"),
        ("anna", "nobody", 1, NotFound, "there is no person 'nobody'"),
    ],
)
def test_what_cannot_be_given_is_refused(
    house: House,
    people: dict[str, str],
    giver: str,
    taker: str,
    days: int,
    error: type[Exception],
    said: str,
) -> None:
    """
    With the field, and nothing is kept.
    """
    with pytest.raises(error, match=said), house.database.begin() as work:
        delegation.give(work, giver=giver, taker=taker, lasts=timedelta(days=days), by="test")

    with house.database.begin() as work:
        assert work.delegations.standing() == []


def test_those_that_stand_are_listed(soar: Soar, people: dict[str, str]) -> None:
    """
    The first to end first; one that has ended is not.
    """
    soar("delegation", "add", "ben", "--for", "2w", "--from", "anna")
    soar("delegation", "add", "carl", "--for", "8h", "--from", "anna")
    gone = json.loads(
        soar("delegation", "add", "carl", "--for", "1h", "--from", "ben", "--json").stdout
    )
    soar("delegation", "end", gone["id"])

    listed = json.loads(soar("delegation", "list", "--json").stdout)

    assert [(row["giver"], row["taker"]) for row in listed] == [("anna", "carl"), ("anna", "ben")]


def test_who_gives_must_be_known(soar: Soar, people: dict[str, str]) -> None:
    """
    No token and no --from ends with 2, a wrong token with 4.
    """
    assert soar("delegation", "add", "ben", "--for", "8h").exit_code == 2
    assert soar("delegation", "add", "ben", "--for", "8h", SOAR_TOKEN="wrong").exit_code == 4
    assert soar("delegation", "add", "ben", "--for", "soon", "--from", "anna").exit_code == 2


def test_a_delegation_lets_nobody_in_at_the_door(house: House, people: dict[str, str]) -> None:
    """
    It is about answers only: roles stay those of the token's owner.
    """
    with house.database.begin() as work:
        delegation.give(work, giver="anna", taker="ben", lasts=timedelta(hours=1), by="test")
        assert access.authenticate(work, people["ben"]).roles == ("soc_tier1",)
