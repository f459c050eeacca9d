"""Reads the alert stream into containers."""

from __future__ import annotations

import os
import signal
import socket
import threading

from soar import bootstrap
from soar.settings import Settings


def main(settings: Settings) -> None:
    """Read until told to stop; the batch in hand is finished first."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    reader = bootstrap.for_ingest(settings, f"{socket.gethostname()}-{os.getpid()}")
    reader.run(stopped.is_set)
