"""
Peers of which a figure can be had on this machine: celery-director and Prefect, where installed.

In: nothing. Out: one line for each. Never: an installation, or a figure that was not measured here.
"""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Iterator

RUNS = 12
SIZE = 10


def compare() -> Iterator[str]:
    """Say of each peer how many fan-outs of ten no-ops it runs per second, or that it is absent."""
    for module, title, measure in (("prefect", "Prefect", _prefect), ("director", "", None)):
        if importlib.util.find_spec(module) is None:
            yield f"{title or 'celery-director'} is not installed: not compared"
        elif measure is None:
            yield "celery-director is installed; it needs a server of its own: not compared"
        else:
            yield measure()


def _prefect() -> str:
    """Run flows of ten tasks, one after the other, on Prefect's own temporary server."""
    from prefect import flow, task

    @task
    def no_op(number: int) -> int:
        return number

    @flow
    def fan_out() -> int:
        return sum(future.result() for future in no_op.map(list(range(SIZE))))

    fan_out()
    times = []
    for _ in range(RUNS):
        began = time.monotonic()
        fan_out()
        times.append(time.monotonic() - began)
    return f"Prefect: {1 / statistics.median(times):.2f} flows/s of {SIZE} tasks, one by one"
