"""
Keeps a block inside the process that runs it.

In: a block about to run. Out: :class:`LeftProcess`, raised where it forks or starts a program: a
copy of this process would share its connections and commit what the block never asked for.
Never: anybody else stopped, or an end that a playbook's ``except Exception`` can catch.
"""

from __future__ import annotations

import _posixsubprocess
import functools
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

STARTERS: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (os, ("fork", "forkpty", "posix_spawn", "posix_spawnp", "system", "execv", "execve")),
    (_posixsubprocess, ("fork_exec",)),
    (subprocess, ("_fork_exec",)),
)
"""What every way of Python to start a process, or to become another, comes to in the end."""

_inside: set[int] = set()
"""The threads that run a block."""


class LeftProcess(BaseException):
    """A block tried to start another process."""


@contextmanager
def alone() -> Iterator[None]:
    """Let what this thread runs in here start no process."""
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
    for module, names in STARTERS:
        for name in names:
            if hasattr(module, name):
                setattr(module, name, _guarded(getattr(module, name)))


def _guarded(start: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(start)
    def guarded(*arguments: Any, **named: Any) -> Any:
        if threading.get_ident() in _inside:
            raise LeftProcess
        return start(*arguments, **named)

    return guarded
