"""
An election by an advisory lock: of all that stand, one wins until its connection ends.

In: a database URL. Out: whether this one leads now. Never: a lock that outlives its process, or
one whose holder stands still (a frozen machine keeps its connections) and keeps all others out.
"""

from __future__ import annotations

from typing import Any

import psycopg2
from sqlalchemy.engine import make_url

CLOCK = 7_305_002  # any number that nobody else locks in this database

SILENT_SECONDS = 30.0
"""A leader that has not been heard for so long is put out: it looks at the lock each second."""

PUT_OUT = """
    select pg_terminate_backend(a.pid) from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted and l.classid = 0 and l.objid = %s
    and l.objsubid = 1 and a.datname = current_database()
    and a.state_change < now() - make_interval(secs => %s)
"""


class Election:
    """One candidate, with a connection of its own."""

    def __init__(self, url: str, lock: int = CLOCK) -> None:
        self._url = make_url(url).set(drivername="postgresql")
        self._lock = lock
        self._connection: Any = None
        self._won = False

    def stand(self) -> bool:
        """Return whether this candidate leads: it won before and is still connected, or wins."""
        try:
            return self._stand()
        except psycopg2.Error:
            self.resign()
            return False

    def _stand(self) -> bool:
        if self._connection is None:
            self._connection = psycopg2.connect(
                self._url.render_as_string(hide_password=False),
                application_name="soar-clock",
                connect_timeout=10,
                keepalives_idle=5,
                keepalives_interval=2,
                keepalives_count=3,
            )
            self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            if self._won:
                cursor.execute("select 1")
                return True
            cursor.execute("select pg_try_advisory_lock(%s)", (self._lock,))
            self._won = bool(cursor.fetchone()[0])
            if not self._won:
                cursor.execute(PUT_OUT, (self._lock, SILENT_SECONDS))
        return self._won

    def resign(self) -> None:
        """Give the lead up by closing the connection."""
        self._won = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None
