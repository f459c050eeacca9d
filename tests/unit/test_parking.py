"""
How long a call waits between tries: longer each time, never the same for two, never for ever.

In: numbers of tries. Out: nothing. Never: a wait of nothing.
"""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from soar.parking import LONGEST_BACKOFF, backoff


@pytest.mark.parametrize("tries", [0, 1, 3, 5, 6, 50, 2000])
def test_a_backoff_is_bounded_and_its_ceiling_doubles(tries: int) -> None:
    """
    From a fifth of a second to two to the power of the tries, and never above a minute.
    """
    waits = [backoff(tries, chance=random.Random(seed)) for seed in range(200)]

    ceiling = timedelta(seconds=2.0 ** min(tries, 6))
    assert all(timedelta(seconds=0.2) <= w <= min(ceiling, LONGEST_BACKOFF) for w in waits)
    assert len(set(waits)) > 100
