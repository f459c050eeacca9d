"""
Lanes of edited assets: an edit opens them, and forgets no call that was made before.

In: calls of runs, and somebody who edits their asset between them. Out: nothing.
Never: a pump that happens to know the lane; what holds must hold without one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from soar.connector import RetryLater
from soar.domain.budget import budget_of
from tests.integration.engine.test_lanes import LOOK_UP, limit, many, went_well

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench


def refuse(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a call that its vendor refuses for longer than anybody waits."""

    def answer(*_: Any) -> None:
        raise RetryLater("the quota is spent", after=timedelta(hours=8), all_calls=True)

    with monkeypatch.context() as patched:
        patched.setattr(bench.vendor, "answer", answer)
        bench.play(LOOK_UP)


@pytest.mark.parametrize("how", ["edited", "added again"])
def test_an_edit_opens_a_lane_in_which_nobody_waits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """
    No pump has seen that lane: its next call goes all the same.
    """
    limit(bench)
    refuse(bench, monkeypatch)
    assert bench.shop.limiter.look("sham", budget_of({}), 1)[0] > timedelta(hours=7)
    if how == "added again":
        with bench.database.begin() as work:
            work.assets.delete("sham")
    limit(bench)

    assert went_well(bench, bench.play(LOOK_UP))


def test_a_lane_stays_closed_while_nobody_edits_its_asset(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Also one that Redis had lost before its vendor asked to wait.
    """
    limit(bench)
    bench.age()
    refuse(bench, monkeypatch)

    bench.play(LOOK_UP)

    assert bench.calls()[1]["message"] == "waits for budget"


MANY_A_MINUTE = {"rate_limit": "100/minute"}


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        (MANY_A_MINUTE, {"rate_limit": "100/minute, 8/day"}, 2),
        ({"rate_limit": "8/day"}, {"rate_limit": "8/day", "quota_reset": "00:01"}, 2),
        ({"rate_limit": "99/second"}, {"rate_limit": "99/second, 8/minute"}, 2),
        ({"rate_limit": "8/day"}, {"rate_limit": "8/minute"}, 2),
        ({}, {"rate_limit": "5/minute"}, 0),
        ({}, {"rate_limit": "5/minute", "reserved_for_critical": 50}, 0),
    ],
)
def test_an_edited_budget_counts_the_calls_made_before(
    bench: Bench, before: dict[str, Any], after: dict[str, Any], more: int
) -> None:
    """
    Six calls were made: what the new rules leave may follow, and no more.
    """
    limit(bench, **before)
    many(bench, 6)
    assert bench.vendor.done.total() == 6
    limit(bench, **after)

    many(bench, 6)

    assert bench.vendor.done.total() == 6 + more


def test_calls_under_way_take_places_that_are_counted_from_now_on(bench: Bench) -> None:
    """
    One at once, while one is under way that nobody counted: the next one waits.
    """
    limit(bench)
    bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0), ends="later")
    limit(bench, concurrency=1)

    bench.play(LOOK_UP)

    assert [row["status"] for row in bench.calls()] == ["running", "parked"]


def test_a_lane_asks_for_its_past_once_after_an_edit(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Calls of every severity, and the pump, count for the same rules.
    """
    limit(bench)
    many(bench, 1)
    limit(bench, rate_limit="100/minute, 50/day", burst=20, reserved_for_critical=50)
    limiter, asked = bench.shop.limiter, []
    real = limiter._recent_calls
    monkeypatch.setattr(
        limiter, "_recent_calls", lambda slug, s: [asked.append(s), real(slug, s)][1]
    )

    for severity in ("low", "critical", "low", "critical"):
        many(bench, 1, severity)
        bench.pump.turn()

    assert len(asked) == 2  # the longest window, and the day
