"""
A mark in Redis, by which its loss is noticed: a Redis that has it has lost nothing.

In: a client. Out: whether the mark was missing, to one process of those that look at once.
Never: a mark for good before all that was lost is on its way again: until then it is written for
half a minute, so that another process begins anew if this one dies.
"""

from __future__ import annotations

from contextlib import suppress

import redis

KEY = "soar:mark"
SECONDS = 30


class Mark:
    """The mark, as the elected clock looks at it."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def missing(self) -> bool:
        """Tell whether Redis has lost everything; one that cannot be asked has not."""
        try:
            return bool(self._client.set(KEY, "1", nx=True, ex=SECONDS))
        except redis.RedisError:
            return False

    def keep(self) -> None:
        """Keep the mark for good; if that is not heard, what waits is only rung once more."""
        with suppress(redis.RedisError):
            self._client.persist(KEY)
