"""
Breaks the consumer of a worker on purpose: once the file that DEAF_WHEN names exists, the loop
of kombu takes no more messages (celery#10302), or, if the file says "stuck", does not go on.

In: a worker process that a test started with this folder in its path. Out: a deaf worker.
Never: loaded by the product.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from kombu.transport import redis

FLAG = Path(os.environ["DEAF_WHEN"])
ask: Any = redis.Channel._brpop_start


def _brpop_start(self: Any, *given: Any, **named: Any) -> Any:
    if not FLAG.exists():
        return ask(self, *given, **named)
    while FLAG.read_text() == "stuck":
        time.sleep(0.1)
    return None


redis.Channel._brpop_start = _brpop_start
