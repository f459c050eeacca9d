"""
``soar migrate``, ``soar worker`` and ``soar lab``: what is started and stays up.

In: the environment. Out: a schema, a worker process, the vendor lab on loopback.
Never: a worker's parts in a process of another role: each is imported when it is asked for.
"""

from __future__ import annotations

import importlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from soar import settings as environment
from soar.cli import entry
from soar.cli.screen import AsJson, say, show, table
from soar.domain.errors import BadInput

Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


class Role(StrEnum):
    """The processes of an installation."""

    ENGINE = "engine"
    ACTIONS = "actions"
    INGEST = "ingest"
    BEAT = "beat"
    HTTP = "http"
    FLOWER = "flower"


def migrate(
    to: Annotated[str, typer.Option(metavar="REV", help="Revision to move to.")] = "head",
    down: Annotated[
        bool, typer.Option("--down", help="Move down to --to, losing what only newer tables hold.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to the schema of this release."""
    from soar.store import migrate as schema

    url = entry.settings().database_url.get_secret_value()
    if not url:
        raise BadInput("SOAR_DATABASE_URL", "is not set: see deploy/env.example")
    if down and to == "head":
        raise BadInput("--to", "must name the revision to move down to (base for none)")
    revision = schema.downgrade(url, to) if down else schema.upgrade(url, to)
    say(as_json, {"revision": revision}, f"The schema is at {revision}")


def worker(
    role: Annotated[Role, typer.Argument(help="Which process to be.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Write the log as JSON, one event a line.")
    ] = False,
) -> None:
    """Be one process of the pool, until told to stop."""
    found = environment.load()
    if as_json:
        found = found.model_copy(update={"log_json": True})
    importlib.import_module(f"workers.{role.value}").main(found)


def lab(
    port: Port = 0,
    tls_port: Port = 0,
    directory_port: Port = 0,
    folder: Annotated[
        Path | None, typer.Option(help="Where certificates are kept (default: in SOAR_DATA_DIR).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Simulate the vendors on loopback, until Ctrl-C."""
    where = folder or environment.load().data_dir / "lab"
    with _lab(where, port, tls_port, directory_port) as doors:
        rows = tuple(doors.items())
        show(as_json, doors, table(("door", "address"), rows, empty=""))
        _wait()


@contextmanager
def _lab(folder: Path, port: int, tls_port: int, directory_port: int) -> Iterator[dict[str, str]]:
    """Open the doors of the lab, and close all that were opened."""
    from soar.lab import server
    from soar.lab.directory import DirectoryServer

    vendors = server.build(folder, port=port, tls_port=tls_port).start()
    directory = DirectoryServer(folder=folder, port=directory_port)
    try:
        directory.start()
        yield {
            "http": vendors.url,
            "https": vendors.tls_url,
            "ldaps": f"ldaps://{directory.host}:{directory.port}",
            "ca_file": str(vendors.certificate),
        }
    finally:
        directory.stop()
        vendors.stop()


def _wait() -> None:
    """Stay until a signal: SIGTERM ends well, Ctrl-C ends as interrupted."""
    import sys

    sys.stdout.flush()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    while not stopped.wait(0.5):
        pass
