"""
One transaction on a pooled connection, in as few messages to the server as it needs.

In: statements with the driver's named parameters. Out: cursors.
Never: an open transaction that goes back into the pool.

A transaction begins in the message of its first statement, and what nobody waits for the answer of
goes with the next one: each message costs two processes a switch, more than most statements cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INERROR
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.psycopg2 import dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import Pool

from soar.store.errors import as_it_is
from soar.store.prepared import Hot, Prepared, Written

Lost = Callable[[Pool], None]
BEGIN = b"begin"
DIALECT: Any = dialect(dbapi=psycopg2)  # type: ignore[no-untyped-call]


class Transaction:
    """The statements of one transaction, on a connection that is its own until it ends."""

    def __init__(self, pool: Pool, lost: Lost) -> None:
        self._pool = pool
        self._lost = lost
        self._connection = pool.connect()
        self._ahead = [BEGIN]
        self.has_ended = False
        """Whether it was committed before its end."""
        self.is_cut = False
        """Whether the server is gone: nothing can be undone any more, and nothing was done."""
        self.afterwards: tuple[str, Mapping[str, Any]] | None = None
        """A statement that goes in the message of the commit, and sees what others committed."""
        self.found: list[tuple[Any, ...]] = []
        """The rows that it brought."""

    @contextmanager
    def apart(self) -> Iterator[Transaction]:
        """Lend another transaction: what is done in it stands, whatever becomes of this one."""
        with begin(self._pool, self._lost) as other:
            yield other

    def later(self, statement: str, values: Mapping[str, Any]) -> None:
        """Execute a statement with the next one: nobody waits for what it returns."""
        cursor = self._cursor()
        with self._explained(statement, cursor):
            self._ahead.append(self._message(cursor, statement, values))

    def execute(self, statement: str, values: Mapping[str, Any]) -> Any:
        """Return a cursor that has executed a statement; it closes itself as a context."""
        cursor = self._cursor()
        with self._explained(statement, cursor):
            self._send(cursor, self._message(cursor, statement, values))
        return cursor

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Undo what is done inside if it raises; what came before stands."""
        before = len(self._ahead)
        self.later("savepoint attempt", {})
        unsent = self._ahead
        try:
            yield
            if self._ahead:  # it fails in here, if it does
                self.execute("release savepoint attempt", {})
            else:
                self.later("release savepoint attempt", {})
        except BaseException:
            if self._ahead is unsent:
                del self._ahead[before:]
            elif not self.is_cut:
                self._ahead = []
                self.execute("rollback to savepoint attempt", {})
            raise

    def commit(self) -> None:
        """End well, and look at what stands afterwards."""
        cursor = self._cursor()
        with self._explained("commit", cursor):
            if self._status() == TRANSACTION_STATUS_INERROR:
                raise psycopg2.InternalError("a statement of this transaction has failed")
            if self.afterwards:
                after = self._message(cursor, *self.afterwards)
                self._ahead.append(b"commit")
                self._send(cursor, after)
                self.found = cursor.fetchall()
            elif self._ahead != [BEGIN]:
                self._send(cursor, b"commit")
        self.has_ended = True

    def close(self) -> None:
        """Undo what was not committed, and give the connection back."""
        try:
            if not self.is_cut and self._status() != TRANSACTION_STATUS_IDLE:
                self._connection.cursor().execute("rollback")
        except psycopg2.Error:
            self._connection.invalidate()
        finally:
            self._connection.close()

    def _cursor(self) -> Any:
        if self.is_cut:
            raise psycopg2.InterfaceError("the connection of this transaction is gone")
        return self._connection.cursor()

    def _send(self, cursor: Any, last: bytes) -> None:
        if self._ahead[:1] != [BEGIN] and self._status() == TRANSACTION_STATUS_IDLE:
            raise psycopg2.InternalError("this transaction has ended, or could not begin")
        message, self._ahead = b"\n;".join([*self._ahead, last]), []
        cursor.execute(message)

    def _message(self, cursor: Any, statement: str, values: Mapping[str, Any]) -> bytes:
        sql = statement if isinstance(statement, Written) else _for_driver(statement)
        if isinstance(statement, Hot):
            info = self._connection.info
            prepared: Prepared = info.get("prepared") or info.setdefault("prepared", Prepared())
            sql = prepared.hot(cursor, sql)
        text: bytes = cursor.mogrify(sql, values)
        return text

    def _status(self) -> int:
        raw: Any = self._connection.dbapi_connection
        return int(raw.get_transaction_status())

    @contextmanager
    def _explained(self, statement: str, cursor: Any) -> Iterator[None]:
        """Raise errors as everybody knows them; a connection that is gone is given up."""
        try:
            yield
        except psycopg2.Error as error:
            raise self._known(error, statement, cursor) from error

    def _known(self, error: psycopg2.Error, statement: str, cursor: Any) -> BaseException:
        error = as_it_is(error)
        gone = DIALECT.is_disconnect(error, self._connection.dbapi_connection, cursor)
        if isinstance(error, psycopg2.NotSupportedError):
            # A migration has changed what a prepared statement returns: for good, as it is.
            gone, error = True, psycopg2.OperationalError("the schema has changed: connect again")
        if gone:
            self.is_cut = True
            self._connection.invalidate(error)
            self._lost(self._pool)  # what lies idle there is gone as well
        known: BaseException = DBAPIError.instance(
            statement,
            None,
            error,
            psycopg2.Error,
            hide_parameters=True,
            connection_invalidated=gone,
            dialect=DIALECT,
        )
        return known


@contextmanager
def begin(pool: Pool, lost: Lost) -> Iterator[Transaction]:
    """Run one transaction: committed at the end, undone where something is raised."""
    transaction = Transaction(pool, lost)
    try:
        yield transaction
        if not transaction.has_ended:
            transaction.commit()
    finally:
        transaction.close()


@lru_cache(maxsize=2048)
def _for_driver(sql: str) -> str:
    """Return a statement with its named parameters as the driver writes them."""
    return str(text(sql).compile(dialect=DIALECT))
