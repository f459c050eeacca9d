"""
One server process: started, awaited, stopped, or found again after its starter was killed.

In: what to run, and the file that remembers its pid. Out: a server that is ready, then gone.
Never: a signal to a process that does not carry our own data directory in its command line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from soar.embedded.account import Account
from soar.embedded.errors import CannotStart
from soar.embedded.ground import write_private

STEP = 0.02  # seconds between two looks at a server
READY_LOOKS = 3000  # one minute: crash recovery may have a log to replay
STOP_LOOKS = 1500
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Daemon:
    """What to run, as whom, and how to recognise and stop it."""

    name: str
    argv: tuple[str, ...]
    mark: str
    pid_file: Path
    log_file: Path
    stop_signals: tuple[signal.Signals, ...]
    account: Account | None = None


def start(daemon: Daemon, ready: Callable[[int], bool]) -> subprocess.Popen[bytes]:
    """Start a server and wait until it is ready, or say where it wrote what went wrong."""
    process = _spawn(daemon)
    try:
        _await(daemon, process, ready)
    except BaseException:
        stop(daemon, process)
        raise
    return process


def stop(daemon: Daemon, process: subprocess.Popen[bytes]) -> None:
    """Stop a server that we started, politely first, and forget its pid."""
    for wish in (*daemon.stop_signals, signal.SIGKILL):
        process.send_signal(wish)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STEP * STOP_LOOKS)
            break
    daemon.pid_file.unlink(missing_ok=True)


def stop_orphan(daemon: Daemon) -> None:
    """Stop the server that a killed starter left behind, if there is one."""
    pid = read_pid(daemon.pid_file)
    if pid is None:
        return
    for wish in daemon.stop_signals:
        if _gone_after(wish, pid, daemon.mark):
            daemon.pid_file.unlink(missing_ok=True)
            return
    raise CannotStart(f"{daemon.name}, process {pid}, was left running and does not stop: stop it")


def read_pid(path: Path) -> int | None:
    """Return the number in the first line of a pid file."""
    with suppress(OSError, ValueError, IndexError):
        return int(path.read_text(encoding="utf-8").splitlines()[0])
    return None


def carries(pid: int, mark: str) -> bool:
    """Say whether this process lives and has *mark* among its arguments."""
    return mark in _arguments(pid)


@contextmanager
def stopped_at_the_end(daemon: Daemon, process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop the server when the context ends, however it ends."""
    try:
        yield
    finally:
        stop(daemon, process)


def _spawn(daemon: Daemon) -> subprocess.Popen[bytes]:
    account = daemon.account
    log = os.open(daemon.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # A session of its own: Ctrl-C belongs to the starter, who then stops us in order.
        process = subprocess.Popen(  # noqa: S603
            daemon.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=ENVIRONMENT,
            umask=0o077,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    finally:
        os.close(log)
    write_private(daemon.pid_file, f"{process.pid}\n")
    return process


def _await(daemon: Daemon, process: subprocess.Popen[bytes], ready: Callable[[int], bool]) -> None:
    for _ in range(READY_LOOKS):
        if process.poll() is not None:
            raise CannotStart(f"{daemon.name} ended at once: {_last_line(daemon.log_file)}")
        if ready(process.pid):
            return
        time.sleep(STEP)
    raise CannotStart(f"{daemon.name} did not get ready: its log is {daemon.log_file}")


def _gone_after(wish: signal.Signals, pid: int, mark: str) -> bool:
    for look in range(STOP_LOOKS):
        if not carries(pid, mark):
            return True
        if look == 0:
            with suppress(ProcessLookupError):
                os.kill(pid, wish)
        time.sleep(STEP)
    return False


def _arguments(pid: int) -> list[str]:
    """Read a process's command line; a zombie has none."""
    if Path("/proc/self/cmdline").exists():
        with suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        return []
    listed = subprocess.run(  # noqa: S603
        ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.split()


def _last_line(log_file: Path) -> str:
    lines = [line for line in log_file.read_text(errors="replace").splitlines() if line.strip()]
    return f"{lines[-1].strip()} ({log_file})" if lines else f"it wrote nothing to {log_file}"
