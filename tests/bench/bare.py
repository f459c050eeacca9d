"""
What the product is measured against: chords on Celery as it comes, with Redis as result backend.

In: the broker's URL, a worker's from its environment. Out: tasks shaped like the product's.
Never: a setting that slows Celery down; all of them are its own defaults.

    python tests/bench/bare.py calls|verdicts threads|prefork CONCURRENCY
"""

from __future__ import annotations

import os
import sys
import time
from functools import cache
from typing import Any

import redis
import requests
from celery import Celery, chord

DONE = "bare:done"
"""The moments at which the callbacks began, as they end."""


@cache
def session() -> requests.Session:
    """One pooled session per process, as large as the product's."""
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=32))
    return made


def create(url: str) -> Celery:
    """Make the app of one process on one broker, which keeps the results as well."""
    app = Celery("bare", broker=url, backend=url, set_as_current=False)
    app.conf.task_routes = {"bare.verdict": "verdicts", "bare.*": "calls"}
    client: Any = redis.Redis.from_url(url)

    @app.task(name="bare.call", shared=False)
    def call(number: int) -> dict[str, int]:
        return {"number": number}

    @app.task(name="bare.lookup", shared=False)
    def lookup(url: str, number: int) -> dict[str, int]:
        return {"length": len(session().get(f"{url}/{number}", timeout=(5, 30)).content)}

    @app.task(name="bare.verdict", ignore_result=True, shared=False)
    def verdict(results: list[dict[str, int]]) -> None:
        client.rpush(DONE, time.time())

    return app


def send(app: Celery, size: int, url: str = "") -> None:
    """Send one chord: no-ops, or lookups at a stub."""
    call, lookup = app.tasks["bare.call"], app.tasks["bare.lookup"]
    header = [lookup.s(url, n) if url else call.s(n) for n in range(size)]
    chord(header, app=app)(app.tasks["bare.verdict"].s())


def main(queue: str, pool: str, concurrency: str) -> None:
    """Work until told to stop."""
    create(os.environ["SOAR_BARE_URL"]).worker_main(
        [
            "worker",
            f"--pool={pool}",
            f"--concurrency={concurrency}",
            f"--queues={queue}",
            f"--hostname={queue}-{os.getpid()}@%h",
            "--without-gossip",
            "--without-mingle",
            "--loglevel=WARNING",
        ]
    )


if __name__ == "__main__":
    main(*sys.argv[1:4])
