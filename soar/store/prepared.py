"""
Statements that a connection has prepared: the server plans them once, not each time.

In: a cursor, a statement with the driver's named parameters, values. Out: the statement, executed.
Never: a statement prepared on one connection and expected on another.

Planning the claim of a call takes ten times as long as the claim.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import psycopg2

OFTEN = 3
"""So many times a statement runs before it is prepared."""
MOST = 100
_PARAMETER = re.compile(r"%\((\w+)\)s|%%")


class Hot(str):
    """A statement that runs several times per playbook run: it is prepared at its first use."""

    __slots__ = ()


class Prepared:
    """What one connection has prepared; a statement that cannot be is executed as it is."""

    def __init__(self) -> None:
        self._calls: dict[str, str | None] = {}
        self._seen: Counter[str] = Counter()

    def often(self, cursor: Any, statement: str, values: Mapping[str, Any]) -> None:
        """Execute a statement that commits alone, prepared from its third time on."""
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

    def hot(self, cursor: Any, statement: str, values: Mapping[str, Any]) -> None:
        """Execute a statement that is known to be preparable, inside a transaction."""
        if statement not in self._calls:
            self._prepare(cursor, statement)
        cursor.execute(self._calls[statement], values)

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
