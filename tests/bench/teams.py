"""
The worker processes of both arms: as many, with the same pool and concurrency, on the same servers.

In: running servers and a pool's name. Out: the arms, ready to be measured.
Never: an arm with a process, a thread or a core more than the other. Both have one worker for
calls and one for callbacks; ``beat`` belongs to the product and runs beside both.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import bare
import psycopg2
import redis
from arms import Bare, Product
from crew import open_rooms
from ground import Ground, ground

from soar import bootstrap, inventory
from soar.bootstrap import House
from soar.embedded.ground import free_port
from soar.settings import Settings
from soar.store import migrate

HERE = Path(__file__).parent
POOLS = {
    "threads": {"calls": ("threads", "16"), "callbacks": ("threads", "4")},
    "prefork": {"calls": ("prefork", "2"), "callbacks": ("prefork", "2")},
    "deployed": {"calls": ("threads", "16"), "callbacks": ("prefork", "2")},
}
"""By name: what runs the calls and what runs the callbacks. "deployed" is what `soar up` starts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The ground, and the address of the stub that answers slowly."""

    ground: Ground
    stub_url: str

    def redis_url(self, database: int) -> str:
        """Return the URL of one of the broker's databases."""
        url = urlsplit(self.ground.stack.settings.redis_url.get_secret_value())
        return url._replace(path=f"/{database}").geturl()

    def new_house(self, name: str, broker: int) -> House:
        """Make a database of its own, with a broker of its own, and the bench's asset in it."""
        given = self.ground.stack.settings
        url = self.new_database(name)
        migrate.upgrade(url)
        values = {**given.model_dump(exclude_unset=True), "database_url": url}
        made = bootstrap.for_http(Settings(**{**values, "redis_url": self.redis_url(broker)}))
        self._save_asset(made)
        return made

    def new_database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        given = self.ground.stack.settings
        base = given.database_url.get_secret_value()
        connection = psycopg2.connect(base.replace("postgresql+psycopg2", "postgresql"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"create database {name}")
        connection.close()
        return base.rpartition("/")[0] + f"/{name}"

    def _save_asset(self, house: House) -> None:
        raw = {"app": "bench", "asset_name": "bench", "configuration": {"base_url": self.stub_url}}
        with house.database.begin() as work:
            inventory.save(work, raw, catalog=house.catalog, vault=house.vault())

    def bare(self, pool: str) -> Bare:
        """Start the workers of bare Celery."""
        url = self.redis_url(1)
        app = bare.create(url)
        pids = [
            self._start(f"{pool}-{queue}", ("bare.py", queue, *POOLS[pool][kind]), url)
            for queue, kind in (("calls", "calls"), ("verdicts", "callbacks"))
        ]
        await_answers(app, 2)
        return Bare(
            send=partial(bare.send, app),
            client=redis.Redis.from_url(url),
            key=bare.DONE,
            pids=pids,
            url=self.stub_url,
        )

    def _start(self, name: str, command: tuple[str, ...], url: str) -> int:
        file, *arguments = command
        return self.ground.start(name, "bare", (str(HERE / file), *arguments), bare_url=url)

    def product(self, pool: str, house: House, *, name: str = "product") -> Product:
        """Start the workers of the product, and the clock."""
        urls = {
            "database_url": house.settings.database_url.get_secret_value(),
            "redis_url": house.settings.redis_url.get_secret_value(),
        }
        start, crew = self.ground.start, str(HERE / "crew.py")
        pids = [
            start(f"{name}-{pool}-{role}", role, (crew, role, *POOLS[pool][kind]), **urls)
            for role, kind in (("actions", "calls"), ("engine", "callbacks"))
        ]
        start(f"{name}-{pool}-beat", "beat", **urls)
        await_answers(house.app, 2)
        time.sleep(1.0)  # the clock finds the database free and leads
        return Product(house=house, pids=pids, name=name)


def await_answers(app: Any, count: int) -> None:
    """Wait until so many workers of an app answer."""
    deadline = time.monotonic() + 60
    while len(app.control.ping(timeout=0.5) or []) < count:
        if time.monotonic() > deadline:
            raise SystemExit("error: the workers did not start within a minute")


@contextmanager
def site(**settings: Any) -> Iterator[Site]:
    """Run the servers, the lab and the stub; workers are started by pool."""
    open_rooms()
    with ground(log_level="WARNING", **settings) as made:
        port = free_port(0)
        made.start("stub", "stub", (str(HERE / "stub.py"), str(port)))
        yield Site(ground=made, stub_url=f"http://127.0.0.1:{port}")
        gc.collect()  # results of bare chords unsubscribe when they go, while Redis is there
