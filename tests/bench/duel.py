"""
Two sides measured in turns: the order of each pair is drawn, and each pair gives one ratio.

In: two arms and what to do with each. Out: the rounds of both, pair by pair.
Never: a ratio of two rounds that did not follow each other, or one of the discarded first pair.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

from arms import LOOK_IDLE, Arm, Shape, wait_for

T = TypeVar("T")
LOUD = 1.6
"""A raw arm whose fastest round is so many times its slowest says little."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """What one arm did once, per run."""

    seconds: float
    worker_cpu: float
    publisher_cpu: float

    @property
    def rate(self) -> float:
        """Runs per second."""
        return 1 / self.seconds

    @property
    def cpu(self) -> float:
        """CPU seconds of a run, wherever its messages were published."""
        return self.worker_cpu + self.publisher_cpu


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """The least, the middle and the greatest of some values."""

    min: float
    median: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of these values."""
        return cls(
            min=round(min(values), 4),
            median=round(statistics.median(values), 4),
            max=round(max(values), 4),
        )

    def __str__(self) -> str:
        return " / ".join(f"{v:.3g}" for v in asdict(self).values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One ratio with the raw values behind it."""

    name: str
    pool: str
    a: Spread
    b: Spread
    ratio: Spread
    unit: str

    @property
    def loud(self) -> bool:
        """Whether the raw arm itself moved too much for the ratio to say much."""
        return self.a.min > 0 and self.a.max / self.a.min > LOUD


def finding(name: str, pool: str, unit: str, pairs: Sequence[tuple[float, float]]) -> Finding:
    """Return B / A of each pair."""
    return Finding(
        name=name,
        pool=pool,
        unit=unit,
        a=Spread.of([a for a, _ in pairs]),
        b=Spread.of([b for _, b in pairs]),
        ratio=Spread.of([b / a for a, b in pairs]),
    )


def in_pairs(
    a: Arm, b: Arm, measure: Callable[[Arm], T], count: int, chance: random.Random
) -> list[tuple[T, T]]:
    """Measure both arms *count* times in drawn order, after a first pair that is thrown away."""
    found = []
    for number in range(count + 1):
        first = chance.random() < 0.5
        results = {arm.name: measure(arm) for arm in ((a, b) if first else (b, a))}
        if number:
            found.append((results[a.name], results[b.name]))
    return found


def burst(arm: Arm, shape: Shape, runs: int) -> Round:
    """Start many runs as fast as they can be published, and wait for the last one's end."""
    arm.prepare(shape, runs)
    worker, publisher, began = arm.cpu(), time.thread_time(), time.monotonic()
    for _ in range(runs):
        arm.start()
    publisher = time.thread_time() - publisher
    wait_for(arm, runs)
    seconds = time.monotonic() - began
    time.sleep(0.2)  # acknowledgements are work of a run as well
    worker = arm.cpu() - worker
    arm.check()
    return Round(seconds=seconds / runs, worker_cpu=worker / runs, publisher_cpu=publisher / runs)


def idle_p95(arm: Arm, shape: Shape, runs: int) -> float:
    """Start one run after the other and return the p95 from its start to its callback."""
    arm.prepare(shape, runs)
    began = []
    for number in range(runs):
        began.append(time.time())
        arm.start()
        wait_for(arm, number + 1, look=LOOK_IDLE)
        time.sleep(0.02)
    arm.check()
    times = sorted(end - start for start, end in zip(began, arm.moments(), strict=True))
    return times[int(len(times) * 0.95)]
