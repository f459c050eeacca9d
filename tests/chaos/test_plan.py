"""The plan of a chaos run: everything in it comes from its seed."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos import plan
from tests.chaos.plan import KINDS, LATE, MOMENTS, PAIRS, SOON, STORIES


@pytest.mark.parametrize("seed", [1, 7, 2026])
def test_the_same_seed_is_the_same_plan(seed: int) -> None:
    """
    Alerts, answers, faults and their places are the same whenever a seed comes again.
    """
    assert plan.make(seed, runs=200) == plan.make(seed, runs=200)


def test_another_seed_is_another_plan() -> None:
    """
    Two seeds tell two stories: other alerts, and other faults in another order.
    """
    one, other = plan.make(1, runs=200), plan.make(2, runs=200)

    assert one.alerts != other.alerts
    assert [s.kind for s in one.strikes] != [s.kind for s in other.strikes]


def test_a_plan_of_200_runs_tells_every_story_and_strikes_with_every_fault() -> None:
    """
    Nothing that the suite can do is left to the luck of a seed.
    """
    made = plan.make(1, runs=200)

    assert made.runs >= 200
    assert {a.story for a in made.alerts} == set(STORIES)
    assert Counter(s.kind for s in made.strikes) == Counter(k["kind"] for k in KINDS)


def test_faults_come_in_order_and_while_alerts_are_still_under_way() -> None:
    """
    A fault is placed by how many alerts have ended, and a tenth of them is always left.
    """
    made = plan.make(3, runs=200, strikes=40)
    places = [s.after for s in made.strikes]

    assert places == sorted(places)
    assert places[0] >= 1
    assert places[-1] < len(made.alerts) * 0.95


def test_every_effect_of_a_plan_has_a_target_of_its_own_unless_it_is_shared() -> None:
    """
    Two alerts ask for the same effect only where they are to share it: each can be counted.
    """
    made = plan.make(4, runs=300)
    alone = Counter(w for a in made.alerts if a.story not in PAIRS for w in a.wants)
    shared = Counter(w for a in made.alerts if a.story in PAIRS for w in a.wants)

    assert set(alone.values()) == {1}
    assert set(shared.values()) == {2}
    assert not alone & shared


def test_most_alerts_of_a_plan_are_left_to_their_runs() -> None:
    """
    What people and time do besides is told of some alerts; all moments come up in a long plan.
    """
    made = plan.make(1, runs=2000)
    fates = Counter(a.fate for a in made.alerts)

    assert fates[""] > 0.7 * len(made.alerts)
    assert min(fates.values()) > 20
    assert {a.moment for a in made.alerts if a.fate == "cancel"} == set(MOMENTS)
    assert {a.moment for a in made.alerts if a.fate == "lease"} == {SOON, LATE}
    assert list(made.compares) == sorted(made.compares)
    assert made.compares[-1] < len(made.alerts)
