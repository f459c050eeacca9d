"""
The order of a lane: fair shares however a playbook asks, and places that follow the severity.

In: calls of runs against budgets in a real Valkey. Out: nothing.
Never: a wait that is real; time passes by ageing rows and emptying Redis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.engine.test_lanes import IMPORT, LOOK_UP, MANY, limit, many, next_calls
from tests.integration.rest.stage import client_of, serving

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


@pytest.fixture
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


@pytest.mark.usefixtures("apart")
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


@pytest.mark.usefixtures("apart")
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


BOTH = IMPORT + (
    "def on_start(container):\n"
    "    targets = [{'target': '4'}, {'target': '5'}]\n"
    "    phantom.act('ip reputation', parameters=targets, assets=['sham'])\n"
    "    phantom.act('block', parameters=[{'target': '7'}], assets=['sham'])\n"
)

RAISE = IMPORT + (
    "def on_start(container):\n"
    "    phantom.act('look up', parameters=[{'target': 'a'}, {'target': 'b'}], assets=['sham'])\n"
    "    phantom.act('look up', parameters=[{'target': 'x'}], assets=['apart'], callback=more)\n\n"
    "def more(action, success, container, results, handle):\n"
    "    phantom.set_severity(container, 'critical')\n"
    "    phantom.act('look up', parameters=[{'target': 'c'}], assets=['sham'])\n"
)


def ranks(bench: Bench, run_id: int) -> list[int]:
    """Return the ranks of a run's calls, in the order they were asked."""
    return [row["severity_rank"] for row in bench.calls() if row["run_id"] == run_id]


def change_severity(bench: Bench, run_id: int, severity: str) -> None:
    """Give the container of a run another severity, as REST does."""
    with serving(bench.house) as url:
        client = client_of(bench.house, url, "ada", "analyst")
        body = {"severity": severity}
        answer = client.post(f"/rest/container/{bench.run(run_id)['container_id']}", body)
    assert answer.status_code == 200, answer.text


@pytest.mark.usefixtures("apart")
def test_a_playbook_that_raises_the_severity_takes_its_waiting_calls_along(bench: Bench) -> None:
    """
    Also those of the block that raises it.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 3)
    run_id = play(bench, RAISE, 0)

    assert [row["run_id"] for _ in range(3) for row in next_calls(bench)] == [run_id] * 3


def test_a_severity_raised_over_rest_takes_the_waiting_calls_along(bench: Bench) -> None:
    """
    The next grant is this container's, and its calls take turns with others of that severity.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 9)
    for _ in range(5):
        next_calls(bench)
    run_id = many(bench, 3)
    critical = many(bench, 3, "critical")
    next_calls(bench)

    change_severity(bench, run_id, "critical")

    order = [row["run_id"] for _ in range(4) for row in next_calls(bench)]
    assert sorted(order) == sorted([run_id, critical] * 2)


def test_a_lowered_severity_lets_others_go_first_but_not_before_what_is_urgent(
    bench: Bench,
) -> None:
    """
    A lookup follows the severity down; a containment stays where it is.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 2)
    run_id = many(bench, 1, "high")
    bench.do("update app_run set severity_rank = 1 where run_id = :r", r=run_id)
    urgent = bench.start(LOOK_UP.replace("look up", "block"))
    bench.deliver_all()

    change_severity(bench, run_id, "low")
    change_severity(bench, urgent, "low")

    assert (ranks(bench, run_id), ranks(bench, urgent)) == ([3], [0])


def test_a_container_that_is_critical_no_more_takes_its_lookups_down(bench: Bench) -> None:
    """
    Not its containment, and not a lookup for which another critical container waits.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 2)
    run_id = bench.start(BOTH)
    other = bench.start(BOTH.replace("'5'", "'6'").replace("'7'", "'8'"))
    bench.do("update container set severity = 'critical' where id > 1")
    bench.deliver_all()
    before = ranks(bench, run_id)

    change_severity(bench, run_id, "low")

    assert (before, ranks(bench, run_id)) == ([0] * 3, [0, 3, 0])
    assert ranks(bench, other) == [0] * 3


def test_calls_of_a_candidate_stay_low_whatever_becomes_of_the_severity(bench: Bench) -> None:
    """
    A run in shadow takes no place from anybody.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 1)
    run_id = many(bench, 2)
    bench.do("update playbook_run set shadow = true where id = :r", r=run_id)

    change_severity(bench, run_id, "critical")

    assert ranks(bench, run_id) == [3, 3]


def test_what_a_raised_call_follows_lends_it_its_place(bench: Bench) -> None:
    """
    The lookup of another run, whose answer it waits for, goes as early as it would.
    """
    limit(bench, max_requests_per_minute=1)
    many(bench, 1)
    first, second = many(bench, 1), many(bench, 1)
    bench.do(
        "update app_run set parked_for = 'lookup', lane_since = null, follows ="
        " (select id from app_run where run_id = :f) where run_id = :s",
        f=first,
        s=second,
    )

    change_severity(bench, second, "high")

    assert (ranks(bench, first), ranks(bench, second)) == ([1], [1])


ISOLATE = IMPORT + (
    "def on_start(container):\n"
    "    phantom.act('look up', parameters=[{'target': str(i)} for i in range(9)])\n"
    "    phantom.act('isolate', parameters=[{'target': '7'}])\n"
)

JUDGE = LOOK_UP.replace("look up", "ip reputation").replace("'4'", "'9'")


@pytest.mark.parametrize("severity", ["low", "critical"])
def test_a_lookup_that_another_run_waits_for_goes_at_that_run_s_turn(
    bench: Bench, severity: str
) -> None:
    """
    The last of ten that one alert asks for does not keep the only one of the next alert waiting.
    """
    limit(bench, max_requests_per_minute=1)
    play(bench, MANY.replace("look up", "ip reputation"), 10)
    first = many(bench, 1, severity)
    bench.start(JUDGE)
    bench.do(
        "update container set severity = :s where id = (select max(id) from container)", s=severity
    )
    bench.deliver_all()
    for _ in range(3):
        many(bench, 1, severity)

    order = [row for _ in range(3) for row in next_calls(bench)]

    assert "9" in [row["parameters"]["target"] for row in order]
    assert first in [row["run_id"] for row in order]


def test_what_a_person_allows_waits_behind_no_call_that_comes_later(bench: Bench) -> None:
    """
    It was asked for behind nine lookups of its run, which have long been made when it is allowed.
    """
    limit(bench, max_requests_per_minute=1)
    bench.start(ISOLATE)
    bench.do("update container set severity = 'critical'")
    bench.deliver_all()
    for _ in range(9):
        next_calls(bench)
    many(bench, 2, "critical")
    (question,) = bench.questions()
    bench.answer(question["id"])
    bench.deliver_all()

    order = []
    for _ in range(3):
        many(bench, 1, "critical")
        order += [row["action"] for row in next_calls(bench)]

    assert "isolate" in order
