"""
The breaker: beyond the usual, a second approval is needed, and nothing else is one.

In: rules, approved calls, crowds of workers, forged and edited rows. Out: nothing.
Never: a call past a rule without a second signed answer that names it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from soar.domain import gate
from soar.store.work import Message
from tests.integration.engine.test_gate import ISOLATE, forged, refusal

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

BLOCK = ISOLATE.replace("'isolate'", "'block'")
FREE = ISOLATE.replace("'isolate'", "'free'")
DONE = {("isolate", "10.0.0.5"): 1}


def rule(bench: Bench, **fields: str) -> int:
    """Add a rule: by default the host of these tests is a domain controller."""
    given = {"kind": "protected", "pattern": "10.0.0.5", "note": "domain controller", **fields}
    if given["kind"] == "limit":
        given = {"per": "asset", **given, "pattern": "", "note": ""}
    row = {"action": "*", "asset": "*", "pattern": "", "limit": "", "per": "", "note": "", **given}
    with bench.database.begin() as work:
        return work.blast.add(row, by="a test")


def approved(bench: Bench, source: str = ISOLATE) -> int:
    """Play a run whose call is approved as every high-impact call is; return the run."""
    run_id = bench.play(source)
    bench.answer(bench.questions()[0]["id"])
    bench.deliver_all()
    return run_id


def ring(bench: Bench, number: int) -> None:
    """Let a worker make a call, whatever its row says."""
    (row,) = bench.rows("select * from app_run where id = :id", id=number)
    body = {"app_run_id": row["id"], **{k: row[k] for k in ("task", "asset", "join_id", "run_id")}}
    bench.deliver(Message(kind="member", body=body))


def test_a_protected_target_is_held_although_it_was_approved(bench: Bench) -> None:
    """
    The first approval is not enough: a second question says what is unusual, in other words.
    """
    rule(bench)

    run_id = approved(bench)

    (row,), (question,) = bench.calls(), bench.questions()
    assert not bench.vendor.done
    assert (row["status"], row["parked_for"], row["breaker_id"]) == (
        "parked", "approval", question["id"],
    )  # fmt: skip
    assert (question["kind"], question["assignee"]) == ("breaker", "soc_tier2")
    assert question["options"] == ["Approve", "Deny"]
    assert question["message"].startswith("Beyond the usual: isolate on sham: target=10.0.0.5\n")
    assert "- 10.0.0.5 is protected (domain controller)" in question["message"]
    assert question["payload_digest"] == gate.digest(question["payload"])
    why = "held for a second approval: 10.0.0.5 is protected (domain controller)"
    assert row["message"] == why
    assert bench.log() == [f"isolate is {why}"]
    assert bench.run(run_id)["status"] == "running"


def test_the_second_approval_lets_the_call_go_once(bench: Bench) -> None:
    """
    Approved a second time, the call is made, once, also where its messages come twice.
    """
    rule(bench)
    run_id = approved(bench)

    bench.answer(bench.questions()[0]["id"])
    bench.pending.extend(bench.pending)
    bench.deliver_all()

    assert bench.vendor.done == DONE
    assert bench.questions() == []
    assert bench.run(run_id)["status"] == "success"
    assert bench.rows("select app_run_id, action, asset, playbook from blast_pass") == [
        {"app_run_id": 1, "action": "isolate", "asset": "sham", "playbook": "tested"}
    ]


def test_a_call_that_no_rule_concerns_goes_as_before(bench: Bench) -> None:
    """
    Rules of other actions, assets and targets hold nothing.
    """
    rule(bench, action="disable")
    rule(bench, asset="elsewhere")
    rule(bench, pattern="10.0.0.6")

    approved(bench)

    assert bench.vendor.done == DONE
    assert bench.questions() == []


def test_a_call_that_nobody_had_to_approve_is_held_as_well(bench: Bench) -> None:
    """
    A containment by verdict alone, of low impact, meets the breaker too.
    """
    rule(bench, pattern="10.0.0.0/8")
    run_id = bench.play(BLOCK)
    assert not bench.vendor.done

    bench.answer(bench.questions()[0]["id"])
    bench.deliver_all()

    assert bench.vendor.done == {("block", "10.0.0.5"): 1}
    assert bench.run(run_id)["status"] == "success"


def test_an_undo_is_never_held(bench: Bench) -> None:
    """
    What gives something back trips neither a protected target nor a limit.
    """
    rule(bench)
    rule(bench, kind="limit", limit="1/hour", per="all")

    for _ in range(3):
        bench.play(FREE)

    assert bench.questions() == []
    assert bench.vendor.done[("free", "10.0.0.5")] >= 1


def test_a_denied_second_approval_ends_the_call(bench: Bench) -> None:
    """
    The playbook hears who denied and why, and nothing was done.
    """
    rule(bench)
    run_id = approved(bench)

    bench.answer(bench.questions()[0]["id"], "Deny", reason="it is the domain controller")
    bench.deliver_all()
    bench.sweep()

    assert refusal(bench) == "denied by ada: it is the domain controller"
    assert bench.notes() == ["denied by ada: it is the domain controller"]
    assert bench.run(run_id)["status"] == "success"
    assert bench.rows("select status, ended_because from effect") == [
        {"status": "failed", "ended_because": "its call ended unsent"}
    ]


def test_a_second_approval_that_nobody_gives_does_nothing(bench: Bench) -> None:
    """
    Overdue, it ends the call as the first one would.
    """
    rule(bench)
    run_id = approved(bench)
    bench.do("update approval set due_at = now() - interval '1 second' where status = 'open'")

    bench.sweep()
    bench.deliver_all()

    assert refusal(bench) == "nobody answered 'isolate' in time: nothing was done"
    assert bench.run(run_id)["status"] == "success"


def test_a_cancelled_run_takes_its_second_question_with_it(bench: Bench) -> None:
    """
    Nothing is left to answer, and nothing happens.
    """
    rule(bench)
    run_id = approved(bench)

    with bench.database.begin() as work:
        work.approvals.cancel([run_id])
        work.calls.call_off([run_id], "the run was cancelled")
    bench.deliver_all()

    assert bench.questions() == []
    assert not bench.vendor.done


# What is no second approval.


def replayed(bench: Bench, edit: str) -> None:
    """Let a held call go as somebody who can write rows would, with *edit*."""
    bench.do(f"update app_run set status = 'pending', parked_for = null, {edit}")
    bench.deliver(forged(bench))


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        ("breaker_id = approval_id", "its second approval does not cover this call"),
        ("breaker_id = breaker_id", "its approval was not granted"),
        ("breaker_id = 10000", "its approval is gone"),
    ],
    ids=["the first answer", "the open question", "no question"],
)
def test_a_row_edited_to_go_is_refused(bench: Bench, edit: str, reason: str) -> None:
    """
    The first answer, an unanswered question and none at all are no second approval.
    """
    rule(bench)
    approved(bench)

    replayed(bench, edit)

    assert refusal(bench) == f"isolate was refused: {reason}"


def test_a_row_without_its_second_question_is_held_anew(bench: Bench) -> None:
    """
    Whoever takes the question from the row gets another question.
    """
    rule(bench)
    approved(bench)

    replayed(bench, "breaker_id = null")

    assert len(bench.questions()) == 2
    assert bench.calls()[0]["status"] == "parked"
    assert not bench.vendor.done


def test_the_first_answer_copied_into_the_second_question_is_refused(bench: Bench) -> None:
    """
    A signed answer belongs to its own question, and a payload to its digest.
    """
    rule(bench)
    approved(bench)
    bench.do(
        "update approval b set status = 'answered', answer = a.answer, signed = a.signed,"
        " signature = a.signature, key_id = a.key_id from approval a"
        " where a.kind = 'action' and b.kind = 'breaker'"
    )

    replayed(bench, "breaker_id = breaker_id")

    assert refusal(bench) == "isolate was refused: the approval was given for something else"


def test_a_first_answer_with_the_kind_of_a_second_is_refused(bench: Bench) -> None:
    """
    The kind that counts is the one that was signed, not the row's.
    """
    rule(bench)
    approved(bench)
    bench.do("update approval set kind = 'breaker'")

    replayed(bench, "breaker_id = approval_id")

    assert "its second approval does not cover this call" in refusal(bench)


def test_a_second_answer_covers_no_first_question(bench: Bench) -> None:
    """
    An equal call later in the run, and a row that shows the second for the first, are refused.
    """
    rule(bench)
    approved(bench)
    bench.answer(bench.questions()[0]["id"])
    bench.pending.clear()

    replayed(bench, "approval_id = breaker_id")

    assert "does not cover this action with these parameters" in refusal(bench)


def test_a_second_answer_of_another_call_is_refused(bench: Bench) -> None:
    """
    Two equal calls of one run are two calls: each needs its own second approval.
    """
    rule(bench)
    twice = ISOLATE.replace("parameters={'target': '10.0.0.5'}", "parameters=BOTH").replace(
        "def on_start", "BOTH = [{'target': '10.0.0.5'}, {'target': '10.0.0.5'}]\n\ndef on_start"
    )
    bench.play(twice)
    bench.answer(bench.questions()[0]["id"])
    bench.deliver_all()
    bench.answer(bench.questions()[0]["id"])
    bench.pending.clear()
    bench.do("update app_run set breaker_id = (select max(breaker_id) from app_run)")
    bench.do("update app_run set status = 'pending', parked_for = null, follows = null")
    bench.do("update effect set app_run_id = 2")

    ring(bench, 2)

    assert "second approval does not cover this call" in bench.calls()[1]["message"]
    assert not bench.vendor.done


@pytest.mark.parametrize("impact", ["high", "low"])
def test_a_second_approval_of_other_parameters_is_refused(bench: Bench, impact: str) -> None:
    """
    Parameters edited after all answers are found out at the last hop, with a first gate or without.
    """
    rule(bench)
    if impact == "high":
        approved(bench)
    else:
        bench.play(BLOCK)
    bench.answer(bench.questions()[0]["id"])
    bench.pending.clear()
    bench.do("""update app_run set status = 'pending', parked_for = null,
      parameters = '{"target": "10.0.0.9"}'""")

    ring(bench, 1)

    which = "the approval" if impact == "high" else "its second approval"
    assert f"refused: {which} does not cover this" in refusal(bench)


def test_the_first_answer_is_used_although_its_call_is_held(bench: Bench) -> None:
    """
    While a call waits for its second approval, no equal call goes under its first.
    """
    rule(bench)
    approved(bench)
    (first,) = bench.rows("select id, payload from approval where kind = 'action'")
    (shown,) = first["payload"]["effects"]["Approve"]

    with bench.database.begin() as work:
        assert work.calls.already_under(first["id"], gate.HeldCall(**shown))


def test_a_second_answer_never_counts_among_those_of_the_run(bench: Bench) -> None:
    """
    An equal call that the run asks for later has its own first question.
    """
    rule(bench)
    again = "phantom.act('isolate', parameters={'target': '10.0.0.5'}, callback='last')"
    bench.vendor.moods[("isolate", "10.0.0.5")] = ["failed"]
    approved(
        bench,
        ISOLATE
        + f"    {again}\n\ndef last(action, success, container, results, handle):\n    pass\n",
    )

    bench.answer(bench.questions()[0]["id"])
    bench.deliver_all()

    assert [q["kind"] for q in bench.questions()] == ["action"]
    assert bench.calls()[1]["status"] == "parked"


def test_a_rule_that_came_after_the_answer_asks_again(bench: Bench) -> None:
    """
    The answer names the rules that were shown; another one was not among them.
    """
    rule(bench)
    approved(bench)
    bench.answer(bench.questions()[0]["id"])
    rule(bench, pattern="10.0.0.*", note="server room")

    bench.deliver_all()

    (question,) = bench.questions()
    assert "server room" in question["message"]
    assert "- agreed to before: protected from * on *: 10.0.0.5" in question["message"]
    assert not bench.vendor.done

    bench.answer(question["id"])
    bench.deliver_all()
    assert bench.vendor.done == DONE


@pytest.mark.parametrize(
    "edit",
    ["kind = 'nothing'", "pattern = '*'", "kind = 'limit', \"limit\" = 'often', pattern = ''"],
)
def test_a_rule_that_cannot_be_read_holds_every_containment(bench: Bench, edit: str) -> None:
    """
    A row that somebody edited into nonsense protects more, not less.
    """
    number = rule(bench, pattern="192.0.2.1")
    bench.do(f"update blast_rule set {edit}")

    approved(bench)

    (question,) = bench.questions()
    assert f"blast rule {number} cannot be read" in question["message"]
    assert not bench.vendor.done


def test_a_call_that_was_let_go_is_not_asked_for_again(bench: Bench) -> None:
    """
    A vendor that is busy, a lost answer and a dead worker need no third approval.
    """
    rule(bench)
    rule(bench, kind="limit", limit="1/hour")
    bench.vendor.moods[("isolate", "10.0.0.5")] = ["busy", "unsent", "died after"]
    approved(bench)
    bench.answer(bench.questions()[0]["id"])

    for _ in range(10):
        bench.deliver_all()
        bench.age()
        bench.do("update worker set expires_at = now() - interval '1 h' where owner = 'gone'")
        bench.sweep()
        bench.pump.turn()

    assert bench.vendor.done == DONE
    assert bench.rows("select count(*) as n from approval") == [{"n": 2}]
    assert bench.rows("select count(*) as n from blast_pass") == [{"n": 1}]
    assert bench.calls()[0]["status"] == "success"


# Limits.


def many(count: int, action: str = "isolate", base: str = "10.1.0") -> str:
    """Return a playbook that contains many hosts at once."""
    return ISOLATE.replace("'isolate'", f"'{action}'").replace(
        "{'target': '10.0.0.5'}", f"[{{'target': f'{base}.{{n}}'}} for n in range({count})]"
    )


def unhurried(bench: Bench) -> None:
    """Take the asset's own budget away: these tests count containments."""
    with bench.database.begin() as work:
        work.assets.save(slug="sham", app="sham", configuration={"rate_limit": False})


def test_the_eleventh_of_an_hour_is_held_with_no_rule_at_all(bench: Bench) -> None:
    """
    Ten of one high-impact action on one asset go within an hour; the next is asked for.
    """
    unhurried(bench)

    approved(bench, many(11))

    (question,) = bench.questions()
    assert sum(bench.vendor.done.values()) == 10
    assert (
        "- it would be the 11th isolate of sham within an hour; at most 10 are allowed"
        in question["message"]
    )
    bench.answer(question["id"])
    bench.deliver_all()
    assert sum(bench.vendor.done.values()) == 11


def test_what_is_older_than_the_span_does_not_count(bench: Bench) -> None:
    """
    The window slides.
    """
    unhurried(bench)
    approved(bench, many(10))
    bench.do("update blast_pass set passed_at = passed_at - interval '61 minutes'")

    approved(bench, many(10, base="10.2.0"))

    assert sum(bench.vendor.done.values()) == 20
    assert bench.questions() == []


def test_what_no_limit_counts_any_more_is_forgotten(bench: Bench) -> None:
    """
    After the longest span that a rule may have, and not while its call may still come back.
    """
    unhurried(bench)
    approved(bench, many(3))
    bench.do("update blast_pass set passed_at = now() - interval '32 days' where app_run_id < 3")
    bench.do("update app_run set status = 'parked' where id = 2")

    bench.sweep.forget_the_past()

    assert [r["app_run_id"] for r in bench.rows("select * from blast_pass order by 1")] == [2, 3]


def test_a_rule_per_asset_replaces_the_built_in_limit(bench: Bench) -> None:
    """
    An operator may widen it, for one action or for all.
    """
    unhurried(bench)
    rule(bench, kind="limit", limit="20/hour", action="isolate", asset="sham")

    approved(bench, many(12))

    assert sum(bench.vendor.done.values()) == 12
    assert bench.questions() == []


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ({"per": "asset"}, "the 3rd containment of sham within an hour"),
        ({"per": "playbook"}, "the 3rd containment by playbook tested within an hour"),
        ({"per": "all"}, "the 3rd containment within an hour"),
        ({"per": "all", "action": "block"}, "the 3rd block within an hour"),
    ],
    ids=["asset", "playbook", "all", "one action"],
)
def test_a_limit_counts_what_it_names(bench: Bench, fields: dict[str, str], held: str) -> None:
    """
    Per asset, per playbook or in all; of one action or of every containment, low impact too.
    """
    unhurried(bench)
    rule(bench, kind="limit", limit="2/hour", **fields)

    bench.play(many(3, "block"))

    (question,) = bench.questions()
    assert f"it would be {held}; at most 2 are allowed" in question["message"]
    assert sum(bench.vendor.done.values()) == 2


def test_a_limit_does_not_count_what_others_did(bench: Bench) -> None:
    """
    Another playbook, asset or action has its own count.
    """
    unhurried(bench)
    rule(bench, kind="limit", limit="2/hour", per="playbook", action="block")
    rule(bench, kind="limit", limit="2/hour", per="asset", asset="elsewhere")
    bench.play(many(2, "block"), name="first")
    bench.play(many(2, "block", "10.2.0"), name="second")
    bench.play(many(2, "fence", "10.3.0"), name="first")

    assert bench.questions() == []
    assert sum(bench.vendor.done.values()) == 6


def test_a_shared_effect_is_not_counted(bench: Bench) -> None:
    """
    A call that finds its effect standing sends nothing, so it needs no place.
    """
    rule(bench, kind="limit", limit="1/hour")

    approved(bench)
    approved(bench)

    assert bench.vendor.done == DONE
    assert bench.questions() == []
    assert [row["status"] for row in bench.calls()] == ["success", "success"]


WAITING = """
    select count(*) as n from pg_stat_activity where wait_event_type = 'Lock'
    and query like '%blast_pass%' and datname = current_database() and pid <> pg_backend_pid()
"""


def test_of_twenty_that_ask_at_once_for_the_last_place_one_gets_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The count and the decision are one: nobody counts while another is deciding.
    """
    unhurried(bench)
    rule(bench, kind="limit", limit="4/hour", per="all")
    rule(bench, kind="limit", limit="5/hour", per="asset", action="block")
    bench.play(many(3, "block"))
    bench.start(many(20, "block", "10.9.0"))
    while any(m.kind != "member" for m in bench.pending):
        at = next(n for n, m in enumerate(bench.pending) if m.kind != "member")
        bench.deliver(bench.pending.pop(at))
    crowd = [m.body for m in bench.pending]
    bench.pending.clear()
    at_the_door, opened = threading.Barrier(len(crowd) + 1), threading.Event()
    together = bench.database.run_together

    def wait_at_the_door(statements: str, values: Any) -> Any:
        at_the_door.wait(timeout=60)
        opened.wait(timeout=60)
        return together(statements, values)

    monkeypatch.setattr(bench.database, "run_together", wait_at_the_door)
    threads = [threading.Thread(target=bench.call, args=(body,)) for body in crowd]
    for thread in threads:
        thread.start()
    at_the_door.wait(timeout=60)
    # Nobody can mark its call while the rows are locked, though whoever may has counted by then.
    with bench.database.begin() as work:
        work.calls._all("select id from app_run for update")
        opened.set()
        while bench.rows(WAITING) != [{"n": len(crowd)}]:  # each look in a transaction of its own
            threading.Event().wait(0.02)
    for thread in threads:
        thread.join()

    assert len(crowd) == 20
    assert sum(bench.vendor.done.values()) == 4
    assert bench.rows("select count(*) as n from blast_pass") == [{"n": 4}]
    (question,) = bench.questions()
    assert len(question["payload"]["effects"]["Approve"]) == 19
    assert "the 5th containment within an hour" in question["message"]


def test_a_call_taken_over_while_its_mark_waits_is_not_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What a mark has read before it waited for the row holds no longer: another attempt has it.
    """
    bench.play(ISOLATE)
    bench.answer(bench.questions()[0]["id"])
    (body,) = (m.body for m in bench.pending)
    bench.pending.clear()
    at_the_door, opened = threading.Event(), threading.Event()
    together = bench.database.run_together

    def wait_at_the_door(statements: str, values: Any) -> Any:
        at_the_door.set()
        opened.wait(timeout=60)
        return together(statements, values)

    monkeypatch.setattr(bench.database, "run_together", wait_at_the_door)
    thread = threading.Thread(target=bench.call, args=(body,))
    thread.start()
    assert at_the_door.wait(timeout=60)
    with bench.database.begin() as work:
        work.calls._do("update app_run set attempt = attempt + 1")
        opened.set()
        while bench.rows(WAITING) != [{"n": 1}]:
            threading.Event().wait(0.02)
    thread.join()

    assert not bench.vendor.done
    assert bench.rows("select effect from app_run") == [{"effect": "none"}]


def test_a_message_is_one_round_trip_also_where_a_limit_counts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The breaker asks nothing of its own: its rules come with the claim, its count with the mark.
    """
    asked: list[str] = []
    plain, together = bench.database.run, bench.database.run_together
    bench.play(ISOLATE)
    bench.answer(bench.questions()[0]["id"])

    def counted(run: Any) -> Any:
        def ask(statement: str, values: Any) -> Any:
            if "app_run" in statement:
                asked.append(statement)
            return run(statement, values)

        return ask

    monkeypatch.setattr(bench.database, "run", counted(plain))
    monkeypatch.setattr(bench.database, "run_together", counted(together))
    monkeypatch.setattr(bench, "_effect_of", lambda _: ("", ""))
    bench.deliver(bench.pending.pop(0))

    assert len([s for s in asked if "blast_pass" in s]) == 1
    assert len(asked) == 3  # the claim, the mark, the end
    assert bench.vendor.done == DONE
