"""
What every test may stand on: real servers, an empty house, a running pool.

In: nothing. Out: ``servers`` (PostgreSQL and Valkey of the session), ``house`` (a process's parts
on an empty database), ``pool`` (worker processes, the lab and the demo's assets).
Never: a mock of a part that these tests are about, or an address other than loopback.
"""

from __future__ import annotations

import functools
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
import structlog
import typer.main
import typer.testing
from sqlalchemy import make_url

from soar import bootstrap
from soar.bootstrap import House
from soar.demo.stack import keys
from soar.embedded import EmbeddedServers, Servers, cluster
from soar.settings import Settings
from soar.store import migrate

for _name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
    os.environ.pop(_name, None)  # some machines export them; tests bring their own CA
for _name in [n for n in os.environ if n.startswith("SOAR_")]:
    del os.environ[_name]

# Every command of the command line is built once, not for each line that a test types.
typer.testing._get_command = functools.cache(typer.main.get_command)  # type: ignore[attr-defined]

SEED = Path(__file__).resolve().parents[1].parent / "shared" / "seed"
PATIENCE = 60.0


LONG = ("acceptance", "traps", "chaos", "test_lane_model", "test_stall", "test_any_order")
"""Folders and files that take long: they begin first, so that no process is left with one."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, after the shuffle."""
    items.sort(key=lambda item: not {item.path.parent.name, item.path.stem} & {*LONG})


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Give every test the logging it began with: a command line turns it down for its process."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def _own_memory() -> Iterator[None]:
    """Give every test the memory it began with: an engine bounds that of its process."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """
    One PostgreSQL and one Valkey for all tests of the session.

    It does not wait for the disk: no test lets the machine lose its power, and a server that is
    killed forgets nothing by that. Its password is hashed once: tests connect thousands of times.
    """
    running = EmbeddedServers(Path(tempfile.mkdtemp(prefix="soar-tests-")))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(cluster.SETTINGS, "fsync", "off")
            started = running.start()
        _hash_once(started.database_url)
        yield started
    finally:
        running.delete()


def _hash_once(url: str) -> None:
    password = make_url(url).password
    with psycopg2.connect(libpq(url)) as connection, connection.cursor() as cursor:
        cursor.execute("set scram_iterations = 1")
        cursor.execute("alter role current_user password %s", (password,))
    connection.close()


def libpq(url: str) -> str:
    """Return the address of a database as libpq writes it."""
    return url.replace("postgresql+psycopg2", "postgresql")


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys made for this session."""
    folder = tmp_path_factory.mktemp("keys")
    keys(folder)
    return folder


def new_database(servers: Servers, name: str) -> str:
    """Make an empty, migrated database and return its URL."""
    base = servers.database_url
    connection = psycopg2.connect(libpq(base))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"create database {name}")
    connection.close()
    url = base.rpartition("/")[0] + f"/{name}"
    migrate.upgrade(url)
    return url


def settings_for(database_url: str, redis_url: str, folder: Path, **more: Any) -> Settings:
    """Return the settings of a process on these servers."""
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        vault_key_file=folder / "vault.key",
        signing_key_file=folder / "signing.pem",
        verify_key_file=folder / "verify.pem",
        log_level="WARNING",
        **more,
    )


@pytest.fixture(scope="session")
def house_database(servers: Servers) -> str:
    """The database of the ``house`` fixture, migrated once."""
    return new_database(servers, "house")


ORDER = """
with recursive refers as (
  select conrelid as child, confrelid as parent from pg_constraint
  where contype = 'f' and conrelid <> confrelid),
depths(child, depth) as (
  select oid, 0 from pg_class
  where relkind = 'r' and relnamespace = 'public'::regnamespace
  union select r.child, d.depth + 1 from refers r join depths d on d.child = r.parent)
select c.relname from depths d join pg_class c on c.oid = d.child
where c.relname <> 'alembic_version' group by c.relname order by max(d.depth) desc
"""
"""The tables, those who refer before those they refer to."""
ANEW = """
insert into tenant (id, name) values (0, 'Default Tenant');
select setval(format('%I.%I', schemaname, sequencename), start_value, false)
  from pg_sequences where last_value is not null
"""


class Eraser:
    """
    Empties Redis, and every table but the schema's version; ids begin anew.

    It deletes what there is: to truncate is to write new files for every table and each of its
    indexes. Only the audit trail is truncated, because it lets nobody delete.
    """

    def __init__(self, url: str, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url)
        self._connection = psycopg2.connect(libpq(url))
        self._connection.autocommit = True
        names = [name for (name,) in self._rows(ORDER)]
        filled = ", ".join(f"case when exists (select from {n}) then '{n}' end" for n in names)
        self._rows(f"prepare filled as select array_remove(array[{filled}], null); select 1")

    def _rows(self, statement: str) -> list[Any]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    def __call__(self) -> None:
        """Leave nothing but what a new database has."""
        [(filled,)] = self._rows("execute filled")
        verbs = [f"truncate {n};" if n == "audit" else f"delete from {n};" for n in filled]
        self._rows("".join(verbs) + ANEW)
        if filled:  # else what is written next lies on its pages wherever there was room
            with self._connection.cursor() as cursor:
                cursor.execute(f"vacuum {', '.join(filled)}")
        self._redis.flushdb()

    def close(self) -> None:
        """Let go of both."""
        self._connection.close()
        self._redis.close()


@pytest.fixture(scope="session")
def erasers(servers: Servers) -> Iterator[Callable[[str], Eraser]]:
    """What empties a database before each test that takes it as its ``house``."""
    with ExitStack() as open_until_the_end:

        @functools.cache
        def of(url: str) -> Eraser:
            return open_until_the_end.enter_context(closing(Eraser(url, servers.redis_url)))

        yield of


@pytest.fixture
def house(
    servers: Servers,
    house_database: str,
    erasers: Callable[[str], Eraser],
    key_folder: Path,
) -> Iterator[House]:
    """A process's parts on an empty database and an empty Redis; no worker runs."""
    erasers(house_database)()
    made = bootstrap.for_engine(settings_for(house_database, servers.redis_url, key_folder))
    yield made
    made.database.close()


def eventually(condition: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """Return what *condition* returns once it is true; fail when it stays false for too long."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"still not true after {within:g} s")
