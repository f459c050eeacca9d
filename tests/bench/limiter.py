"""
The limiter at the vendor's door: 16 action workers in 3 processes against the lab's arrival log.

In: nothing (it starts its own servers, workers and lab). Out: a table, or JSON with ``--json``.
Never: a part replaced: calls wait in PostgreSQL, the clock pumps them, real Celery workers call.

    python tests/bench/limiter.py [--json] [--only 200] [--seed 1]

``ideal`` is the most calls that the limit and its burst permit between the first arrival and the
end; ``pace`` compares the shortest time that the calls made would have needed with the time they
took; ``worst_excess`` is how many calls the worst sliding window held above the limit.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from soar import inventory
from soar.bootstrap import House
from soar.demo.furnish import Lab, running_lab
from soar.demo.stack import Stack
from soar.domain.budget import Budget, budget_of
from soar.lab.vendors.virustotal import Quota
from soar.settings import Settings

THREADS = (6, 5, 5)
PRIVATE_KEY = "bench-key"


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One limit to hold, for so many seconds."""

    limit: str
    burst: int
    seconds: float

    @property
    def slug(self) -> str:
        """The asset that has this limit."""
        return f"bench_{self.limit.replace('/', '_')}_{self.burst}"

    @property
    def budget(self) -> Budget:
        """The limit as the product reads it."""
        return budget_of({"rate_limit": self.limit, "burst": self.burst})


SCENARIOS = (
    Scenario(limit="4/minute", burst=1, seconds=125.0),
    Scenario(limit="4/minute", burst=20, seconds=125.0),
    Scenario(limit="10/second", burst=1, seconds=20.5),
    Scenario(limit="10/second", burst=20, seconds=20.5),
    Scenario(limit="200/second", burst=1, seconds=15.5),
    Scenario(limit="200/second", burst=20, seconds=15.5),
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


def ideal_times(budget: Budget, count: int) -> list[float]:
    """Return the earliest times of *count* calls under every limit of a budget."""
    times: list[float] = []
    for number in range(count):
        earliest = times[-1] if times else 0.0
        for limit in budget.limits:
            if number >= limit.calls:
                earliest = max(earliest, times[number - limit.calls] + limit.per.total_seconds())
        times.append(earliest)
    return times


def excess(budget: Budget, arrivals: list[float]) -> int:
    """Return how many calls the worst window held above what the vendor allows."""
    worst = 0
    for limit in budget.limits:
        if limit.pace:
            continue
        first = 0
        for last, at in enumerate(arrivals):
            while arrivals[first] <= at - limit.per.total_seconds():
                first += 1
            worst = max(worst, last - first + 1 - limit.calls)
    return worst


def fill(house: House, lab: Lab, scenario: Scenario, chance: random.Random) -> None:
    """Let more calls wait for an asset than it can be called in the time of its scenario."""
    count = len([t for t in ideal_times(scenario.budget, 9000) if t <= scenario.seconds]) + 50
    with house.database.begin() as work:
        inventory.save(
            work,
            {
                "app": "virustotal",
                "asset_name": scenario.slug,
                "configuration": {
                    "api_key": PRIVATE_KEY,
                    "base_url": lab.http.url,
                    "rate_limit": scenario.limit,
                    "burst": scenario.burst,
                    "reuse_results": False,
                },
            },
            catalog=house.catalog,
            vault=house.vault(),
        )
        run = _run(work, scenario)
        hosts = [f"h{n}-{chance.getrandbits(40):x}.example" for n in range(count)]
        work.containers._do(
            """
            insert into app_run (action_run_id, join_id, run_id, container_id, severity_rank, app,
              action, asset, task, parameters, status, parked_for, lane_since, lane_turn)
            select :join, :join, :run, :container, 2, 'virustotal', 'domain reputation', :asset,
              'soar.tasks.virustotal.domain_reputation', jsonb_build_object('domain', host),
              'parked', 'budget', now(), n from unnest(cast(:hosts as text[]))
              with ordinality as x(host, n)
            """,
            **run,
            asset=scenario.slug,
            hosts=hosts,
        )


def _run(work: Any, scenario: Scenario) -> dict[str, int]:
    value = work.containers._value
    playbook = work.playbooks.save(name="bench", title="bench", version="1", source="")
    container = value(
        "insert into container (asset, source_id, name, label, severity)"
        " values ('bench', :slug, 'bench', 'events', 'low') returning id",
        slug=scenario.slug,
    )
    run = value(
        "insert into playbook_run (container_id, playbook_id, status)"
        " values (:c, :p, 'running') returning id",
        c=container,
        p=playbook if isinstance(playbook, int) else 1,
    )
    join = value(
        "insert into action_run (run_id, container_id, kind, action, name, remaining)"
        " values (:r, :c, 'act', 'domain reputation', 'bench', 1000000) returning id",
        r=run,
        c=container,
    )
    return {"join": join, "run": run, "container": container}


def measure(lab: Lab, house: House, scenario: Scenario, hosts: dict[str, str]) -> Row:
    """Wait for a scenario's end and compare its arrivals with the limit."""
    limiter = house.limiter()
    first = _first_arrival(lab, scenario, hosts)
    rest = first + scenario.seconds - time.time()
    time.sleep(max(0.0, rest))
    state = limiter.state(scenario.slug, scenario.budget)
    at = sorted(a["at"] for a in lab.http.lab.log("virustotal") if _of(a, hosts) == scenario.slug)
    within = [t - at[0] for t in at if t <= at[0] + scenario.seconds]
    ideal = len([t for t in ideal_times(scenario.budget, 9000) if t <= scenario.seconds])
    needed = ideal_times(scenario.budget, len(within))[-1]
    return Row(
        limit=scenario.limit,
        burst=scenario.burst,
        granted=len(within),
        ideal=ideal,
        granted_over_ideal=round(len(within) / ideal, 4),
        pace=round(needed / within[-1], 4) if within[-1] else 1.0,
        worst_excess=max(0, excess(scenario.budget, at)),
        calls_per_grant=round(state.asked / max(1, state.grants), 3),
    )


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


def _hosts(house: House) -> dict[str, str]:
    with house.database.begin() as work:
        rows = work.containers._all("select parameters->>'domain' as host, asset from app_run")
    return {row["host"]: row["asset"] for row in rows}


def start_workers(stack: Stack, folder: Path) -> None:
    """Start the clock and three processes of action workers with sixteen threads."""
    from soar.supervisor import Supervisor

    environment = {**stack._common(), "SOAR_TASK_EVENTS": "false", "SOAR_LOG_LEVEL": "WARNING"}
    stack.supervisor = stack._open.enter_context(Supervisor(environment, folder / "logs"))
    for number, threads in enumerate(THREADS):
        stack.supervisor.start(
            f"actions-{number}",
            [sys.executable, "-m", "workers", "actions"],
            also={**stack._own("actions"), "SOAR_ACTION_THREADS": str(threads)},
        )
    deadline = time.monotonic() + 60
    while len(stack.house.app.control.ping(timeout=0.5) or []) < len(THREADS):
        if time.monotonic() > deadline:
            raise SystemExit("error: the workers did not start within a minute")


def run(scenarios: tuple[Scenario, ...], seed: int) -> list[Row]:
    """Measure the scenarios: slow limits side by side, then the fast ones one by one."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="soar-bench-") as name:
        folder = Path(name)
        settings = Settings(data_dir=folder)
        quiet = lambda _: None  # noqa: E731
        with Stack(settings, quiet, throwaway=True) as stack, running_lab(folder / "lab") as lab:
            _open_door(lab)
            slow = [s for s in scenarios if "minute" in s.limit]
            fast = [s for s in scenarios if s not in slow]
            for scenario in [*slow, *fast[:1]]:
                fill(stack.house, lab, scenario, chance)
            start_workers(stack, folder)
            stack.supervisor.start(
                "beat", [sys.executable, "-m", "workers", "beat"], also=stack._own("beat")
            )
            rows = []
            for scenario, after in pairwise([*fast, None]):
                assert scenario is not None
                rows.append(measure(lab, stack.house, scenario, _hosts(stack.house)))
                _finish(stack.house, scenario)
                if after is not None:
                    fill(stack.house, lab, after, chance)
            rows += [measure(lab, stack.house, s, _hosts(stack.house)) for s in slow]
    return sorted(rows, key=lambda r: [s.limit + str(s.burst) for s in SCENARIOS].index(
        r.limit + str(r.burst)))  # fmt: skip


def _open_door(lab: Lab) -> None:
    """Give the bench a key that the simulated vendor does not limit: the product must."""
    simulator: Any = next(s for s in lab.http.lab.simulators if s.vendor == "virustotal")
    simulator.quotas[PRIVATE_KEY] = Quota(per_minute=1_000_000)


def _finish(house: House, scenario: Scenario) -> None:
    with house.database.begin() as work:
        work.containers._do("delete from app_run where asset = :a and status <> 'running'",
                            a=scenario.slug)  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print a JSON list of rows")
    parser.add_argument("--only", default="", help="only limits that begin so, as in 200")
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
