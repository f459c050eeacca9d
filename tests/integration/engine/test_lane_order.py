"""
The order of a lane: fair shares however a playbook asks, and places that follow the severity.

In: calls of runs against budgets in a real Valkey. Out: nothing.
Never: a wait that is real; time passes by ageing rows and emptying Redis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.engine.test_lanes import IMPORT, limit, many, next_calls

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

LOOP = IMPORT + (
    "def on_start(container):\n"
    "    for i in range(COUNT):\n"
    "        phantom.act('look up', parameters=[{'target': str(i)}], name=f'a{i}')\n"
)
CHAIN = IMPORT + (
    "def on_start(container):\n"
    "    ask(0)\n\n"
    "def ask(i):\n"
    "    phantom.act('look up', parameters=[{'target': str(i)}], assets=['sham'])\n"
    "    if i < COUNT - 1:\n"
    "        phantom.act('look up', parameters=[{'target': 'x'}], assets=['apart'],\n"
    "                    callback=more, handle=str(i + 1))\n\n"
    "def more(action, success, container, results, handle):\n"
    "    ask(int(handle))\n"
)
"""Each block leaves a call in the lane, and goes on when an asset without limit has answered."""

HELD = IMPORT + (
    "def on_start(container):\n"
    "    held = [{'target': str(i)} for i in range(COUNT)]\n"
    "    phantom.act('look up', parameters=held, assets=['sham'], reviewer='soc_tier2')\n"
    "    phantom.act('look up', parameters=[{'target': 'z'}], assets=['sham'])\n"
    "    phantom.act('look up', parameters=[{'target': 'x'}], assets=['apart'], callback=more)\n\n"
    "def more(action, success, container, results, handle):\n"
    "    phantom.act('look up', parameters=[{'target': 'y'}], assets=['sham'])\n"
)
"""A person is asked about many calls; about one of that block and one of the next nobody is."""


@pytest.fixture(autouse=True)
def apart(bench: Bench) -> None:
    """An asset without limit."""
    with bench.database.begin() as work:
        work.assets.save(slug="apart", app="sham", configuration={})


def turns(bench: Bench, run_id: int) -> list[int]:
    """Return the turns of a run's calls of the lane, in the order they were asked."""
    calls = bench.calls()
    return [c["lane_turn"] for c in calls if (c["run_id"], c["asset"]) == (run_id, "sham")]


def play(bench: Bench, source: str, count: int) -> int:
    """Start a run of that many calls about a low alert."""
    run_id = bench.start(source.replace("COUNT", str(count)))
    bench.do("update container set severity = 'low' where id = (select max(id) from container)")
    bench.deliver_all()
    return run_id


@pytest.mark.parametrize("source", [LOOP, CHAIN], ids=["a loop", "a chain of blocks"])
def test_runs_share_a_lane_however_a_playbook_asks(bench: Bench, source: str) -> None:
    """
    Acts of one block, or of many, take turns with the run that comes after, as one act's calls do.
    """
    limit(bench, max_requests_per_minute=2)
    first = play(bench, source, 24)
    next_calls(bench)
    second = many(bench, 5)

    order = [row["run_id"] for _ in range(5) for row in next_calls(bench)]

    assert turns(bench, first)[-22:] == (list(range(2, 24)) if source is LOOP else list(range(22)))
    assert order.count(first) == order.count(second) == 5


def test_a_run_begins_at_the_head_of_the_lane_once_its_calls_have_ended(bench: Bench) -> None:
    """
    What it was given before is no debt; what waits for a person takes no turn from it either.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 12)
    for _ in range(5):
        next_calls(bench)
    run_id = play(bench, HELD, 30)

    assert turns(bench, run_id) == [*range(6, 36), 6, 7]
