"""
A policy that becomes stricter between answer and release: people are asked again, a few times.

In: answers that were enough when they were given, edited rows. Out: nothing.
Never: a call on the old terms, or a second question where anything else is wrong with the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from soar.domain.errors import NotAllowed
from soar.tasks.again import may_ask
from tests.integration.engine.test_gate import ASK, ISOLATE, forged, refusal
from tests.integration.engine.test_policies import BEN, LEA, asked, rule

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

DONE = {("isolate", "10.0.0.5"): 1}


def answered(bench: Bench, source: str = ISOLATE, choice: str = "") -> int:
    """Play a run and answer its question; its call is on its way. Return the question."""
    bench.play(source)
    number = int(asked(bench)["id"])
    bench.answer(number, choice)
    return number


def becomes_critical(bench: Bench) -> None:
    """Let another block raise the severity, for which a lead must agree."""
    rule(bench, "soc_lead", severity="critical")
    bench.do("update container set severity = 'critical'")


def test_a_severity_that_was_raised_since_is_asked_again(bench: Bench) -> None:
    """
    In a new question, that says why and is put to whom it takes now; the call goes on with it.
    """
    first = answered(bench)
    becomes_critical(bench)
    bench.deliver_all()

    question = asked(bench)
    why = "Asked again: the severity is now critical, and more is needed for that"
    assert question["message"].startswith(f"{why}.\nisolate on sham: target=10.0.0.5\n")
    assert (question["kind"], question["assignee"]) == ("action", "soc_lead")
    assert question["payload"]["again"]["times"] == 1
    (call,) = bench.calls()
    assert (call["status"], call["parked_for"], call["message"]) == ("parked", "approval", why)
    assert (call["approval_id"], call["earlier_ids"]) == (question["id"], [first])
    assert bench.log() == [f"isolate: {why}"]
    with pytest.raises(NotAllowed):
        bench.answer(question["id"])
    bench.answer(question["id"], by=LEA)
    bench.deliver_all()

    assert bench.vendor.done == DONE
    assert bench.open_runs() == []


def test_an_answer_to_a_prompt_is_asked_again_too(bench: Bench) -> None:
    """
    The prompt stays answered; only its call is asked for.
    """
    answered(bench, ASK, "Isolate")
    becomes_critical(bench)
    bench.deliver_all()
    assert asked(bench)["payload"]["effects"]["Approve"][0]["action"] == "isolate"

    bench.answer(asked(bench)["id"], by=LEA)
    bench.deliver_all()

    assert bench.vendor.done == DONE


def test_a_no_the_second_time_ends_it(bench: Bench) -> None:
    """
    The first yes counts no more.
    """
    answered(bench)
    becomes_critical(bench)
    bench.deliver_all()

    bench.answer(asked(bench)["id"], "Deny", by=LEA)
    bench.deliver_all()

    assert refusal(bench) == "denied by lea"
    assert not bench.vendor.done


def test_two_who_must_agree_by_now_must_both_agree_to_what_is_asked_again(bench: Bench) -> None:
    """
    The first of them decides nothing: the new question is on the new terms.
    """
    answered(bench)
    rule(bench, "2 of soc_lead")
    bench.deliver_all()
    question = asked(bench)["id"]

    bench.answer(question, by=LEA)
    assert asked(bench)["id"] == question
    bench.answer(question, by=type(LEA)(username="lou", roles=("soc_lead",)))
    bench.deliver_all()

    assert bench.vendor.done == DONE


def test_a_call_that_another_worker_has_taken_over_asks_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    That one asks, if it finds the same.
    """

    def taken(claim: Any, row: Any) -> bool:
        bench.do("update app_run set attempt = attempt + 1")
        return may_ask(claim, row)

    answered(bench)
    becomes_critical(bench)
    monkeypatch.setattr("soar.tasks.again.may_ask", taken)
    bench.deliver_all()

    assert bench.questions() == []
    assert not bench.vendor.done


def test_an_answer_that_was_replaced_is_used_up(bench: Bench) -> None:
    """
    An equal call of the same run does not go under it, also once the policy is lenient again.
    """
    source = ISOLATE + (
        "    phantom.act('isolate', parameters={'target': '10.0.0.5'}, callback='last')\n\n"
        "def last(action, success, container, results, handle):\n    pass\n"
    )
    answered(bench, source)
    becomes_critical(bench)
    bench.deliver_all()
    bench.do("delete from policy")
    bench.answer(asked(bench)["id"], "Deny", by=LEA)
    bench.deliver_all()

    assert (asked(bench)["kind"], asked(bench)["assignee"]) == ("action", "soc_tier2")
    assert not bench.vendor.done


def test_one_call_is_asked_again_a_few_times_only(bench: Bench) -> None:
    """
    A policy that changes again and again ends it refused.
    """
    answered(bench)
    for number in range(1, 4):
        rule(bench, f"lead{number}")
        bench.deliver_all()
        assert asked(bench)["payload"]["again"]["times"] == number
        person = type(LEA)(username=f"p{number}", roles=(f"lead{number}",))
        bench.answer(asked(bench)["id"], by=person)
    rule(bench, "lead4")
    bench.deliver_all()

    assert "lacks the consent of lead4" in refusal(bench)
    assert bench.questions() == []
    assert not bench.vendor.done


def test_the_second_approval_is_asked_again_past_the_same_rules(bench: Bench) -> None:
    """
    Both are on the new terms in the end, each in its own question.
    """
    bench.do("insert into blast_rule (kind, pattern) values ('protected', '10.0.0.5')")
    answered(bench)
    bench.deliver_all()
    bench.answer(asked(bench)["id"])
    becomes_critical(bench)
    bench.deliver_all()

    kinds = []
    while bench.questions():
        kinds.append(asked(bench)["kind"])
        assert not bench.vendor.done
        bench.answer(asked(bench)["id"], by=LEA)
        bench.deliver_all()
    assert kinds == ["action", "breaker"]
    assert bench.vendor.done == DONE


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ("update approval set signature = 'AAAA'", "signature of its approval is not valid"),
        ("update approval set payload = payload - 'due'", "was given for something else"),
        ('update app_run set parameters = \'{"target": "10.0.0.9"}\'', "does not cover"),
        ("update approval set status = 'open'", "was not granted"),
        (
            "update approval set signed = jsonb_set(signed, '{by}', '\"lea\"')",
            "signature of its approval is not valid",
        ),
        ("update app_run set approval_id = null", "no person has approved it"),
    ],
)
def test_what_is_forged_is_refused_and_not_asked_again(
    bench: Bench, edit: str, reason: str
) -> None:
    """
    Nobody is asked about a call with which anything else is wrong.
    """
    answered(bench)
    becomes_critical(bench)
    bench.do(edit)
    bench.do("delete from ballot")

    bench.deliver_all()

    assert reason in refusal(bench)
    assert len(bench.rows("select 1 from approval")) == 1
    assert not bench.vendor.done


def test_an_answer_that_was_never_enough_is_not_asked_again(bench: Bench) -> None:
    """
    One ballot of two, written into the rows as the decision, is a forgery.
    """
    rule(bench, "2 of soc_tier2")
    bench.play(ISOLATE)
    bench.answer(asked(bench)["id"])
    becomes_critical(bench)
    bench.do(
        "update approval a set status = 'answered', answer = b.choice, answered_by = b.person,"
        " signed = b.signed, signature = b.signature, key_id = b.key_id, close_time = now()"
        " from ballot b where b.approval_id = a.id"
    )
    bench.do("update app_run set status = 'pending', parked_for = null")
    bench.deliver(forged(bench))

    assert "lacks the consent of 2 of soc_tier2" in refusal(bench)
    assert len(bench.rows("select 1 from approval")) == 1


def test_a_question_asked_again_does_not_count_as_asked_less_often(bench: Bench) -> None:
    """
    How often is signed: who edits it is found out.
    """
    answered(bench)
    becomes_critical(bench)
    bench.deliver_all()
    bench.answer(asked(bench)["id"], by=LEA)
    rule(bench, "2 of soc_tier2", severity="critical")
    bench.do("update approval set payload = payload - 'again'")
    bench.deliver_all()

    assert "was given for something else" in refusal(bench)


def test_a_call_that_may_have_been_sent_is_not_asked_again(bench: Bench) -> None:
    """
    Its vendor is asked what became of it; where nobody can say, people are.
    """
    bench.vendor.moods[("isolate", "10.0.0.5")] = ["lost"]
    answered(bench)
    bench.deliver_all()
    becomes_critical(bench)
    bench.age()
    bench.sweep()
    bench.deliver_all()

    kinds = [row["kind"] for row in bench.rows("select kind from approval order by id")]
    assert kinds[0] == "action"
    assert "Asked again" not in str(bench.rows("select message from approval"))


def test_both_who_agreed_stand_in_the_timeline_and_the_report(bench: Bench) -> None:
    """
    Not only the one whose answer decided.
    """
    from soar import report, timeline

    rule(bench, "2 of soc_tier2")
    bench.play(ISOLATE)
    number = asked(bench)["id"]
    bench.answer(number)
    bench.answer(number, by=BEN)
    bench.deliver_all()

    with bench.database.begin() as work:
        entries: Any = timeline.of_container(work, 1).entries
        text = report.read(work, 1)
    assert [e.agreed for e in entries if e.kind == "approval"] == [("ada", "ben")]
    assert 'Response: "Approve" by ada and ben' in text
