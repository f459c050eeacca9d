"""
The two sides of the throughput bench: bare Celery chords, and the product's playbook runs.

In: a shape (how many calls, of what kind). Out: runs started one by one, and when they ended.
Never: an end that is not the whole of it. A bare chord has ended when its callback ran; a run of
the product when its last transaction was committed, with every call and its result in PostgreSQL.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import psutil

from soar.bootstrap import House
from soar.domain.model import NewArtifact, NewContainer
from soar.engine.queueing import queue_run

LOOK, LOOK_IDLE = 0.02, 0.004
"""Seconds between two looks whether the runs of a burst, or a single one, have ended."""
PATIENCE = 120.0
ARTIFACTS = 3

PLAYBOOK = """
import time
import phantom.rules as phantom

def on_start(container):
    phantom.act("{action}", parameters=[{{"number": n}} for n in range({size})],
                assets=["bench"], callback=verdict, name="bench")

def verdict(action, success, container, results, handle):
    {body}
"""
MOMENT = 'phantom.save_run_data(key="at", value=repr(time.time()))'


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What one run is made of."""

    name: str
    size: int = 10
    action: str = "no op"
    timed: bool = False
    """Whether the callback notes when it began."""


NO_OP = Shape(name="no_op")
IDLE = Shape(name="idle", size=5, timed=True)
LOOKUP = Shape(name="lookup", action="slow lookup")


class Arm(Protocol):
    """One side."""

    name: str

    def prepare(self, shape: Shape, count: int) -> None:
        """Make ready what is not measured."""

    def start(self) -> None:
        """Start one run."""

    def done(self) -> int:
        """Return how many runs have ended since they were prepared."""

    def moments(self) -> list[float]:
        """Return when the callbacks began, in their order."""

    def check(self) -> None:
        """Stop the bench if something was not done as it should."""

    def cpu(self) -> float:
        """Return the CPU seconds of the workers so far."""


def wait_for(arm: Arm, count: int, *, look: float = LOOK) -> None:
    """Wait until so many runs have ended."""
    deadline = time.monotonic() + PATIENCE
    while arm.done() < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"error: {arm.name}: {arm.done()} of {count} runs ended in time")
        time.sleep(look)


def cpu_of(pids: Sequence[int]) -> float:
    """Return the CPU seconds of processes and their children so far."""
    total = 0.0
    for pid in pids:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
    return total


@dataclass
class Bare:
    """Chords on Celery's Redis result backend, published by this process."""

    send: Callable[[int, str], None]
    client: Any
    key: str
    pids: Sequence[int]
    url: str
    name: str = "bare Celery"
    shape: Shape = NO_OP

    def prepare(self, shape: Shape, count: int) -> None:
        """Forget the last runs."""
        self.shape = shape
        self.client.delete(self.key)

    def start(self) -> None:
        """Publish one chord."""
        self.send(self.shape.size, self.url if self.shape.action == "slow lookup" else "")

    def done(self) -> int:
        """Return how many callbacks have run."""
        return int(self.client.llen(self.key))

    def moments(self) -> list[float]:
        """Return when they began."""
        return [float(m) for m in self.client.lrange(self.key, 0, -1)]

    def check(self) -> None:
        """Nothing of a bare chord is left to look at."""

    def cpu(self) -> float:
        """Return the CPU seconds of both workers."""
        return cpu_of(self.pids)


@dataclass
class Product:
    """Playbook runs, queued by this process as an accepted alert queues them."""

    house: House
    pids: Sequence[int]
    name: str = "product"
    playbooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    containers: list[int] = field(default_factory=list)
    playbook: dict[str, Any] = field(default_factory=dict)
    runs: list[int] = field(default_factory=list)
    shape: Shape = NO_OP

    def prepare(self, shape: Shape, count: int) -> None:
        """Accept the alerts: a container with its artifacts for each run."""
        self.shape, self.runs = shape, []
        with self.house.database.begin() as work:
            self.playbook = {"id": self._playbook(work, shape)}
            self.containers = [work.containers.add(_alert())[0] for _ in range(count)]

    def _playbook(self, work: Any, shape: Shape) -> int:
        source = PLAYBOOK.format(
            action=shape.action, size=shape.size, body=MOMENT if shape.timed else "pass"
        )
        saved = work.playbooks.save(name=shape.name, title=shape.name, version="1", source=source)
        return int(saved[0])

    def start(self) -> None:
        """Queue one run; its first message leaves through the outbox, after the commit."""
        with self.house.database.begin() as work:
            self.runs.append(
                queue_run(
                    work,
                    container_id=self.containers[len(self.runs)],
                    playbook=self.playbook,
                    started_by="bench",
                )
            )

    def done(self) -> int:
        """Return how many runs are at their end."""
        still = self._rows("status in ('queued', 'running')")
        return len(self.runs) - int(still[0][0])

    def _rows(self, condition: str) -> list[tuple[Any, ...]]:
        return self.house.database.run(
            f"select count(*) from playbook_run where id >= %(first)s and {condition}",
            {"first": self.runs[0] if self.runs else 0},
        )

    def moments(self) -> list[float]:
        """Return when the callbacks of these runs began, as they noted it."""
        rows = self.house.database.run(
            "select run_data->>'at' from playbook_run where id = any(%(ids)s) order by id",
            {"ids": self.runs},
        )
        return [float(row[0]) for row in rows]

    def check(self) -> None:
        """Every run must have succeeded, with every call's result and its delivered join."""
        found = self.house.database.run(
            """
            select (select count(*) from playbook_run where id = any(%(ids)s)
                    and status = 'success' and error = ''),
                   (select count(*) from app_run where run_id = any(%(ids)s)
                    and status = 'success' and summary <> '{}' and end_time is not null),
                   (select count(*) from action_run where run_id = any(%(ids)s)
                    and status = 'success' and remaining = 0 and delivered_at is not null)
            """,
            {"ids": self.runs},
        )[0]
        count = len(self.runs)
        if found != (count, count * self.shape.size, count):
            raise SystemExit(f"error: of {count} runs (runs, calls, joins) were kept: {found}")

    def cpu(self) -> float:
        """Return the CPU seconds of both workers."""
        return cpu_of(self.pids)


def _alert() -> NewContainer:
    source = os.urandom(8).hex()
    artifacts = tuple(
        NewArtifact(
            name="artifact",
            label="event",
            severity="medium",
            cef={"sourceAddress": f"198.51.100.{n}"},
        )
        for n in range(ARTIFACTS)
    )
    return NewContainer(
        asset="bench", source_id=source, name="bench", label="events", severity="medium",
        artifacts=artifacts,
    )  # fmt: skip
