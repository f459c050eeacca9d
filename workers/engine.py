"""Runs playbooks, sweeps and writes reports: prefork, no keys."""

from __future__ import annotations

from soar import bootstrap
from soar.bus import departure
from soar.bus.app import ENGINE_QUEUE, REPORT_QUEUE
from soar.settings import Settings


def main(settings: Settings) -> None:
    """Work until told to stop."""
    app = bootstrap.for_engine(settings).app
    app.worker_main(
        [
            "worker",
            "--pool=prefork",
            f"--concurrency={settings.engine_processes}",
            f"--queues={ENGINE_QUEUE},{REPORT_QUEUE}",
            "--hostname=engine@%h",
            "--without-gossip",
            "--without-mingle",
            f"--loglevel={settings.log_level}",
        ]
    )
    raise SystemExit(departure.exit_code())
