"""
Run the product's processes as children: started in order, watched, stopped in reverse.

In: command lines and an environment. Out: running processes, a log of each, word of a death.
Never: a signal to a process that is not our child, or a child that outlives us.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from soar.domain.errors import BadInput, SoarError

LOOK = 0.05  # seconds between two looks at a process that is getting ready
PATIENCE = 20.0  # seconds for a polite end before a child is killed
LOG_TAIL = 4096

# Runs before the real program: asks Linux to end us with our starter, then becomes the program.
# A child of its own, because Python code between fork and exec may hang in a threaded parent.
PREAMBLE = f"""\
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, {int(signal.SIGTERM)}, 0, 0, 0)  # PR_SET_PDEATHSIG
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class ProcessFailed(SoarError):
    """A child ended or did not get ready; its log says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """One child that ended by itself, with how it ended and the end of its log."""

    name: str
    returncode: int
    log: Path

    def __str__(self) -> str:
        how = f"with exit code {self.returncode}"
        if self.returncode < 0:
            how = f"by {signal.Signals(-self.returncode).name}"
        return f"{self.name} ended {how}; its log, {self.log}, ends with:\n{self.tail()}"

    def tail(self) -> str:
        """Return the last lines of the log."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - LOG_TAIL))
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-5:])


class _Child:
    """One started process, watched by a thread, reaped only when its group is gone."""

    def __init__(
        self, name: str, process: subprocess.Popen[bytes], log: Path, *, foundation: bool
    ) -> None:
        self.name, self.log, self.process = name, log, process
        self.foundation = foundation
        self.ended = threading.Event()

    def watch(self, report: Callable[[_Child], None]) -> None:
        """Wait for the end in a thread of its own and report it."""

        def wait() -> None:
            # WNOWAIT leaves a zombie, so its pid, which is also its group's, stays ours.
            os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)
            self.ended.set()
            report(self)

        threading.Thread(target=wait, name=f"watch {self.name}", daemon=True).start()

    def ask_to_end(self) -> None:
        """Send SIGTERM to the process itself: it ends its own pool in its own order."""
        # Not Popen.send_signal: it would reap, and the pid must stay ours until it is buried.
        if self.process.returncode is None:
            os.kill(self.process.pid, signal.SIGTERM)

    def bury(self) -> int:
        """Kill what is left of the process and its group, and reap it."""
        if self.process.returncode is None:
            # macOS answers EPERM for a group that holds only a zombie.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.ended.wait()
        return self.process.wait()


class Supervisor:
    """The children of one parent; start them from a thread that lives as long as they should."""

    def __init__(self, environment: Mapping[str, str], log_dir: Path) -> None:
        self._environment = dict(environment)
        self._log_dir = log_dir
        self._children: dict[str, _Child] = {}
        self._deaths: queue.SimpleQueue[_Child] = queue.SimpleQueue()

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        foundation: bool = False,
        also: Mapping[str, str] | None = None,
    ) -> int:
        """
        Start a child that writes to <name>.log, with *also* in its environment only.

        A foundation ends after all that stand on it.
        """
        if name in self._children:
            raise BadInput("name", f"a process called {name!r} is running already")
        self._log_dir.mkdir(parents=True, exist_ok=True)
        log = self._log_dir / f"{name}.log"
        child = _Child(name, self._spawn(argv, log, also or {}), log, foundation=foundation)
        self._children[name] = child
        child.watch(self._deaths.put)
        return child.process.pid

    def wait_ready(self, name: str, probe: Callable[[], bool], *, within: float) -> None:
        """Return once the probe says yes; raise if the child ends first or takes too long."""
        child = self._children[name]
        deadline = time.monotonic() + within
        while not probe():
            if child.ended.wait(LOOK):
                raise ProcessFailed(str(self._ended(child)))
            if time.monotonic() > deadline:
                raise ProcessFailed(f"{name} was not ready within {within:g} s: see {child.log}")

    def watch(self, timeout: float | None = None) -> Ended | None:
        """Wait until a child ends by itself and say which, or return None after the timeout."""
        with suppress(queue.Empty):
            while True:
                child = self._deaths.get(timeout=timeout)
                if self._children.get(child.name) is child:
                    return self._ended(child)
        return None

    def running(self) -> list[str]:
        """Name the children that have not ended, in the order of their start."""
        return [name for name, child in self._children.items() if not child.ended.is_set()]

    def stop(self, *, patience: float = PATIENCE) -> None:
        """Ask all children to end, last one first, and kill those whose patience ran out."""
        children = list(reversed(self._children.values()))
        self._end([child for child in children if not child.foundation], patience)
        self._end([child for child in children if child.foundation], patience)
        self._children.clear()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _spawn(
        self, argv: Sequence[str], log: Path, also: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        launcher = (sys.executable, "-ISc", PREAMBLE, str(os.getpid()))
        with log.open("ab") as output:
            # A session of its own: Ctrl-C reaches the parent alone, who then stops us in order.
            return subprocess.Popen(  # noqa: S603
                (*launcher, *argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**self._environment, **also},
                start_new_session=True,
            )

    def _end(self, children: Sequence[_Child], patience: float) -> None:
        for child in children:
            child.ask_to_end()
        deadline = time.monotonic() + patience
        for child in children:
            child.ended.wait(max(0.0, deadline - time.monotonic()))
            child.bury()

    def _ended(self, child: _Child) -> Ended:
        """Bury a child that ended by itself, so that its name is free again."""
        del self._children[child.name]
        return Ended(name=child.name, returncode=child.bury(), log=child.log)
