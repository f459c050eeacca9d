"""
A budget's slots at the door: taken before the budget is asked, given back where that refuses.

In: a limiter on a real Valkey, and slots that a test hands out. Out: nothing.
Never: the slots themselves; ``engine/test_slots.py`` tries those of PostgreSQL.
"""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
import redis

from soar.domain.budget import Budget
from soar.domain.errors import RetryLater
from soar.embedded import Servers
from soar.limiter import BUSY, Limiter
from soar.sentinel import connect
from tests.integration.test_limiter import Past, each

ONE_AT_ONCE = Budget(concurrency=1)


@pytest.fixture
def client(servers: Servers) -> redis.Redis:
    """A client of the session's Valkey."""
    return connect(servers.redis_url)


@pytest.fixture
def slug() -> str:
    """An asset that nobody has used."""
    return f"asset-{uuid4().hex}"


class Held:
    """Slots that a test hands out, and what was asked of them."""

    def __init__(self, *, free: bool) -> None:
        self.free = free
        self.heard: list[tuple[str, ...]] = []

    def take(self, asset: str, most: int, call: str) -> bool:
        """Answer as the test wants."""
        self.heard.append(("take", asset, str(most), call))
        return self.free

    def leave(self, call: str) -> None:
        """Hear that a slot is given back."""
        self.heard.append(("leave", call))


def test_who_finds_no_slot_comes_back_soon_and_spends_nothing(
    client: redis.Redis, slug: str
) -> None:
    """
    Redis is not even asked.
    """
    held = Held(free=False)
    limiter = Limiter(client, Past(), slots=held)

    refused = limiter.take(slug, ONE_AT_ONCE, call="b")

    assert (refused.granted, refused.why, refused.wait) == (False, "concurrency", BUSY)
    assert (limiter.asked, held.heard) == (0, [("take", slug, "1", "b")])


def test_a_slot_is_given_back_at_the_end_of_a_call(client: redis.Redis, slug: str) -> None:
    """
    Where there are no limits, that is all that its end says.
    """
    held = Held(free=True)
    limiter = Limiter(client, Past(), slots=held)
    first = limiter.take(slug, ONE_AT_ONCE, call="a")
    asked = limiter.asked

    limiter.ended(slug, ONE_AT_ONCE, first, sent=time.monotonic())

    assert (first.granted, held.heard[1:]) == (True, [("leave", "a")])
    assert limiter.asked == asked


def test_a_refused_call_holds_no_slot(client: redis.Redis, slug: str) -> None:
    """
    Who waits for the budget is not under way.
    """
    held = Held(free=True)
    limiter = Limiter(client, Past(), slots=held)
    budget = Budget(limits=each(60).limits, concurrency=2)
    limiter.take(slug, budget, call="a")

    assert limiter.take(slug, budget, call="b").why == "budget"
    assert held.heard[1:] == [("take", slug, "2", "b"), ("leave", "b")]


def test_without_redis_a_slot_is_given_back(slug: str) -> None:
    """
    The call waits, and others may be as lucky as they can.
    """
    held = Held(free=True)
    limiter = Limiter(connect("redis://127.0.0.1:1/0"), Past(), slots=held)

    with pytest.raises(RetryLater):
        limiter.take(slug, ONE_AT_ONCE, call="a")

    assert held.heard[1:] == [("leave", "a")]
