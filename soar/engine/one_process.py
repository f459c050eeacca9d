"""
Keeps a block inside the process that runs it.

In: a block about to run. Out: :class:`LeftProcess`, raised where it forks or starts a program (a
copy of this process would share its connections and commit what the block never asked for), where
it starts a thread (that would outlive it), or touches what stops it: signals and limits.
Never: anybody else stopped, or an end that a playbook's ``except Exception`` can catch.
"""

from __future__ import annotations

import _posixsubprocess
import _signal  # type: ignore[import-not-found]
import _thread
import functools
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

FORKS = ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "execv", "execve")
THREADS = ("start_new_thread", "start_new", "start_joinable_thread")
SIGNALS = ("signal", "setitimer", "alarm", "pthread_sigmask", "pthread_kill", "raise_signal")
DOORS: tuple[tuple[Any, tuple[str, ...], str], ...] = (
    (os, FORKS, "start a process"),
    (_posixsubprocess, ("fork_exec",), "start a process"),
    (subprocess, ("_fork_exec",), "start a process"),
    (threading.Thread, ("start",), "start a thread"),
    (_thread, THREADS, "start a thread"),
    (os, ("kill", "killpg"), "send a signal"),
    (signal, SIGNALS, "touch the signals of its process"),
    (_signal, SIGNALS, "touch the signals of its process"),
    (resource, ("setrlimit", "prlimit"), "touch the limits of its process"),
)
"""What every way of Python to start a process, to become another, or to go on after the end of the
block comes to in the end, and what a block tries with it."""

_inside: set[int] = set()
"""The threads that run a block."""


class LeftProcess(BaseException):
    """A block tried to do what would reach beyond it; the text says what."""


@contextmanager
def alone() -> Iterator[None]:
    """Let what this thread runs in here start no process or thread, and stay stoppable."""
    _guard()
    thread = threading.get_ident()
    outermost = thread not in _inside
    _inside.add(thread)
    try:
        yield
    finally:
        if outermost:
            _inside.discard(thread)


@functools.cache
def _guard() -> None:
    for place, names, what in DOORS:
        for name in names:
            if hasattr(place, name):
                setattr(place, name, _guarded(getattr(place, name), what))


def _guarded(door: Callable[..., Any], what: str) -> Callable[..., Any]:
    @functools.wraps(door)
    def guarded(*arguments: Any, **named: Any) -> Any:
        if threading.get_ident() in _inside:
            raise LeftProcess(what)
        return door(*arguments, **named)

    return guarded
