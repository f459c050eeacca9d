"""
What the runtime itself costs a playbook: around a block, along a hundred, over many artifacts.

In: nothing (it starts its own servers). Out: a table, or JSON with ``--json``.
Never: a part of the product replaced; blocks run in the engine's own steps, on real PostgreSQL.

    python tests/bench/blocks.py [--json] [--runs 5] [--blocks 100] [--artifacts 10000]

**Activation** is one move of the engine with a block that does nothing: the run's row locked, its
standing read, the try noted, container and view read, the block called, its end written, all
committed, and the look for what is next. The message that wakes the engine is not in it: one
message delivers everything that is ready. A shared machine may run at half its speed for a while:
``yardstick`` is what a loop of 300,000 additions takes just before and after, 12 ms on a processor
at full speed, and ``scaled`` is the activation by that measure. **Chain** is a run in a worker
process of its own: each block asks an act that has no calls and so ends at once, whose callback is
the next block; seconds from the start of the run to its end, by the database's clock, for each
block. **Artifacts** is what one block of a worker spends in ``collect2``, ``condition`` and
``format``, each on all artifacts; ``growth`` is the time per artifact by that of a tenth of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

from ground import Ground, ground
from rich.console import Console
from rich.table import Table

from soar.engine.queueing import queue_run
from soar.engine.steps import Engine
from soar.store.database import Database

IDLE = """
import phantom.rules as phantom

ACTION = "domain reputation"


def on_start(container):
    for number in range({blocks}):
        phantom.act(ACTION, parameters=[], name=str(number), callback=idle)


def idle(action=None, success=None, container=None, results=None, handle=None):
    pass
"""
CHAIN = """
import phantom.rules as phantom

ACTION = "domain reputation"


def on_start(container):
    step(handle=1)


def step(action=None, success=None, container=None, results=None, handle=None):
    if handle < {blocks}:
        after = handle + 1
        phantom.act(ACTION, parameters=[], name=f"step_{{handle}}", callback=step, handle=after)
"""
MANY = """
import time

import phantom.rules as phantom


def on_start(container):
    marks = [time.perf_counter()]
    rows = phantom.collect2(
        container=container,
        datapath=["artifact:*.cef.sourceAddress", "artifact:*.cef.requestURL", "artifact:*.id"],
        limit=100_000,
    )
    marks.append(time.perf_counter())
    found, _ = phantom.condition(
        container=container,
        conditions=[
            ["artifact:*.cef.sourceAddress", "in", "10.0.0.0/9"],
            ["artifact:*.cef.requestURL", "!=", ""],
        ],
        logical_operator="and",
        name="inside:condition_1",
    )
    marks.append(time.perf_counter())
    text = phantom.format(
        container=container,
        template="%%\\n{0} asked for {1}\\n%%",
        parameters=["artifact:*.cef.sourceAddress", "artifact:*.cef.requestURL"],
        name="lines",
    )
    marks.append(time.perf_counter())
    phantom.save_playbook_output_data(
        output={
            "seconds": [after - before for before, after in zip(marks, marks[1:])],
            "seen": [len(rows), len(found), text.count("asked")],
        }
    )
"""
FILL = """
    insert into artifact (container_id, source_id, name, label, severity, cef)
    select :container, n::text, 'mail', 'event', 'medium', jsonb_build_object(
      'sourceAddress', '10.' || n % 256 || '.' || n / 256 % 256 || '.' || n / 65536,
      'requestURL', 'http://host' || n || '.example/path', 'fileName', 'file' || n,
      'destinationAddress', '192.0.2.' || n % 256)
    from generate_series(1, :n) n
"""
FULL_SPEED = 0.012
"""Seconds of the yardstick."""
PARTS = ("collect2", "condition", "format")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was measured."""

    blocks: int
    activation_p50_ms: list[float]
    """Of each run; least, median and greatest tell how much the machine moves."""
    activation_cpu_ms: list[float]
    """Processor time of the engine's process alone, per block."""
    activation_p99_ms: float
    yardstick_ms: list[float]
    activation_scaled_ms: list[float]
    """The median as it would be where the yardstick takes 12 ms."""
    chain_ms_per_block: list[float]
    artifacts: int
    parts_ms: dict[str, float]
    artifacts_ms: list[float]
    whole_run_ms: list[float]
    """With the artifacts read from PostgreSQL, and what was kept written."""
    growth: list[float]
    load: list[float]
    """Processes that wanted a processor, before and after."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """The servers, and an engine in this process."""

    pool: Ground
    engine: Engine

    def furnished(self, name: str, source: str, artifacts: int = 0) -> tuple[int, dict[str, Any]]:
        """Add a container and a playbook."""
        with self.pool.house.database.begin() as work:
            work.playbooks.save(name=name, title=name, version="1", source=source)
            container = work.containers._value(
                "insert into container (asset, source_id, name, label, severity)"
                " values ('bench', gen_random_uuid()::text, 'bench', 'events', 'low') returning id"
            )
            if artifacts:
                work.containers._do(FILL, container=container, n=artifacts)
            return int(container), work.playbooks.newest(name)

    def run(self, name: str, source: str, *, artifacts: int = 0) -> int:
        """Add a run that no message starts."""
        container, playbook = self.furnished(name, source, artifacts)
        with self.pool.house.database.begin() as work:
            return work.runs.add(
                container_id=container, playbook_id=playbook["id"], started_by="bench", run_as=""
            )

    def idle(self, blocks: int) -> tuple[list[float], float, float]:
        """Return the seconds of each activation, of the processor for one, and of a yardstick."""
        run = self.run("idle", IDLE.format(blocks=blocks))
        assert self.engine._move(run)  # on_start, which asks for all of them
        yard = _yardstick()
        seconds, cpu = list[float](), time.process_time()
        for _ in range(blocks):
            before = time.perf_counter()
            more = self.engine._move(run)
            seconds.append(time.perf_counter() - before)
        cpu = time.process_time() - cpu
        assert not more
        self.ended(run)
        return seconds, cpu / blocks, (yard + _yardstick()) / 2

    def chain(self, blocks: int) -> float:
        """Return the seconds per block of a run in a worker."""
        return _lasted(self.worked("chain", CHAIN.format(blocks=blocks))) / blocks

    def many(self, artifacts: int) -> tuple[list[float], float]:
        """Return the seconds of each function over so many artifacts, and of the whole run."""
        run = self.run("many", MANY, artifacts=artifacts)
        before = time.perf_counter()
        self.engine._move(run)
        whole = time.perf_counter() - before
        self.ended(run)
        outputs = self.worked("many", MANY, artifacts=artifacts)["outputs"]
        assert outputs["seen"][0] == outputs["seen"][2] == artifacts
        return outputs["seconds"], whole

    def worked(self, name: str, source: str, *, artifacts: int = 0) -> dict[str, Any]:
        """Let a worker do a run, and return it when it has ended."""
        container, playbook = self.furnished(name, source, artifacts)
        with self.pool.house.database.begin() as work:
            run = queue_run(work, container_id=container, playbook=playbook, started_by="bench")
        still = "select 1 from playbook_run where id = :run and end_time is null"
        while self.pool.rows(still, run=run):
            time.sleep(0.05)
        return self.ended(run)

    def ended(self, run: int) -> dict[str, Any]:
        """Return a run that has to have succeeded with all of its blocks."""
        with self.pool.house.database.begin() as work:
            row = work.runs.get(run)
        if row["error"] or row["end_time"] is None:
            raise SystemExit(
                f"error: run {run} of {row['playbook']}: {row['error'] or 'not ended'}"
            )
        return row


def measure(runs: int, blocks: int, artifacts: int) -> Found:
    """Run everything so often, interleaved; the first round is thrown away."""
    load = [os.getloadavg()[0]]
    with ground(block_artifacts=max(artifacts, 10_000)) as pool:
        house = pool.house
        pool.asset("unlimited", rate_limit=False)
        alone = Database(house.settings.database_url.get_secret_value())  # wakes no worker
        engine = Engine(database=alone, catalog=house.catalog, settings=house.settings)
        bench = Bench(pool=pool, engine=engine)
        pool.start("engine", "engine")
        pool.await_workers(1)
        rounds = [_round(bench, blocks, artifacts) for _ in range(runs + 1)][1:]
    load.append(os.getloadavg()[0])
    idle = [one["idle"] for one in rounds]
    sums = [sum(one["many"][0]) for one in rounds]
    tenths = [sum(one["tenth"][0]) for one in rounds]
    return Found(
        blocks=blocks,
        activation_p50_ms=[_ms(statistics.median(seconds)) for seconds, _, _ in idle],
        activation_cpu_ms=[_ms(cpu) for _, cpu, _ in idle],
        activation_p99_ms=_ms(
            statistics.quantiles([s for seconds, _, _ in idle for s in seconds], n=100)[98]
        ),
        yardstick_ms=[_ms(yard) for _, _, yard in idle],
        activation_scaled_ms=[
            _ms(statistics.median(seconds) * FULL_SPEED / yard) for seconds, _, yard in idle
        ],
        chain_ms_per_block=[_ms(one["chain"]) for one in rounds],
        artifacts=artifacts,
        parts_ms={
            part: _ms(statistics.median(one["many"][0][n] for one in rounds))
            for n, part in enumerate(PARTS)
        },
        artifacts_ms=[_ms(seconds) for seconds in sums],
        whole_run_ms=[_ms(one["many"][1]) for one in rounds],
        growth=[round(a / (b * 10), 2) for a, b in zip(sums, tenths, strict=True)],
        load=[round(n, 1) for n in load],
    )


def _round(bench: Bench, blocks: int, artifacts: int) -> dict[str, Any]:
    return {
        "idle": bench.idle(blocks),
        "chain": bench.chain(blocks),
        "tenth": bench.many(artifacts // 10),
        "many": bench.many(artifacts),
    }


def _yardstick() -> float:
    before, total = time.perf_counter(), 0
    for number in range(300_000):
        total += number
    return time.perf_counter() - before


def _lasted(run: dict[str, Any]) -> float:
    return float((run["end_time"] - run["start_time"]).total_seconds())


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return " / ".join(f"{v:g}" for v in (min(value), statistics.median(value), max(value)))
    if isinstance(value, dict):
        return ", ".join(f"{name} {v}" for name, v in value.items())
    return str(value)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--runs", type=int, default=5, help="rounds, besides the first")
    parser.add_argument("--blocks", type=int, default=100, help="blocks of a run")
    parser.add_argument("--artifacts", type=int, default=10_000, help="of the large container")
    given = parser.parse_args()
    found = asdict(measure(given.runs, given.blocks, given.artifacts))
    if given.json:
        print(json.dumps(found, indent=1))
        return
    table = Table("what", "least / median / greatest", title="what the runtime costs a playbook")
    for name, value in found.items():
        table.add_row(name.replace("_", " "), _shown(value))
    Console().print(table)


if __name__ == "__main__":
    main()
