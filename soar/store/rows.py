"""
The one base of all named queries: a transaction, rows as mappings, values that can be kept.

In: SQL with named parameters. Out: dictionaries, one per row.
Never: a value pasted into SQL text, or one that a statement chokes on.

Statements go to the driver's own cursor, in the transaction of the connection: the engine makes a
few dozen of them per run, and a layer between would cost more than most of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from soar.domain.errors import SoarError
from soar.store.transaction import Transaction

Row = dict[str, Any]

DEEPEST = 100
"""Levels of one JSON value: far below what Python's and PostgreSQL's stacks hold."""
LARGEST = 64 * 1024 * 1024
"""Bytes of one JSON value."""
LONGEST_INTEGER = 14_000
"""Bits of a number that stays a number: Python refuses to read more than 4,300 digits."""


class NotStorable(SoarError):
    """A value is too deep, too large, or contains itself: it cannot be kept."""


class Queries:
    """Runs named queries on the connection of one unit of work."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def _all(self, sql: str, **values: Any) -> list[Row]:
        with self._executed(sql, values) as cursor:
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _one(self, sql: str, **values: Any) -> Row | None:
        with self._executed(sql, values) as cursor:
            row = cursor.fetchone()
            if row is None:
                return None
            return {c.name: value for c, value in zip(cursor.description, row, strict=True)}

    def _value(self, sql: str, **values: Any) -> Any:
        with self._executed(sql, values) as cursor:
            row = cursor.fetchone()
            return row[0] if row else None

    def _do(self, sql: str, **values: Any) -> int:
        with self._executed(sql, values) as cursor:
            return int(cursor.rowcount)

    def _later(self, sql: str, **values: Any) -> None:
        """Execute a statement with the next one: nobody waits for what it returns."""
        self._transaction.later(sql, bound(values))

    def _executed(self, sql: str, values: Mapping[str, Any]) -> Any:
        """Return a cursor that has executed a statement; it closes itself as a context."""
        return self._transaction.execute(sql, bound(values))


def bound(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a statement, with texts that PostgreSQL can hold."""
    return {name: _bound(value) for name, value in values.items()}


def _bound(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if type(value) is list:
        return [_text(item) if isinstance(item, str) else item for item in value]
    return value


def storable(value: Any) -> Any:
    """
    Return a copy of a value that PostgreSQL's text and jsonb can hold: no NUL, valid UTF-8.

    One that is too deep, too large or contains itself is :class:`NotStorable`.
    """
    return _text(value) if isinstance(value, str) else Copier().copy(value)


class Copier:
    """Copies values for the store, all of them together within one size."""

    def __init__(self, room: int = LARGEST) -> None:
        self._largest = self._room = room

    def copy(self, value: Any, depth: int = 0) -> Any:
        """Return a storable copy of a value."""
        # Counted before it is copied: what is shared many times is soon too large.
        self._room -= (len(value) if isinstance(value, str) else 0) + 2
        if self._room < 0:
            raise NotStorable(f"is larger than {self._largest / 2**20:g} MiB")
        if isinstance(value, str):
            return value if value.isascii() and "\x00" not in value else _text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return _number(value)
        return self._inner(value, depth)

    def _inner(self, value: Any, depth: int) -> Any:
        """Return a copy of what holds values, or of what is kept as a text."""
        if depth >= DEEPEST:
            raise NotStorable(f"is nested more than {DEEPEST} levels deep, or contains itself")
        copy, below = self.copy, depth + 1
        if isinstance(value, dict | Mapping):
            return {copy(_key(k)): copy(v, below) for k, v in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [copy(item, below) for item in value]
        if isinstance(value, bytes | bytearray | memoryview):
            return copy(bytes(value).decode("utf-8", "backslashreplace"))
        return copy(str(value))


def _text(value: str) -> str:
    clean = value.replace("\x00", "\ufffd") if "\x00" in value else value
    if clean.isascii():
        return clean[:]  # a plain one, whatever kind of text it was
    return clean.encode("utf-8", "replace").decode("utf-8")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    return str(_number(key)) if type(key) is int else str(key)


def _number(value: float) -> float | int | str:
    """
    Return a number as jsonb gives it back: it knows no -0.0, NaN, infinity or exponent.

    A whole number with more digits than Python reads is kept as its hexadecimal text.
    """
    if isinstance(value, int):
        return value if value.bit_length() < LONGEST_INTEGER else hex(value)
    if not math.isfinite(value):
        return str(value)
    return int(value) if abs(value) >= 1e16 else value + 0.0


def as_json(value: Any) -> str:
    """Return a JSON text that jsonb accepts."""
    return dumped(storable(value))


def dumped(value: Any) -> str:
    """Return the JSON text of a storable value."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
