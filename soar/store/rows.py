"""
The one base of all named queries: a connection, and rows as mappings.

In: SQL with named parameters. Out: dictionaries, one per row.
Never: a value pasted into SQL text.

Statements go to the driver's own cursor, in the transaction of the connection: the engine makes a
few dozen of them per run, and a layer between would cost more than most of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import psycopg2
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql.psycopg2 import dialect
from sqlalchemy.exc import DBAPIError

from soar.store.prepared import Hot, Prepared

Row = dict[str, Any]
DIALECT: Any = dialect(dbapi=psycopg2)  # type: ignore[no-untyped-call]


class Queries:
    """Runs named queries on the connection of one unit of work."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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

    def _executed(self, sql: str, values: Mapping[str, Any]) -> Any:
        """Return a cursor that has executed a statement; it closes itself as a context."""
        cursor: Any = self._connection.connection.cursor()
        try:
            if isinstance(sql, Hot):
                info = self._connection.connection.info
                prepared = info.get("prepared") or info.setdefault("prepared", Prepared())
                prepared.hot(cursor, _for_driver(sql), values)
            else:
                cursor.execute(_for_driver(sql), values)
        except psycopg2.Error as error:
            raise self._wrapped(error, sql, cursor) from error
        return cursor

    def _wrapped(self, error: psycopg2.Error, sql: str, cursor: Any) -> BaseException:
        """Return the error as everybody knows it; a connection that is gone is given up."""
        raw = self._connection.connection.dbapi_connection
        gone = DIALECT.is_disconnect(error, raw, cursor)
        if gone:
            self._connection.invalidate(error)
            self._connection.engine.dispose()  # what lies idle in its pool is gone as well
        known: BaseException = DBAPIError.instance(
            sql,
            None,
            error,
            psycopg2.Error,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=DIALECT,
        )
        return known


@lru_cache(maxsize=2048)
def _for_driver(sql: str) -> str:
    """Return a statement with its named parameters as the driver writes them."""
    return str(text(sql).compile(dialect=DIALECT))


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
