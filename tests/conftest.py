"""
What every test may stand on: real servers, an empty house, a running pool.

In: nothing. Out: ``servers`` (PostgreSQL and Valkey of the session), ``house`` (a process's parts
on an empty database), ``pool`` (worker processes, the lab and the demo's assets).
Never: a mock of a part that these tests are about, or an address other than loopback.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
import structlog

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
    killed forgets nothing by that.
    """
    running = EmbeddedServers(Path(tempfile.mkdtemp(prefix="soar-tests-")))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(cluster.SETTINGS, "fsync", "off")
            started = running.start()
        yield started
    finally:
        running.delete()


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys made for this session."""
    folder = tmp_path_factory.mktemp("keys")
    keys(folder)
    return folder


def new_database(servers: Servers, name: str) -> str:
    """Make an empty, migrated database and return its URL."""
    base = servers.database_url
    connection = psycopg2.connect(base.replace("postgresql+psycopg2", "postgresql"))
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


EMPTY = """
do $$
declare name text; filled boolean;
begin
  for name in
    with recursive refers as (
      select conrelid as child, confrelid as parent from pg_constraint
      where contype = 'f' and conrelid <> confrelid),
    depths(child, depth) as (
      select oid, 0 from pg_class
      where relkind = 'r' and relnamespace = 'public'::regnamespace
      union select r.child, d.depth + 1 from refers r join depths d on d.child = r.parent)
    select c.relname from depths d join pg_class c on c.oid = d.child
    where c.relname <> 'alembic_version' group by c.relname order by max(d.depth) desc
  loop
    execute format('select exists (select 1 from %I)', name) into filled;
    if filled and name = 'audit' then
      truncate audit;
    elsif filled then
      execute format('delete from %I', name);
    end if;
  end loop;
  insert into tenant (id, name) values (0, 'Default Tenant');
  perform setval(format('%I.%I', schemaname, sequencename), start_value, false)
    from pg_sequences where last_value is not null;
end $$
"""
"""Deletes what there is, those who refer first: to truncate is to write new files for every table
and each of its indexes. The audit trail lets nobody delete."""


def empty(url: str) -> None:
    """Empty every table but the schema's version; ids begin anew."""
    connection = psycopg2.connect(url.replace("postgresql+psycopg2", "postgresql"))
    with connection, connection.cursor() as cursor:
        cursor.execute(EMPTY)
    connection.close()


@pytest.fixture
def house(servers: Servers, house_database: str, key_folder: Path) -> Iterator[House]:
    """A process's parts on an empty database and an empty Redis; no worker runs."""
    empty(house_database)
    redis.Redis.from_url(servers.redis_url).flushdb()
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
