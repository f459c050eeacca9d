"""
Peers of which a figure can be had on this machine: celery-director and Prefect, where installed
(as the commands ``director`` and ``prefect`` on the PATH: each has an environment of its own).

In: nothing. Out: one line for each. Never: an installation, or a figure that was not measured here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import requests
from teams import site

from soar.embedded.ground import free_port

HERE = Path(__file__).parent
BURST = 40
FLOWS = 20
SIZE = 10
PATIENCE = 240
"""Seconds for all bursts of one peer."""
START_SECONDS = 120


def compare() -> Iterator[str]:
    """Say of each peer how many fan-outs of ten no-ops it runs per second, or that it is absent."""
    yield _director() if shutil.which("director") else _absent("celery-director")
    yield _prefect() if shutil.which("prefect") else _absent("Prefect")


def _absent(title: str) -> str:
    return f"{title} is not installed: not compared"


def _director() -> str:
    """Run workflows on celery-director: its own interpreter, servers as the product's."""
    with site() as made, tempfile.TemporaryDirectory(prefix="soar-bench-") as home:
        database = made.new_database("director")
        env = {
            "PATH": os.environ["PATH"],
            "DIRECTOR_HOME": home,
            "DIRECTOR_DATABASE_URI": database.replace("postgresql+psycopg2", "postgresql"),
            "DIRECTOR_BROKER_URI": made.redis_url(9),
            "DIRECTOR_RESULT_BACKEND_URI": made.redis_url(10),
        }
        command = [_python_of("director"), str(HERE / "director_arm.py"), str(BURST)]
        shown = _measured(command, env)
    how = f"of {SIZE} tasks and a last one, {BURST} at once"
    return _told("celery-director", "workflows", shown, how)


def _prefect() -> str:
    """Run flows on a server of Prefect's own, with its tables in PostgreSQL."""
    with site() as made, tempfile.TemporaryDirectory(prefix="soar-bench-") as home:
        database = made.new_database("prefect").replace("postgresql+psycopg2", "postgresql+asyncpg")
        url = f"http://127.0.0.1:{free_port(0)}/api"
        env = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "PREFECT_HOME": home,
            "PREFECT_API_DATABASE_CONNECTION_URL": database,
            "PREFECT_API_URL": url,
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        with _prefect_server(url, env):
            command = [_python_of("prefect"), str(HERE / "prefect_arm.py"), str(FLOWS)]
            shown = _measured(command, env)
    return _told("Prefect", "flows", shown, f"of {SIZE} tasks, {FLOWS} in a burst")


@contextmanager
def _prefect_server(url: str, env: dict[str, str]) -> Iterator[None]:
    """Run a server until it is no longer needed: flows that start one each would race for it."""
    address = urlsplit(url)
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(address.port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=env, stdout=quiet, stderr=quiet) as server:
        try:
            _await(f"{url}/health")
            yield
        finally:
            server.terminate()


def _await(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if requests.get(url, timeout=2).ok:
                return
        time.sleep(0.2)


def _measured(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run an arm to its end, or say that it did not come to it."""
    try:
        return subprocess.run(
            command, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        why = f"it did not end within {PATIENCE} s"
        return subprocess.CompletedProcess(command, 1, stdout="", stderr=why)


def _python_of(command: str) -> str:
    """Return the interpreter of the environment that a command belongs to."""
    return str(Path(shutil.which(command) or "").resolve().parent / "python")


def _told(title: str, what: str, shown: subprocess.CompletedProcess[str], how: str) -> str:
    if shown.returncode:
        last = (shown.stderr.strip() or "it said nothing").splitlines()[-1]
        return f"{title} could not be measured: {last}"
    return f"{title}: {shown.stdout.split()[-1]} {what}/s {how}"
