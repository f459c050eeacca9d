"""
The queues of assets come and go while workers run.

In: the assets in PostgreSQL. Out: a consumer for each asset's queue, also of one added later;
none for one that is gone.
Never: a broadcast that a worker which was down would have missed.
"""

from __future__ import annotations

from typing import Any

from celery import Celery, bootsteps

from soar.bus.app import asset_queue
from soar.store.database import Database
from soar.telemetry import log

REFRESH_SECONDS = 3.0


class AssetQueues(bootsteps.StartStopStep):
    """Worker bootstep: consumes the queue of every asset, and looks for new ones."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._known: set[str] = set()
        self._timer: Any = None

    def start(self, parent: Any) -> None:
        """Begin to look; called again after each reconnect."""
        self._known = set()
        self._refresh(parent)
        self._timer = parent.timer.call_repeatedly(REFRESH_SECONDS, self._refresh, (parent,))

    def stop(self, parent: Any) -> None:
        """Stop looking."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refresh(self, parent: Any) -> None:
        database: Database = parent.app.soar_database
        try:
            with database.begin() as work:
                slugs = set(work.assets.slugs())
        except Exception as error:
            log.warning("asset_queues_unknown", error=type(error).__name__)
            return
        for slug in sorted(slugs - self._known):
            parent.add_task_queue(asset_queue(slug))
        for slug in sorted(self._known - slugs):
            parent.cancel_task_queue(asset_queue(slug))
        self._known = slugs


def consume_assets(app: Celery) -> None:
    """Let the workers of this app consume the queues of all assets."""
    app.steps["consumer"].add(AssetQueues)
