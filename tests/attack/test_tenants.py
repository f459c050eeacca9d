"""
Answers for another tenant: refused on every way, logged, and kept.

In: questions of one tenant, people of another, edited rows. Out: nothing.
Never: a call that somebody lets go who does not see its tenant, or a word of what is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from soar import delegation, handover, tenants
from soar.bootstrap import House
from soar.domain import gate
from soar.domain.errors import BadInput, NotAllowed
from soar.domain.model import Person
from soar.store.rows import as_json
from tests.integration.conftest import Soar, soar
from tests.integration.engine.conftest import bench
from tests.integration.engine.test_gate import ISOLATE, approve_unheard, forged, refusal
from tests.integration.engine.test_policies import rule
from tests.integration.engine.test_tenants import ACME, ANNA, GLOBEX, GUS, add_tenants, play
from tests.integration.rest.stage import Client, stored
from tests.integration.rest.tenants import Made, member_of, settle
from tests.integration.web.stage import Browser, browser, person, quick_hashes

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

__all__ = ["bench", "browser", "quick_hashes", "soar"]

TRIED = "approval of another tenant"
SECRET = ("WORKSTATION-042", "quarantine", "Isolate it?", "soc_tier2", "Acme")
BOSS = Person(username="boss", roles=("admin", "soc_tier2"), tenants=(GLOBEX,))


@pytest.fixture
def asked(bench: Bench) -> int:
    """A question about a container of the one tenant."""
    add_tenants(bench)
    play(bench, ISOLATE, ACME)
    return int(bench.questions()[0]["id"])


def kept(house: House) -> list[str]:
    """Return who tried to answer for another tenant, by the audit trail."""
    rows = house.database.run("select who, what from audit order by id", {})
    return [who for who, what in rows if what == TRIED]


def test_an_answer_for_another_tenant_is_refused_logged_and_kept(bench: Bench, asked: int) -> None:
    """
    The refusal names the number that its author gave, and nothing else; the question stays open.
    """
    with capture_logs() as logged, pytest.raises(NotAllowed) as refused:
        bench.answer(asked, by=GUS)
    bench.deliver_all()

    assert str(refused.value) == f"approval {asked} belongs to another tenant"
    assert [(e["event"], e["approval"]) for e in logged] == [("answer_refused", asked)]
    assert kept(bench.house) == ["gus"]
    assert bench.rows("select 1 from ballot") == []
    assert [row["id"] for row in bench.questions()] == [asked]
    assert not bench.vendor.done


def people(bench: Bench) -> None:
    """Keep the people of these tests, with their roles and tenants."""
    with bench.database.begin() as work:
        for one in (ANNA, GUS, Person(username="carl", roles=(), tenants=(ACME,))):
            number = work.people.save(one.username, list(one.roles))
            work.people.set_tenants(number, list(one.tenants))


@pytest.mark.parametrize(
    ("giver", "taker", "words"),
    [("anna", GUS, "belongs to another tenant"), ("gus", "carl", "carl has the roles: none")],
    ids=["who stands in is of another", "who lets them is of another"],
)
def test_standing_in_leads_into_no_other_tenant(
    bench: Bench, asked: int, giver: str, taker: Any, words: str
) -> None:
    """
    Both must see the tenant: who answers, and in whose right.
    """
    people(bench)
    by = taker if isinstance(taker, Person) else Person(username=taker, roles=(), tenants=(ACME,))
    with bench.database.begin() as work:
        delegation.give(work, giver=giver, taker=by.username, lasts=timedelta(hours=1), by="a test")

    with pytest.raises(NotAllowed, match=words):
        bench.answer(asked, by=by)

    assert len(bench.questions()) == 1


def test_what_two_people_have_in_common_is_signed(bench: Bench, asked: int) -> None:
    """
    Who stands in for somebody sees no more than both.
    """
    people(bench)
    both = Person(username="both", roles=(), tenants=(ACME, GLOBEX))
    with bench.database.begin() as work:
        work.people.save("both", [])
        delegation.give(work, giver="anna", taker="both", lasts=timedelta(hours=1), by="a test")

    done = bench.answer(asked, by=both)
    bench.deliver_all()

    assert (done["signed"]["for"], done["signed"]["tenants"]) == ("anna", [ACME])
    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def reassign(bench: Bench, number: int, to: str, by: Person | str) -> None:
    """Give a question to somebody else."""
    with bench.database.begin() as work:
        handover.reassign(work, number, to=to, by=by, approvers="soc_tier2")


def withdraw(bench: Bench, number: int, by: Person | str) -> None:
    """Take a question back."""
    with bench.database.begin() as work:
        handover.withdraw(work, number, by=by)


def test_a_question_of_another_tenant_is_not_given_away(bench: Bench, asked: int) -> None:
    """
    Nor taken back, not even by an administrator of another one.
    """
    people(bench)
    with pytest.raises(NotAllowed, match="belongs to another tenant"):
        reassign(bench, asked, "gus", BOSS)
    with pytest.raises(NotAllowed, match="belongs to another tenant"):
        withdraw(bench, asked, BOSS)

    assert kept(bench.house) == ["boss", "boss"]
    assert bench.questions()[0]["assignee"] == "soc_tier2"


def test_a_question_is_given_to_nobody_of_another_tenant(bench: Bench, asked: int) -> None:
    """
    They are as unknown as a name that nobody has.
    """
    people(bench)
    with pytest.raises(BadInput, match="'gus' is no person, and nobody has such a role"):
        reassign(bench, asked, "gus", "the operator")
    reassign(bench, asked, "anna", "the operator")
    (row,) = bench.questions()

    assert (row["assignee"], row["payload"]["tenant"]) == ("anna", ACME)


# The last hop, with rows that somebody has edited.


def move(bench: Bench, *, payload: bool = False, digest: bool = False) -> None:
    """Move the container to the other tenant; its question, too, and with a digest that fits."""
    bench.do("update container set tenant_id = :t", t=GLOBEX)
    (row,) = bench.rows("select * from approval")
    moved = {**row["payload"], "tenant": GLOBEX}
    if payload:
        bench.do("update approval set payload = cast(:p as jsonb)", p=as_json(moved))
    if digest:
        bench.do("update approval set payload_digest = :d", d=gate.digest(moved))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({}, "the approval was given for another tenant"),
        ({"payload": True}, "the approval was given for something else"),
        ({"payload": True, "digest": True}, "the approval was given for something else"),
    ],
    ids=["the container", "the question as well", "and its digest"],
)
def test_an_answer_does_not_go_with_a_container_to_another_tenant(
    bench: Bench, asked: int, edit: dict[str, bool], words: str
) -> None:
    """
    What was signed names the tenant, and the last hop compares.
    """
    approve_unheard(bench)
    move(bench, **edit)

    with capture_logs() as logged:
        bench.deliver(forged(bench))

    assert refusal(bench) == f"isolate was refused: {words}"
    assert "permission_refused" in [entry["event"] for entry in logged]


def test_a_moved_question_is_answered_by_nobody_of_one_of_both(bench: Bench, asked: int) -> None:
    """
    Not by those whose it was, nor by those whose it is; who sees both signs for what it was.
    """
    move(bench)

    for who in (ANNA, GUS):
        with pytest.raises(NotAllowed, match="belongs to another tenant"):
            bench.answer(asked, by=who)
    bench.answer(asked)
    bench.deliver_all()

    assert refusal(bench) == "isolate was refused: the approval was given for another tenant"


def deceive(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let a door believe that everybody sees every tenant, until what is returned is called."""
    monkeypatch.setattr(Person, "sees", lambda *_: True)
    return monkeypatch.undo


def test_a_true_answer_of_somebody_of_another_tenant_lets_nothing_go(
    bench: Bench, asked: int
) -> None:
    """
    A door that was deceived has signed it: the tenants of whoever answered stand in it.
    """
    with pytest.MonkeyPatch.context() as patch:
        deceive(patch)
        bench.answer(asked, by=GUS)
    bench.deliver_all()

    words = "whoever gave the approval belongs to another tenant"
    assert refusal(bench) == f"isolate was refused: {words}"


def test_a_ballot_of_somebody_of_another_tenant_is_none(bench: Bench) -> None:
    """
    Where two must agree, one of the tenant and one of another are one.
    """
    add_tenants(bench)
    rule(bench, "2 of soc_tier2")
    play(bench, ISOLATE, ACME)
    with pytest.MonkeyPatch.context() as patch:
        deceive(patch)
        bench.answer(1, by=GUS)
    bench.answer(1, by=ANNA)
    bench.deliver_all()

    assert "it lacks the consent of 2 of soc_tier2" in refusal(bench)


# Every door.


@pytest.fixture
def acme(house: House) -> Made:
    """One of everything of the one tenant, a question as well."""
    return settle(house, "Acme")


def test_rest_refuses_an_answer_for_another_tenant(house: House, url: str, acme: Made) -> None:
    """
    To read it is as if there were none; what is asked, and of whom, nobody is told.
    """
    gus = member_of(house, url, "gus", "Globex", roles="admin,soc_tier2")
    at = f"/rest/approval/{acme['approval']}"
    bodies: tuple[dict[str, Any], ...] = (
        {"choice": "Approve"},
        {"status": "deny"},
        {"owner": "gus"},
        {"withdraw": True},
        {},
    )

    answers = [gus.post(at, body) for body in bodies]

    sentence = f"approval {acme['approval']} belongs to another tenant"
    assert {a.status_code for a in answers} == {403}
    assert [a.json() for a in answers] == [{"failed": True, "message": sentence}] * len(bodies)
    assert gus.get(at).status_code == 404
    assert gus.post("/rest/approval/999", {"choice": "Approve"}).status_code == 404
    assert kept(house) == ["gus"] * len(bodies)
    assert stored(house, lambda work: work.approvals.get(acme["approval"]))["status"] == "open"


def test_the_command_line_refuses_an_answer_for_another_tenant(
    house: House, url: str, soar: Soar, acme: Made
) -> None:
    """
    Before the question is on the screen.
    """
    gus = member_of(house, url, "gus", "Globex")

    told = soar("approve", acme["approval"], "Deny", "--yes", SOAR_TOKEN=gus.token)

    assert told.exit_code == 4
    assert "belongs to another tenant" in told.output
    assert not [word for word in SECRET if word in told.output]
    assert kept(house) == ["gus"]


def test_pages_refuse_an_answer_for_another_tenant(
    house: House, url: str, browser: Callable[[], Browser], acme: Made
) -> None:
    """
    The question is in no list, has no page, and its form decides nothing.
    """
    public_id = stored(house, lambda work: work.approvals.get(acme["approval"]))["public_id"]
    person(house, "gus", "soc_tier2")
    number = settle(house, "Globex")["approval"]
    own = stored(house, lambda work: work.approvals.get(number))["public_id"]
    stored(house, lambda work: tenants.give_person(work, "gus", ["Globex"], by="a test"))
    gus = browser()
    gus.sign_in("gus")

    shown = [gus.get(f"/approvals/{name}") for name in (public_id, acme["approval"])]
    sent = gus.fill("/account", to=f"/approvals/{public_id}", choice="Approve")

    assert [page.status_code for page in shown] == [404, 404]
    assert sent.status_code == 403
    assert "belongs to another tenant" in sent.text
    assert not [word for page in (*shown, sent) for word in SECRET if word in page.text]
    assert kept(house) == ["gus"]
    for whose in ("mine", "all"):
        listed = gus.get(f"/approvals?whose={whose}").text
        assert public_id not in listed
        assert own in listed


def test_a_machine_of_the_tenant_answers_nothing(house: House, url: str, acme: Made) -> None:
    """
    That it sees the tenant gives it no voice.
    """
    robot = member_of(house, url, "robot", "Acme")
    with house.database.begin() as work:
        work.people.save("robot", ["soc_tier2", "Observer"], "automation")
    at = f"/rest/approval/{acme['approval']}"
    body = {"choice": "Approve", "payload_digest": robot.get(at).json()["payload_digest"]}

    assert robot.post(at, body).status_code == 403


def test_somebody_of_the_tenant_answers(house: House, url: str, acme: Made) -> None:
    """
    Else the others would prove nothing.
    """
    anna: Client = member_of(house, url, "anna", "Acme")
    at = f"/rest/approval/{acme['approval']}"
    body = {"choice": "Deny", "payload_digest": anna.get(at).json()["payload_digest"]}

    assert anna.post(at, body).status_code == 200
    assert kept(house) == []
