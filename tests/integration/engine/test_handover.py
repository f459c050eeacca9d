"""
Questions given to somebody else, and taken back; ladders that tell the next ones.

In: open questions, people. Out: nothing. Never: a right that somebody gains by being asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from soar import handover
from soar.domain.errors import BadInput, Conflict, NotAllowed
from soar.domain.model import Person
from soar.store.rows import Row
from tests.integration.engine.conftest import ADA
from tests.integration.engine.test_gate import ASK, IMPORT, ISOLATE
from tests.integration.engine.test_policies import BEN, EVE, asked, rule

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

WORDS = IMPORT + (
    "def on_start(container):\n"
    "    phantom.prompt(user='soc_tier2', message='Seen?', options=['Yes', 'No'],\n"
    "                   name='ask', callback=answered)\n\n"
    "def answered(action, success, container, results, handle):\n"
    "    said = results.get('response') or results[0]['message']\n"
    "    phantom.comment(comment=f'{success} {said}')\n"
)
PEOPLE = (
    "insert into person (username, roles) values ('ada', '{soc_tier2}'), ('ben', '{soc_tier2}'),"
    " ('eve', '{visitor}')"
)


def reassign(bench: Bench, to: str, by: Person | str = ADA) -> Row:
    """Give the open question to somebody."""
    with bench.database.begin() as work:
        number = asked(bench)["id"]
        return handover.reassign(work, number, to=to, by=by, approvers="soc_tier2")


def withdraw(bench: Bench, by: Person | str = ADA, **more: Any) -> Row:
    """Take the open question back."""
    with bench.database.begin() as work:
        return handover.withdraw(work, asked(bench)["id"], by=by, **more)


def test_a_question_given_to_somebody_is_theirs_and_another_question(bench: Bench) -> None:
    """
    Whoever had read it before must read it again; the old addressee may no longer answer.
    """
    bench.do(PEOPLE)
    bench.play(WORDS)
    before = asked(bench)
    reassign(bench, "eve")

    with pytest.raises(NotAllowed, match="is for 'eve'"):
        bench.answer(before["id"])
    with pytest.raises(Conflict, match="has changed since it was shown"):
        bench.answer(before["id"], by=EVE, shown=before["payload_digest"])
    bench.answer(before["id"], by=EVE)
    bench.deliver_all()

    assert bench.notes() == ["True Yes"]
    trail = bench.rows("select what, detail from audit order by id")
    assert trail[0]["what"] == "approval reassigned"
    assert trail[0]["detail"]["to"] == "eve"


@pytest.mark.parametrize("source", [ISOLATE, ASK], ids=["gate", "prompt that lets go"])
def test_what_may_let_calls_go_stays_with_the_approvers(bench: Bench, source: str) -> None:
    """
    One of them may get it; somebody beside them may not, whoever gives it.
    """
    bench.do(PEOPLE)
    bench.play(source)
    for by in (ADA, "the command line"):
        with pytest.raises(NotAllowed, match="only 'soc_tier2'"):
            reassign(bench, "eve", by)
    reassign(bench, "ben")
    with pytest.raises(NotAllowed):
        bench.answer(asked(bench)["id"])
    bench.answer(asked(bench)["id"], by=BEN)
    bench.deliver_all()

    assert bench.vendor.done == {("isolate", "10.0.0.5"): 1}


def test_only_those_who_may_answer_or_an_administrator_give_it_away(bench: Bench) -> None:
    """
    And only to somebody who exists.
    """
    bench.do(PEOPLE)
    bench.play(WORDS)
    with pytest.raises(NotAllowed, match="is not eve's to give away"):
        reassign(bench, "eve", EVE)
    with pytest.raises(NotAllowed):
        withdraw(bench, EVE)
    with pytest.raises(BadInput, match="nobody has such a role"):
        reassign(bench, "nobody")
    reassign(bench, "eve", Person(username="root", roles=("admin",)))

    assert asked(bench)["assignee"] == "eve"


def test_a_question_on_the_terms_of_a_policy_is_not_given_away(bench: Bench) -> None:
    """
    Its policy says who must agree.
    """
    bench.do(PEOPLE)
    rule(bench, "2 of soc_tier2")
    bench.play(ISOLATE)
    with pytest.raises(Conflict, match="terms of a policy"):
        reassign(bench, "ben")


def test_a_gate_that_is_withdrawn_fails_its_call_and_the_run_goes_on(bench: Bench) -> None:
    """
    A late answer hears why it does nothing.
    """
    run_id = bench.play(ISOLATE)
    number = asked(bench)["id"]
    withdraw(bench, reason="false alarm")
    bench.deliver_all()

    assert bench.calls()[-1]["message"] == "withdrawn by ada: false alarm"
    assert bench.run(run_id)["status"] != "running"
    assert not bench.vendor.done
    with pytest.raises(Conflict, match="withdrawn"):
        bench.answer(number)


def test_a_prompt_that_is_withdrawn_calls_its_callback_as_failed(bench: Bench) -> None:
    """
    With the reason as its message.
    """
    bench.play(WORDS)
    withdraw(bench, reason="solved")
    bench.deliver_all()

    assert bench.notes() == ["False withdrawn by ada: solved"]


def test_a_ladder_tells_the_people_of_a_step_when_it_begins(bench: Bench) -> None:
    """
    Not before, each once, and nobody once it is decided.
    """
    bench.do(
        "insert into person (username, roles) values ('ada', '{soc_tier2}'), ('lea', '{soc_lead}'),"
        " ('cy', '{ciso}')"
    )
    bench.do(
        "insert into person_address (person_id, kind, address) select id, 'email',"
        " username || '@example.org' from person"
    )
    bench.do(
        "insert into channel (name, kind, events)"
        " values ('mail', 'email', '{opened,escalated,reminder}')"
    )
    rule(bench, "soc_tier2 for 15 minutes, then soc_lead for 30 minutes, then ciso")
    bench.play(ISOLATE)

    def told() -> list[tuple[str, str]]:
        rows = bench.rows("select event, person from notice order by id")
        return [(row["event"], row["person"]) for row in rows if row["event"] != "reminder"]

    assert told() == [("opened", "ada")]
    bench.do("update reminder set at = at - interval '16 minutes'")
    bench.sweep()
    bench.sweep()
    assert told() == [("opened", "ada"), ("escalated", "lea")]
    bench.answer(asked(bench)["id"], "Deny")
    bench.do("update reminder set at = at - interval '1 hour'")
    bench.sweep()
    assert told() == [("opened", "ada"), ("escalated", "lea")]
