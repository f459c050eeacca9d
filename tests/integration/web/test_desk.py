"""
The lists of those who answer, while a hundred thousand questions are open.

In: a database of its own, full of questions. Out: pages that read about as many rows as they show.
Never: a list that reads all that is open.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from soar.bootstrap import House
from soar.store.desk import MOST, Desk, Place, Wanted
from soar.store.rows import Row
from tests.conftest import Servers, new_database
from tests.integration.web.questions import ask, case, run_sql

OPEN = 50_000
CLOSED = 20_000
FEW = 300
ROLES = 20
READ = """
    select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
    where relname = 'approval'
"""
COPY = """
    insert into approval (public_id, run_id, action_run_id, container_id, kind, name, assignee,
      message, options, payload, payload_digest, status, due_at, close_time)
    select gen_random_uuid(), run_id, action_run_id, container_id, kind, name,
      'role' || n % :roles, message, options, payload, payload_digest, :status,
      now() + interval '1 hour' + n % :moments * interval '1 s',
      case when :status <> 'open' then now() - n * interval '1 s' end
    from approval, generate_series(1, :count) n where id = :id
"""


@pytest.fixture(scope="module")
def desk_database(servers: Servers) -> str:
    """A database of its own: nobody else plans or analyses anything there."""
    return new_database(servers, "desk")


@pytest.fixture
def house_database(desk_database: str) -> str:
    """The database of the ``house`` of these tests."""
    return desk_database


def fill(house: House) -> None:
    """Let many questions be open for some roles, half of them due at once; and many be closed."""
    values = {"id": ask(house, case(house)), "roles": ROLES}
    with house.database.begin() as work:
        work.calls._do("alter table approval set (autovacuum_enabled = off)")
        for status, count, moments in (
            ("open", OPEN, 1),
            ("open", OPEN, 5000),
            ("expired", CLOSED, 1),
        ):
            work.calls._do(COPY, status=status, count=count, moments=moments, **values)


def after(row: Row) -> Place:
    """Return the place behind a row."""
    return Place(time=row["due_at"], id=row["id"])


Look = Callable[[Desk], object]
LOOKS: dict[str, Look] = {
    "mine": lambda desk: desk.open(["role3", "role7", "ada"], Wanted()),
    "nobody's": lambda desk: desk.open(["ada"], Wanted()),
    "everybody's": lambda desk: desk.open(None, Wanted()),
    "a later page": lambda desk: desk.open(
        ["role3"], Wanted(), after=after(desk.open(["role3"], Wanted(), limit=100)[-1])
    ),
    "decided": lambda desk: desk.decided(),
}


def test_a_page_reads_about_what_it_shows(house: House) -> None:
    """
    Also for somebody for whom nothing is open, on a table that nobody has analysed, and where half
    of it all is due at the same moment.
    """
    fill(house)

    for known in (False, True):
        if known:
            run_sql(house, "analyze approval")
        for name, look in LOOKS.items():
            with house.database.begin() as work:
                before = work.desk._value(READ)
                look(work.desk)
                assert work.desk._value(READ) - before < FEW, (name, known)
        with house.database.begin() as work:
            before = work.desk._value(READ)
            assert work.desk.count(["role3", "role7"]) == work.desk.count(None) == MOST
            assert work.desk.count(["ada"]) == 0
            assert work.desk._value(READ) - before < 4 * MOST


def test_every_open_question_is_on_exactly_one_page(house: House) -> None:
    """
    Also where a hundred are due at the same moment.
    """
    number = ask(house, case(house))
    with house.database.begin() as work:
        work.calls._do(COPY, status="open", count=100, id=number, roles=2, moments=1)
        wanted = {r["id"] for r in work.desk.open(["role0", "role1"], Wanted(), limit=1000)}
        seen: list[int] = []
        place = None
        while rows := work.desk.open(["role0", "role1"], Wanted(), after=place, limit=7):
            seen += [r["id"] for r in rows]
            place = after(rows[-1])

    assert len(seen) == len(set(seen)) == 100
    assert set(seen) == wanted
