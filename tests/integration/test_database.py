"""Connections to PostgreSQL: what their errors tell, and what a fork does to them."""

from __future__ import annotations

import os

import pytest

from soar.bootstrap import House
from soar.store.errors import REFUSED


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
