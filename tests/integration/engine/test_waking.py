"""
Calls whose time has come: woken soon, and no more at once than are soon taken.

In: calls parked for their time. Out: nothing.
Never: thousands of messages in the broker that are rung again because they wait there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from soar.engine.clock import Clock
from soar.store.election import Election
from tests.conftest import eventually
from tests.integration.waiting import add_asset, add_calls

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

DUE = "update app_run set due_at = now() where status = 'parked'"


def counted(bench: Bench, status: str) -> int:
    """Return how many calls have a status."""
    return len(bench.rows("select id from app_run where status = :status", status=status))


@dataclass
class RareSweep:
    """A sweep that does not come in this test; the look between two sweeps is the product's."""

    wake_due: Callable[[], None]

    def __call__(self) -> None:
        """Do nothing."""


@pytest.fixture
def waiting(bench: Bench) -> Bench:
    """A bench with forty calls that wait for their time."""
    add_asset(bench.house)
    add_calls(bench.house, *["medium"] * 40, parked_for="schedule")
    bench.do("update app_run set due_at = now() + interval '1 d'")
    return bench


def test_no_more_are_woken_than_are_taken(waiting: Bench) -> None:
    """
    Thirty may be pending at once: the rest follow as these are claimed, or when nobody hears them.
    """
    bench = waiting
    bench.do(DUE)

    def wake() -> int:
        with bench.database.begin() as work:
            return len(work.calls.wake_due(limit=30))

    assert (wake(), wake()) == (30, 0)
    claimed = "select id from app_run where status = 'pending' limit 4"
    bench.do(f"update app_run set status = 'running', owner = 'alive' where id in ({claimed})")
    assert wake() == 4
    bench.do("update app_run set rung_at = now() - interval '11 s' where status = 'pending'")
    assert wake() == 6
    assert counted(bench, "parked") == 0


def test_a_call_that_is_due_does_not_wait_for_the_sweep(waiting: Bench) -> None:
    """
    The next sweep is an hour away; the elected clock wakes it all the same.
    """
    bench = waiting
    clock = Clock(
        election=Election(bench.settings.database_url.get_secret_value()),
        sweep=RareSweep(bench.sweep.wake_due),  # type: ignore[arg-type]
        pump=bench.pump,
        sweep_seconds=3600.0,
    )
    keeping = threading.Thread(target=clock.run)
    keeping.start()
    try:
        assert clock.leading.wait(20)
        bench.do(DUE)
        eventually(lambda: counted(bench, "pending") == 40, within=20)
    finally:
        clock.stop()
        keeping.join(20)
    assert not keeping.is_alive()
