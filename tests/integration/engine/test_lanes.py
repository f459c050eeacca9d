"""
Lanes: who waits, who goes next, and what a closed or lost asset does to its calls.

In: calls of runs against budgets in a real Valkey. Out: nothing.
Never: a wait that is real; time passes by ageing rows and emptying Redis.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from soar import timeline
from soar.catalog import ActionSpec
from soar.connector import Output, Params
from soar.domain.budget import budget_of

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

IMPORT = "import phantom.rules as phantom\n\n"
LOOK_UP = IMPORT + (
    "def on_start(container):\n"
    "    phantom.act('look up', parameters={'target': '4'}, callback='done')\n\n"
    "def done(action, success, container, results, handle):\n"
    "    phantom.comment(comment=results[0]['message'])\n"
)
MANY = IMPORT + (
    "def on_start(container):\n"
    "    phantom.act('look up', parameters=[{'target': str(i)} for i in range(COUNT)],"
    " callback='done')\n\n"
    "def done(action, success, container, results, handle):\n"
    "    phantom.comment(comment=str(len(results)))\n"
)


def went_well(bench: Bench, run_id: int) -> bool:
    """Tell whether a run and every call of it succeeded: a run may, though its calls failed."""
    calls = {row["status"] for row in bench.calls() if row["run_id"] == run_id}
    return bench.run(run_id)["status"] == "success" and calls == {"success"}


def limit(bench: Bench, **configuration: Any) -> None:
    """Give the asset a budget, as somebody who edits it does."""
    with bench.database.begin() as work:
        work.assets.save(slug="sham", app="sham", configuration=configuration)


def many(bench: Bench, count: int, severity: str = "low") -> int:
    """Start a run that asks *count* questions about an alert of that severity."""
    run_id = bench.start(MANY.replace("COUNT", str(count)))
    bench.do(
        "update container set severity = :s where id = (select max(id) from container)", s=severity
    )
    bench.deliver_all()
    return run_id


def next_calls(bench: Bench) -> list[dict[str, Any]]:
    """Let a window pass, pump, and return what is let go, having made it."""
    bench.age()
    bench.pump.turn()
    ids = [m.body["app_run_id"] for m in bench.pending if m.kind == "member"]
    bench.deliver_all()
    return [row for number in ids for row in bench.calls() if row["id"] == number]


def test_severe_calls_go_first_then_by_turn_and_age(bench: Bench) -> None:
    """
    Heads of a lane leave by severity, as many as the budget has free.
    """
    limit(bench, max_requests_per_minute=1)
    for severity in ("low", "low", "medium", "high", "critical"):
        many(bench, 1, severity)

    order = [row["severity_rank"] for _ in range(4) for row in next_calls(bench)]

    assert order == [0, 1, 2, 3]


def test_a_critical_alert_behind_many_low_ones_is_the_next_granted(bench: Bench) -> None:
    """
    Whoever waits, a critical one waits for the next free call only.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 200)
    critical = many(bench, 1, "critical")

    assert [row["run_id"] for row in next_calls(bench)] == [critical]


def test_a_critical_alert_goes_right_after_the_calls_whose_messages_are_under_way(
    bench: Bench,
) -> None:
    """
    What was released before it came is in the queue, and goes; whatever else waits is behind it.
    """
    limit(bench, max_requests_per_minute=3)
    low = many(bench, 50)
    bench.age()
    bench.pump.turn()
    released, bench.pending = bench.pending, []
    assert [message.kind for message in released] == ["member"] * 3

    critical = many(bench, 2, "critical")
    bench.pump.turn()
    bench.pending = [*released, *bench.pending]
    bench.deliver_all()
    made = [row["run_id"] for row in bench.calls() if row["status"] == "success"]
    assert made == [low] * 6

    assert [row["run_id"] for row in next_calls(bench)] == [critical, critical, low]


def test_newcomers_take_their_place_behind_those_who_wait(bench: Bench) -> None:
    """
    A free call belongs to the head of the lane, not to whoever comes by; nobody asks Redis.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 2)
    bench.age()
    asked = bench.shop.limiter.asked
    many(bench, 1)

    assert [row["status"] for row in bench.calls()] == ["success", "parked", "parked"]
    assert bench.calls()[2]["message"] == "waits its turn on sham"
    assert bench.shop.limiter.asked == asked


def test_runs_of_one_severity_share_a_lane(bench: Bench) -> None:
    """
    An alert with many indicators does not starve the alert that comes after it.
    """
    limit(bench, max_requests_per_minute=2)
    first = many(bench, 40)
    next_calls(bench)
    second = many(bench, 5)

    order = [row["run_id"] for _ in range(5) for row in next_calls(bench)]

    assert order.count(first) == order.count(second) == 5


@pytest.mark.trap(28, "celery#4028")
def test_an_overdue_call_gets_every_fourth_turn_while_severe_ones_keep_coming(
    bench: Bench,
) -> None:
    """
    A low call that has waited half an hour goes although the high ones never end.

    Source: celery#4028.
    """
    limit(bench, max_requests_per_minute=4)
    many(bench, 5)  # the last of them waits
    bench.do("update app_run set lane_since = lane_since - interval '31 min'")
    many(bench, 20, "high")

    order = [row["severity_rank"] for row in next_calls(bench)]

    assert sorted(order) == [1, 1, 1, 3]


def test_nobody_goes_before_a_critical_call_however_long_it_waited(bench: Bench) -> None:
    """
    What is overdue goes before high ones, never before critical ones.
    """
    limit(bench, max_requests_per_minute=4)
    many(bench, 5)
    bench.do("update app_run set lane_since = lane_since - interval '31 min'")
    many(bench, 20, "critical")

    assert [row["severity_rank"] for row in next_calls(bench)] == [0, 0, 0, 0]


def test_a_share_of_the_budget_is_kept_for_critical_calls(bench: Bench) -> None:
    """
    Of four calls two are reserved: low ones use two, and a critical one goes at once.
    """
    limit(bench, max_requests_per_minute=4, reserved_for_critical=50)
    many(bench, 6)
    assert [row["status"] for row in bench.calls()].count("success") == 2
    critical = many(bench, 1, "critical")
    bench.pump.turn()
    bench.deliver_all()

    assert went_well(bench, critical)
    assert [row["status"] for row in bench.calls()].count("success") == 3


def test_an_approved_containment_waits_behind_no_lookup(bench: Bench) -> None:
    """
    It travels as a critical call, whatever the severity of its alert.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 3)
    bench.play(LOOK_UP.replace("look up", "block"))

    (row,) = next_calls(bench)

    assert row["action"] == "block"


def test_a_lane_is_rebuilt_in_the_same_order_after_redis_has_lost_everything(
    bench: Bench,
) -> None:
    """
    Who waits is a row; the budget begins as if it had just been spent.
    """
    limit(bench, max_requests_per_minute=2)
    many(bench, 4)
    bench.house.limiter()._script.registered_client.flushall()
    bench.pump.lanes.clear()

    bench.pump.turn()

    assert bench.pending == []
    assert [row["parameters"]["target"] for row in next_calls(bench)] == ["2", "3"]


def test_budget_that_was_spent_is_known_after_redis_has_lost_everything(bench: Bench) -> None:
    """
    Also by a call that had waited long in its lane and was made only now.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 2)
    next_calls(bench)
    bench.house.limiter()._script.registered_client.flushdb()

    many(bench, 1)

    assert bench.calls()[-1]["parked_for"] == "budget"


def test_calls_released_to_dead_workers_are_not_followed_by_more(bench: Bench) -> None:
    """
    What was let go and is not made yet counts as going.
    """
    limit(bench, max_requests_per_minute=2)
    many(bench, 6)
    bench.age()

    for _ in range(5):
        bench.pump.turn()
        bench.pump.lanes.clear()

    assert len(bench.pending) == 2


def test_a_disabled_asset_keeps_its_calls_until_it_is_enabled(bench: Bench) -> None:
    """
    They are parked with a sentence, and go when it is enabled again.
    """
    run_id = bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    bench.do("update asset set disabled = true")
    bench.deliver_all()
    assert bench.calls()[0]["message"] == "asset 'sham' is disabled"
    bench.pump.turn()
    assert bench.pending == []
    bench.do("update asset set disabled = false, updated_at = now()")

    bench.pump.turn()
    bench.deliver_all()

    assert went_well(bench, run_id)


def test_an_asset_may_fail_its_calls_when_it_is_closed(bench: Bench) -> None:
    """
    With when_closed "fail" a call of a disabled asset ends with a sentence.
    """
    bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    limit(bench, when_closed="fail")
    bench.do("update asset set disabled = true")

    bench.deliver_all()

    assert bench.notes() == ["asset 'sham' is disabled"]


def test_refused_credentials_close_the_lane_until_the_asset_is_edited(bench: Bench) -> None:
    """
    The call that was refused fails; those behind it wait, and go with the new key.
    """
    bench.vendor.moods[("look up", "4")] = ["bad key"]
    assert bench.run(bench.play(LOOK_UP))["status"] == "failed"
    waits = bench.play(LOOK_UP)
    assert bench.run(waits)["status"] == "running"
    assert "closed until it is edited" in bench.calls()[1]["message"]

    limit(bench)
    bench.pump.turn()
    bench.deliver_all()

    assert went_well(bench, waits)


def test_refused_credentials_fail_what_waits_where_the_owner_wants_that(bench: Bench) -> None:
    """
    With when_closed "fail" nobody waits for a key.
    """
    limit(bench, when_closed="fail", max_requests_per_minute=1)
    waits = many(bench, 3)
    bench.vendor.moods[("look up", "1")] = ["bad key"]

    next_calls(bench)

    assert bench.run(waits)["status"] == "failed"
    assert bench.calls()[2]["message"] == "asset 'sham' is closed: the vendor refused the key"


def test_a_call_that_comes_back_to_a_lane_that_was_closed_fails_with_it(bench: Bench) -> None:
    """
    It was under way when another one's key was refused, and was told to wait: it waits for nobody.
    """
    limit(bench, when_closed="fail")
    bench.vendor.moods = {("look up", "4"): ["too many"], ("look up", "5"): ["bad key"]}
    usual = bench.vendor.answer

    def refused_meanwhile(name: str, params: Params) -> Output:
        bench.vendor.answer = usual  # type: ignore[method-assign]
        bench.play(LOOK_UP.replace("'4'", "'5'"), name="other")
        return usual(name, params)

    bench.vendor.answer = refused_meanwhile  # type: ignore[method-assign]
    run_id = bench.play(LOOK_UP)
    assert bench.calls()[0]["parked_for"] == "budget"

    bench.sweep()
    bench.deliver_all()

    assert bench.run(run_id)["status"] == "success"
    assert "closed until it is edited" in bench.calls()[0]["message"]


def test_the_lane_of_an_asset_that_is_gone_holds_no_other_lane_up(bench: Bench) -> None:
    """
    Its calls wait for an asset of that name; every other lane is pumped.
    """
    with bench.database.begin() as work:
        for slug in ("apart", "sham"):
            work.assets.save(slug=slug, app="sham", configuration={"max_requests_per_minute": 1})
    for asset in ("apart", "sham"):
        for _ in range(2):
            bench.play(LOOK_UP.replace("callback=", f"assets=['{asset}'], callback="))
    with bench.database.begin() as work:
        work.assets.delete("apart")

    assert [row["asset"] for row in next_calls(bench)] == ["sham"]
    with bench.database.begin() as work:
        work.assets.save(slug="apart", app="sham", configuration={})

    assert [row["asset"] for row in next_calls(bench)] == ["apart"]
    assert bench.open_runs() == []


def test_a_lane_whose_calls_at_once_are_all_taken_asks_nobody(bench: Bench) -> None:
    """
    While a call is under way the next one waits in its row; it goes when the first has ended.
    """
    limit(bench, concurrency=1)
    bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0), ends="later")
    waits = bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    bench.pending.clear()
    bench.do("update app_run set status = 'parked', parked_for = 'budget', lane_since = now()"
             " where id = 2")  # fmt: skip
    asked = bench.pump.limiter.asked

    for _ in range(5):
        bench.pump.turn()

    assert bench.pending == []
    assert bench.pump.limiter.asked == asked

    bench.record()
    bench.settle()
    assert went_well(bench, waits)


def test_a_vendor_that_asks_everybody_to_wait_closes_the_lane_for_so_long(bench: Bench) -> None:
    """
    Others do not try; the run that was told to wait sees one action that took longer.
    """
    bench.vendor.moods[("look up", "4")] = ["quota"]
    first = bench.play(LOOK_UP)
    second = bench.play(LOOK_UP)

    assert bench.vendor.done[("look up", "4")] == 0
    assert [row["parked_for"] for row in bench.calls()] == ["budget", "budget"]
    assert bench.shop.limiter.look("sham", budget_of({}), 1)[0] > timedelta(seconds=50)

    next_calls(bench)

    assert all(went_well(bench, run_id) for run_id in (first, second))
    assert bench.calls()[0]["tries"] == 0


def test_a_vendor_that_cannot_be_reached_closes_the_lane_and_keeps_its_calls(
    bench: Bench,
) -> None:
    """
    After five connection errors nobody tries, until one call has got an answer again.
    """
    limit(bench, max_requests_per_minute=1000)
    bench.vendor.moods[("look up", "4")] = ["no answer"] * 5
    runs = [bench.play(LOOK_UP) for _ in range(7)]

    parked = [row["parked_for"] for row in bench.calls()]
    assert parked == ["schedule"] * 4 + ["budget"] * 3
    client = bench.house.limiter()._script.registered_client
    assert bench.shop.limiter.state("sham", budget_of({})).closed > timedelta(seconds=20)

    client.hdel("soar:lane:{sham}", "closed")  # its time is over
    bench.pump.turn()
    assert len(bench.pending) == 1  # the probe
    bench.deliver_all()
    assert bench.shop.limiter.state("sham", budget_of({})).failures == 0
    bench.settle()

    assert all(went_well(bench, run_id) for run_id in runs)


def test_a_call_that_dies_between_grant_and_effect_is_made_again_within_the_budget(
    bench: Bench,
) -> None:
    """
    Its grant is spent; it takes the next one, and nobody takes more than there are.
    """
    limit(bench, max_requests_per_minute=2)
    bench.vendor.moods[("look up", "0")] = ["died before"]
    run_id = many(bench, 3)
    assert bench.vendor.done.total() == 1

    bench.sweep.reclaim_calls()
    bench.deliver_all()
    assert bench.vendor.done.total() == 1

    bench.settle()
    assert bench.vendor.done.total() == 3
    assert went_well(bench, run_id)


def fly(bench: Bench, count: int) -> list[int]:
    """Let runs ask the same while the first of them is asking, and end them all."""
    runs = [bench.start(LOOK_UP) for _ in range(count)]
    for _ in runs:
        bench.deliver(bench.pending.pop(0))
    first, *others = bench.pending[:]
    bench.pending.clear()
    bench.call(first.body, ends="later")
    for message in others:
        bench.deliver(message)
    bench.record()
    bench.deliver_all()
    return runs


class TestSingleFlight:
    """Equal lookups share one call of their vendor."""

    @pytest.fixture(autouse=True)
    def fresh(self, bench: Bench) -> Iterator[ActionSpec]:
        """Let answers of "look up" hold for five minutes."""
        spec: ActionSpec = bench.house.app.tasks["soar.tasks.sham.look_up"].spec
        object.__setattr__(spec, "freshness", {"any": 300})
        yield spec
        object.__setattr__(spec, "freshness", {})

    def test_runs_that_ask_at_once_make_one_call(self, bench: Bench) -> None:
        """
        The first flies, the others follow it and end with its answer.
        """
        runs = fly(bench, 20)

        assert bench.vendor.done[("look up", "4")] == 1
        assert all(went_well(bench, run_id) for run_id in runs)
        assert {row["reused_from"] for row in bench.calls()[1:]} == {1}
        bench.age()
        bench.sweep()
        assert bench.rows("select * from flight") == []

    def test_hundred_runs_on_eight_threads_make_one_call(self, bench: Bench) -> None:
        """
        Whoever claims first flies, however close the others are; each run ends with its answer.
        """
        slow = threading.Event()
        answer = bench.vendor.answer

        def wait_and_answer(name: str, params: Params) -> Output:
            slow.wait(0.3)
            return answer(name, params)

        bench.vendor.answer = wait_and_answer  # type: ignore[method-assign]
        runs = [bench.start(LOOK_UP) for _ in range(100)]
        for _ in runs:
            bench.deliver(bench.pending.pop(0))
        members, bench.pending = bench.pending, []

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(bench.deliver, members))
        bench.sweep.wake_calls()  # one that began to follow just as the first one ended
        bench.deliver_all()

        assert bench.vendor.done[("look up", "4")] == 1
        assert all(went_well(bench, run_id) for run_id in runs)

    def test_a_young_answer_is_used_again(self, bench: Bench) -> None:
        """
        No call, no budget: the row says whose answer it is.
        """
        bench.play(LOOK_UP)
        run_id = bench.play(LOOK_UP.replace("'4'", "' 4 '"))

        assert went_well(bench, run_id)
        assert bench.vendor.done[("look up", "4")] == 1
        assert bench.calls()[1]["reused_from"] == 1
        with bench.database.begin() as work:
            (entry,) = (e for e in timeline.of_run(work, run_id).entries if e.kind == "action")
        assert entry.detail == "done; answered from the lookup of run 1"

    def test_an_old_answer_is_not(self, bench: Bench) -> None:
        """
        Past its freshness the vendor is asked again.
        """
        bench.play(LOOK_UP)
        bench.age()
        bench.play(LOOK_UP)

        assert bench.vendor.done[("look up", "4")] == 2

    def test_an_answer_is_not_used_again_by_an_asset_that_does_not_want_it(
        self, bench: Bench
    ) -> None:
        """
        The setting reuse_results of an asset turns it off.
        """
        limit(bench, reuse_results=False)
        bench.play(LOOK_UP)
        bench.play(LOOK_UP)

        assert bench.vendor.done[("look up", "4")] == 2

    def test_those_who_follow_one_that_fails_fail_with_it(self, bench: Bench) -> None:
        """
        A shared flight shares its end.
        """
        bench.vendor.moods[("look up", "4")] = ["failed"]
        fly(bench, 3)

        assert bench.notes() == ["the vendor refused"] * 3

    def test_a_follower_whose_forerunner_ended_unseen_asks_itself(self, bench: Bench) -> None:
        """
        The sweep finds it: it claims again, and finds the young answer.
        """
        bench.play(LOOK_UP)
        bench.start(LOOK_UP)
        bench.deliver(bench.pending.pop(0))
        bench.pending.clear()
        bench.do("update app_run set status = 'parked', parked_for = 'lookup', follows = 1"
                 " where id = 2")  # fmt: skip

        bench.sweep.wake_calls()
        bench.deliver_all()

        assert [row["status"] for row in bench.calls()] == ["success", "success"]

    def test_a_critical_follower_lends_its_severity(self, bench: Bench) -> None:
        """
        A low lookup that a critical alert waits for goes as a critical one.
        """
        limit(bench, max_requests_per_minute=1)
        many(bench, 1)
        many(bench, 3)
        bench.play(LOOK_UP.replace("'4'", "'1'"))
        bench.do("update app_run set severity_rank = 3")
        run_id = bench.start(LOOK_UP.replace("'4'", "'1'"))
        bench.do("update container set severity = 'critical'")
        bench.deliver_all()

        assert bench.run(run_id)["status"] == "running"
        assert sorted(row["severity_rank"] for row in bench.calls() if row["lane_since"])[0] == 0
