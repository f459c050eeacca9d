"""
Statements that a connection has prepared: the server plans them once, not each time.

In: a cursor, a statement with the driver's named parameters, values. Out: the statement, executed.
Never: a statement prepared on one connection and expected on another.

Planning the claim of a call takes ten times as long as the claim. But a plan is made for tables as
they are then: one made on the first day of a system looks through a table that holds a million rows
by the evening. So plans are kept for seconds, not for the life of a connection.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import psycopg2

OFTEN = 3
"""So many times a statement runs before it is prepared."""
MOST = 100
PLAN_SECONDS = 10.0
"""So long a plan is used; then the server makes it anew, for the tables as they are."""
_PARAMETER = re.compile(r"%\((\w+)\)s|%%")


class Hot(str):
    """A statement that runs several times per playbook run: it is prepared at its first use."""

    __slots__ = ()


class Written(str):
    """A statement whose parameters are written as the driver reads them, for both its doors."""

    __slots__ = ()


class Prepared:
    """What one connection has prepared; a statement that cannot be is executed as it is."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls: dict[str, str | None] = {}
        self._seen: Counter[str] = Counter()
        self._clock = clock
        self._planned = clock()

    def often(self, cursor: Any, statement: str, values: Mapping[str, Any]) -> None:
        """Execute a statement that commits alone, prepared from its third time on."""
        self._plan_anew(cursor)
        if statement not in self._calls and len(self._seen) < MOST:
            self._seen[statement] += 1
            if self._seen[statement] >= OFTEN:
                try:
                    self._prepare(cursor, statement)
                except psycopg2.ProgrammingError:
                    self._calls[statement] = None
        try:
            cursor.execute(self._calls.get(statement) or statement, values)
        except psycopg2.NotSupportedError:  # a migration has changed what it returns
            self._calls[statement] = None
            cursor.execute(statement, values)

    def hot(self, cursor: Any, statement: str) -> str:
        """Return what executes a statement that is known to be preparable."""
        self._plan_anew(cursor)
        if statement not in self._calls:
            self._prepare(cursor, statement)
        return self._calls[statement] or statement

    def _plan_anew(self, cursor: Any) -> None:
        """Let the server forget plans whose time is up; what is prepared stays prepared."""
        if self._clock() - self._planned >= PLAN_SECONDS:
            cursor.execute("discard plans")
            self._planned = self._clock()

    def _prepare(self, cursor: Any, statement: str) -> None:
        text, call = _split(statement)
        name = f"soar_{len(self._calls)}"
        cursor.execute(f"prepare {name} as {text}")
        self._calls[statement] = f"execute {name} {call}"


@lru_cache(maxsize=512)
def _split(statement: str) -> tuple[str, str]:
    """Return a statement with numbered parameters, and their names as the call's arguments."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "%"
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    text = _PARAMETER.sub(number, statement)
    arguments = ", ".join(f"%({name})s" for name in names)
    return text, f"({arguments})" if arguments else ""
