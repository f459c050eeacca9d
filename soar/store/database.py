"""
Connections to PostgreSQL: one pool per process, one plain connection per thread.

In: a URL. Out: units of work (:meth:`Database.begin`) and single statements that commit alone.
Never: a connection that crosses a fork.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import Pool, QueuePool

from soar.store import transaction
from soar.store.errors import as_it_is
from soar.store.prepared import Prepared
from soar.store.rows import bound
from soar.store.work import Message, Work

PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""A server that is gone without a word is noticed within 25 seconds."""

NOTICED = """
    set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 3; set tcp_keepalives_count = 3;
    set idle_in_transaction_session_timeout = '{seconds:g}s'
"""
"""The server notices a peer that is gone within 14 seconds, and undoes what a frozen one has begun:
until then its locks hold up everybody, and by itself it would look after two hours, or never."""

Publish = Callable[[Sequence[tuple[int, Message]]], None]
FRESH_SECONDS = 1.0
"""A connection that was used so recently is taken again without being asked."""


def publish_nothing(messages: Sequence[tuple[int, Message]]) -> None:
    """Leave every message in the outbox: the sweep sends it."""


class Database:
    """The door to PostgreSQL of one process and, after a fork, of each child."""

    def __init__(self, url: str, *, publish: Publish = publish_nothing) -> None:
        self._url = make_url(url)
        self._pools: dict[int, Pool] = {}
        self._threads = threading.local()
        self.publish = publish
        self.idle_seconds = 0.0
        """So long may a transaction be left alone before the server undoes it; 0 is for ever."""

    def __repr__(self) -> str:
        return f"Database({self._url.render_as_string(hide_password=True)})"

    def _pool(self) -> Pool:
        """Return the pool of this process; a child process makes its own."""
        pid = os.getpid()
        pool = self._pools.get(pid)
        if pool is None:
            pool = QueuePool(self._connect, pool_size=5, max_overflow=30, recycle=1800)
            _ask_idle_connections(pool)
            self._pools = {pid: pool}
        return pool

    def _connect(self, name: str = "soar") -> Any:
        if self._url.get_backend_name() != "postgresql":
            raise ArgumentError(f"the database is {self._url.get_backend_name()}, not PostgreSQL")
        connection = psycopg2.connect(
            self._url.set(drivername="postgresql").render_as_string(hide_password=False),
            application_name=name,
            **PATIENCE,
        )
        connection.autocommit = True  # transactions begin in the message of their first statement
        with connection.cursor() as cursor:
            cursor.execute(NOTICED.format(seconds=self.idle_seconds))
        return connection

    def _lost(self, pool: Pool) -> None:
        pool.dispose()
        self._pools = {pid: kept for pid, kept in self._pools.items() if kept is not pool}

    @contextmanager
    def begin(self) -> Iterator[Work]:
        """Run one transaction; what it sent leaves after the commit, or never."""
        with transaction.begin(self._pool(), self._lost) as statements:
            work = Work(statements)
            yield work
            sent = work.finish()
        if sent:
            self.publish(sent)

    def run(self, statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """
        Run one statement that commits alone, on this thread's plain connection.

        For the hot path: no ORM, no transaction round trips. A connection that the server
        closed is opened again once; the statement must therefore be safe to repeat.
        """
        return self._once_more(statement, values, prepare=True)

    def run_together(self, statements: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """
        Run statements that commit together, sent in one message; return the last one's rows.

        Each sees what was committed before it began: one may lock what the next one counts.
        Such a text cannot be prepared.
        """
        return self._once_more(statements, values, prepare=False)

    def _once_more(
        self, statement: str, values: Mapping[str, Any], *, prepare: bool
    ) -> list[tuple[Any, ...]]:
        try:
            return self._run(statement, values, prepare=prepare)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            self._close_plain()
            return self._run(statement, values, prepare=prepare)

    def _run(
        self, statement: str, values: Mapping[str, Any], *, prepare: bool
    ) -> list[tuple[Any, ...]]:
        connection, prepared = self._plain()
        with connection.cursor() as cursor:
            try:
                if prepare:
                    prepared.often(cursor, statement, bound(values))
                else:
                    cursor.execute(statement, bound(values))
            except psycopg2.OperationalError as error:
                raise as_it_is(error) from None
            return list(cursor.fetchall()) if cursor.description else []

    def _plain(self) -> tuple[Any, Prepared]:
        pid = os.getpid()
        held = getattr(self._threads, "held", None)
        if held is None or held[0] != pid or held[1].closed:
            connection = self._connect("soar-hot")
            self._threads.held = held = (pid, connection, Prepared())
        return held[1], held[2]

    def _close_plain(self) -> None:
        held = getattr(self._threads, "held", None)
        if held is not None:
            held[1].close()
            self._threads.held = None

    def close(self) -> None:
        """Close what this process and thread hold."""
        self._close_plain()
        for pool in self._pools.values():
            pool.dispose()
        self._pools = {}


def _ask_idle_connections(pool: Pool) -> None:
    """Let a connection that lay idle be asked whether it still lives before it is used again."""

    def returned(_connection: Any, record: Any) -> None:
        record.info["returned"] = time.monotonic()

    def taken(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("returned", time.monotonic()) < FRESH_SECONDS:
            return
        try:
            connection.cursor().execute("select 1")
        except psycopg2.Error:
            raise DisconnectionError from None

    event.listen(pool, "checkin", returned)
    event.listen(pool, "checkout", taken)
