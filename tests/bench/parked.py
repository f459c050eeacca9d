"""
What calls cost that wait for a person or for a time, and how soon they are woken.

In: nothing (it starts its own servers, workers and lab). Out: a table, or JSON with ``--json``.
Never: a part of the product replaced; what waits are rows as the product writes them.

    python tests/bench/parked.py [--json] [--parked 100000] [--wakings 200] [--at-once 10000]

Half of the calls wait for an approval, each for a question of its own; half for their time. Bytes
are those of table and indexes: of a call that waits, and of the question that one may wait for
(a question can hold many calls). Memory is what the workers have grown by
(resident, with the noise of the same span without parked calls beside it). Waking is from the
answer's transaction, or the due time, until a worker has claimed the call.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import psutil
from ground import TASK, Ground, ground
from rich.console import Console
from rich.table import Table

from soar import approvals
from soar.domain.model import Person

MEMBERS = 500
ADA = Person(username="ada", roles=("soc_tier2",))
SETTLE = 5.0
GAP = 0.05

QUESTIONS = """
    insert into approval (public_id, run_id, action_run_id, container_id, kind, name, assignee,
      message, options, payload, payload_digest, due_at)
    select substr(md5(random()::text), 1, 16), :run, :join, :container, 'action',
      'domain reputation', 'soc_tier2', 'domain reputation on unlimited: 1 call',
      '["Approve", "Deny"]', jsonb_build_object('approval', substr(md5(n::text), 1, 16),
        'run', :run, 'container', :container, 'assignee', 'soc_tier2',
        'message', 'domain reputation on unlimited: 1 call',
        'options', '["Approve", "Deny"]'::jsonb, 'due', now() + interval '30 days',
        'effects', jsonb_build_object('Approve',
          jsonb_build_array(jsonb_build_object('action', 'domain reputation', 'app', 'virustotal',
            'asset', 'unlimited', 'app_version', '1.0.0', 'parameters', jsonb_build_object(
              'domain', md5(n::text) || '.example'))), 'Deny', '[]'::jsonb)),
      md5(n::text) || md5(random()::text), now() + interval '30 days'
    from generate_series(1, :n) n returning id
"""
CALLS = """
    insert into app_run (action_run_id, join_id, run_id, container_id, severity_rank, app,
      app_version, action, asset, task, parameters, status, parked_for, due_at, approval_id,
      rung_at)
    select :join, :join, :run, :container, 2, 'virustotal', '1.0.0', 'domain reputation',
      'unlimited', :task, jsonb_build_object('domain', md5(random()::text) || '.example'),
      'parked', :why, case when :why = 'schedule' then now() + interval '30 days' end, question,
      now()
    from unnest(cast(:questions as bigint[])) question
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was measured."""

    parked: int
    bytes_held_call: int
    bytes_question: int
    bytes_scheduled_call: int
    worker_mb_growth: float
    worker_mb_noise: float
    answer_p50_ms: float
    answer_p99_ms: float
    due_p50_ms: float
    due_p99_ms: float
    at_once: int
    at_once_seconds: float
    rates_per_second: list[float]
    """Of each tenth of those woken at once."""
    slowest_to_fastest: float


def park(pool: Ground, why: str, count: int) -> None:
    """Let calls wait, with the questions they wait for."""
    for _ in range(0, count, MEMBERS):
        ids = pool.run(why)
        with pool.house.database.begin() as work:
            ask = work.containers._all
            questions: list[int | None] = [None] * MEMBERS
            if why == "approval":
                questions = [row["id"] for row in ask(QUESTIONS, **ids, n=MEMBERS)]
            work.containers._do(CALLS, **ids, task=TASK, why=why, questions=questions)


def size(pool: Ground, table: str) -> int:
    """Return the bytes of a table with its indexes."""
    return int(pool.rows("select pg_total_relation_size(:table) as n", table=table)[0]["n"])


def memory(pids: list[int]) -> float:
    """Return the megabytes of the workers and their children."""
    family = [psutil.Process(pid) for pid in pids]
    family += [child for process in list(family) for child in process.children(recursive=True)]
    return float(sum(process.memory_info().rss for process in family)) / 2**20


def answers(pool: Ground, count: int) -> list[float]:
    """Answer questions one by one and return the seconds until each call was claimed."""
    rows = pool.rows(
        "select id, payload_digest from approval where status = 'open' order by random() limit :n",
        n=count,
    )
    asked: dict[int, Any] = {}
    for row in rows:
        asked[row["id"]] = pool.rows("select clock_timestamp() as t")[0]["t"]
        with pool.house.database.begin() as work:
            shown, signer = row["payload_digest"], pool.house.signer()
            approvals.answer(
                work,
                row["id"],
                by=ADA,
                choice="Approve",
                signer=signer,
                channel="bench",
                shown=shown,
            )
        time.sleep(GAP)
    claimed = claimed_at(pool, "approval_id", list(asked))
    return [(claimed[key] - at).total_seconds() for key, at in asked.items()]


def dues(pool: Ground, count: int) -> list[float]:
    """Let calls become due one by one and return the seconds until each was claimed."""
    due = {
        row["id"]: row["due_at"]
        for row in pool.rows(
            "with chosen as (select id, row_number() over () as n from (select id from app_run"
            " where status = 'parked' and parked_for = 'schedule' order by random() limit :n) x)"
            " update app_run r set due_at = now() + interval '1 s' + n * interval '73 ms'"
            " from chosen c where r.id = c.id returning r.id, r.due_at",
            n=count,
        )
    }
    claimed = claimed_at(pool, "id", list(due))
    return [(claimed[key] - at).total_seconds() for key, at in due.items()]


def claimed_at(pool: Ground, column: str, keys: list[int]) -> dict[int, Any]:
    """Wait until all these calls were claimed and return when."""
    while True:
        rows = pool.rows(
            f"select {column} as key, claimed_at from app_run where {column} = any(:keys)"
            " and claimed_at is not null and end_time is not null",
            keys=keys,
        )
        if len(rows) == len(keys):
            return {row["key"]: row["claimed_at"] for row in rows}
        time.sleep(0.2)


def all_at_once(pool: Ground, count: int) -> tuple[float, list[float]]:
    """Let many calls become due at one moment; return the seconds, and the rate of each tenth."""
    rows = pool.rows(
        "update app_run set due_at = now() where id = any(array(select id from app_run where"
        " status = 'parked' and parked_for = 'schedule' limit :n)) returning id, due_at",
        n=count,
    )
    began = rows[0]["due_at"]
    times = sorted(claimed_at(pool, "id", [row["id"] for row in rows]).values())
    seconds = [(at - began).total_seconds() for at in times]
    tenth = len(seconds) // 10
    edges = [seconds[0], *(seconds[(n + 1) * tenth - 1] for n in range(10))]
    return seconds[-1], [tenth / max(b - a, 1e-6) for a, b in itertools.pairwise(edges)]


def measure(parked: int, wakings: int, at_once: int) -> Found:
    """Park, look, wake."""
    with ground() as pool:
        pool.asset("unlimited", rate_limit=False)
        pids = [pool.start(role, role) for role in ("engine", "actions")]
        pool.start("beat", "beat")
        pool.await_workers(2)
        park(pool, "approval", MEMBERS)
        park(pool, "schedule", MEMBERS)
        answers(pool, 20), dues(pool, 20)  # warm-up, thrown away
        before = memory(pids)
        time.sleep(SETTLE)
        noise = memory(pids) - before
        before, sizes = memory(pids), [(size(pool, "app_run"), size(pool, "approval"))]
        for why in ("approval", "schedule"):
            park(pool, why, parked // 2)
            sizes.append((size(pool, "app_run"), size(pool, "approval")))
        time.sleep(SETTLE)
        growth = memory(pids) - before
        by_answer, by_time = answers(pool, wakings), dues(pool, wakings)
        took, rates = all_at_once(pool, at_once)
    return Found(
        parked=parked,
        bytes_held_call=(sizes[1][0] - sizes[0][0]) // (parked // 2),
        bytes_question=(sizes[1][1] - sizes[0][1]) // (parked // 2),
        bytes_scheduled_call=(sizes[2][0] - sizes[1][0]) // (parked // 2),
        worker_mb_growth=round(growth, 1),
        worker_mb_noise=round(noise, 1),
        answer_p50_ms=_percentile(by_answer, 50),
        answer_p99_ms=_percentile(by_answer, 99),
        due_p50_ms=_percentile(by_time, 50),
        due_p99_ms=_percentile(by_time, 99),
        at_once=at_once,
        at_once_seconds=round(took, 1),
        rates_per_second=[round(rate, 1) for rate in rates],
        slowest_to_fastest=round(min(rates) / max(rates), 2),
    )


def _percentile(seconds: list[float], of: int) -> float:
    return round(statistics.quantiles(seconds, n=100, method="inclusive")[of - 1] * 1000, 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--parked", type=int, default=100_000, help="calls that wait")
    parser.add_argument("--wakings", type=int, default=200, help="calls woken one by one, twice")
    parser.add_argument("--at-once", type=int, default=10_000, help="calls woken at one moment")
    given = parser.parse_args()
    found = asdict(measure(given.parked, given.wakings, given.at_once))
    if given.json:
        print(json.dumps(found, indent=1))
        return
    table = Table("what", "measured", title="calls that wait for a person or a time")
    for name, value in found.items():
        table.add_row(name.replace("_", " "), str(value))
    Console().print(table)


if __name__ == "__main__":
    main()
