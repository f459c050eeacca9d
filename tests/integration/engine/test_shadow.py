"""
Shadow mode: writes are simulated, and nothing but words comes of them.

In: switches turned at every moment of a call's life. Out: nothing at the vendor.
Never: a write, an effect, a question or a place in a limit that comes of a simulated call.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from soar import containment, report, shadow, timeline
from soar.domain import gate
from soar.domain.errors import Conflict
from soar.store.shadow import MARKING, Shadow
from soar.store.work import Message
from tests.integration.engine.conftest import CATALOG
from tests.integration.engine.test_gate import ISOLATE
from tests.integration.engine.test_ledger import act, effects

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

EVERYTHING = {"scope": "all"}
WOULD = "shadow: would have run fence on sham: 4"
PROMPT = """
import phantom.rules as phantom

def on_start(container):
    phantom.prompt(user="soc_tier2", message="Isolate?", options=["Yes", "No"], callback=told)

def told(action, success, container, results, handle):
    if results.get("response") == "Yes":
        phantom.act("isolate", parameters={"target": "4"})
"""
CALLER = """
import phantom.rules as phantom

def on_start(container):
    phantom.playbook("tested", name="the child", callback=done)

def done(action, success, container, results, handle):
    phantom.comment(comment="the child has ended")
"""


def switch(bench: Bench, scope: str = "all", name: str = "") -> None:
    """Switch shadow mode on."""
    with bench.database.begin() as work:
        shadow.on(work, {"scope": scope, **({"name": name} if name else {})}, by="ada")


def switch_off(bench: Bench, scope: str = "all", name: str = "") -> None:
    """Switch it off."""
    with bench.database.begin() as work:
        shadow.off(work, {"scope": scope, **({"name": name} if name else {})}, by="ada")


def known(bench: Bench) -> None:
    """Let the playbook of these tests exist."""
    with bench.database.begin() as work:
        work.playbooks.save(name="tested", title="Tested", version="0", source="")


def untouched(bench: Bench) -> bool:
    """Tell whether nothing was done, counted or kept as an effect that others could meet."""
    counted = bench.rows("select * from blast_pass")
    met = bench.rows("select * from effect where ended_at is null or status <> 'failed'")
    return not bench.vendor.done and not counted and not met


@pytest.mark.parametrize(
    ("scope", "name"), [("all", ""), ("asset", "sham"), ("playbook", "tested")]
)
@pytest.mark.parametrize("action", ["fence", "block", "shout", "unfence", "isolate"])
def test_every_write_in_shadow_is_simulated(
    bench: Bench, scope: str, name: str, action: str
) -> None:
    """
    Containments, corrections and tickets: the run goes on, and its callback reads what would be.
    """
    known(bench)
    switch(bench, scope, name)

    run_id = bench.play(act(action))

    said = f"shadow: would have run {action} on sham: "
    (call,) = bench.calls()
    assert untouched(bench)
    assert (call["status"], call["effect"], call["shadow"]) == ("success", "none", True)
    assert call["message"].startswith(said)
    assert call["summary"] == {"shadow": True, "would_have": call["message"].partition("have ")[2]}
    assert bench.notes() == [call["message"]]
    assert bench.questions() == []
    assert bench.run(run_id)["status"] == "success"
    assert bench.rows("select * from effect") == []


@pytest.mark.parametrize(
    ("scope", "name"), [("asset", "elsewhere"), ("playbook", "another"), ("asset", "tested")]
)
def test_a_run_that_no_switch_covers_acts(bench: Bench, scope: str, name: str) -> None:
    """
    Another asset's or playbook's shadow is not its own.
    """
    bench.do("insert into shadow (scope, name) values (:scope, :name)", scope=scope, name=name)

    bench.play(act("fence"))

    assert bench.vendor.done == {("fence", "4"): 1}
    assert bench.calls()[0]["shadow"] is False
    assert effects(bench) == [("fence", "target=4", "confirmed", False)]


def test_lookups_in_shadow_are_asked(bench: Bench) -> None:
    """
    What only reads goes to the vendor as ever.
    """
    switch(bench)

    bench.play(act("look up"))

    assert bench.vendor.done == {("look up", "4"): 1}
    assert bench.calls()[0]["shadow"] is False


@pytest.mark.parametrize("first", [True, False], ids=["switched before", "switched after"])
def test_the_reviewer_of_a_lookup_is_asked_in_shadow_too(bench: Bench, first: bool) -> None:
    """
    It is made as ever, so whoever must agree to it is asked as ever.
    """
    source = act("look up").replace("callback=done", "callback=done, reviewer='soc_tier2'")
    if first:
        switch(bench)
    bench.play(source)
    if not first:
        with bench.database.begin() as work:
            shadow.on(work, EVERYTHING, by="ada", catalog=CATALOG)
    bench.deliver_all()
    assert not bench.vendor.done

    bench.answer(bench.questions()[0]["id"])
    bench.deliver_all()

    assert bench.vendor.done == {("look up", "4"): 1}
    assert bench.calls()[0]["shadow"] is False


def test_a_wrong_call_fails_in_shadow_as_it_would_otherwise(bench: Bench) -> None:
    """
    A simulation does not hide what the vendor's room would refuse.
    """
    switch(bench)

    bench.play(act("fence", colour="red"))

    assert bench.calls()[0]["message"].startswith("fence has no parameter 'colour'")
    assert untouched(bench)


def test_nobody_is_asked_and_the_log_says_who_would_have_been(bench: Bench) -> None:
    """
    A gate is no simulation's business.
    """
    switch(bench)

    bench.play(ISOLATE)

    assert bench.rows("select * from approval") == []
    assert bench.log() == [
        "shadow: would have asked soc_tier2: approve isolate on sham: target=10.0.0.5"
    ]


def test_what_a_shadowed_playbook_starts_is_in_shadow_too(bench: Bench) -> None:
    """
    The caller's switch covers the playbooks that it calls, and only those runs of them.
    """
    with bench.database.begin() as work:
        work.playbooks.save(name="caller", title="Caller", version="1", source=CALLER)
    switch(bench, "playbook", "caller")

    bench.play(CALLER, name="caller", tested=act("fence"))
    assert [c["shadow"] for c in bench.calls()] == [True]
    assert untouched(bench)

    bench.play(act("fence"))
    assert bench.vendor.done == {("fence", "4"): 1}


def test_another_run_that_wants_the_same_really_contains_it(bench: Bench) -> None:
    """
    A simulated call stands in nobody's way, and nobody believes it.
    """
    known(bench)
    switch(bench, "playbook", "tested")
    bench.play(act("fence"))

    bench.play(act("fence"), name="live")

    assert bench.vendor.done == {("fence", "4"): 1}
    assert [c["effect"] for c in bench.calls()] == ["none", "confirmed"]
    (effect,) = bench.rows("select run_id from effect")
    assert effect == {"run_id": bench.calls()[1]["run_id"]}


def test_a_standing_effect_is_neither_shared_nor_prolonged(bench: Bench) -> None:
    """
    A simulated call does not ask for what another run has done, and changes no lease of it.
    """
    bench.play(act("fence", lease_minutes=5))
    before = bench.rows("select * from effect")
    switch(bench)

    bench.play(act("fence", lease_minutes=500))

    assert bench.rows("select * from effect") == before
    assert bench.calls()[1]["message"] == WOULD
    assert bench.calls()[1]["reused_from"] is None


# Switched on while a call is under way.


def test_a_switch_while_a_call_waits_in_its_lane_counts(bench: Bench) -> None:
    """
    What was claimed once, and planned in the ledger, is given up for those who wait for it.
    """
    bench.vendor.moods[("fence", "4")] = ["busy"]
    known(bench)
    bench.play(act("fence"))
    bench.do("update app_run set effect = 'none'")
    bench.do("update effect set status = 'planned'")
    bench.play(act("fence"), name="live")
    assert [c["parked_for"] for c in bench.calls()] == ["schedule", "effect"]

    switch(bench, "playbook", "tested")
    bench.settle()

    assert [c["shadow"] for c in bench.calls()] == [True, False]
    assert bench.vendor.done == {("fence", "4"): 1}
    assert [c["effect"] for c in bench.calls()] == ["none", "confirmed"]


@pytest.mark.parametrize("action", ["fence", "shout"])
def test_a_switch_between_claim_and_mark_counts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """
    The decision is made where a call is marked as sent, not where it was claimed.
    """
    together = bench.database.run_together

    def switched_first(statements: str, values: Any) -> Any:
        switch(bench)
        return together(statements, values)

    monkeypatch.setattr(bench.database, "run_together", switched_first)
    bench.play(act(action))

    (call,) = bench.calls()
    assert untouched(bench)
    assert (call["status"], call["shadow"], call["effect"]) == ("success", True, "none")
    assert [e[2:] for e in effects(bench)] == [("failed", True)]


def test_a_switch_waits_for_the_mark_under_way_and_the_next_sees_it(bench: Bench) -> None:
    """
    When the switch has been committed, nobody marks a call who had looked before.
    """
    bench.start(act("fence"))
    bench.deliver(bench.pending.pop(0))
    (member,) = bench.pending
    bench.pending.clear()
    switched = threading.Event()

    def turn() -> None:
        switch(bench)
        switched.set()

    with ThreadPoolExecutor(2) as pool, bench.database.begin() as work:
        work.calls._value(MARKING)
        turning = pool.submit(turn)
        while not bench.rows("select 1 as n from pg_locks where not granted"):
            threading.Event().wait(0.02)
        assert not switched.is_set()
        work.transaction.commit()
        turning.result(timeout=60)
    bench.deliver(member)

    assert untouched(bench)


def test_a_switch_while_the_breaker_would_hold_asks_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A protected target in shadow is no question.
    """
    bench.do("insert into blast_rule (kind, pattern) values ('protected', '10.0.0.5')")
    together = bench.database.run_together

    def switched_first(statements: str, values: Any) -> Any:
        switch(bench)
        return together(statements, values)

    monkeypatch.setattr(bench.database, "run_together", switched_first)
    bench.play(ISOLATE.replace("'isolate'", "'block'"))

    assert bench.rows("select * from approval") == []
    assert untouched(bench)


def test_a_full_limit_holds_no_simulated_call_and_none_fills_it(bench: Bench) -> None:
    """
    The breaker counts what was sent.
    """
    bench.do("insert into blast_rule (kind, \"limit\", per) values ('limit', '1/hour', 'all')")
    known(bench)
    switch(bench, "playbook", "tested")
    for target in "123":
        bench.play(act("block", target))
    assert bench.rows("select * from approval") == []

    bench.play(act("block", "9"), name="live")

    assert bench.vendor.done == {("block", "9"): 1}
    assert bench.rows("select count(*) as n from blast_pass") == [{"n": 1}]


def test_a_simulated_call_that_is_taken_over_stays_simulated(bench: Bench) -> None:
    """
    Its worker dies before the end is written, the switch goes off: it is simulated all the same.
    """
    switch(bench)
    bench.start(act("fence"))
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0), ends="never")
    bench.unrecorded.clear()
    switch_off(bench)

    bench.settle()

    (call,) = bench.calls()
    assert untouched(bench)
    assert (call["status"], call["shadow"]) == ("success", True)
    assert call["attempt"] > 1


def test_messages_that_come_twice_change_nothing(bench: Bench) -> None:
    """
    A repeat finds the call ended.
    """
    switch(bench)
    bench.start(act("fence"))
    bench.deliver(bench.pending.pop(0))
    bench.pending.extend(bench.pending)
    switch_off(bench)
    switch(bench)

    bench.deliver_all()

    assert untouched(bench)
    assert bench.notes() == [WOULD]


def test_a_call_that_was_sent_before_the_switch_is_verified_and_told_as_it_is(
    bench: Bench,
) -> None:
    """
    What took effect is no simulation: it stands in the ledger.
    """
    bench.vendor.moods[("fence", "4")] = ["lost"]
    bench.play(act("fence"))
    switch(bench)

    bench.settle()

    assert bench.vendor.done == {("fence", "4"): 1}
    assert effects(bench) == [("fence", "target=4", "confirmed", False)]
    assert (bench.calls()[0]["effect"], bench.calls()[0]["shadow"]) == ("confirmed", False)


def test_a_call_that_took_no_effect_before_the_switch_is_not_sent_again(bench: Bench) -> None:
    """
    The vendor says that it was lost on the way: from then on it is simulated.
    """
    bench.vendor.moods[("fence", "4")] = ["unsent"]
    bench.play(act("fence"))
    assert bench.calls()[0]["effect"] == "sent"
    switch(bench)

    bench.settle()

    assert not bench.vendor.done
    assert effects(bench) == [("fence", "target=4", "failed", True)]
    assert bench.calls()[0]["message"] == WOULD


# People.


def test_a_question_that_was_open_is_withdrawn(bench: Bench) -> None:
    """
    Its call goes on, simulated; whoever answers late hears that nothing is to decide.
    """
    run_id = bench.play(ISOLATE)
    (question,) = bench.questions()

    switch(bench)
    bench.deliver_all()

    assert bench.questions() == []
    assert untouched(bench)
    assert bench.run(run_id)["status"] == "success"
    with pytest.raises(Conflict, match="nothing is to decide any more"):
        bench.answer(question["id"])


def test_a_question_that_is_just_being_opened_is_withdrawn_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The switch waits for whoever has looked at the switches and is about to ask.
    """
    among = Shadow.among
    with ThreadPoolExecutor(1) as pool:

        def looked(self: Shadow, *given: Any) -> frozenset[str]:
            monkeypatch.setattr(Shadow, "among", among)
            found = among(self, *given)
            turned.append(pool.submit(switch, bench))
            while not bench.rows("select 1 as n from pg_locks where not granted"):
                threading.Event().wait(0.02)
            return found

        turned: list[Any] = []
        monkeypatch.setattr(Shadow, "among", looked)
        bench.play(ISOLATE)
        turned[0].result(timeout=60)
    bench.deliver_all()

    assert bench.questions() == []
    assert untouched(bench)
    assert bench.calls()[0]["shadow"] is True


def test_a_question_about_other_calls_stays_open(bench: Bench) -> None:
    """
    Only what is in shadow is taken out of people's hands.
    """
    bench.play(ISOLATE)
    bench.play(ISOLATE, name="live")

    switch(bench, "playbook", "tested")

    (question,) = bench.questions()
    assert question["run_id"] == bench.calls()[1]["run_id"]


def test_an_approval_given_before_the_switch_is_used_up_by_the_simulation(bench: Bench) -> None:
    """
    It lets no real call go afterwards: whatever comes later is asked for.
    """
    bench.play(ISOLATE)
    bench.answer(bench.questions()[0]["id"])
    members, bench.pending = bench.pending, []
    switch(bench)
    for message in members:
        bench.deliver(message)
    switch_off(bench)
    for message in members:
        bench.deliver(message)

    assert untouched(bench)
    assert bench.calls()[0]["message"].startswith("shadow: would have run isolate on sham")


def test_a_call_whose_gate_was_left_out_never_becomes_a_real_one(bench: Bench) -> None:
    """
    Switched off before it is made, it is simulated; edited to be real, it is refused.
    """
    switch(bench)
    bench.start(ISOLATE)
    bench.deliver(bench.pending.pop(0))
    (member,) = bench.pending
    switch_off(bench)
    bench.do("update app_run set shadow = false")

    bench.deliver_all()

    assert untouched(bench)
    assert isinstance(member, Message)
    assert bench.calls()[0]["message"] == "isolate was refused: no person has approved it"


def test_an_answer_to_a_prompt_in_shadow_permits_nothing(bench: Bench) -> None:
    """
    It was asked while its call would have been simulated: afterwards the gate asks.
    """
    switch(bench)
    bench.play(PROMPT)
    (question,) = bench.questions()
    assert question["payload"]["effects"] == {"Yes": [], "No": []}
    switch_off(bench)

    bench.answer(question["id"], "Yes")
    bench.deliver_all()

    assert not bench.vendor.done
    assert [q["kind"] for q in bench.questions()] == ["action"]


def test_a_prompt_of_a_playbook_in_shadow_is_asked_and_followed(bench: Bench) -> None:
    """
    Its run is real in all but writes: somebody sees what would become of an answer.
    """
    switch(bench)
    bench.play(PROMPT)

    bench.answer(bench.questions()[0]["id"], "Yes")
    bench.deliver_all()

    assert untouched(bench)
    assert bench.calls()[0]["message"] == "shadow: would have run isolate on sham: 4"


def test_an_unknown_effect_that_a_person_wants_again_is_simulated(bench: Bench) -> None:
    """
    "Do it again" does not leave while the asset is in shadow.
    """
    bench.vendor.moods[("shout", "4")] = ["lost"]
    bench.play(act("shout"))
    bench.sweep()
    switch(bench)

    bench.answer(bench.questions()[0]["id"], gate.AGAIN)
    bench.deliver_all()

    assert bench.vendor.done == {("shout", "4"): 1}
    assert bench.calls()[0]["shadow"] is True


# What stands from before.


def test_a_lease_that_is_over_waits_until_the_shadow_is_gone(bench: Bench) -> None:
    """
    Nothing is written on the asset; then the containment is undone.
    """
    bench.play(act("fence", lease_minutes=1))
    switch(bench, "asset", "sham")
    bench.do("update effect set expires_at = now() - interval '1 minute'")
    bench.sweep()
    bench.deliver_all()
    assert effects(bench) == [("fence", "target=4", "confirmed", False)]
    with bench.database.begin() as work, pytest.raises(Conflict, match="is in shadow"):
        containment.undo(work, bench.sweep.settling, 1, by="ada")

    switch_off(bench, "asset", "sham")
    bench.sweep()
    bench.deliver_all()

    assert bench.vendor.done[("unfence", "4")] == 1
    assert effects(bench)[0][3] is True


# What people read.


def test_timeline_and_report_say_what_would_have_been_done(bench: Bench) -> None:
    """
    And the report does not say that somebody was contained.
    """
    switch(bench)
    bench.play(act("fence"))

    with bench.database.begin() as work:
        found = timeline.of_container(work, 1)
        text = report.read(work, 1)

    (entry,) = [e for e in found.entries if e.kind == "action"]
    assert (entry.detail, entry.shadow) == (WOULD, True)
    assert "shadow: would have run fence on sham: 4" in text


def test_switches_are_on_record_with_who_and_what(bench: Bench) -> None:
    """
    Each change once: a second time on is no change.
    """
    bench.play(ISOLATE)
    switch(bench)
    switch(bench)
    switch_off(bench)

    rows = bench.rows("select who, what, detail from audit where what like 'shadow%' order by id")
    assert rows == [
        {
            "who": "ada",
            "what": "shadow switched on",
            "detail": {"scope": "all", "name": "", "calls": 1, "approvals": [1]},
        },
        {"who": "ada", "what": "shadow switched off", "detail": {"scope": "all", "name": ""}},
    ]
