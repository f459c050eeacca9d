"""
Calls whose workers died: the one that kills is found, and its neighbours are not failed for it.

In: processes that make several calls at once, some of which end whatever process makes them.
Out: how each call ended, and how many processes that cost. Never: a wait; time is the sweep's.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from soar.store.claims import CLAIM_READ, HEARTBEAT
from tests.integration.engine.test_sweep import asked

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

SET_ASIDE = "its worker died three times while it was making this call"
CROWD = """
    insert into app_run (action_run_id, join_id, run_id, container_id, severity_rank, lane_turn,
      app, action, asset, task, parameters, status, rung_at)
    select action_run_id, join_id, run_id, container_id, severity_rank, lane_turn, app, action,
      asset, task, parameters, status, now() from app_run cross join generate_series(2, :count)
"""


@dataclass
class Pool:
    """Processes that make calls of one run; whoever makes a call of *poison* dies of it."""

    bench: Bench
    poison: frozenset[int]
    slots: int = 8
    making: dict[str, set[int]] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)
    """Of each call: how many processes died while they made it."""
    born: int = 0

    def open(self) -> dict[int, str]:
        """Return the calls that have not ended."""
        rows = self.bench.rows("select id, status from app_run where end_time is null order by id")
        return {row["id"]: row["status"] for row in rows}

    def run(self, sql: str, **values: object) -> int:
        """Run one statement as a worker does, and return how many rows it gave back."""
        return len(self.bench.database.run(sql, values))

    def start(self) -> str:
        """Start a process."""
        self.born += 1
        name = f"process {self.born}"
        self.making[name] = set()
        self.run(HEARTBEAT, owner=name, role="actions", seconds=86_400)
        return name

    def take(self, name: str, call: int) -> None:
        """Let a process claim a call, as its message does."""
        task = self.bench.calls()[0]["task"]
        if self.run(CLAIM_READ, id=call, task=task, owner=name):
            self.making[name].add(call)

    def kill(self, name: str) -> None:
        """End a process, and with it its lease."""
        self.deaths.update(self.making.pop(name))
        self.run("delete from worker where owner = %(name)s returning owner", name=name)

    def end(self, name: str, call: int) -> None:
        """Let a call end well."""
        self.making[name].remove(call)
        self.run(
            "update app_run set status = 'success', end_time = now() where id = %(id)s"
            " returning id",
            id=call,
        )

    def park(self, name: str, call: int) -> None:
        """Let a call wait for its vendor: it comes back with the next wake-up."""
        self.making[name].remove(call)
        self.run(
            "update app_run set status = 'parked', parked_for = 'schedule', owner = null,"
            " due_at = now() where id = %(id)s returning id",
            id=call,
        )

    def sweep(self) -> None:
        """Let the sweep come; what it sends is taken when its turn comes."""
        self.bench.sweep.reclaim_calls()
        self.bench.sweep.wake_calls()
        self.bench.pending.clear()


def crowd(bench: Bench, count: int) -> None:
    """Let a run wait for so many calls."""
    asked(bench)
    bench.pending.clear()
    bench.do(CROWD, count=count)
    bench.do("update action_run set remaining = :count where remaining > 0", count=count)


def live(pool: Pool, chance: random.Random) -> None:
    """Let one moment pass: calls are taken, wait, end, or kill their process."""
    while len(pool.making) < 2:
        pool.start()
    pending = [call for call, status in pool.open().items() if status == "pending"]
    for call in chance.sample(pending, min(len(pending), chance.randint(0, 8))):
        name = chance.choice(list(pool.making))
        if len(pool.making[name]) < pool.slots:
            pool.take(name, call)
    for name, calls in list(pool.making.items()):
        if calls & pool.poison and chance.random() < 0.4:
            pool.kill(name)
            continue
        for call in sorted(calls):
            if chance.random() < 0.1:
                pool.park(name, call)
            elif call not in pool.poison and chance.random() < 0.2:
                pool.end(name, call)


@pytest.mark.parametrize("seed", range(12))
def test_calls_that_kill_are_found_and_no_other_is_failed(bench: Bench, seed: int) -> None:
    """
    However they meet: each is set aside after three deaths, and one more for each of its kind.
    """
    chance = random.Random(seed)
    crowd(bench, 24)
    poison = frozenset(chance.sample(sorted(range(1, 25)), seed % 6))
    pool = Pool(bench, poison)

    for _ in range(1000):
        if not pool.open():
            break
        live(pool, chance)
        pool.sweep()

    ended = {row["id"]: row["message"] for row in bench.calls() if row["status"] == "failed"}
    assert pool.open() == {}
    assert ended == dict.fromkeys(poison, SET_ASIDE)
    assert all(3 <= pool.deaths[call] <= 3 + len(poison) for call in poison)


def test_a_neighbour_is_not_failed_with_the_call_that_kills(bench: Bench) -> None:
    """
    Two are made together until their process has died twice; then each is made alone.
    """
    crowd(bench, 2)
    pool = Pool(bench, frozenset({2}))
    for _ in range(2):
        name = pool.start()
        for call in (1, 2):
            pool.take(name, call)
        pool.kill(name)
        pool.sweep()
    assert pool.open() == {1: "pending", 2: "parked"}

    name = pool.start()
    pool.take(name, 1)
    pool.sweep()
    assert pool.open() == {1: "running", 2: "parked"}
    pool.end(name, 1)
    pool.sweep()
    pool.take(name, 2)
    pool.kill(name)
    pool.sweep()

    assert [row["status"] for row in bench.calls()] == ["success", "failed"]
    assert (pool.deaths[1], pool.deaths[2]) == (2, 3)


def test_one_that_is_made_alone_is_not_failed_for_a_new_one(bench: Bench) -> None:
    """
    A call that kills takes a suspect with it: the suspect waits until that one is found.
    """
    crowd(bench, 2)
    pool = Pool(bench, frozenset({2}))
    bench.do("update app_run set crashes = 2 where id = 1")
    for _ in range(3):
        name = pool.start()
        for call in (1, 2):
            pool.take(name, call)
        pool.kill(name)
        pool.sweep()
    assert bench.calls()[1]["status"] == "failed"

    pool.sweep()
    name = pool.start()
    pool.take(name, 1)
    pool.end(name, 1)

    assert [row["status"] for row in bench.calls()] == ["success", "failed"]


def test_of_two_that_come_from_their_lanes_together_none_is_accused(bench: Bench) -> None:
    """
    Their process dies, and one of them did it: both wait to be made alone.
    """
    crowd(bench, 2)
    bench.do("update app_run set crashes = 2")
    pool = Pool(bench, frozenset())
    name = pool.start()
    for call in (1, 2):
        pool.take(name, call)

    pool.kill(name)
    pool.sweep()

    assert [row["crashes"] for row in bench.calls()] == [2, 2]
    assert Counter(pool.open().values()) == {"pending": 1, "parked": 1}


def test_workers_that_are_killed_from_outside_cost_no_wait(bench: Bench) -> None:
    """
    After one kill all 32 go at once; after a second of the same calls, each as the one before ends.
    """
    crowd(bench, 32)
    pool = Pool(bench, frozenset(), slots=32)
    for _ in range(2):
        assert set(pool.open().values()) == {"pending"}
        name = pool.start()
        for call in pool.open():
            pool.take(name, call)
        if pool.born == 1:
            pool.kill(name)
            pool.sweep()
    pool.kill(name)
    pool.sweep()

    name = pool.start()
    for _ in range(32):
        (call,) = [call for call, status in pool.open().items() if status == "pending"]
        pool.take(name, call)
        pool.end(name, call)
        bench.sweep.wake_due()

    assert pool.open() == {}


def test_a_suspect_that_nobody_makes_keeps_no_other_waiting(bench: Bench) -> None:
    """
    One that is rung in vain has no worker: the next goes.
    """
    crowd(bench, 2)
    bench.do(
        "update app_run set crashes = 2, status = 'parked', parked_for = 'suspicion', follows = id"
    )
    pool = Pool(bench, frozenset())
    pool.sweep()
    pool.sweep()
    assert Counter(pool.open().values()) == {"pending": 1, "parked": 1}

    bench.do("update app_run set rung_at = now() - interval '20 s'")
    bench.sweep.ring_lost_bells()
    pool.sweep()

    assert Counter(pool.open().values()) == {"pending": 2}
