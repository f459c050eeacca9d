"""
The one base of all named queries: a connection, and rows as mappings.

In: SQL with named parameters. Out: dictionaries, one per row.
Never: a value pasted into SQL text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

Row = dict[str, Any]


class Queries:
    """Runs named queries on the connection of one unit of work."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _all(self, sql: str, **values: Any) -> list[Row]:
        return [dict(r) for r in self._connection.execute(text(sql), values).mappings()]

    def _one(self, sql: str, **values: Any) -> Row | None:
        row = self._connection.execute(text(sql), values).mappings().first()
        return dict(row) if row is not None else None

    def _value(self, sql: str, **values: Any) -> Any:
        return self._connection.execute(text(sql), values).scalar()

    def _do(self, sql: str, **values: Any) -> int:
        return self._connection.execute(text(sql), values).rowcount


def storable(value: Any) -> Any:
    """Return a value that PostgreSQL's text and jsonb can hold: no NUL, valid UTF-8."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {storable(str(k)): storable(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [storable(item) for item in value]
    if isinstance(value, float):
        return _storable_number(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return storable(str(value))


def _storable_number(value: float) -> float | int | str:
    """Return a number as jsonb gives it back: it knows no -0.0, NaN, infinity or exponent."""
    if not math.isfinite(value):
        return str(value)
    return int(value) if abs(value) >= 1e16 else value + 0.0


def as_json(value: Any) -> str:
    """Return a JSON text that jsonb accepts."""
    return json.dumps(storable(value), ensure_ascii=False, allow_nan=False)
