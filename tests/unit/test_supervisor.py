"""
The supervisor, with real children: small shell and Python programs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soar.domain.errors import BadInput
from soar.supervisor import Ended, ProcessFailed, Supervisor

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "SOAR_GREETING": "hello"}
FOREVER = ("/bin/sleep", "60")
STUBBORN = ("/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done")

PARENT = """
import os, sys
from pathlib import Path
from soar.supervisor import Supervisor
supervisor = Supervisor(os.environ, Path(sys.argv[1]))
child = supervisor.start("child", ["/bin/sleep", "60"])
command = Path(f"/proc/{child}/cmdline")
supervisor.wait_ready("child", lambda: command.read_bytes().startswith(b"/bin/sleep"), within=10)
print(child, flush=True)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor whose children are gone after the test."""
    with Supervisor(ENVIRONMENT, tmp_path / "logs") as supervisor:
        yield supervisor


def says(log: Path, text: str) -> Callable[[], bool]:
    """A probe: whether the log holds this text by now."""
    return lambda: log.exists() and text in log.read_text()


def gone(pid: int) -> bool:
    """Whether a process no longer runs; a zombie has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def gone_soon(pid: int) -> bool:
    """Whether a process ends within a few seconds."""
    for _ in range(250):
        if gone(pid):
            return True
        time.sleep(0.02)
    return False


def test_a_child_runs_in_its_environment_and_writes_its_log(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    """
    A child sees exactly the given environment, and its output lands in a log of its name.
    """
    supervisor.start("greeter", ["/bin/sh", "-c", "echo $SOAR_GREETING; env >&2"])

    assert str(supervisor.watch(timeout=10)).startswith("greeter ended with exit code 0")
    lines = (tmp_path / "logs" / "greeter.log").read_text().splitlines()
    assert lines[0] == "hello"
    assert {line.partition("=")[0] for line in lines[1:]} <= {
        *ENVIRONMENT,
        "PWD",
        "_",
        "SHLVL",
        "LC_CTYPE",
    }


def test_what_one_child_is_given_no_other_gets(supervisor: Supervisor, tmp_path: Path) -> None:
    """
    A variable meant for one child is in its environment, and in nobody else's.
    """
    shell = ["/bin/sh", "-c", "echo key=$KEY"]
    supervisor.start("trusted", shell, also={"KEY": "given"})
    supervisor.start("other", shell)

    assert {supervisor.watch(timeout=10) is None for _ in range(2)} == {False}
    assert (tmp_path / "logs/trusted.log").read_text() == "key=given\n"
    assert (tmp_path / "logs/other.log").read_text() == "key=\n"


def test_a_child_that_dies_is_reported_once(supervisor: Supervisor) -> None:
    """
    The watch says who died, how, and how its log ends; a living child is not mentioned.
    """
    supervisor.start("steady", FOREVER)
    supervisor.start("frail", ["/bin/sh", "-c", "echo out of luck; exit 3"])

    ended = supervisor.watch(timeout=10)

    assert isinstance(ended, Ended)
    assert (ended.name, ended.returncode, ended.tail()) == ("frail", 3, "out of luck")
    assert supervisor.watch(timeout=0) is None
    assert supervisor.running() == ["steady"]


def test_a_killed_child_is_named_by_its_signal(supervisor: Supervisor) -> None:
    """
    A child that a signal ended is reported with that signal's name, and may start again.
    """
    os.kill(supervisor.start("victim", FOREVER), signal.SIGKILL)

    assert "victim ended by SIGKILL" in str(supervisor.watch(timeout=10))

    supervisor.start("victim", FOREVER)
    assert supervisor.running() == ["victim"]


def test_a_program_that_does_not_exist_is_a_death(supervisor: Supervisor) -> None:
    """
    A command that cannot be run is reported like any other death, with the reason in its log.
    """
    supervisor.start("typo", ["/no/such/program"])

    assert "No such file or directory" in str(supervisor.watch(timeout=10))


def test_a_name_is_used_once(supervisor: Supervisor) -> None:
    """
    Two running children never share a name, because they would share a log.
    """
    supervisor.start("only", FOREVER)

    with pytest.raises(BadInput, match="'only' is running already"):
        supervisor.start("only", FOREVER)


def test_wait_ready_returns_when_the_probe_says_yes(supervisor: Supervisor, tmp_path: Path) -> None:
    """
    The wait ends as soon as the child shows what the probe looks for.
    """
    supervisor.start("server", ["/bin/sh", "-c", "sleep 0.2; echo listening; exec sleep 60"])

    supervisor.wait_ready("server", says(tmp_path / "logs/server.log", "listening"), within=10)

    assert supervisor.running() == ["server"]


def test_wait_ready_raises_when_the_child_ends_first(supervisor: Supervisor) -> None:
    """
    Nobody waits for a child that is dead: the error carries the end of its log, once.
    """
    supervisor.start("server", ["/bin/sh", "-c", "echo port is taken; exit 1"])

    with pytest.raises(ProcessFailed, match=r"exit code 1(.|\n)*port is taken"):
        supervisor.wait_ready("server", lambda: False, within=10)

    assert supervisor.watch(timeout=0) is None


def test_wait_ready_gives_up_after_its_time(supervisor: Supervisor) -> None:
    """
    A child that stays silent is an error that names its log.
    """
    supervisor.start("server", FOREVER)

    with pytest.raises(ProcessFailed, match=r"not ready within 0\.1 s: see .*server\.log"):
        supervisor.wait_ready("server", lambda: False, within=0.1)


def test_stop_ends_foundations_last(supervisor: Supervisor, tmp_path: Path) -> None:
    """
    Everybody is asked to end, and a foundation only after all that stand on it have ended.
    """
    order = tmp_path / "order"
    script = (
        "trap 'sleep {delay}; echo {name} >> {order}; exit' TERM; echo up; "
        "while :; do sleep 0.05; done"
    )
    for name, delay, foundation in (("lab", "0", True), ("worker", "0.3", False)):
        shell = script.format(name=name, delay=delay, order=order)
        supervisor.start(name, ["/bin/sh", "-c", shell], foundation=foundation)
        supervisor.wait_ready(name, says(tmp_path / f"logs/{name}.log", "up"), within=10)

    supervisor.stop()

    assert order.read_text().split() == ["worker", "lab"]
    assert supervisor.running() == []


def test_a_stubborn_child_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    """
    A child that ignores the polite request is killed when the patience is spent, no later.
    """
    pid = supervisor.start("stubborn", STUBBORN)
    supervisor.wait_ready("stubborn", says(tmp_path / "logs/stubborn.log", "deaf"), within=10)

    begun = time.monotonic()
    supervisor.stop(patience=0.2)

    assert gone(pid)
    assert time.monotonic() - begun < 5


def test_grandchildren_end_with_their_parent(supervisor: Supervisor, tmp_path: Path) -> None:
    """
    A pool that its dead parent left behind is killed with it.
    """
    supervisor.start("pool", ["/bin/sh", "-c", "sleep 60 & echo pid $!; wait"])
    log = tmp_path / "logs/pool.log"
    supervisor.wait_ready("pool", says(log, "pid"), within=10)
    grandchild = int(log.read_text().split()[1])

    supervisor.stop()

    assert gone_soon(grandchild)


def test_stop_touches_only_our_own(supervisor: Supervisor) -> None:
    """
    A process that somebody else started is there after the stop; a second stop does nothing.
    """
    with subprocess.Popen(FOREVER) as stranger:
        supervisor.start("ours", FOREVER)

        supervisor.stop()
        supervisor.stop()

        assert stranger.poll() is None
        stranger.kill()


def test_a_child_does_not_hear_the_terminal(supervisor: Supervisor) -> None:
    """
    A child has a session of its own, so Ctrl-C reaches the parent alone.
    """
    pid = supervisor.start("quiet", FOREVER)

    assert os.getsid(pid) == pid != os.getsid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_killed_parent_leaves_nothing_behind(tmp_path: Path) -> None:
    """
    kill -9 of the parent ends a child that has long become the program it runs.
    """
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        parent.kill()

    assert gone_soon(child)
