"""
The data directory itself: one lock, and the small files that must outlive a process.

In: a data directory. Out: its lock held, its passwords and ports remembered.
Never: a secret file that others can read, or one that is half written.
"""

from __future__ import annotations

import fcntl
import os
import random
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from soar.embedded.errors import AlreadyRunning, CannotStart

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_768)
PORT_ATTEMPTS = 3

Started = TypeVar("Started")


def prepare(data_dir: Path) -> None:
    """Make the data directory; a new one can be walked through, but not listed, by others."""
    if not data_dir.exists():
        data_dir.mkdir(parents=True)
        # As root, PostgreSQL runs as another user, who must reach its own folder below.
        data_dir.chmod(0o711)


@contextmanager
def claim(data_dir: Path) -> Iterator[None]:
    """Hold the data directory's lock, or name the process that does."""
    lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(lock, data_dir)
        yield
    finally:
        # Closing gives the lock back; the file stays, because deleting it would let two claim it.
        os.close(lock)


def _lock(lock: int, data_dir: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode().strip() or "unknown"
        raise AlreadyRunning(
            f"{data_dir} is in use by process {holder}: stop that one, or choose another "
            "directory with SOAR_DATA_DIR"
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole by one that only its owner can read."""
    staged = path.with_name(f".{path.name}.new")
    staged.unlink(missing_ok=True)
    door = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(door, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)


def remembered_password(path: Path) -> str:
    """Return the password kept in this file; the first call invents it."""
    with suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8").strip()
    password = secrets.token_urlsafe(32)
    write_private(path, password)
    return password


def on_a_port(memory: Path, start: Callable[[int], Started]) -> Started:
    """Start something on the remembered port, or on a free one if that is taken; remember it."""
    for _ in range(PORT_ATTEMPTS):
        port = _remembered_port(memory) or free_port()
        write_private(memory, f"{port}\n")
        try:
            return start(port)
        except CannotStart:
            # Somebody took the port after we looked: the only failure worth another try.
            if _is_free(port):
                raise
    raise CannotStart(f"no port on {LOOPBACK} stayed free long enough to start on: try again")


def _remembered_port(memory: Path) -> int | None:
    with suppress(FileNotFoundError, ValueError):
        port = int(memory.read_text(encoding="utf-8"))
        return port if _is_free(port) else None
    return None


def free_port(wanted: int = 0) -> int:
    """
    Return *wanted* if nothing listens there on loopback, else another free port.

    Not one that the system gives to outgoing connections: until somebody listens on it, it would
    be taken again. Linux gives 32768 and above (``net.ipv4.ip_local_port_range``).
    """
    for port in (wanted, *random.sample(PORTS, 50)):
        if port and _is_free(port):
            return port
    raise CannotStart(f"no port on {LOOPBACK} is free")


@contextmanager
def claimed_port(wanted: int) -> Iterator[int]:
    """
    Lend *wanted*, or another free port, that nobody else is lent until the end.

    Who is lent one begins to listen much later. Meanwhile the UDP port of the same number is taken:
    nothing here speaks UDP, and two starters cannot both have it.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as claim:
        yield _claim(claim, wanted)


def _claim(claim: socket.socket, wanted: int) -> int:
    for port in (wanted, *random.sample(PORTS, 50)):
        if port and _is_free(port):
            with suppress(OSError):
                claim.bind((LOOPBACK, port))
                return port
    raise CannotStart(f"no port on {LOOPBACK} is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError):
            return False
        return True
