"""
One call of an action: claimed, admitted or parked, made, recorded.

In: a vendor in every mood. Out: nothing. Never: a second effect, or a word of what went wrong
inside that nobody should read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis

from soar import drill
from soar.bus.presence import Presence
from soar.connector import ActionContext, BadCredentials, Output, Params
from soar.domain.errors import RetryLater
from tests.integration.engine.test_lanes import limit, many, next_calls

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

IMPORT = "import phantom.rules as phantom\n\n"
BLOCK = IMPORT + (
    "def on_start(container):\n"
    "    phantom.act('block', parameters={'target': '4'}, callback='done')\n\n"
    "def done(action, success, container, results, handle):\n"
    "    phantom.comment(comment=results[0]['message'])\n"
)
LOOK_UP = BLOCK.replace("'block'", "'look up'")


def test_a_lost_answer_is_verified_and_not_sent_again(bench: Bench) -> None:
    """
    A write whose answer was lost is looked up at the vendor, who says that it took effect.
    """
    bench.vendor.moods[("block", "4")] = ["lost"]
    bench.play(BLOCK)
    (row,) = bench.calls()
    assert (row["status"], row["parked_for"], row["effect"]) == ("parked", "schedule", "sent")

    bench.settle()

    (row,) = bench.calls()
    assert (row["status"], row["message"]) == ("success", "it had taken effect")
    assert row["effect"] == "confirmed"
    assert bench.vendor.done == {("block", "4"): 1}


def test_a_write_that_never_arrived_is_sent_again(bench: Bench) -> None:
    """
    Where the vendor says that nothing took effect, the write is sent once more.
    """
    bench.vendor.moods[("block", "4")] = ["unsent"]
    bench.play(BLOCK)

    bench.settle()

    assert bench.calls()[0]["message"] == "done"
    assert bench.vendor.done == {("block", "4"): 1}


def test_an_outcome_that_stays_unknown_is_a_question_to_a_person(bench: Bench) -> None:
    """
    After as many tries as the settings allow the call waits for somebody who looks.
    """
    bench.vendor.moods[("block", "4")] = ["unsent"] * bench.settings.retry_attempts
    bench.play(BLOCK)

    for _ in range(2 * bench.settings.retry_attempts):
        bench.age()
        bench.sweep()
        bench.pump.turn()
        bench.deliver_all()
    assert len(bench.questions()) == 1

    (row,) = bench.calls()
    assert (row["status"], row["parked_for"], row["effect"]) == ("parked", "approval", "unknown")
    assert row["message"] == "whether it took effect is unknown: the answer was lost"


@pytest.mark.parametrize(
    ("source", "status", "effect"),
    [(BLOCK, "parked", "unknown"), (LOOK_UP, "failed", "none")],
    ids=["a write", "a read"],
)
def test_a_bug_in_a_connector_is_told_without_a_secret(
    bench: Bench, source: str, status: str, effect: str
) -> None:
    """
    The kind of error is told, its text is not; a write that may have been sent is unknown.
    """
    for action in ("block", "look up"):
        bench.vendor.moods[(action, "4")] = ["bug after"]

    bench.play(source)

    (row,) = bench.calls()
    assert row["message"].endswith("an error in the connector (KeyError)")
    assert (row["status"], row["effect"]) == (status, effect)


def test_a_refusal_is_recorded_and_the_playbook_hears_it(bench: Bench) -> None:
    """
    A failed call is a result like another.
    """
    bench.vendor.moods[("block", "4")] = ["failed"]

    run_id = bench.play(BLOCK)

    assert bench.notes() == ["the vendor refused"]
    assert bench.calls()[0]["effect"] == "none"
    assert bench.run(run_id)["status"] == "success"


def test_a_refused_key_marks_the_asset(bench: Bench) -> None:
    """
    The call fails and the asset says why, until somebody edits it.
    """
    bench.vendor.moods[("look up", "4")] = ["bad key"]

    bench.play(LOOK_UP)

    assert bench.rows("select broken from asset") == [{"broken": "the vendor refused the key"}]
    assert bench.notes() == ["the vendor refused the key"]


def test_a_late_refusal_of_the_old_key_says_nothing_of_the_new_one(bench: Bench) -> None:
    """
    The call fails; the asset that was edited meanwhile stays open, and nobody's wait is ended.
    """
    new = {"when_closed": "fail", "max_requests_per_minute": 1, "note": "new"}
    limit(bench, **{**new, "note": "old"})
    waits = many(bench, 3)

    def edit_and_refuse(_: str, __: Params) -> Output:
        limit(bench, **new)
        raise BadCredentials("the vendor refused the key")

    answer, bench.vendor.answer = bench.vendor.answer, edit_and_refuse  # type: ignore[method-assign]
    next_calls(bench)
    bench.vendor.answer = answer  # type: ignore[method-assign]

    assert bench.rows("select configuration, broken from asset") == [
        {"configuration": new, "broken": ""}
    ]
    assert [row["status"] for row in bench.calls()] == ["success", "failed", "parked"]
    assert bench.log() == []
    bench.settle()
    assert (bench.run(waits)["status"], bench.notes()) == ("success", ["3"])


@pytest.mark.parametrize("second", ["00", "00.1", "00.000001", "59.999999", "07.120"])
@pytest.mark.parametrize("zone", ["+00", "+05:30", "-11"])
def test_a_refusal_finds_the_asset_it_was_claimed_with_at_any_moment(
    bench: Bench, second: str, zone: str
) -> None:
    """
    The moment of an edit travels as JSON and comes back whole, to the microsecond.
    """
    edited = f"2026-03-01 23:59:{second}{zone}"
    bench.do("update asset set updated_at = cast(:edited as timestamptz)", edited=edited)
    bench.vendor.moods[("look up", "4")] = ["bad key"]

    assert bench.run(bench.play(LOOK_UP))["status"] == "failed"
    assert bench.rows("select broken from asset") == [{"broken": "the vendor refused the key"}]


def test_a_busy_vendor_is_asked_as_often_as_the_settings_say(bench: Bench) -> None:
    """
    Without a word how long to wait, the tries are counted and come to an end.
    """
    bench.vendor.moods[("look up", "4")] = ["busy"] * 10
    bench.play(LOOK_UP)

    bench.settle()

    assert bench.notes() == ["the vendor is busy; gave up after 6 tries"]
    assert len(bench.vendor.moods[("look up", "4")]) == 10 - bench.settings.retry_attempts


def test_a_vendor_that_names_a_time_is_waited_for_but_not_for_ever(bench: Bench) -> None:
    """
    Waits that the vendor asks for are not tries; the patience of the settings ends them.
    """
    bench.vendor.moods[("look up", "4")] = ["later"] * 100
    bench.play(LOOK_UP)
    for _ in range(6):
        bench.age()
        bench.sweep()
        bench.deliver_all()
    assert bench.calls()[0]["status"] == "parked"

    bench.do("update app_run set waited = interval '1 h'")
    bench.settle()

    assert bench.notes() == ["the vendor is busy; gave up after 3600 s"]


def test_a_vendor_that_asks_for_more_than_the_patience_is_not_waited_for(bench: Bench) -> None:
    """
    The call fails at once, with how long it would have been.
    """
    bench.vendor.moods[("look up", "4")] = ["tomorrow"]

    bench.play(LOOK_UP)

    assert bench.notes() == [
        "the quota is spent; it asks for 86400 s, longer than the 900 s that a call may wait"
    ]


def test_time_in_a_lane_is_not_patience_with_a_vendor(bench: Bench) -> None:
    """
    A call that waited an hour for its asset's budget may still wait for a busy vendor.
    """
    run_id = bench.start(LOOK_UP)
    bench.do("update app_run set lane_since = now() - interval '1 h'")
    bench.vendor.moods[("look up", "4")] = ["later"]

    bench.settle()

    assert bench.notes() == ["done"]
    assert bench.run(run_id)["status"] == "success"


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ("{'target': '4', 'colour': 'red'}", "block has no parameter 'colour'"),
        ("{'target': ''}", "block: parameter 'target' is missing"),
        ("{}", "block: parameter 'target' is missing"),
    ],
)
def test_parameters_that_do_not_fit_the_manifest_fail_the_call(
    bench: Bench, parameters: str, sentence: str
) -> None:
    """
    The sentence names the parameter, and the vendor is not asked.
    """
    bench.play(BLOCK.replace("{'target': '4'}", parameters))

    assert sentence in bench.notes()[0]
    assert not bench.vendor.done


def test_what_exceeds_the_budget_waits_in_the_lane_and_holds_no_worker(bench: Bench) -> None:
    """
    Of eight calls with a budget of five, three are parked; in the next minute they are made.
    """
    eight = ", ".join(f"{{'target': '{n}'}}" for n in range(8))
    run_id = bench.play(LOOK_UP.replace("{'target': '4'}", f"[{eight}]"))
    waiting = [row for row in bench.calls() if row["parked_for"] == "budget"]
    assert len(waiting) == 3
    assert sum(bench.vendor.done.values()) == 5

    bench.pump.turn()
    assert bench.pending == []
    bench.age()
    bench.pump.turn()
    bench.deliver_all()

    assert sum(bench.vendor.done.values()) == 8
    assert bench.run(run_id)["status"] == "success"


def test_a_redis_that_does_not_answer_makes_a_call_wait(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An outage of the budget's keeper is no failure of the action.
    """

    def refuse(**_: object) -> None:
        raise redis.ConnectionError("down")

    monkeypatch.setattr(bench.shop.limiter, "_script", refuse)
    bench.play(LOOK_UP)
    (row,) = bench.calls()
    assert (row["status"], row["parked_for"]) == ("parked", "schedule")
    assert row["message"] == "the budget cannot be asked for (ConnectionError)"
    monkeypatch.undo()

    bench.settle()

    assert bench.notes() == ["done"]


def test_a_limiter_without_redis_says_to_wait(bench: Bench) -> None:
    """
    Its failure is the one that parks.
    """
    budget = bench.rows("select 1")
    assert budget
    limiter = bench.house.limiter()
    limiter._script = lambda **_: (_ for _ in ()).throw(redis.TimeoutError("slow"))

    with bench.database.begin() as work:
        asset = work.assets.get("sham")
    assert asset.budget is not None
    with pytest.raises(RetryLater, match="TimeoutError"):
        limiter.take("sham", asset.budget)


def test_a_repeat_while_the_first_delivery_is_at_work_does_nothing(bench: Bench) -> None:
    """
    A claim of a worker that is alive is respected: the vendor is asked once.
    """
    bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    message = bench.pending.pop()

    bench.deliver(message, ends="later")
    bench.deliver(message)
    bench.record()
    bench.deliver_all()

    assert bench.vendor.done == {("look up", "4"): 1}
    assert bench.calls()[0]["attempt"] == 1
    assert bench.notes() == ["done"]


def test_a_late_outcome_of_a_dead_worker_is_not_counted(bench: Bench) -> None:
    """
    A worker that was given up and comes back with an answer finds its attempt replaced.
    """
    bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    (message,) = bench.pending
    bench.pending.clear()
    bench.lease.owner = "gone"
    late = bench.house.app.tasks[message.body["task"]].run(message.body["app_run_id"])
    bench.sweep()

    bench.deliver_all()
    bench.end(late, message.body)
    bench.deliver_all()

    assert bench.notes() == ["done"]
    assert bench.calls()[0]["attempt"] == 2
    assert bench.rows("select remaining from action_run") == [{"remaining": 0}]


@pytest.mark.parametrize("source", [LOOK_UP, BLOCK])
def test_a_worker_that_lost_its_lease_withholds_its_requests(bench: Bench, source: str) -> None:
    """
    Each call brings a fence to its session. Once the worker has lost its lease since the call was
    claimed, it lets nothing pass: somebody else may be making the call by now.
    """
    bench.play(source)
    fence = bench.shop.desks["sham"].session.notes.fence
    fence()

    bench.lease.held = False

    with pytest.raises(RetryLater, match="stood still"):
        fence()


def test_a_worker_that_comes_back_claims_nothing_without_a_lease(bench: Bench) -> None:
    """
    It stood still for longer than that lasts: the sweep finds a living worker's call, not a dead's.
    """
    presence = Presence(bench.database, "actions", seconds=60)
    presence.start()
    presence.stop()
    presence.owner = "alive"
    bench.shop.lease = presence
    bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    bench.do("update worker set expires_at = now() - interval '3 s'")
    presence._until = 0.0

    bench.deliver(bench.pending.pop(0), ends="later")
    bench.sweep()

    (call,) = bench.calls()
    assert (call["status"], call["crashes"]) == ("running", 0)
    bench.record()
    bench.deliver_all()
    assert [call["attempt"] for call in bench.calls()] == [1]
    assert bench.notes() == ["done"]


def test_calls_that_one_answer_lets_go_are_sent_in_their_order(bench: Bench) -> None:
    """
    The most severe first; and wherever their rows lie on the server's pages.
    """
    three = "[{'target': '10.0.0.5'}, {'target': '10.0.0.6'}, {'target': '10.0.0.7'}]"
    bench.play(BLOCK.replace("'block'", "'isolate'").replace("{'target': '4'}", three))
    bench.do("update app_run set message = 'moved behind the others' where id < 2")
    bench.do("update app_run set severity_rank = severity_rank + 1 where id < 3")

    bench.answer(bench.questions()[0]["id"])

    assert [m.body["app_run_id"] for m in bench.pending if m.kind == "member"] == [3, 1, 2]


def test_a_drill_waits_until_a_worker_holds_its_call(bench: Bench) -> None:
    """
    One that was put off is nobody's; that it was claimed before says nothing of what a kill costs.
    """
    bench.vendor.moods[("look up", "4")] = ["later"]
    run_id = bench.play(LOOK_UP)
    assert bench.calls()[0]["status"] == "parked"
    assert drill._claimed(bench.house, run_id) is None

    bench.age()
    bench.sweep()
    bench.deliver(bench.pending.pop(0), ends="never")
    held = drill._claimed(bench.house, run_id)
    assert held is not None
    assert drill._claimed(bench.house, run_id, held["attempt"]) is None

    bench.sweep()
    bench.deliver_all()
    again = drill._claimed(bench.house, run_id, held["attempt"])
    assert again is not None
    assert again["attempt"] == held["attempt"] + 1


@pytest.mark.parametrize(
    "edit",
    [
        """update asset set configuration = configuration || '{"note": "new"}'""",
        "update asset set disabled = true",
        "update asset set broken = 'the vendor refused the key'",
        "update asset set tenants = '{1}'",
        "delete from asset",
    ],
)
def test_what_an_asset_row_says_is_heard_by_the_very_next_claim(bench: Bench, edit: str) -> None:
    """
    Whether its moment of edit moves or not; while the row says the same, it is read once.
    """
    many(bench, 3)
    bench.do("update app_run set status = 'pending', parked_for = null, owner = null")
    task = bench.house.app.tasks["soar.tasks.sham.look_up"]
    first, second, third = (row["id"] for row in bench.calls())

    before, same = task._claim(first).held, task._claim(second).held
    bench.do(edit)
    after = task._claim(third).held

    with bench.database.begin() as work:
        now = {asset.slug: asset for asset in work.assets.all()}
    assert same is before
    assert after == now.get("sham") != before


@pytest.mark.parametrize(("source", "parts"), [(LOOK_UP, 3), (BLOCK, 4)])
def test_a_call_has_one_key_on_all_its_deliveries(bench: Bench, source: str, parts: int) -> None:
    """
    Run and call tell it apart; a write's says also what it asks for, as a vendor may keep it.
    """
    bench.start(source)
    bench.deliver(bench.pending.pop())
    bell, keys = bench.pending[0], []
    task = bench.house.app.tasks[bell.body["task"]]

    def note(context: ActionContext, _: Params) -> Output:
        keys.append(context.key)
        raise RetryLater("come back")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(task), "function", staticmethod(note))
        for _ in range(2):
            bench.call(bell.body)
            bench.do("update app_run set status = 'pending', parked_for = null")

    (row,) = bench.calls()
    assert len(keys) == 2
    assert len({*keys}) == 1
    assert keys[0].split("-")[:3] == ["soar", str(row["run_id"]), str(row["id"])]
    assert len(keys[0].split("-")) == parts
