"""
Fan-outs of ten no-ops on Prefect, measured by its own interpreter.

In: ``PREFECT_API_URL`` (a server that runs), how many flows a burst starts. Out: flows per second
of the median burst, on the last line. Never: run by the product's interpreter.

    /path/of/prefect/bin/python tests/bench/prefect_arm.py 20
"""

from __future__ import annotations

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from prefect import flow, task

BURSTS = 3
AT_ONCE = 4
SIZE = 10


@task
def no_op(number: int) -> int:
    """Do nothing."""
    return number


@flow
def fan_out() -> int:
    """Run ten no-ops and put their results together."""
    return sum(future.result() for future in no_op.map(list(range(SIZE))))


def burst(count: int) -> float:
    """Run so many flows, a few at once, and return the seconds until all have ended."""
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = [done.result() for done in [pool.submit(fan_out) for _ in range(count)]]
    if found != [sum(range(SIZE))] * count:
        raise SystemExit("error: not all flows ended as they should")
    return time.monotonic() - began


def main() -> None:
    """Warm up, then measure."""
    count = int(sys.argv[1])
    burst(AT_ONCE)
    print(round(statistics.median(count / burst(count) for _ in range(BURSTS)), 2))


if __name__ == "__main__":
    main()
