"""
Failed sign-ins: counted before the attempt is judged, by all processes together.

In: keys of a name and of an address. Out: how often and how long ago each failed.
Never: a name in clear (people type their password there), or a table without an end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from soar.store.rows import Queries

FORGOTTEN = "interval '1 day'"
MOST = 200_000
"""So many names and addresses are remembered; the ones that failed longest ago go first."""


class LoginFailures(Queries):
    """Named queries on failed sign-ins."""

    @contextmanager
    def apart(self) -> Iterator[LoginFailures]:
        """Lend a transaction of its own: what is counted in it stands, whatever comes after."""
        with self._transaction.apart() as other:
            yield LoginFailures(other)

    def locked(self, keys: Sequence[str]) -> dict[str, tuple[int, float]]:
        """Return (failures, seconds since the last) of each key, locked until the commit."""
        rows = self._all(
            "select key, count, greatest(extract(epoch from clock_timestamp() - failed_at), 0)"
            f" as age from login_failure where key = any(:keys)"
            f" and failed_at > now() - {FORGOTTEN} order by key for update",
            keys=sorted(keys),
        )
        return {row["key"]: (int(row["count"]), float(row["age"])) for row in rows}

    def count(self, keys: Sequence[str]) -> dict[str, Any]:
        """Count a failure for each key; return when, which takes it back."""
        rows = self._all(
            f"""
            insert into login_failure as f (key, count, failed_at)
            select k, 1, clock_timestamp() from unnest(cast(:keys as text[])) k order by k
            on conflict (key) do update set failed_at = excluded.failed_at, count =
              case when f.failed_at > now() - {FORGOTTEN} then f.count + 1 else 1 end
            returning key, failed_at
            """,
            keys=sorted(keys),
        )
        self._prune()
        return {row["key"]: row["failed_at"] for row in rows}

    def forget(self, key: str) -> None:
        """Forget a key: who owns it has signed in."""
        self._do("delete from login_failure where key = :key", key=key)

    def take_back(self, key: str, at: Any) -> None:
        """Take one count back; where nobody failed since, the next one need not wait for it."""
        self._do(
            f"""
            update login_failure set count = greatest(count - 1, 0), failed_at =
              case when failed_at = :at then now() - {FORGOTTEN} / 2 else failed_at end
            where key = :key
            """,
            key=key,
            at=at,
        )

    def all(self) -> Mapping[str, int]:
        """Return how often each key failed."""
        rows = self._all("select key, count from login_failure order by key")
        return {row["key"]: row["count"] for row in rows}

    def _prune(self) -> None:
        """Forget what is old and what is too much; who finds it being done goes on."""
        self._do(
            f"""
            delete from login_failure where key in (
              select key from login_failure where failed_at < now() - {FORGOTTEN}
              order by failed_at limit 100 for update skip locked)
            """
        )
        self._do(
            """
            delete from login_failure where key in (
              select key from login_failure where (select reltuples from pg_class
                where oid = 'login_failure'::regclass) > :most
              order by failed_at limit 100 for update skip locked)
            """,
            most=MOST,
        )
