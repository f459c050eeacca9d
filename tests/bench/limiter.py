"""
The limiter at the vendor's door: 16 action workers in 3 processes against the lab's arrival log.

In: nothing (it starts its own servers, workers and lab). Out: a table, or JSON with ``--json``.
Never: a part replaced: calls wait in PostgreSQL, the clock pumps them, real Celery workers call.

    python tests/bench/limiter.py [--json] [--only 200] [--seed 1]

``ideal`` is the most calls that the limit and its burst permit between the first arrival and the
end; ``pace`` compares the shortest time that the calls made would have needed with the time they
took; ``worst_excess`` is how many calls the worst sliding window held above the limit; ``busy`` is
the part of the machine's processors in use meanwhile: at 1.0 it is the machine that limits.
Of calls at once the lab takes 0.1 s each: no 0.1 s may see more arrivals than that.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ground import Ground, ground
from rich.console import Console
from rich.table import Table

from soar.demo.furnish import Lab
from soar.domain.budget import Budget, Limit, budget_of
from soar.lab.simulator import Fault

THREADS = (6, 5, 5)
ANSWER = timedelta(seconds=0.1)
"""So long the lab takes for a call of an asset that is limited to some at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One limit to hold, for so many seconds."""

    limit: str
    burst: int
    seconds: float
    at_once: int = 0
    """Calls at once, instead of a limit by time."""

    @property
    def slug(self) -> str:
        """The asset that has this limit."""
        return f"bench_{self.limit.replace('/', '_').replace(' ', '_')}_{self.burst}"

    @property
    def configuration(self) -> dict[str, Any]:
        """What is set of the asset."""
        if self.at_once:
            return {"rate_limit": False, "concurrency": self.at_once}
        return {"rate_limit": self.limit, "burst": self.burst}

    @property
    def budget(self) -> Budget:
        """The limit as the product reads it."""
        return budget_of(self.configuration)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What the lab may see: of calls at once each takes the same time there."""
        if self.at_once:
            return (Limit(calls=self.at_once, per=ANSWER),)
        return self.budget.limits


SCENARIOS = (
    Scenario(limit="4/minute", burst=1, seconds=245.0),
    Scenario(limit="4/minute", burst=20, seconds=245.0),
    Scenario(limit="10/second", burst=1, seconds=20.95),
    Scenario(limit="10/second", burst=20, seconds=20.95),
    Scenario(limit="200/second", burst=1, seconds=30.95),
    Scenario(limit="200/second", burst=20, seconds=30.95),
    Scenario(limit="4 at once", burst=4, seconds=20.95, at_once=4),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What was measured of one scenario."""

    limit: str
    burst: int
    granted: int
    ideal: int
    granted_over_ideal: float
    pace: float
    worst_excess: int
    calls_per_grant: float
    busy: float


def ideal_times(limits: Sequence[Limit], count: int) -> list[float]:
    """Return the earliest times of *count* calls under every one of some limits."""
    times: list[float] = []
    for number in range(count):
        earliest = times[-1] if times else 0.0
        for limit in limits:
            if number >= limit.calls:
                earliest = max(earliest, times[number - limit.calls] + limit.per.total_seconds())
        times.append(earliest)
    return times


def excess(limits: Sequence[Limit], arrivals: list[float]) -> int:
    """Return how many calls the worst window held above what the vendor allows."""
    worst = 0
    for limit in limits:
        if limit.pace:
            continue
        first = 0
        for last, at in enumerate(arrivals):
            while arrivals[first] <= at - limit.per.total_seconds():
                first += 1
            worst = max(worst, last - first + 1 - limit.calls)
    return worst


def fill(pool: Ground, scenario: Scenario, chance: random.Random) -> None:
    """Let more calls wait for an asset than it can be called in the time of its scenario."""
    times = ideal_times(scenario.limits, 9000)
    count = len([t for t in times if t <= scenario.seconds]) + 50
    pool.asset(scenario.slug, **scenario.configuration)
    if scenario.at_once:
        slow = Fault(vendor="virustotal", kind="latency", times=9000, value=ANSWER.total_seconds())
        pool.lab.http.lab.faults.append(slow)
    pool.park(scenario.slug, [f"h{n}-{chance.getrandbits(40):x}.example" for n in range(count)])


def measure(pool: Ground, scenario: Scenario) -> Row:
    """Wait for a scenario's end and compare its arrivals with the limit."""
    found = pool.rows("select parameters->>'domain' as host, asset from app_run")
    hosts = {row["host"]: row["asset"] for row in found}
    limiter, lab = pool.house.limiter(), pool.lab
    first = _first_arrival(lab, scenario, hosts)
    rest = first + scenario.seconds - time.time()
    used = _processor_seconds()
    time.sleep(max(0.0, rest))
    busy = (_processor_seconds() - used) / max(1.0, rest) / (os.cpu_count() or 1)
    state = limiter.state(scenario.slug, scenario.budget)
    at = sorted(a["at"] for a in lab.http.lab.log("virustotal") if _of(a, hosts) == scenario.slug)
    within = [t - at[0] for t in at if t <= at[0] + scenario.seconds]
    ideal = len([t for t in ideal_times(scenario.limits, 9000) if t <= scenario.seconds])
    needed = ideal_times(scenario.limits, len(within))[-1]
    return Row(
        limit=scenario.limit,
        burst=scenario.burst,
        granted=len(within),
        ideal=ideal,
        granted_over_ideal=round(len(within) / ideal, 4),
        pace=round(needed / within[-1], 4) if within[-1] else 1.0,
        worst_excess=max(0, excess(scenario.limits, at)),
        calls_per_grant=round((state.asked - 1) / max(1, state.grants), 3),
        busy=round(busy, 2),
    )


def _processor_seconds() -> float:
    """Return the processor time used on this machine so far: all but idle and waiting for disks."""
    user, nice, system, _, _, *rest = Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    return sum(map(float, (user, nice, system, *rest[:3]))) / os.sysconf("SC_CLK_TCK")


def _first_arrival(lab: Lab, scenario: Scenario, hosts: dict[str, str]) -> float:
    deadline = time.time() + 60
    while time.time() < deadline:
        for arrival in lab.http.lab.log("virustotal"):
            if _of(arrival, hosts) == scenario.slug:
                return float(arrival["at"])
        time.sleep(0.2)
    raise SystemExit(f"error: no call of {scenario.slug} arrived within a minute")


def _of(arrival: dict[str, Any], hosts: dict[str, str]) -> str:
    return hosts.get(arrival["path"].rpartition("/")[2], "")


def run(scenarios: tuple[Scenario, ...], seed: int) -> list[Row]:
    """Measure the scenarios: slow limits side by side, then the fast ones one by one."""
    chance = random.Random(seed)
    slow = [s for s in scenarios if "minute" in s.limit]
    fast = [s for s in scenarios if s not in slow]
    with ground() as pool:
        for number, threads in enumerate(THREADS):
            pool.start(f"actions-{number}", "actions", action_threads=str(threads))
        pool.await_workers(len(THREADS))
        pool.start("beat", "beat")
        _warm_up(pool)
        rows = []
        for scenario in [*slow, *fast[:1]]:
            fill(pool, scenario, chance)
        for scenario, after in zip(fast, [*fast[1:], None], strict=False):
            rows.append(measure(pool, scenario))
            _finish(pool, scenario)
            if after is not None:
                fill(pool, after, chance)
        rows += [measure(pool, scenario) for scenario in slow]
    order = [(s.limit, s.burst) for s in SCENARIOS]
    return sorted(rows, key=lambda row: order.index((row.limit, row.burst)))


def _warm_up(pool: Ground) -> None:
    """Let every worker make some calls that are not measured."""
    pool.asset("warm", rate_limit="1000/minute")
    pool.park("warm", [f"warm{n}.example" for n in range(200)])
    while pool.rows("select 1 from app_run where status <> 'success' limit 1"):
        time.sleep(0.2)


def _finish(pool: Ground, scenario: Scenario) -> None:
    pool.lab.http.lab.faults.clear()
    with pool.house.database.begin() as work:
        work.containers._do(
            "delete from app_run where asset = :a and status = 'parked'", a=scenario.slug
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print a JSON list of rows")
    parser.add_argument("--only", default="", help="only limits that begin so, as in 200 or '4 at'")
    parser.add_argument("--seed", type=int, default=1, help="seed of the indicators")
    given = parser.parse_args()
    rows = run(tuple(s for s in SCENARIOS if s.limit.startswith(given.only)), given.seed)
    if given.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    table = Table(title="16 action workers in 3 processes, at the lab's door")
    for column in asdict(rows[0]):
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*map(str, asdict(row).values()))
    Console().print(table)


if __name__ == "__main__":
    main()
