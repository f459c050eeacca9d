"""
The product's processes, at places of a test's choice killed, and in a shorter time's world.

In: ``worker.py ROLE``, and the folder in which a test arms a place by a file of its name.
Out: the process of that role; who first comes to an armed place dies there, with its children.
Never: a change to what the product decides: only its waits are shorter.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
from celery import signals
from celery.app.base import Celery

import workers.__main__
from soar import sentinel
from soar.bus import app as bus
from soar.bus import backend, relay
from soar.connector import VendorSession
from soar.engine import stopwatch, sweep
from soar.settings import Settings
from soar.store import election

FOLDER = Path(os.environ.get("TRAPS_FOLDER", ""))
WAITS = {"OUTBOX_SECONDS": 1, "BELL_SECONDS": 2, "UNHEARD_SECONDS": 3, "STUCK_SECONDS": 3}
"""The sweep's waits: a fifth to a half of the product's, and no other difference."""
VISIBILITY_SECONDS = 4
"""For the product's 180 s: whatever lasts longer is delivered again while it is under way."""


LEADER_SECONDS = 3
"""For the 30 s after which a clock that stands still is put out."""
CLIENT_SECONDS = 3
"""For the 10 s that clients of Redis wait for an answer."""
BUG = "198.51.100.81"
"""Whoever asks a vendor about this address meets a bug in the connector."""


def die_if(place: str) -> None:
    """Die here, the whole process group, if a test has armed this place and nobody was here."""
    try:
        (FOLDER / place).unlink()
    except FileNotFoundError:
        return
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _shorten() -> None:
    for name, seconds in WAITS.items():
        setattr(sweep, name, seconds)
    election.SILENT_SECONDS = LEADER_SECONDS
    stopwatch.MOST_TOLD = 1
    transport: Callable[[Settings], dict[str, Any]] = bus._transport
    bus._transport = lambda settings: {
        **transport(settings),
        "visibility_timeout": VISIBILITY_SECONDS,
        "unacked_restore_interval": 1,
        "socket_timeout": CLIENT_SECONDS,
    }
    patient = sentinel.connect
    sentinel.connect = lambda url, **_: patient(url, seconds=CLIENT_SECONDS)


def _die_around_the_body() -> None:
    """Two places: the last member is counted, the body is not sent; it is, nothing else is."""
    resume = backend.resume_signature

    class Body:
        def __init__(self, app: Celery, run_id: int, join_id: int) -> None:
            self.signature = resume(app, run_id, join_id)

        def apply_async(self) -> None:
            die_if("counted")
            self.signature.apply_async()
            die_if("body-sent")

    backend.resume_signature = Body  # type: ignore[assignment]


def _die_within_a_header() -> None:
    """A place between two members of one chord: the third is sent, the fourth never."""
    count = 0

    @signals.after_task_publish.connect(weak=False)
    def published(sender: str, **_: Any) -> None:
        nonlocal count
        if not sender.startswith("soar.tasks.") or not (FOLDER / "half-header").exists():
            return
        count += 1
        if count == 3:
            die_if("half-header")


def _die_after_a_commit() -> None:
    """A place between a commit and the sending of what it left in the outbox."""
    send = relay.Relay.__call__

    def call(self: relay.Relay, messages: Any) -> None:
        die_if(f"committed-{sys.argv[1]}")
        send(self, messages)

    relay.Relay.__call__ = call  # type: ignore[method-assign]


def _have_a_bug() -> None:
    call = VendorSession.call

    def with_bug(self: VendorSession, method: str, url: str, **kwargs: Any) -> requests.Response:
        if BUG in url:
            raise ZeroDivisionError
        return call(self, method, url, **kwargs)

    VendorSession.call = with_bug  # type: ignore[method-assign, assignment]


def _other_pool(environment: Mapping[str, str]) -> None:
    """Let action workers run on the pool that a test names, instead of threads."""
    pool = environment.get("TRAPS_POOL")
    main = Celery.worker_main

    def worker_main(self: Celery, argv: list[str]) -> None:
        named = [f"--pool={pool}" if pool and a.startswith("--pool=") else a for a in argv]
        for task in environment.get("TRAPS_UNKNOWN", "").split():
            del self.tasks[task]
        main(self, named)

    Celery.worker_main = worker_main  # type: ignore[method-assign]


if __name__ == "__main__":
    _shorten()
    _die_around_the_body()
    _die_within_a_header()
    _die_after_a_commit()
    _have_a_bug()
    _other_pool(os.environ)
    workers.__main__.main(sys.argv[1])
