"""Keeps time: sweeps and pumps lanes. Any number may run; one is elected, the others stand by."""

from __future__ import annotations

import signal

from soar import bootstrap
from soar.settings import Settings


def main(settings: Settings) -> None:
    """Keep time until told to stop."""
    clock = bootstrap.for_clock(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: clock.stop())
    clock.run()
