"""
The sweep's rules, one by one: what was left behind is named and moved on.

In: rows that have aged. Out: nothing. Never: a sleep; time passes by ageing rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from soar.store.runs import FEW, MOST_RUNG

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

IMPORT = "import phantom.rules as phantom\n\n"
LOOK_UP = IMPORT + (
    "def on_start(container):\n"
    "    phantom.act('look up', parameters={'target': '4'}, callback='done')\n\n"
    "def done(action, success, container, results, handle):\n"
    "    phantom.comment(comment=results[0]['message'])\n"
)
BLOCK = LOOK_UP.replace("look up", "block")


def asked(bench: Bench, source: str = LOOK_UP) -> None:
    """Start a run and let it ask; the call's message is on its way."""
    bench.start(source)
    bench.deliver(bench.pending.pop(0))
    assert [m.kind for m in bench.pending] == ["member"]


def queued(bench: Bench, count: int) -> None:
    """Add so many runs that wait like the one that is there."""
    bench.do(
        "insert into playbook_run (container_id, playbook_id, create_time, update_time)"
        " select container_id, playbook_id, create_time, update_time from playbook_run"
        " cross join generate_series(1, :count)",
        count=count,
    )


def test_nothing_that_is_young_is_touched(bench: Bench) -> None:
    """
    What is on its way is left alone.
    """
    asked(bench)
    bench.pending.clear()

    bench.sweep()

    assert bench.pending == []


def test_messages_that_a_broker_refused_leave_later(bench: Bench) -> None:
    """
    What stayed in the outbox is sent, and forgotten.
    """
    bench.reachable = False
    bench.start(LOOK_UP)
    assert bench.pending == []
    bench.reachable = True
    bench.age()

    bench.sweep.send_late_messages()

    assert [m.body["name"] for m in bench.pending] == ["soar.engine.start_run"]
    assert bench.rows("select id from outbox") == []


def test_a_call_that_nobody_heard_of_is_rung_again_ever_more_rarely(bench: Bench) -> None:
    """
    The second ring waits twice as long as the first.
    """
    asked(bench)
    bench.pending.clear()

    bench.do("update app_run set rung_at = now() - interval '20 s'")
    bench.sweep.ring_lost_bells()
    assert [m.kind for m in bench.pending] == ["member"]
    bench.do("update app_run set rung_at = now() - interval '20 s'")
    bench.sweep.ring_lost_bells()
    assert len(bench.pending) == 1
    bench.do("update app_run set rung_at = now() - interval '31 s'")
    bench.sweep.ring_lost_bells()

    assert len(bench.pending) == 2


def test_a_call_that_was_heard_is_rung_as_soon_as_a_new_one_when_it_comes_back(
    bench: Bench,
) -> None:
    """
    Bells that were lost before a call was claimed do not make it wait longer after that.
    """
    bench.vendor.moods[("look up", "4")] = ["later"]
    asked(bench)
    bench.do("update app_run set rings = 5")
    bench.deliver(bench.pending.pop(0))
    bench.do("update app_run set due_at = now()")
    bench.sweep.wake_calls()
    bench.pending.clear()

    bench.do("update app_run set rung_at = now() - interval '20 s'")
    bench.sweep.ring_lost_bells()

    assert [m.kind for m in bench.pending] == ["member"]


def test_a_join_whose_bell_was_lost_is_rung_again(bench: Bench) -> None:
    """
    An ended join that nobody delivered brings its run back.
    """
    asked(bench)
    bench.deliver(bench.pending.pop(0))
    bench.pending.clear()
    bench.age()

    bench.sweep.ring_lost_bells()

    assert [m.body["name"] for m in bench.pending] == ["soar.engine.resume_run"]
    bench.deliver_all()
    assert bench.notes() == ["done"]


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_run_that_nobody_moves_is_started_again(bench: Bench, status: str) -> None:
    """
    Also one that was started, and whose engine died before it ended it.
    """
    run_id = bench.start(IMPORT + "def on_start(container):\n    pass\n")
    bench.pending.clear()
    bench.do("update playbook_run set status = :status", status=status)
    bench.age()

    bench.sweep.move_stuck_runs()
    bench.deliver_all()

    assert bench.run(run_id)["status"] == "success"


def test_a_lost_start_is_noticed_sooner_while_few_runs_wait(bench: Bench) -> None:
    """
    With one run in the queue six seconds are a lost bell; with a backlog they are a queue.
    """
    run_id = bench.start(IMPORT + "def on_start(container):\n    pass\n")
    bench.pending.clear()
    bench.do("update playbook_run set update_time = now() - interval '6 s'")
    queued(bench, FEW)

    bench.sweep.move_stuck_runs()
    assert bench.pending == []
    bench.do("update playbook_run set status = 'cancelled' where id > :id + 10", id=run_id)
    bench.sweep.move_stuck_runs()

    assert len(bench.pending) == 11


def test_a_backlog_of_runs_is_not_rung_faster_than_engines_start_them(bench: Bench) -> None:
    """
    What was rung again and still waits keeps others from being rung, however long they wait.
    """
    bench.start(IMPORT + "def on_start(container):\n    pass\n")
    bench.pending.clear()
    queued(bench, MOST_RUNG + 50)
    bench.age()

    bench.sweep.move_stuck_runs()
    first = [message.body["args"][0] for message in bench.pending]
    bench.sweep.move_stuck_runs()
    assert len(bench.pending) == len(first) == MOST_RUNG
    bench.do("update playbook_run set status = 'success' where id = any(:ids)", ids=first[:30])
    bench.sweep.move_stuck_runs()

    assert first == sorted(first)
    assert len(bench.pending) == MOST_RUNG + 30


def test_the_call_of_a_dead_worker_is_taken_back(bench: Bench) -> None:
    """
    A lease that has run out frees what its process had claimed; one that runs does not.
    """
    asked(bench)
    (message,) = bench.pending
    bench.pending.clear()
    bench.lease.owner = "alive"
    bench.house.app.tasks[message.body["task"]].run(message.body["app_run_id"])
    bench.sweep.reclaim_calls()
    assert bench.pending == []

    bench.do("update worker set expires_at = now() - interval '1 s'")
    bench.sweep.reclaim_calls()

    assert [m.kind for m in bench.pending] == ["member"]
    assert bench.calls()[0]["crashes"] == 1


def test_a_call_that_a_living_worker_has_lost_is_taken_back(bench: Bench) -> None:
    """
    An outcome that could not be written, as while PostgreSQL restarts, does not hang its run.
    """
    asked(bench)
    (message,) = bench.pending
    bench.pending.clear()
    bench.lease.owner = "alive"
    bench.house.app.tasks[message.body["task"]].run(message.body["app_run_id"])

    bench.do("update app_run set claimed_at = now() - interval '181 s'")
    bench.sweep.reclaim_calls()

    assert [m.kind for m in bench.pending] == ["member"]


@pytest.mark.parametrize(
    ("source", "status", "effect"),
    [(LOOK_UP, "failed", "none"), (BLOCK, "parked", "unknown")],
    ids=["a read", "a write"],
)
def test_a_call_that_kills_its_workers_is_set_aside(
    bench: Bench, source: str, status: str, effect: str
) -> None:
    """
    It is not given to every worker of the pool; a write that may have been sent asks a person.
    """
    for action in ("look up", "block"):
        bench.vendor.moods[(action, "4")] = ["died before"] * 10
    bench.start(source)

    for _ in range(4):
        bench.deliver_all()
        bench.age()
        bench.sweep()

    (row,) = bench.calls()
    assert (row["status"], row["effect"], row["crashes"]) == (status, effect, 3)
    assert row["message"] == "its worker died three times while it was making this call"
    assert len(bench.questions()) == (effect == "unknown")


def test_a_call_whose_time_has_come_is_sent(bench: Bench) -> None:
    """
    A start time parks a call until then.
    """
    later = "callback='done',\n        start_time=datetime.now(UTC) + timedelta(minutes=5))"
    bench.play(
        "from datetime import UTC, datetime, timedelta\n"
        + LOOK_UP.replace("callback='done')", later)
    )
    bench.sweep()
    assert bench.pending == []
    bench.age()

    bench.sweep.wake_calls()
    bench.deliver_all()

    assert bench.notes() == ["done"]


def test_a_rule_that_fails_does_not_keep_the_others_from_running(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The sweep goes on with the next rule.
    """
    run_id = bench.start(LOOK_UP)
    bench.pending.clear()
    bench.age()

    def broken(_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(type(bench.sweep), "wake_calls", broken)
    bench.sweep()
    bench.deliver_all()

    assert bench.run(run_id)["status"] == "success"


def test_workers_that_left_long_ago_are_forgotten(bench: Bench) -> None:
    """
    A lease that ended an hour ago is removed.
    """
    bench.do("update worker set expires_at = now() - interval '61 min'")

    bench.sweep.reclaim_calls()

    assert bench.rows("select owner from worker") == []


def test_a_run_that_the_engine_cannot_go_on_with_is_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is not started again for ever: after three tries its block is set aside with a sentence.
    """
    run_id = bench.start(LOOK_UP)
    bench.pending.clear()

    def broken(*_: object) -> None:
        raise LookupError("a row that nobody expected")

    monkeypatch.setattr(type(bench.engine), "_step", broken)
    for _ in range(3):
        with pytest.raises(LookupError):
            bench.engine.start_run(run_id)
    monkeypatch.undo()

    bench.settle()

    run = bench.run(run_id)
    assert run["status"] == "failed"
    assert "was set aside" in run["error"]


def test_a_repeated_message_that_takes_a_dead_workers_call_counts_the_crash(bench: Bench) -> None:
    """
    The broker may be quicker than the sweep, once: after that the sweep says when it is made.
    """
    bench.vendor.moods[("look up", "4")] = ["died before"] * 10
    bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    (message,) = bench.pending

    for _ in range(5):
        bench.deliver(message)

    (row,) = bench.calls()
    assert (row["crashes"], row["attempt"]) == (1, 2)
