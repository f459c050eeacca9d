"""Connections to PostgreSQL: what their errors tell, and what a fork does to them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy.exc import DBAPIError

from soar import bootstrap
from soar.bootstrap import House
from soar.settings import Settings
from soar.store.database import Database
from soar.store.errors import REFUSED
from tests.integration.waiting import add_asset, add_calls


def test_an_error_of_the_database_names_no_value(house: House) -> None:
    """
    A statement that is refused may be logged with its error: parameters are left out.
    """
    with pytest.raises(REFUSED) as refused, house.database.begin() as work:
        work.people.add_token(10**9, "hash-of-somebodys-token", seconds=None, allowed_ips=[])

    assert "hash-of-somebodys-token" not in str(refused.value).partition("DETAIL")[0]
    assert "[parameters: " not in str(refused.value)


def test_a_child_process_opens_connections_of_its_own(house: House) -> None:
    """
    After a fork parent and child never share one: both get their own right answers.
    """
    parent = house.database.run("select pg_backend_pid()", {})[0][0]
    with house.database.begin() as work:
        pooled = work.reads._value("select pg_backend_pid()")
    reading, writing = os.pipe()

    child = os.fork()
    if child == 0:
        own = house.database.run("select pg_backend_pid()", {})[0][0]
        with house.database.begin() as work:
            also = work.reads._value("select pg_backend_pid()")
        os.write(writing, f"{own} {also}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = {int(pid) for pid in os.read(reading, 100).split()}

    assert len(told) == 2
    assert not told & {parent, pooled}
    assert house.database.run("select pg_backend_pid()", {})[0][0] == parent


def test_a_process_that_stands_still_in_a_transaction_holds_nobody_up_for_ever(
    house: House,
) -> None:
    """
    The server undoes what it has begun; when it goes on it learns that nothing was done.
    """
    add_asset(house)
    add_calls(house, "low")
    frozen = Database(house.settings.database_url.get_secret_value())
    frozen.idle_seconds = 0.5
    lock = "update app_run set message = 'frozen' where id = 1 returning message"

    def stand_still() -> None:
        with frozen.begin() as work:
            work.calls._do(lock)
            patient = f"select set_config('lock_timeout', '20s', true); {lock}"
            assert house.database.run_together(patient, {}) == [("frozen",)]
            work.calls._do(lock)

    with closing(frozen), pytest.raises(DBAPIError):
        stand_still()


def test_the_server_notices_a_machine_that_is_gone(house: House) -> None:
    """
    Else it keeps the locks of whoever ran there for two hours.
    """
    assert house.database.run("show tcp_keepalives_idle", {}) == [("5",)]


@pytest.mark.parametrize(
    ("make", "seconds"),
    [
        (lambda s: bootstrap.for_clock(s).sweep.database, "30s"),
        (lambda s: bootstrap.for_ingest(s, "one").database, "90s"),
        (lambda s: bootstrap.for_http(s).database, "90s"),
        (lambda s: bootstrap.house(s).database, "0"),
    ],
    ids=["clock", "ingest", "http", "command"],
)
def test_each_process_may_leave_a_transaction_alone_for_so_long(
    house: House, make: Callable[[Settings], Database], seconds: str
) -> None:
    """
    The clock as long as another one waits for it, the others longer than any block; who types, as
    long as it takes.
    """
    with closing(make(house.settings)) as database:
        shown = database.run("show idle_in_transaction_session_timeout", {})
    assert shown == [(seconds,)]
