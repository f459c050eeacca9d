"""Says when the sweep is due; what is due is decided from rows, so any number may run."""

from __future__ import annotations

from soar import bootstrap
from soar.settings import Settings


def main(settings: Settings) -> None:
    """Tick until told to stop."""
    app = bootstrap.for_clock(settings)
    app.start(["beat", "--scheduler=celery.beat:Scheduler", f"--loglevel={settings.log_level}"])
