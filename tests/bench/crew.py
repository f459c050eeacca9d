"""
The product's workers with a pool of choice, and with the bench's room beside the vendors'.

In: settings of the environment, as every worker. Out: an engine or an action worker.
Never: a part of them replaced; only the pool and its size differ from ``workers``.

    python tests/bench/crew.py engine|actions threads|prefork CONCURRENCY
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import soar.tasks
from soar import bootstrap
from soar.bus.app import ENGINE_QUEUE
from soar.settings import load

ROOMS = Path(__file__).parent / "rooms"
MAKE = {"engine": bootstrap.for_engine, "actions": bootstrap.for_actions}
QUEUES = {"engine": ENGINE_QUEUE, "actions": "asset"}


def open_rooms() -> None:
    """Let the catalog find the bench's room; called before it is loaded."""
    if str(ROOMS) not in soar.tasks.__path__:
        soar.tasks.__path__.append(str(ROOMS))


def main(role: str, pool: str, concurrency: str) -> None:
    """Work until told to stop. Reports are not written: their queue is not consumed."""
    open_rooms()
    settings = load()
    MAKE[role](settings).app.worker_main(
        [
            "worker",
            f"--pool={pool}",
            f"--concurrency={concurrency}",
            f"--queues={QUEUES[role]}",
            f"--hostname={role}-{os.getpid()}@%h",
            "--without-gossip",
            "--without-mingle",
            f"--loglevel={settings.log_level}",
        ]
    )


if __name__ == "__main__":
    main(*sys.argv[1:4])
