"""
A worker that stays up but takes no messages leaves; one that is idle or busy does not.

In: real workers whose consumer a test breaks (``deaf/sitecustomize.py``). Out: their exit codes.
Never: a hook for it in the product.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from soar.bootstrap import House
from soar.bus.app import ENGINE_QUEUE, START_RUN
from soar.bus.departure import EXIT
from soar.bus.stall import Progress, Seen
from soar.domain.model import NewContainer
from soar.engine.queueing import queue_run
from soar.settings import child_environment
from tests.conftest import eventually

STALL = 2
DEAF = Path(__file__).parent / "deaf"
BUSY = """
import time
import phantom.rules as phantom

def on_start(container):
    time.sleep(7)
    phantom.comment(container, "done")
"""


def look(received: int = 5, *, waiting: int = 3, free: bool = True, ended: int = 0) -> Seen:
    """What one look found."""
    return Seen(received=received, ended=ended, waiting=waiting, free=free)


@pytest.mark.parametrize(
    ("looks", "stalled"),
    [
        ([look()] * 4, True),
        ([look()] * 3, False),
        ([look(waiting=0)] * 50, False),
        ([look(free=False, ended=n) for n in range(50)], False),
        ([look(free=False)] * 11, True),
        ([look(free=False)] * 10, False),
        ([look(n) for n in range(50)], False),
        ([look(), look(), None, look(), look(), look()], False),
        ([look(), look(), look(free=False), look(), look(), look()], False),
        ([None] * 50, False),
    ],
    ids=[
        "messages wait, slots are free",
        "not for long enough",
        "idle",
        "busy with tasks that end",
        "busy with tasks that never end",
        "busy with long tasks",
        "busy with short tasks",
        "the broker was away",
        "it was busy in between",
        "no broker",
    ],
)
def test_only_a_stall_is_a_stall(looks: list[Seen | None], stalled: bool) -> None:
    """
    Messages wait, none is taken, and there is room (3 looks after the first) or nothing ends (10).
    """
    progress = Progress(idle_looks=3, full_looks=10)

    assert [progress.stalled(seen) for seen in looks][-1] is stalled


class Worker:
    """One real worker process, and the file that makes it deaf."""

    def __init__(self, house: House, role: str, folder: Path) -> None:
        self.flag, self.log = folder / "deaf", folder / "log"
        found = house.settings
        path = os.pathsep.join([str(DEAF), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = child_environment(
            database_url=found.database_url.get_secret_value(),
            redis_url=found.redis_url.get_secret_value(),
            vault_key_file=str(found.vault_key_file),
            verify_key_file=str(found.verify_key_file),
            stall_seconds=str(STALL),
            engine_processes="1",
            action_threads="2",
            task_events="false",
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers", role],
                env={**environment, "PYTHONPATH": path, "DEAF_WHEN": str(self.flag)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(lambda: "ready." in self.told())

    def told(self) -> str:
        """Return what it has logged."""
        return self.log.read_text()

    def children(self) -> list[psutil.Process]:
        """Return its pool processes."""
        return psutil.Process(self.process.pid).children()

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            family = [*self.children(), psutil.Process(self.process.pid)]
            for member in family:
                member.kill()
        self.process.wait()


@pytest.fixture
def worker(house: House, tmp_path: Path) -> Iterator[Callable[[str], Worker]]:
    """Starts a worker of a role."""
    started: list[Worker] = []

    def start(role: str) -> Worker:
        started.append(Worker(house, role, tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.close()


def send(house: House, queue: str, count: int = 3) -> None:
    """Send messages; there are no such runs."""
    for number in range(count):
        house.app.send_task(START_RUN, args=[10_000 + number], queue=queue, ignore_result=True)


@pytest.mark.parametrize(("role", "queue"), [("engine", ENGINE_QUEUE), ("actions", "asset")])
def test_a_worker_that_takes_no_messages_leaves(
    house: House, worker: Callable[[str], Worker], role: str, queue: str
) -> None:
    """
    Its loop runs and its pid is there: idle, nobody minds; as soon as messages wait, it ends with
    a code that its supervisor takes for a failure, and the messages wait for the next one.
    """
    deaf = worker(role)
    deaf.flag.write_text("deaf")
    time.sleep(3 * STALL)
    assert deaf.process.poll() is None
    send(house, queue)
    began = time.monotonic()

    assert deaf.process.wait(60) == EXIT

    assert time.monotonic() - began < 15 * STALL
    assert "consumer_stalled" in deaf.told()
    assert "worker_cut_off" not in deaf.told()
    assert house.limiter()._client.llen(queue) >= 1


def test_a_worker_whose_loop_is_stuck_is_cut_off(
    house: House, worker: Callable[[str], Worker]
) -> None:
    """
    It cannot shut down warmly: its process ends all the same, and its children with it.
    """
    stuck = worker("engine")
    children = stuck.children()
    assert children
    stuck.flag.write_text("stuck")
    send(house, ENGINE_QUEUE)

    assert stuck.process.wait(90) == EXIT

    assert "worker_cut_off" in stuck.told()
    eventually(lambda: not any(child.is_running() for child in children))


def test_a_busy_worker_stays(house: House, worker: Callable[[str], Worker]) -> None:
    """
    Its only process works for longer than the watchdog's patience while messages wait.
    """
    busy = worker("engine")
    with house.database.begin() as work:
        container, _ = work.containers.add(
            NewContainer(asset="t", source_id="1", name="m", label="events", severity="low")
        )
        work.playbooks.save(name="busy", title="Busy", version="1", source=BUSY)
        playbook = work.playbooks.newest("busy")
        queue_run(work, container_id=container, playbook=playbook, started_by="a test")
    time.sleep(1)
    send(house, ENGINE_QUEUE)

    def notes() -> list[dict[str, Any]]:
        with house.database.begin() as work:
            return work.reads.notes_of(container)

    assert eventually(notes, within=60)
    eventually(lambda: house.limiter()._client.llen(ENGINE_QUEUE) == 0)

    assert busy.process.poll() is None
    assert "consumer_stalled" not in busy.told()
