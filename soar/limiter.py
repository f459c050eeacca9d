"""
The budget of an asset, one for the whole pool, kept in Redis.

In: an asset's slug and budget. Out: one call granted, or how long until one is free.
Never: more than the budget in any sliding window, also after Redis lost everything: an
empty lane first learns from PostgreSQL how many calls were made of late.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from importlib import resources
from typing import Any

import redis

from soar.domain.errors import RetryLater
from soar.domain.model import Budget

MARGIN = 1.02  # the vendor counts arrivals, we count grants: two per cent for the way there
COLD = -1
OUTAGE = timedelta(seconds=5)


class Limiter:
    """Takes calls from budgets; every decision is one run of one script."""

    def __init__(self, client: redis.Redis, recent_calls: Callable[[str, int], int]) -> None:
        script = resources.files("soar").joinpath("lane.lua").read_text(encoding="utf-8")
        self._script: Any = client.register_script(script)
        self._recent_calls = recent_calls

    def take(self, slug: str, budget: Budget) -> timedelta:
        """Take one call from the asset's budget (zero), or say how long until one is free."""
        return self._ask(slug, budget, take=True)[1]

    def free(self, slug: str, budget: Budget) -> int:
        """Return how many calls the asset has left now."""
        return self._ask(slug, budget, take=False)[0]

    def _ask(self, slug: str, budget: Budget, *, take: bool) -> tuple[int, timedelta]:
        free, wait = self._run(slug, budget, take=take, seed=COLD)
        if free == COLD:
            spent = self._recent_calls(slug, int(budget.per.total_seconds() * MARGIN) + 1)
            spent -= take  # the call that asks is claimed, and so counted, but not made yet
            free, wait = self._run(slug, budget, take=take, seed=spent)
        return free, timedelta(milliseconds=wait)

    def _run(self, slug: str, budget: Budget, *, take: bool, seed: int) -> tuple[int, int]:
        window = int(budget.per.total_seconds() * 1000 * MARGIN)
        try:
            free, wait = self._script(
                keys=[f"soar:lane:{{{slug}}}", f"soar:lane:{{{slug}}}:warm"],
                args=[budget.calls, window, int(take), seed, uuid.uuid4().hex],
            )
        except redis.RedisError as error:
            reason = f"the budget cannot be asked for ({type(error).__name__})"
            raise RetryLater(reason, after=OUTAGE) from None
        return int(free), int(wait)


def connect(url: str) -> redis.Redis:
    """Open a client with bounded waits."""
    return redis.Redis.from_url(
        url, socket_timeout=10, socket_connect_timeout=3, health_check_interval=30
    )
