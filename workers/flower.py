"""Shows workers and tasks in Flower: behind a password, read only, no argument, no result."""

from __future__ import annotations

import os

from flower.views.monitor import Metrics
from tornado.web import authenticated

from soar import bootstrap
from soar.domain.errors import BadInput
from soar.settings import Settings

COLUMNS = "name,uuid,state,routing_key,received,started,runtime,worker"


def main(settings: Settings) -> None:
    """Serve until told to stop."""
    credentials = settings.flower_basic_auth.get_secret_value()
    if ":" not in credentials:
        raise BadInput("SOAR_FLOWER_BASIC_AUTH", "is not set: give it as user:password")
    Metrics.get = authenticated(Metrics.get)  # Flower itself leaves the metrics open
    os.environ["FLOWER_BASIC_AUTH"] = credentials
    bootstrap.for_watching(settings).start(
        [
            "flower",
            f"--address={settings.http_host}",
            f"--port={settings.flower_port}",
            "--read_only=True",
            f"--tasks_columns={COLUMNS}",
            "--enable_events=False",
            "--natural_time=True",
        ]
    )
