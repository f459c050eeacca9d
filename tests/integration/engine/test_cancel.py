"""
Cancelled runs: nothing new starts, what is under way is recorded, nobody waits for them.

In: runs in every state they can be cancelled in. Out: nothing.
Never: an effect after a cancellation that was not under way before it.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from soar.cancellation import cancel
from soar.domain.errors import Conflict
from soar.engine import writing
from tests.integration.engine.test_cancel_writes import wait_for_locks

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

IMPORT = "import phantom.rules as phantom\n\n"
DONE = (
    "\n\ndef done(action, success, container, results, handle):\n"
    "    phantom.comment(comment=results[0]['message'])\n"
)
START = IMPORT + "def on_start(container):\n    "
LOOK_UP = START + "phantom.act('look up', parameters={'target': '4'}, callback='done')" + DONE
ISOLATE = START + "phantom.act('isolate', parameters={'target': '4'}, callback='done')" + DONE
PARENT = START + "phantom.playbook('local/child', callback='done')" + DONE


def stop(bench: Bench, run_id: int) -> list[int]:
    """Cancel a run as Ada."""
    with bench.database.begin() as work:
        return cancel(work, run_id, by="ada", reason="wrong alert")


def test_a_cancelled_run_starts_nothing(bench: Bench) -> None:
    """
    Its message comes, and its playbook is not called.
    """
    run_id = bench.start(LOOK_UP)

    stop(bench, run_id)
    bench.deliver_all()

    assert bench.run(run_id)["status"] == "cancelled"
    assert bench.calls() == []
    assert "cancelled by ada: wrong alert" in bench.log()


def test_calls_that_wait_fail_and_those_on_their_way_do_nothing(bench: Bench) -> None:
    """
    The message of a call that was withdrawn finds nothing to claim.
    """
    run_id = bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))

    stop(bench, run_id)
    bench.deliver_all()

    assert bench.calls()[0]["message"] == "cancelled by ada: wrong alert"
    assert not bench.vendor.done
    assert bench.notes() == []


def test_a_call_under_way_ends_and_is_recorded_and_nobody_hears_of_it(bench: Bench) -> None:
    """
    Its vendor may have acted, so the row says how it ended.
    """
    run_id = bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0), ends="later")

    stop(bench, run_id)
    bench.record()
    bench.deliver_all()

    assert bench.calls()[0]["status"] == "success"
    assert bench.run(run_id)["status"] == "cancelled"
    assert bench.notes() == []


def test_a_call_that_is_put_off_after_its_run_was_cancelled_is_not_made_again(
    bench: Bench,
) -> None:
    """
    It wakes, finds that its run has ended, and does nothing.
    """
    bench.vendor.moods[("look up", "4")] = ["later"]
    run_id = bench.play(LOOK_UP)
    bench.do("update playbook_run set status = 'cancelled'")

    bench.age()
    bench.sweep()
    bench.deliver_all()

    assert bench.run(run_id)["status"] == "cancelled"
    assert bench.calls()[0]["message"] == "its run has ended: nothing was done"
    assert not bench.vendor.done


def test_open_questions_are_closed_and_their_calls_withdrawn(bench: Bench) -> None:
    """
    Who answers afterwards is told that there is nothing to decide any more.
    """
    run_id = bench.play(ISOLATE)

    stop(bench, run_id)

    with pytest.raises(Conflict, match="the run was cancelled"):
        bench.answer(1)
    assert bench.calls()[0]["status"] == "failed"
    assert not bench.vendor.done


def test_a_parent_takes_its_children_along(bench: Bench) -> None:
    """
    Every run that it started is cancelled with it.
    """
    parent = bench.start(PARENT, child=ISOLATE)
    bench.deliver_all()

    assert stop(bench, parent) == [parent, parent + 1]
    assert bench.questions() == []
    assert bench.open_runs() == []


def test_a_child_that_is_called_while_its_parent_is_cancelled_is_cancelled_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A cancellation waits for the block that the run is in, and finds what that has begun.
    """
    parent = bench.start(PARENT, child=ISOLATE)
    write = writing.write
    with ThreadPoolExecutor(1) as pool:
        stopping: list[Future[list[int]]] = []

        def cancelled_meanwhile(*asked: Any) -> None:
            stopping.append(pool.submit(stop, bench, parent))
            wait_for_locks(bench)
            write(*asked)

        monkeypatch.setattr(writing, "write", cancelled_meanwhile)
        bench.deliver(bench.pending.pop(0))
        monkeypatch.undo()

        assert stopping[0].result(timeout=60) == [parent, parent + 1]
    bench.deliver_all()
    assert bench.calls() == []
    assert bench.open_runs() == []


def test_a_cancelled_child_tells_its_parent(bench: Bench) -> None:
    """
    The playbook that called it goes on, with a failure.
    """
    parent = bench.start(PARENT, child=ISOLATE)
    bench.deliver_all()

    stop(bench, parent + 1)
    bench.deliver_all()

    assert bench.run(parent)["status"] == "success"
    assert bench.notes() == ["cancelled by ada: wrong alert"]


def test_a_run_that_has_ended_cannot_be_cancelled(bench: Bench) -> None:
    """
    The refusal says how it ended.
    """
    run_id = bench.play(LOOK_UP)

    with pytest.raises(Conflict, match="has ended already: success"):
        stop(bench, run_id)


@pytest.mark.parametrize("woken", [False, True], ids=["withdrawn", "woken afterwards"])
def test_those_who_follow_a_cancelled_lookup_ask_themselves(bench: Bench, woken: bool) -> None:
    """
    A flight that is called off lands nobody, however its call ends: the first follower flies.
    """
    spec = bench.house.app.tasks["soar.tasks.sham.look_up"].spec
    object.__setattr__(spec, "freshness", {"any": 300})
    try:
        bench.vendor.moods[("look up", "4")] = ["later"]
        first = bench.play(LOOK_UP)
        second = bench.play(LOOK_UP)
        assert bench.calls()[1]["parked_for"] == "lookup"

        if woken:  # it was under way when its run was cancelled, and put off after that
            bench.do("update playbook_run set status = 'cancelled' where id = :id", id=first)
            bench.age()
            bench.sweep.wake_calls()
            bench.deliver_all()
        else:
            stop(bench, first)
        bench.sweep.wake_calls()
        bench.deliver_all()
    finally:
        object.__setattr__(spec, "freshness", {})

    assert bench.run(second)["status"] == "success"
    assert bench.calls()[1]["status"] == "success"
    assert bench.notes() == ["done"]
