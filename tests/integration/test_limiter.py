"""
The budget in Redis: exact, also side by side and after everything was lost.

In: a real Valkey and real clocks of a few hundred milliseconds at most. Out: nothing.
Never: more calls than the budget in a window.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
import redis

from soar.domain.model import Budget
from soar.embedded import Servers
from soar.limiter import MARGIN, Limiter, connect

FOUR = Budget(calls=4, per=timedelta(minutes=1))
NOW = timedelta(0)


class Past:
    """What PostgreSQL knows of the calls made of late, and how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0
        self.asked: list[tuple[str, int]] = []

    def __call__(self, slug: str, seconds: int) -> int:
        """Answer as the store does."""
        self.asked.append((slug, seconds))
        return self.calls


@pytest.fixture
def past() -> Past:
    """A past without calls, but for the one that asks."""
    made = Past()
    made.calls = 1
    return made


@pytest.fixture
def client(servers: Servers) -> redis.Redis:
    """A client of the session's Valkey."""
    return connect(servers.redis_url)


@pytest.fixture
def limiter(client: redis.Redis, past: Past) -> Limiter:
    """A limiter on it."""
    return Limiter(client, past)


@pytest.fixture
def slug() -> str:
    """An asset that nobody has used."""
    return f"asset-{uuid4().hex}"


def age(client: redis.Redis, slug: str, milliseconds: int) -> None:
    """Let time pass for the grants of an asset."""
    lane = f"soar:lane:{{{slug}}}"
    for name, score in client.zrange(lane, 0, -1, withscores=True):
        client.zadd(lane, {name: score - milliseconds})


def test_a_budget_gives_exactly_its_calls_and_then_says_how_long_to_wait(
    limiter: Limiter, slug: str
) -> None:
    """
    Four of four are granted at once, the fifth waits for about a window.
    """
    assert [limiter.take(slug, FOUR) for _ in range(4)] == [NOW] * 4

    wait = limiter.take(slug, FOUR)

    assert timedelta(seconds=59) < wait <= FOUR.per * MARGIN + timedelta(milliseconds=1)


def test_looking_spends_nothing(limiter: Limiter, slug: str) -> None:
    """
    Who asks what is free leaves it free.
    """
    limiter.take(slug, FOUR)

    assert [limiter.free(slug, FOUR) for _ in range(10)] == [3] * 10


def test_a_call_is_free_again_once_the_oldest_has_left_the_window(
    client: redis.Redis, limiter: Limiter, slug: str
) -> None:
    """
    A sliding window: not a moment before, and one by one.
    """
    limiter.take(slug, FOUR)
    age(client, slug, 30_000)
    for _ in range(3):
        limiter.take(slug, FOUR)
    age(client, slug, 31_000)
    assert limiter.take(slug, FOUR) > NOW
    age(client, slug, 400)

    assert limiter.take(slug, FOUR) == NOW
    assert limiter.take(slug, FOUR) > timedelta(seconds=25)


def test_a_smaller_budget_counts_what_the_larger_one_gave(
    client: redis.Redis, limiter: Limiter, slug: str
) -> None:
    """
    Who lowers a budget waits until enough of the old calls have left the window.
    """
    for _ in range(4):
        limiter.take(slug, FOUR)
        age(client, slug, 1000)

    wait = limiter.take(slug, Budget(calls=2, per=FOUR.per))

    # The third of the four calls, of two seconds ago, must have left.
    assert timedelta(seconds=58) < wait < timedelta(seconds=60)


def test_assets_do_not_share_a_budget(limiter: Limiter, slug: str) -> None:
    """
    One that is spent leaves another alone.
    """
    for _ in range(5):
        limiter.take(slug, FOUR)

    assert limiter.take(f"{slug}-other", FOUR) == NOW


def test_an_empty_lane_learns_of_recent_calls_once(limiter: Limiter, past: Past, slug: str) -> None:
    """
    After Redis lost everything, PostgreSQL says how much is spent; the call that asks is not.
    """
    past.calls = 4

    assert limiter.take(slug, FOUR) == NOW
    assert limiter.take(slug, FOUR) > NOW

    assert past.asked == [(slug, 62)]


def test_a_flushed_redis_gives_nothing_away(
    client: redis.Redis, limiter: Limiter, past: Past, slug: str
) -> None:
    """
    A budget that was spent stays spent over a FLUSHALL.
    """
    for _ in range(4):
        limiter.take(slug, FOUR)
    client.flushall()
    past.calls = 5

    assert limiter.take(slug, FOUR) > NOW
    assert limiter.free(slug, FOUR) == 0


def test_more_recent_calls_than_the_budget_do_not_prolong_the_wait(
    limiter: Limiter, past: Past, slug: str
) -> None:
    """
    The past fills the window once, not several times.
    """
    past.calls = 1000

    assert limiter.take(slug, FOUR) <= FOUR.per * MARGIN + timedelta(milliseconds=1)


def test_eight_workers_at_once_get_no_more_than_the_budget(servers: Servers, slug: str) -> None:
    """
    Of two hundred calls side by side, a cold lane grants exactly twenty.
    """
    budget = Budget(calls=20, per=timedelta(minutes=1))
    limiters = [Limiter(connect(servers.redis_url), lambda *_: 1) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda n: limiters[n % 8].take(slug, budget), range(200)))

    assert waits.count(NOW) == 20


def test_no_window_of_any_place_holds_more_than_the_budget(
    client: redis.Redis, limiter: Limiter, slug: str
) -> None:
    """
    Against a real clock, five calls a tenth of a second, taken as fast as can be.
    """
    budget = Budget(calls=5, per=timedelta(milliseconds=100))
    granted = []
    for _ in range(100_000):
        if limiter.take(slug, budget) == NOW:
            seconds, micros = client.time()
            granted.append(seconds * 1_000_000 + micros)
        if len(granted) == 26:
            break

    spans = [later - first for first, later in zip(granted, granted[5:], strict=False)]
    assert min(spans) >= 100_000
    assert granted[-1] - granted[0] < 5_000_000
