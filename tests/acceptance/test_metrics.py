"""
The seed's metrics script, run as it stands but for host and token, against a real server.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
import uvicorn

from soar import access
from soar.api.app import create
from soar.bootstrap import House
from soar.domain.model import NewContainer
from soar.store.work import Work

SEED = Path(__file__).resolve().parents[2].parent / "shared" / "seed"
HOST, TOKEN = "https://soar.company.com", "YOUR_SOAR_TOKEN"
DURATIONS = {"closed by a playbook": (30, True), "closed too": (60, True), "by hand": (90.3, False)}

pytestmark = [
    pytest.mark.seed,
    pytest.mark.skipif(not SEED.is_dir(), reason="the seed folder is absent"),
]


@contextmanager
def serving(house: House) -> Iterator[str]:
    """A real server on a free port."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        server = uvicorn.Server(
            uvicorn.Config(create(house), log_level="error", lifespan="off", ws="none")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


def fill(work: Work) -> str:
    """Add three successful runs, a failed and a waiting one; return a token."""
    container_id, _ = work.containers.add(
        NewContainer(asset="test", source_id="1", name="mail", label="events", severity="low")
    )
    playbook_id, _ = work.playbooks.save(name="triage", title="Triage", version="1", source="pass")

    def add() -> int:
        return work.runs.add(
            container_id=container_id, playbook_id=playbook_id, started_by="test", run_as="bot"
        )

    for _, auto_resolved in DURATIONS.values():
        end(work, add(), auto_resolved=auto_resolved)
    end(work, add(), auto_resolved=False, error="it failed")
    add()
    return access.create_token(work, "metrics", roles=["Observer"])


def end(work: Work, run_id: int, *, auto_resolved: bool, error: str = "") -> None:
    """Start a run and end it, with the help of a person or without."""
    work.runs.started(run_id)
    work.runs.save(run_id, run_data=None, outputs=None, error=error)
    work.runs.ended(run_id)
    work.runs._do(
        "update playbook_run set auto_resolved = :alone where id = :id",
        alone=auto_resolved,
        id=run_id,
    )


def give_durations(house: House) -> None:
    """Move the times of the successful runs, as if they had taken that long."""
    url = house.settings.database_url.get_secret_value().replace("+psycopg2", "")
    began = datetime(2026, 1, 31, 8, tzinfo=UTC)
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        for number, (seconds, _) in enumerate(DURATIONS.values(), start=1):
            cursor.execute(
                "update playbook_run set start_time = %s, end_time = %s where id = %s",
                (began, began + timedelta(seconds=seconds), number),
            )


def run_script(url: str, token: str) -> subprocess.CompletedProcess[str]:
    """Run the seed's script with only host and token replaced."""
    script = (SEED / "metrics.py").read_text(encoding="utf-8")
    assert script.count(HOST) == script.count(TOKEN) == 1
    return subprocess.run(
        [sys.executable, "-c", script.replace(HOST, url).replace(TOKEN, token)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"},
    )


def test_the_seeds_metrics_script_prints_sensible_numbers(house: House) -> None:
    """
    It counts the successful runs only, their mean duration, and those that nobody had to close.
    """
    with house.database.begin() as work:
        token = fill(work)
    give_durations(house)

    with serving(house) as url:
        done = run_script(url, token)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Total runs: 3",
        "Avg duration: 60.1s",
        "Auto-resolved: 2/3 (67%)",
    ]
