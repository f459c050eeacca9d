"""Calls vendors and sends notices: threads, one pooled session per asset; holds the vault key."""

from __future__ import annotations

import os

from soar import bootstrap
from soar.bus import departure
from soar.bus.app import NOTIFY_QUEUE
from soar.settings import Settings


def main(settings: Settings) -> None:
    """Work until told to stop; the queues are those of the assets, and the one of notices."""
    app = bootstrap.for_actions(settings).app
    app.worker_main(
        [
            "worker",
            "--pool=threads",
            f"--concurrency={settings.action_threads}",
            f"--queues=asset,{NOTIFY_QUEUE}",
            f"--hostname=actions-{os.getpid()}@%h",
            "--without-gossip",
            "--without-mingle",
            f"--loglevel={settings.log_level}",
        ]
    )
    raise SystemExit(departure.exit_code())
