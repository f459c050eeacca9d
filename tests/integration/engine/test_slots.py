"""
Slots: no more calls of an asset at once than it allows, on any number of workers.

In: calls of runs in a real PostgreSQL. Out: nothing.
Never: a slot that anybody gives back: a call that does not run any more holds none.
"""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soar.connector import Output, Params
from soar.store.claims import LAZILY
from soar.store.slots import Slots
from tests.integration.engine.test_lanes import LOOK_UP, MANY, limit, went_well
from tests.integration.engine.test_ledger import act
from tests.integration.engine.test_settled import look

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

CALLS = range(1, 7)


@pytest.fixture
def slots(bench: Bench) -> Slots:
    """The slots, and six calls that run."""
    bench.start(MANY.replace("COUNT", str(len(CALLS))))
    bench.deliver(bench.pending.pop(0))
    bench.pending.clear()
    run(bench, *CALLS)
    return Slots(bench.database)


def run(bench: Bench, *calls: int) -> None:
    """Let calls be claimed."""
    bench.do("update app_run set status = 'running' where id = any(:ids)", ids=list(calls))


def end(bench: Bench, call: int, status: str = "success") -> None:
    """Let a call end, or wait again."""
    bench.do("update app_run set status = :status where id = :id", status=status, id=call)


def under_way(bench: Bench, asset: str = "sham") -> int:
    """Return how many calls people see under way."""
    with bench.database.begin() as work:
        return work.lanes.under_way(asset=asset).get(asset, 0)


@pytest.mark.parametrize("status", ["success", "failed", "parked", "pending"])
def test_a_call_that_does_not_run_any_more_holds_no_slot(
    bench: Bench, slots: Slots, status: str
) -> None:
    """
    However it ended, and if its worker died; the other still holds its own.
    """
    assert [slots.take("sham", 2, call) for call in "123"] == [True, True, False]

    end(bench, 1, status)

    assert under_way(bench) == 1
    assert [slots.take("sham", 2, call) for call in "34"] == [True, False]
    assert under_way(bench) == 2


def test_a_slot_is_on_the_disk_before_its_call_is_made(bench: Bench, slots: Slots) -> None:
    """
    Its claim, written before it, is so too: a server that crashes under way forgets neither.
    """
    end(bench, 1, "pending")
    claimed = bench.database.run("select pg_current_wal_insert_lsn()", {})[0][0]
    bench.database.run(f"update app_run set status = 'running' where id = 1 returning {LAZILY}", {})

    slots.take("sham", 1, "1")

    kept = "select pg_current_wal_flush_lsn() > %(at)s::pg_lsn"
    assert bench.database.run(kept, {"at": claimed}) == [(True,)]


def test_a_call_that_is_made_again_keeps_its_own_slot(slots: Slots) -> None:
    """
    It is not in its own way, and takes no second one.
    """
    assert [slots.take("sham", 1, "1") for _ in range(3)] == [True] * 3

    assert not slots.take("sham", 1, "2")


def test_calls_under_way_count_for_slots_that_are_new(bench: Bench, slots: Slots) -> None:
    """
    Of the six that run, five were claimed before the asset was edited, and needed no slot.
    """
    bench.do("update app_run set claimed_at = now()")
    limit(bench, concurrency=6)
    bench.do("update app_run set claimed_at = now() where id = 1")

    assert not slots.take("sham", 5, "1")
    assert slots.take("sham", 6, "1")
    end(bench, 2)
    assert slots.take("sham", 6, "test")
    assert not slots.take("sham", 6, "another test")


def test_each_asset_has_slots_of_its_own(slots: Slots) -> None:
    """
    A full one keeps nobody from another.
    """
    assert slots.take("sham", 1, "1")

    assert slots.take("other", 1, "2")
    assert not slots.take("sham", 1, "3")


def test_a_test_gives_its_slot_back_or_loses_it(bench: Bench, slots: Slots) -> None:
    """
    Who is no call of a run says when it is over; if it cannot, its slot is free in a minute.
    """
    assert [slots.take("sham", 1, "test-1"), slots.take("sham", 1, "test-2")] == [True, False]
    slots.leave("test-1")
    assert [slots.take("sham", 1, "test-2"), slots.take("sham", 1, "1")] == [True, False]

    bench.do("update slot set until = now() - interval '1 s'")

    assert under_way(bench) == 0
    assert slots.take("sham", 1, "1")


def test_a_slot_of_an_asset_that_is_called_no_more_is_forgotten(bench: Bench, slots: Slots) -> None:
    """
    The sweep removes those of which nobody may be left, and leaves the others alone.
    """
    assert all(slots.take("sham", 2, call) for call in ("1", "test"))
    bench.do("update slot set until = now() - interval '1 s' where holder = '1'")

    bench.sweep()

    assert [row["holder"] for row in bench.rows("select * from slot")] == ["test"]


STEPS = st.lists(
    st.tuples(st.sampled_from(["take"] * 3 + ["end", "run again"]), st.sampled_from(CALLS)),
    max_size=25,
)


@given(most=st.integers(1, 4), steps=STEPS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_order_of_calls_finds_the_slots_that_are_free(
    bench: Bench, slots: Slots, most: int, steps: list[tuple[str, int]]
) -> None:
    """
    A call gets a slot exactly if it holds one or fewer than so many calls that run do.
    """
    bench.do("delete from slot")
    run(bench, *CALLS)
    runs, held = set(CALLS), set[int]()
    for what, call in steps:
        if what == "end":
            end(bench, call)
            runs.discard(call)
        elif call not in runs:
            run(bench, call)
            runs.add(call)
        elif what == "take":
            held = {other for other in held if other in runs or other == call}
            free = call in held or len(held) < most
            assert slots.take("sham", most, str(call)) == free
            held |= {call} if free else set()
        assert under_way(bench) == len(held & runs)


def test_no_moment_has_more_calls_than_slots(bench: Bench, slots: Slots) -> None:
    """
    Six calls on six threads, claimed, made and ended again and again: never more than two at once.
    """
    going, most, lock, made = 0, 0, threading.Lock(), 0

    def make(call: int) -> None:
        nonlocal going, most, made
        chance = random.Random(call)
        for _ in range(60):
            run(bench, call)
            if slots.take("sham", 2, str(call)):
                with lock:
                    going, made = going + 1, made + 1
                    most = max(most, going)
                threading.Event().wait(chance.uniform(0, 0.002))
                with lock:
                    going -= 1
            end(bench, call, chance.choice(["success", "parked"]))

    with ThreadPoolExecutor(len(CALLS)) as pool:
        list(pool.map(make, CALLS))

    assert most == 2
    assert made > 60


@pytest.fixture
def busy(bench: Bench) -> int:
    """The run of a call under way, of an asset that allows one."""
    limit(bench, concurrency=1)
    run_id = bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0), ends="later")
    return run_id


def test_a_call_under_way_keeps_its_slot_after_redis_has_lost_everything(
    bench: Bench, busy: int
) -> None:
    """
    Redis knows nothing of it: the next call waits until the first one has ended.
    """
    bench.house.limiter()._script.registered_client.flushdb()
    waits = bench.play(LOOK_UP)

    assert [row["status"] for row in bench.calls()] == ["running", "parked"]
    assert bench.calls()[1]["message"] == "waits for concurrency"
    assert under_way(bench) == 1

    bench.record()
    bench.settle()
    assert went_well(bench, busy)
    assert went_well(bench, waits)


def test_calls_at_once_cost_redis_no_second_question(bench: Bench) -> None:
    """
    A call of an asset with a limit and slots asks once, and its end tells Redis nothing.
    """
    limit(bench, concurrency=2, rate_limit="1000/minute")
    bench.play(LOOK_UP)
    before = bench.shop.limiter.asked

    for _ in range(5):
        bench.play(LOOK_UP)
    bench.shop.limiter.flush()

    assert bench.shop.limiter.asked - before == 5


def test_a_call_that_finds_no_slot_asks_redis_nothing(bench: Bench, busy: int) -> None:
    """
    It takes nothing from the budget either.
    """
    asked = bench.shop.limiter.asked

    bench.play(LOOK_UP)

    assert bench.shop.limiter.asked == asked


def test_two_reconciliations_at_once_take_a_slot_each(bench: Bench) -> None:
    """
    They ask about the same containment: one waits until the other has its answer.
    """
    limit(bench, concurrency=1)
    bench.play(act("fence"))
    verify, going, most = bench.vendor.verify, 0, 0

    def slowly(name: str, params: Params) -> Output | None:
        nonlocal going, most
        going += 1
        most = max(most, going)
        threading.Event().wait(0.3)
        going -= 1
        return verify(name, params)

    bench.vendor.verify = slowly  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as pool:
        told = [pool.submit(look, bench) for _ in range(2)]

    assert [t.result()[0][0] for t in told] == ["stands", "stands"]
    assert most == 1
