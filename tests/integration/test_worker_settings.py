"""
The settings of workers are those of ADR 11, and what it says of connections holds.

In: the decision's own table, an app, prefork children. Out: nothing.
Never: a value that stands in the decision only.
"""

from __future__ import annotations

import os
import re
import threading
from multiprocessing import Barrier
from pathlib import Path
from typing import Any

from billiard.pool import Pool

from soar.bootstrap import House
from soar.store.database import Database

ADR = Path(__file__).parents[2] / "docs" / "adr" / "0011-worker-settings.md"
ROW = re.compile(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| ([^|]+) \|", re.MULTILINE)
CHILDREN, QUERIES = 4, 200
inherited: list[Database] = []
met: set[int] = set()
together = Barrier(CHILDREN)


def test_the_effective_settings_are_those_of_the_decision(house: House) -> None:
    """
    Every name of the table's first column has the value of its second, in the app as it runs.
    """
    conf: Any = house.app.conf
    found = {**conf, **conf.broker_transport_options}
    told: dict[str, str] = {}
    for names, values in ROW.findall(ADR.read_text()):
        told |= dict(zip(re.findall(r"`(.*?)`", names), values.strip().split(", "), strict=True))

    policy = told.pop("task_publish_retry_policy")
    assert policy == f"{conf.task_publish_retry_policy['max_retries']} tries"
    assert {name: str(found[name]) for name in told} == told
    assert len(told) >= 15


def test_limits_are_in_their_order(house: House) -> None:
    """
    A task is ended before half the visibility timeout, softly before hardly.
    """
    conf: Any = house.app.conf
    half = conf.broker_transport_options["visibility_timeout"] / 2

    assert conf.task_soft_time_limit < conf.task_time_limit < half
    assert house.settings.most_call_seconds < half


def test_our_own_clients_of_redis_try_once(house: House) -> None:
    """
    A wait of ten seconds is not repeated ten times.
    """
    kwargs = house.limiter()._client.connection_pool.connection_kwargs

    assert (kwargs["socket_timeout"], kwargs["socket_connect_timeout"]) == (10, 3)
    assert kwargs["retry"]._retries == 0


def _ask(number: int) -> tuple[int, int, list[tuple[int, int]]]:
    """Ask on both kinds of connection, from two threads, inside one prefork child."""
    database, answers = inherited[0], []
    if os.getpid() not in met:
        met.add(os.getpid())
        together.wait(timeout=60)  # no child takes all the questions before the others are there

    def plain() -> None:
        sql = "select %(n)s::int, pg_backend_pid(), pg_sleep(0.002)"
        answers.append(database.run(sql, {"n": number})[0][:2])

    thread = threading.Thread(target=plain)
    thread.start()
    with database.begin() as work:
        row = work.containers._one(
            "select cast(:n as int) as n, pg_backend_pid() as pid, pg_sleep(0.002)", n=number
        )
    thread.join()
    assert row is not None
    return os.getpid(), number, [*answers, (row["n"], row["pid"])]


def test_no_connection_crosses_a_fork(house: House) -> None:
    """
    200 queries of prefork children whose parent had connected before: every answer is its own
    question's, and no backend of PostgreSQL serves two processes (celery#1564).
    """
    database = house.database
    database.run("select 1", {})
    with database.begin() as work:
        parent = work.containers._value("select pg_backend_pid()")
    inherited[:] = [database]
    try:
        with Pool(CHILDREN) as pool:
            found = pool.map(_ask, range(QUERIES), chunksize=5)
    finally:
        inherited.clear()

    assert [n for _, number, answers in found for n, _ in answers if n != number] == []
    served: dict[int, set[int]] = {}
    for child, _, answers in found:
        for _, backend in answers:
            served.setdefault(backend, set()).add(child)
    assert all(len(children) == 1 for children in served.values())
    assert parent not in served
    assert len({child for child, _, _ in found}) == CHILDREN
