"""
A Redis that has lost everything: what waits is rung again at once, however often it was before.

In: a bench whose Redis is emptied. Out: what the next sweep sends. Never: a sleep; rows age.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis

from soar.bus.mark import KEY, Mark
from soar.engine import sweep
from tests.integration.engine.test_lanes import limit, many
from tests.integration.engine.test_sweep import IMPORT, LOOK_UP, asked, queued

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench


def server(bench: Bench) -> Any:
    """Return a client of the bench's Redis."""
    return bench.shop.limiter._script.registered_client


def lose(bench: Bench) -> None:
    """Lose everything that Redis has, and with it every message."""
    server(bench).flushdb()
    bench.pending.clear()


def kinds(bench: Bench) -> list[str]:
    """Return what is on its way."""
    return [m.body.get("name", m.kind) for m in bench.pending]


def test_a_call_that_was_rung_often_is_rung_at_once(bench: Bench) -> None:
    """
    It waited behind a backlog, so its next ring was minutes away.
    """
    asked(bench)
    bench.do("update app_run set rings = 6, rung_at = now() - interval '20 s'")
    bench.sweep()
    assert len(bench.pending) == 1

    lose(bench)
    bench.sweep()

    assert kinds(bench) == ["member"]
    assert bench.rows("select rings from app_run") == [{"rings": 1}]
    bench.deliver_all()
    assert bench.notes() == ["done"]


def test_a_call_that_was_sent_just_before_is_rung_at_once(bench: Bench) -> None:
    """
    Nobody waits for its fifteen seconds.
    """
    asked(bench)

    lose(bench)
    bench.sweep()

    assert kinds(bench) == ["member"]


def test_runs_that_were_rung_just_before_are_started_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    As many as engines start soon; what was rung before the loss takes no place among them.
    """
    monkeypatch.setattr(sweep, "STEP", 100)
    bench.start(IMPORT + "def on_start(container):\n    pass\n")
    queued(bench, 399)
    bench.do("update playbook_run set update_time = now()")

    lose(bench)
    bench.sweep()

    assert kinds(bench) == ["soar.engine.start_run"] * 200


def test_calls_whose_workers_died_are_counted_by_a_lane_that_lost_its_past(bench: Bench) -> None:
    """
    A machine that goes down takes both: what its vendor may have got is not sent beyond the limit.
    """
    limit(bench, rate_limit="2/hour")
    for target in ("0", "1"):
        bench.vendor.moods[("look up", target)] = ["died after"]
    many(bench, 2)
    lose(bench)
    bench.sweep.reclaim_calls()

    for _ in range(3):
        bench.pump.turn()
        bench.deliver_all()

    assert bench.vendor.done.total() == 2


def test_a_redis_that_has_lost_nothing_is_rung_no_more_than_ever(bench: Bench) -> None:
    """
    The mark stands for good, and a second look finds it; so does a second clock.
    """
    asked(bench)
    bench.pending.clear()
    assert server(bench).ttl(KEY) == -1

    bench.sweep()
    assert bench.pending == []
    lose(bench)
    bench.sweep()
    bench.sweep()

    assert kinds(bench) == ["member"]
    assert not Mark(server(bench)).missing()


def test_a_redis_that_cannot_be_asked_has_lost_nothing(bench: Bench) -> None:
    """
    It is down, or still loads: what it holds may all be there.
    """
    asked(bench)
    bench.pending.clear()

    object.__setattr__(bench.sweep, "mark", Mark(redis.Redis(port=1)))
    bench.sweep()

    assert bench.pending == []


def test_a_clock_that_dies_before_all_is_rung_leaves_a_mark_that_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The next clock finds no mark, and begins anew.
    """
    asked(bench)
    lose(bench)

    def broken(_: object, **__: object) -> int:
        raise RuntimeError("the database is away")

    monkeypatch.setattr("soar.store.runs.Runs.ring_soon", broken)
    bench.sweep()
    assert 0 < server(bench).ttl(KEY) <= 30
    monkeypatch.undo()
    server(bench).delete(KEY)
    bench.sweep()

    assert kinds(bench) == ["member"]
    assert server(bench).ttl(KEY) == -1


def test_an_undelivered_join_is_rung_within_its_five_seconds(bench: Bench) -> None:
    """
    Joins have no growing wait: an emptied Redis changes nothing for them.
    """
    bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0))
    bench.do("update action_run set end_time = now() - interval '6 s', rung_at = null")

    lose(bench)
    bench.sweep()

    assert kinds(bench) == ["soar.engine.resume_run"]
