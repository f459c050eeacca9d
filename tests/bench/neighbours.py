"""
What waiting calls and many assets cost an unlimited asset beside them.

In: nothing (it starts its own servers, workers and lab). Out: a table, or JSON with ``--json``.
Never: two cases compared that did not run in turns.

    python tests/bench/neighbours.py [--json] [--waiting 10000] [--assets 500] [--pairs 5]

Latency is from the moment a lookup is asked for until its end is written; the ratio is that of the
p95 of each case to the p95 of "alone" in the same pair. Idle CPU is that of the action worker.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from dataclasses import asdict, dataclass

import psutil
from ground import TASK, Ground, ground
from rich.console import Console
from rich.table import Table

CALLS, GAP = 60, 0.04


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One case: the median over its rounds."""

    case: str
    p50_ms: float
    p95_ms: float
    p95_ratio: float
    """Median of the paired ratios to "alone"."""
    idle_cpu_percent: float


def ask(pool: Ground, ids: dict[str, int], host: str) -> int:
    """Ask for one lookup as the engine does, and return its number."""
    with pool.house.database.begin() as work:
        number = work.calls.add(
            action_run_id=ids["join"],
            join_id=ids["join"],
            run_id=ids["run"],
            container_id=ids["container"],
            severity_rank=2,
            member={
                "app": "virustotal",
                "action": "domain reputation",
                "asset": "unlimited",
                "task": TASK,
                "parameters": {"domain": host},
            },
        )
        body = {"app_run_id": number, "task": TASK, "asset": "unlimited"}
        work.send("member", {**body, "join_id": ids["join"], "run_id": ids["run"]})
    return number


def round_of(pool: Ground, ids: dict[str, int], chance: random.Random) -> tuple[float, float]:
    """Ask for lookups at an even pace and return the p50 and p95 of their latency in seconds."""
    numbers = []
    began = time.monotonic()
    for n in range(CALLS):
        numbers.append(ask(pool, ids, f"n{chance.getrandbits(48):x}.example"))
        time.sleep(max(0.0, began + (n + 1) * GAP - time.monotonic()))
    while True:
        rows = pool.rows(
            "select extract(epoch from end_time - create_time) as s from app_run"
            " where id = any(:ids) and end_time is not null",
            ids=numbers,
        )
        if len(rows) == CALLS:
            break
        time.sleep(0.1)
    times = sorted(float(row["s"]) for row in rows)
    return statistics.median(times), times[int(len(times) * 0.95)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print a JSON list of rows")
    parser.add_argument("--waiting", type=int, default=10_000, help="calls that wait at 4/minute")
    parser.add_argument("--assets", type=int, default=500, help="assets of the last case")
    parser.add_argument("--pairs", type=int, default=5, help="rounds of each case")
    parser.add_argument("--seed", type=int, default=1, help="seed of the indicators")
    given = parser.parse_args()
    rows = measure(given.waiting, given.assets, given.pairs, random.Random(given.seed))
    if given.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
        return
    table = Table(title="an unlimited asset beside others")
    for column in asdict(rows[0]):
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*map(str, asdict(row).values()))
    Console().print(table)


def measure(waiting: int, assets: int, pairs: int, chance: random.Random) -> list[Row]:
    """Run the cases in turns."""
    beside, many = f"beside {waiting} waiting", f"with {assets} assets"
    found: dict[str, list[tuple[float, float]]] = {"alone": [], beside: [], many: []}
    idle = dict.fromkeys(found, 0.0)
    with ground() as pool:
        pool.asset("unlimited", rate_limit=False)
        pool.asset("limited", rate_limit="4/minute")
        worker = psutil.Process(pool.start("actions", "actions"))
        pool.start("beat", "beat")
        pool.await_workers(1)
        ids = pool.run("unlimited")
        round_of(pool, ids, chance)  # warm-up, thrown away
        for _ in range(pairs):
            found["alone"].append(round_of(pool, ids, chance))
            idle["alone"] = _idle(worker)
            pool.park("limited", [f"w{n}.example" for n in range(waiting)])
            time.sleep(1.0)
            found[beside].append(round_of(pool, ids, chance))
            idle[beside] = _idle(worker)
            _empty(pool)
            _assets(pool, assets)
            found[many].append(round_of(pool, ids, chance))
            idle[many] = _idle(worker)
            _no_assets(pool)
    return [_row(case, found, idle[case]) for case in found]


def _assets(pool: Ground, count: int) -> None:
    for number in range(count):
        pool.asset(f"other_{number}", rate_limit="4/minute")
    time.sleep(5.0)  # a worker looks for new assets every three seconds


def _no_assets(pool: Ground) -> None:
    with pool.house.database.begin() as work:
        work.containers._do("delete from asset where slug like 'other%'")
    time.sleep(5.0)


def _empty(pool: Ground) -> None:
    with pool.house.database.begin() as work:
        work.containers._do("delete from app_run where asset = 'limited' and status = 'parked'")


def _idle(worker: psutil.Process) -> float:
    worker.cpu_percent()
    time.sleep(2.0)
    return round(worker.cpu_percent(), 1)


def _row(case: str, found: dict[str, list[tuple[float, float]]], idle: float) -> Row:
    pairs = list(zip(found[case], found["alone"], strict=False))
    return Row(
        case=case,
        p50_ms=round(statistics.median(p50 for p50, _ in found[case]) * 1000, 1),
        p95_ms=round(statistics.median(p95 for _, p95 in found[case]) * 1000, 1),
        p95_ratio=round(statistics.median(a[1] / b[1] for a, b in pairs), 3),
        idle_cpu_percent=idle,
    )


if __name__ == "__main__":
    main()
