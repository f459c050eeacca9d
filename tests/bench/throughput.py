"""
Playbook runs against bare Celery chords: rate, CPU, latency, lookups, and the cost of history.

In: nothing (it starts its own servers and workers). Out: a table, or JSON with ``--json``.
Never: a part replaced. A run is queued through the outbox as an accepted alert queues it, its
calls go through claim, lane, connector, record and join, its callback through the engine, and it
has ended when its last transaction is committed.

    python tests/bench/throughput.py [--json] [--pairs 9] [--runs 100] [--pool threads,prefork]
        [--only runs,p95,lookup,growth] [--rows 1000000]

A is a chord on Celery's defaults with its Redis result backend: ten no-op tasks and a callback.
B is a playbook run of one block that acts ten no-op actions, and its callback. Both are started by
this process, both have one worker for calls and one for callbacks, with the same pool and size, on
the same servers. Ratios are B / A of rounds that followed each other in drawn order; the first
pair is thrown away. CPU is that of the workers and of this process while it publishes: a bare
chord's members are published here, a run's by its engine. Reports are not written in either
arm's time: their queue is left alone.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from arms import IDLE, LOOKUP, NO_OP
from duel import LOUD, Finding, burst, finding, idle_p95, in_pairs
from growth import FEW, fill, size
from peers import compare
from rich.console import Console
from rich.table import Table
from teams import POOLS, Site, site

PARTS = ("runs", "p95", "lookup", "growth")
IDLE_RUNS = 40
AIMS = {
    "runs_ratio": "≥ 1.2",
    "cpu_ratio": "≤ 0.75",
    "p95_ratio": "≤ 2",
    "lookup_ratio": "≥ 0.9",
    "growth_ratio": "≤ 1.2",
}


def against_bare(site: Site, pool: str, given: argparse.Namespace) -> Iterator[Finding]:
    """Measure the product against bare Celery with one kind of pool."""
    a = site.bare(pool)
    b = site.product(pool, site.new_house(f"bench_{pool}", 2 + list(POOLS).index(pool)))
    chance, pairs = random.Random(given.seed), given.pairs
    if "runs" in given.only:
        found = in_pairs(a, b, lambda arm: burst(arm, NO_OP, given.runs), pairs, chance)
        yield finding("runs_ratio", pool, "runs/s", [(x.rate, y.rate) for x, y in found])
        cpu = [(x.cpu * 1000, y.cpu * 1000) for x, y in found]
        yield finding("cpu_ratio", pool, "CPU ms/run", cpu)
        workers = [(x.worker_cpu * 1000, y.worker_cpu * 1000) for x, y in found]
        yield finding("worker_cpu_ratio", pool, "worker CPU ms/run", workers)
    if "p95" in given.only:
        times = in_pairs(a, b, lambda arm: idle_p95(arm, IDLE, IDLE_RUNS), pairs, chance)
        yield finding("p95_ratio", pool, "p95 ms", [(x * 1000, y * 1000) for x, y in times])
    if "lookup" in given.only and pool != "prefork":
        found = in_pairs(a, b, lambda arm: burst(arm, LOOKUP, given.runs), pairs, chance)
        yield finding("lookup_ratio", pool, "runs/s", [(x.rate, y.rate) for x, y in found])


def with_history(site: Site, given: argparse.Namespace, say: Console) -> Iterator[Finding]:
    """Measure the product with few finished runs in its tables against itself with many."""
    houses = [site.new_house(f"bench_{name}", n) for name, n in (("few", 6), ("many", 7))]
    for house, rows in zip(houses, (FEW, given.rows), strict=True):
        fill(house, rows, given.calls)
        say.print(f"history: {size(house)}")
    a, b = (
        site.product("threads", house, name=name)
        for house, name in zip(houses, ("few", "many"), strict=True)
    )
    chance = random.Random(given.seed)
    found = in_pairs(a, b, lambda arm: burst(arm, NO_OP, given.runs), given.pairs, chance)
    cost = [(x.seconds * 1000, y.seconds * 1000) for x, y in found]
    yield finding("growth_ratio", "threads", "ms/run", cost)


def measure(given: argparse.Namespace, say: Console) -> list[Finding]:
    """Measure what was asked for, each part on servers of its own."""
    found: list[Finding] = []
    for pool in given.pool:
        if set(given.only) & {"runs", "p95", "lookup"}:
            with site() as made:
                found += against_bare(made, pool, given)
    if "growth" in given.only:
        with site() as made:
            found += with_history(made, given, say)
    return found


def as_json(found: list[Finding]) -> dict[str, Any]:
    """Return the ratios: those with threads at the top, other pools under their names."""
    result: dict[str, Any] = {}
    for one in found:
        place = result if one.pool == "threads" else result.setdefault(one.pool, {})
        place[one.name] = asdict(one.ratio)
    return result


def table(found: list[Finding]) -> Table:
    """Return the findings as people read them."""
    made = Table(title="B = product, A = bare Celery (growth: A = few finished runs); min/med/max")
    for column in ("ratio", "pool", "unit", "A", "B", "B / A", "aim", "note"):
        made.add_column(column)
    for one in found:
        note = f"inconclusive: A's max/min > {LOUD}" if one.loud else ""
        aim = "≥ 1.0" if (one.name, one.pool) == ("runs_ratio", "prefork") else AIMS.get(one.name)
        made.add_row(
            one.name, one.pool, one.unit, str(one.a), str(one.b), str(one.ratio), aim or "", note
        )
    return made


def _words(allowed: tuple[str, ...]) -> Any:
    def read(text: str) -> list[str]:
        words = text.split(",")
        if wrong := set(words) - set(allowed):
            raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: not of {', '.join(allowed)}")
        return words

    return read


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print the ratios as a JSON object")
    parser.add_argument("--pairs", type=int, default=9, help="pairs of rounds")
    parser.add_argument("--runs", type=int, default=100, help="runs of a round")
    parser.add_argument("--pool", type=_words(tuple(POOLS)), default=["threads", "prefork"])
    parser.add_argument("--only", type=_words(PARTS), default=list(PARTS))
    parser.add_argument("--rows", type=int, default=1_000_000, help="finished runs of the history")
    parser.add_argument("--calls", type=int, default=10, help="calls of each of these")
    parser.add_argument("--seed", type=int, default=1, help="seed of the order in pairs")
    given = parser.parse_args()
    say = Console(stderr=True, width=150) if given.json else Console(width=150)
    found = measure(given, say)
    if given.json:
        print(json.dumps(as_json(found), indent=1))
        return
    say.print(table(found))
    for line in compare():
        say.print(line)


if __name__ == "__main__":
    main()
