"""
One question for all calls of a block that are beyond the usual, each of them named.

In: blocks with many targets, answers at every moment, edited rows. Out: nothing.
Never: a call past a rule that the answer does not name, by its number and its parameters.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from soar.domain import gate
from tests.integration.engine.test_blast import approved, many, ring, rule, unhurried

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench


def second(bench: Bench) -> dict[str, object]:
    """Return the only open question, which must be a second one."""
    (question,) = bench.questions()
    assert question["kind"] == "breaker"
    return question


def test_twenty_calls_above_a_limit_are_one_question(bench: Bench) -> None:
    """
    It names all of them, and its answer lets each go, once.
    """
    unhurried(bench)
    run_id = approved(bench, many(30))

    question = second(bench)
    assert sum(bench.vendor.done.values()) == 10
    message = str(question["message"])
    assert message.startswith("Beyond the usual: isolate on sham: 20 calls\n")
    left = {f"10.1.0.{n}" for n in range(30)} - {target for _, target in bench.vendor.done}
    assert len(left) == 20
    assert all(f"target={address}\n" in f"{message}\n" for address in left)
    assert message.count("it would be the 11th isolate of sham within an hour") == 1
    assert len(question["payload"]["effects"]["Approve"]) == 20  # type: ignore[index]
    assert {c["breaker_id"] for c in bench.calls()} == {None, question["id"]}

    bench.answer(int(str(question["id"])))
    bench.deliver_all()

    assert len(bench.vendor.done) == sum(bench.vendor.done.values()) == 30
    assert bench.run(run_id)["status"] == "success"
    assert bench.rows("select count(*) as n from approval") == [{"n": 2}]


def test_a_no_ends_all_of_them(bench: Bench) -> None:
    """
    Also those that come to the last hop afterwards.
    """
    unhurried(bench)
    bench.play(many(13))
    bench.answer(bench.questions()[0]["id"])
    for _ in range(11):
        bench.deliver(bench.pending.pop(0))
    late, bench.pending = bench.pending, []
    bench.answer(int(str(second(bench)["id"])), "Deny", reason="too many")
    bench.pending += late
    bench.deliver_all()

    said = [c["message"] for c in bench.calls() if c["status"] == "failed"]
    assert said == ["denied by ada: too many"] * 3
    assert sum(bench.vendor.done.values()) == 10
    assert bench.open_runs() == []


def test_who_comes_after_the_answer_goes_under_it(bench: Bench) -> None:
    """
    It was named when the first of its block was held.
    """
    unhurried(bench)
    bench.play(many(13))
    bench.answer(bench.questions()[0]["id"])
    for _ in range(11):
        bench.deliver(bench.pending.pop(0))
    late, bench.pending = bench.pending, []
    bench.answer(int(str(second(bench)["id"])))
    bench.pending += late
    bench.deliver_all()

    assert sum(bench.vendor.done.values()) == 13
    assert bench.questions() == []


def test_who_comes_long_after_the_answer_is_asked_for_anew(bench: Bench) -> None:
    """
    An answer is good for a while only.
    """
    unhurried(bench)
    bench.play(many(12))
    bench.answer(bench.questions()[0]["id"])
    late = bench.pending.pop()
    bench.deliver_all()
    bench.answer(int(str(second(bench)["id"])))
    bench.deliver_all()
    bench.do("update approval set close_time = close_time - interval '3 d' where kind = 'breaker'")
    bench.deliver(late)

    assert len(second(bench)["payload"]["effects"]["Approve"]) == 1  # type: ignore[index]
    assert sum(bench.vendor.done.values()) == 11


def test_a_target_that_is_protected_besides_is_not_let_go_by_a_limit(bench: Bench) -> None:
    """
    A rule that was added after the question is none of its own.
    """
    unhurried(bench)
    bench.play(many(12))
    bench.answer(bench.questions()[0]["id"])
    late = bench.pending.pop()
    (call,) = bench.rows(
        "select parameters->>'target' as target from app_run where id = :id",
        id=late.body["app_run_id"],
    )
    bench.deliver_all()
    rule(bench, pattern=call["target"])
    bench.answer(int(str(second(bench)["id"])))
    bench.pending.append(late)
    bench.deliver_all()

    assert f"{call['target']} is protected" in str(second(bench)["message"])
    assert ("isolate", call["target"]) not in bench.vendor.done


def test_only_those_that_trip_a_rule_are_named(bench: Bench) -> None:
    """
    Three protected hosts among ten: seven go, and three are one question.
    """
    unhurried(bench)
    rule(bench, pattern="10.1.0.[123]", note="servers")
    rule(bench, kind="limit", limit="50/hour", action="isolate")

    approved(bench, many(10))

    question = second(bench)
    shown = [c["parameters"]["target"] for c in question["payload"]["effects"]["Approve"]]  # type: ignore[index]
    assert sorted(shown) == ["10.1.0.1", "10.1.0.2", "10.1.0.3"]
    assert sum(bench.vendor.done.values()) == 7


@pytest.mark.parametrize("swap", ["parameters", "number"])
def test_a_call_is_let_go_under_its_own_name_only(bench: Bench, swap: str) -> None:
    """
    One of them with the parameters of another, and a call of which nobody was told, are refused.
    """
    unhurried(bench)
    rule(bench, pattern="10.1.0.[12]")
    approved(bench, many(4))
    bench.answer(int(str(second(bench)["id"])))
    bench.pending.clear()
    if swap == "parameters":
        bench.do(
            "update app_run set parameters = (select parameters from app_run where id = 3)"
            " where id = 2"
        )
        number = 2
    else:
        bench.do("delete from effect")
        bench.do(
            "update app_run set status = 'pending', effect = 'none', end_time = null, parameters ="
            " (select parameters from app_run where id = 3), breaker_id = (select breaker_id from"
            " app_run where id = 3) where id = 1"
        )
        number = 1
    ring(bench, number)

    (call,) = [c for c in bench.calls() if c["id"] == number]
    assert "second approval does not cover this call" in call["message"]


def test_many_workers_at_once_ask_once(bench: Bench) -> None:
    """
    Whoever holds the first call of a run is waited for by the others.
    """
    unhurried(bench)
    rule(bench, pattern="10.1.0.0/24")
    bench.play(many(8))
    bench.answer(bench.questions()[0]["id"])
    members, bench.pending = bench.pending, []
    ready = threading.Barrier(6)

    def deliver(number: int) -> None:
        if number < 6:
            ready.wait(timeout=20)
        bench.deliver(members[number])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(deliver, range(8)))

    assert len(second(bench)["payload"]["effects"]["Approve"]) == 8  # type: ignore[index]
    bench.answer(int(str(second(bench)["id"])))
    bench.deliver_all()
    assert len(bench.vendor.done) == 8


def test_the_names_are_part_of_what_is_signed(bench: Bench) -> None:
    """
    A call added to an answered question is found out.
    """
    unhurried(bench)
    rule(bench, pattern="10.1.0.[12]")
    approved(bench, many(3))
    question = second(bench)
    bench.answer(int(str(question["id"])))
    (one,) = [c for c in bench.calls() if c["parameters"]["target"] == "10.1.0.1"]
    bench.do(
        "update approval set payload = jsonb_set(payload, '{app_runs,99}', '\"x\"')"
        " where kind = 'breaker'"
    )
    bench.deliver_all()

    assert gate.digest(question["payload"]) == question["payload_digest"]
    (call,) = [c for c in bench.calls() if c["id"] == one["id"]]
    assert "was given for something else" in call["message"]
