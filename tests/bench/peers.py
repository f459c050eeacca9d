"""
Peers of which a figure can be had on this machine: celery-director and Prefect, where installed
(celery-director as the command ``director`` on the PATH: it has an environment of its own).

In: nothing. Out: one line for each. Never: an installation, or a figure that was not measured here.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from teams import site

HERE = Path(__file__).parent
RUNS = 12
BURST = 40
SIZE = 10


def compare() -> Iterator[str]:
    """Say of each peer how many fan-outs of ten no-ops it runs per second, or that it is absent."""
    yield _director() if shutil.which("director") else _absent("celery-director")
    yield _prefect() if importlib.util.find_spec("prefect") else _absent("Prefect")


def _absent(title: str) -> str:
    return f"{title} is not installed: not compared"


def _director() -> str:
    """Run workflows on celery-director: its own interpreter, servers as the product's."""
    python = Path(shutil.which("director") or "").resolve().parent / "python"
    with site() as made, tempfile.TemporaryDirectory(prefix="soar-bench-") as home:
        database = made.new_database("director")
        env = {
            "PATH": os.environ["PATH"],
            "DIRECTOR_HOME": home,
            "DIRECTOR_DATABASE_URI": database.replace("postgresql+psycopg2", "postgresql"),
            "DIRECTOR_BROKER_URI": made.redis_url(9),
            "DIRECTOR_RESULT_BACKEND_URI": made.redis_url(10),
        }
        command = [str(python), str(HERE / "director_arm.py"), str(BURST)]
        shown = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if shown.returncode:
        return f"celery-director could not be measured: {shown.stderr.strip().splitlines()[-1]}"
    rate = shown.stdout.split()[-1]
    return f"celery-director: {rate} workflows/s of {SIZE} tasks and a last one, {BURST} at once"


def _prefect() -> str:
    """Run flows of ten tasks, one after the other, on Prefect's own temporary server."""
    from prefect import flow, task

    @task
    def no_op(number: int) -> int:
        return number

    @flow
    def fan_out() -> int:
        return sum(future.result() for future in no_op.map(list(range(SIZE))))

    fan_out()
    times = []
    for _ in range(RUNS):
        began = time.monotonic()
        fan_out()
        times.append(time.monotonic() - began)
    return f"Prefect: {1 / statistics.median(times):.2f} flows/s of {SIZE} tasks, one by one"
