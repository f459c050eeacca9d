"""
A Valkey of a test's own, to be killed, frozen and emptied.

In: a folder. Out: a broker that keeps its data over a restart, as the product's does.
Never: an address other than loopback.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import redis

from soar.embedded import wheels
from soar.embedded.ground import free_port
from soar.sentinel import connect
from tests.acceptance.conftest import eventually


class Valkey:
    """One server process; its options are those of the command line."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(0)
        self.options = options or ("--appendonly", "yes", "--save", "")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, *first: str) -> None:
        """Start it on what its folder holds, and wait until it answers."""
        command = [str(wheels.locate().valkey_server), *first, "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--bind", "127.0.0.1", *self.options],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )
        eventually(self._answers)

    def _answers(self) -> bool:
        try:
            with connect(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it and wait until it is gone."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    def empty(self) -> None:
        """Take everything that is in it."""
        with connect(self.url) as client:
            client.flushall()


MASTER = "traps"


class WatchedPair:
    """A master, a replica and a Sentinel that makes the one the other when the first is gone."""

    def __init__(self, folder: Path) -> None:
        self.master = Valkey(folder / "first")
        self.replica = Valkey(folder / "second")
        self.sentinel = Valkey(folder / "sentinel", "--loglevel", "warning")

    @property
    def url(self) -> str:
        """What the product is told."""
        return f"sentinel://127.0.0.1:{self.sentinel.port}/0?master={MASTER}"

    def start(self) -> None:
        """Start all three and wait until the Sentinel knows of the replica."""
        self.master.start()
        self.replica.options += ("--replicaof", f"127.0.0.1 {self.master.port}")
        self.replica.start()
        config = self.sentinel.folder / "sentinel.conf"
        config.write_text(
            f"sentinel monitor {MASTER} 127.0.0.1 {self.master.port} 1\n"
            f"sentinel down-after-milliseconds {MASTER} 800\n"
            f"sentinel failover-timeout {MASTER} 3000\n"
        )
        self.sentinel.start(str(config), "--sentinel")
        eventually(self._is_complete)

    def _is_complete(self) -> bool:
        with connect(self.sentinel.url) as client:
            found = client.sentinel_slaves(MASTER)
        return bool(found) and found[0]["master-link-status"] == "ok"

    def has_failed_over(self) -> bool:
        """Whether whoever asks the Sentinel finds the replica, and as the master."""
        try:
            with connect(self.url) as client:
                found = client.info()
        except redis.RedisError:
            return False
        return (found["role"], found["tcp_port"]) == ("master", self.replica.port)

    def end(self) -> None:
        """End all three."""
        for server in (self.sentinel, self.replica, self.master):
            server.end()
