"""
What a lane counts for people, and for rules that it is not told yet.

In: a real Valkey, and a clock that only the test moves. Out: nothing.
Never: the budgets of one asset that stays as it is: these are in ``test_limiter.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from soar.domain.budget import Budget, budget_of
from soar.domain.errors import RetryLater
from soar.embedded import Servers
from soar.limiter import Limiter
from soar.passes import Passes
from soar.sentinel import connect

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC).timestamp()
BEFORE, AFTER = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 2, tzinfo=UTC)
NOBODY = "redis://127.0.0.1:1/0"


class Ground:
    """A lane, its limiter, and the time of both."""

    def __init__(self, servers: Servers) -> None:
        self.slug = f"asset-{uuid4().hex}"
        self.seconds = 0.0
        self.client = connect(servers.redis_url)
        self.past = 0
        self.limiter = Limiter(
            self.client,
            lambda *_: self.past,
            clock=lambda: f"{(NOON + self.seconds) * 1e6:.0f}",
            passes=Passes(clock=lambda: self.seconds),
        )

    def take(self, budget: Budget, **more: Any) -> bool:
        """Take a call; tell whether it may go."""
        return self.limiter.take(self.slug, budget, **more).granted

    def last_minute(self, budget: Budget) -> int:
        """Return the rate that people see."""
        return self.limiter.state(self.slug, budget).last_minute


@pytest.fixture
def ground(servers: Servers) -> Ground:
    """A lane that nobody has used."""
    return Ground(servers)


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        {"rate_limit": "1/second"},
        {"rate_limit": "1000/day"},
        {"rate_limit": "1000/hour", "burst": 90},
    ],
)
def test_the_last_minute_is_counted_whatever_the_budget(
    ground: Ground, configuration: Mapping[str, Any]
) -> None:
    """
    A call in every other second for three minutes: thirty in each of them, and none in the end.
    """
    budget = budget_of(configuration)
    seen = []
    for number in range(90):
        ground.seconds = 2 * number
        assert ground.take(budget, call=str(number))
        seen.append(ground.last_minute(budget))

    ground.seconds += 60

    assert seen == [min(number + 1, 30) for number in range(90)]
    assert ground.last_minute(budget) == 0
    assert ground.limiter.state(ground.slug, budget).grants == 90


def test_calls_that_need_not_ask_count_when_they_went(ground: Ground) -> None:
    """
    The lane hears of them with the next question, also with one that it answers with no.
    """
    for _ in range(20):
        assert ground.take(Budget())
    ground.seconds = 30
    ground.limiter.block(ground.slug, timedelta(minutes=5))
    assert not ground.take(Budget())
    assert ground.last_minute(Budget()) == 20

    ground.seconds = 60

    assert ground.last_minute(Budget()) == 0


def test_calls_that_need_not_ask_are_counted_after_an_outage(ground: Ground) -> None:
    """
    A lane that could not be told of them is told later.
    """
    for _ in range(20):
        assert ground.take(Budget())
    ground.seconds = 1
    real, away = ground.limiter._script, connect(NOBODY)
    ground.limiter._script = away.register_script("return {}")
    with pytest.raises(RetryLater):
        ground.take(Budget())
    ground.limiter._script = real

    assert ground.take(Budget())

    assert ground.last_minute(Budget()) == ground.limiter.state(ground.slug, Budget()).grants == 21


@pytest.mark.parametrize("rules", ["5/minute", "5/day", "5/minute, 5/day"])
def test_calls_on_their_way_count_for_rules_that_come_now(ground: Ground, rules: str) -> None:
    """
    PostgreSQL does not know yet whether they were made; the lane has let them go.
    """
    for _ in range(5):
        assert ground.take(Budget())
    ground.seconds = 1

    assert not ground.take(budget_of({"rate_limit": rules}))


def test_a_lane_that_learns_keeps_its_calls_where_they_are(ground: Ground) -> None:
    """
    A window that it has logged already is neither doubled nor begun anew.
    """
    budget, edited = budget_of({"rate_limit": "4/minute"}), {"rate_limit": "4/minute, 90/day"}
    for _ in range(4):
        assert ground.take(budget)
    ground.past = 50
    ground.seconds = 60.5

    assert [ground.take(budget_of(edited)) for _ in range(5)] == [True] * 4 + [False]


def test_a_lane_that_learns_hears_who_was_late(ground: Ground) -> None:
    """
    What waits to be told goes with the question that finds the lane cold.
    """
    late = ground.limiter.take(ground.slug, budget_of({"rate_limit": "1/minute"}))
    report = {"grant": late.grant, "cost": 1, "late": 10_000_000}
    ground.limiter._reports.add(ground.slug, report, within=3600)
    ground.seconds = 61

    assert not ground.take(budget_of({"rate_limit": "1/minute, 9/day"}))


def test_who_read_an_asset_before_its_edit_opens_no_lane(ground: Ground) -> None:
    """
    Nor does who reads the same state of it again; whoever reads a newer one does.
    """
    assert ground.take(Budget(), edited=AFTER)
    ground.limiter.block(ground.slug, timedelta(minutes=5), edited=BEFORE)

    assert not ground.take(Budget(), edited=BEFORE)
    assert not ground.take(Budget(), edited=AFTER)
    assert not ground.take(Budget())
    assert ground.take(Budget(), edited=AFTER + timedelta(microseconds=1))


def test_an_edit_ends_an_outage(ground: Ground) -> None:
    """
    Who asks for the edited asset is no probe: the failures are forgotten.
    """
    for _ in range(5):
        ground.limiter.no_answer(ground.slug, edited=BEFORE)
    assert ground.limiter.state(ground.slug, Budget(), edited=BEFORE).failures == 5

    again = ground.limiter.take(ground.slug, Budget(), edited=AFTER)

    assert (again.granted, again.shaky) == (True, False)


def test_rules_that_come_again_learn_what_went_meanwhile(ground: Ground) -> None:
    """
    Calls that an unlimited budget let go are not in the log: PostgreSQL is asked again.
    """
    budget = budget_of({"rate_limit": "9/hour"})
    assert ground.take(budget)
    ground.seconds = 1
    assert ground.take(Budget())
    ground.seconds, ground.past = 100, 9 + 1

    assert not ground.take(budget)


@pytest.mark.parametrize("rules", ["4/minute", "4/minute, 900/day", "900/hour"])
def test_a_clock_set_back_holds_a_lane_no_longer_than_a_loss(ground: Ground, rules: str) -> None:
    """
    It counts all that it had let go of late as just spent, and then goes on.
    """
    budget = budget_of({"rate_limit": rules, "burst": 4})
    ground.seconds = 3600 * 5
    for _ in range(4):
        assert ground.take(budget)
    ground.seconds = 0

    assert not ground.take(budget)
    assert ground.last_minute(budget) == 0
    ground.seconds = 63
    assert [ground.take(budget) for _ in range(5)] == [True] * 4 + [False]
    assert ground.last_minute(budget) == 4


def test_a_clock_set_back_opens_what_an_outage_closed(ground: Ground) -> None:
    """
    Until when nobody can tell any more; the next calls find out.
    """
    ground.seconds = 3600 * 5
    assert ground.take(Budget())
    for _ in range(5):
        ground.limiter.no_answer(ground.slug)
    ground.limiter.block(ground.slug, timedelta(minutes=5))
    assert not ground.take(Budget())
    ground.seconds = 0

    assert ground.take(Budget())


def test_a_clock_set_back_a_little_changes_nothing(ground: Ground) -> None:
    """
    What is counted stays; the lane waits as long as the clock went back.
    """
    budget = budget_of({"rate_limit": "4/minute"})
    ground.seconds = 30
    for _ in range(4):
        assert ground.take(budget)
    ground.seconds = 0

    assert not ground.take(budget)
    ground.seconds = 89
    assert not ground.take(budget)
    ground.seconds = 91
    assert [ground.take(budget) for _ in range(5)] == [True] * 4 + [False]
