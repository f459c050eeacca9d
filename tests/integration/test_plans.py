"""
What a call reads of the table of calls while thousands wait there.

Statements are planned once, often when the tables are still empty and nothing is known of them.
A plan that then looks through all that wait costs each call as much as there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from soar.bootstrap import House
from soar.domain.model import Outcome
from soar.store.calls import Lane
from soar.store.claims import CLAIM_LOOKUP, CLAIM_READ
from soar.store.effects import CLAIM_WRITE
from soar.store.endings import END, end_values
from soar.store.prepared import PLAN_SECONDS, Prepared
from soar.store.tables import app_run
from soar.store.work import Work
from tests.conftest import Servers, new_database
from tests.integration.waiting import Act, add_asset, add_calls

WAITING = 3000
MANY = 100

READ = """
    select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
    where relname = 'app_run'
"""
"""How many rows of app_run a transaction has read."""


@pytest.fixture(scope="module")
def planned_database(servers: Servers) -> str:
    """A database of its own: nobody else plans or analyses anything there."""
    return new_database(servers, "plans")


@pytest.fixture
def house_database(planned_database: str) -> str:
    """The database of the ``house`` of these tests, as if nothing had ever been in it."""
    connection = psycopg2.connect(planned_database.replace("postgresql+psycopg2", "postgresql"))
    with connection, connection.cursor() as cursor:
        cursor.execute("truncate container restart identity cascade")
    connection.close()
    return planned_database


@pytest.fixture
def cursor(house: House) -> Iterator[Any]:
    """A cursor of one transaction, whose plans are made once, for any values."""
    url = house.settings.database_url.get_secret_value()
    connection = psycopg2.connect(url.replace("postgresql+psycopg2", "postgresql"))
    with connection.cursor() as cursor:
        cursor.execute("set plan_cache_mode = force_generic_plan")
        connection.commit()
        yield cursor
    connection.close()


def _read(cursor: Any) -> int:
    """Return how many rows of app_run this transaction has read."""
    cursor.execute(READ)
    return int(cursor.fetchone()[0])


Small = tuple[int, str]
SMALL = pytest.mark.parametrize(
    "small", [(n, known) for n in (1, 20, 200, 1000) for known in ("", "analyze app_run")], ids=str
)
"""How many calls a table holds when its statements are planned, and what the server knows of it."""


def _add_many(house: House, count: int) -> None:
    """Let so many calls wait for one asset, each like the first."""
    (first,) = add_calls(house, "medium").calls
    columns = ", ".join(column.name for column in app_run.columns if column.name != "id")
    house.database.run(
        f"insert into app_run ({columns}) select {columns} from app_run,"
        " generate_series(2, %(count)s) where id = %(first)s",
        {"first": first, "count": count},
    )


def _some_are_done(house: House, small: Small) -> None:
    """Let a few calls have been made; the server may have looked then, not since."""
    count, analyze = small
    house.database.run("alter table app_run set (autovacuum_enabled = off)", {})
    add_asset(house)
    _add_many(house, count)
    house.database.run(
        "update app_run set status = 'success', parked_for = null, end_time = now()", {}
    )
    if analyze:
        house.database.run(analyze, {})


def _crowd(house: House) -> Act:
    """Let thousands wait for one asset, and give one call of another that is pending."""
    add_asset(house, "edr")
    _add_many(house, WAITING)
    return add_calls(house, "medium", asset="edr", parked_for="approval")


def _values(call: int) -> dict[str, Any]:
    outcome = Outcome(app_run_id=call, attempt=1, succeeded=True, message="m", shared=True)
    claim = {"task": "t", "owner": "me", "freshness": 60.0, "undo": "release", "containment": True}
    return {**end_values(outcome), **claim}


@SMALL
@pytest.mark.parametrize(
    ("claim", "end"),
    [(CLAIM_READ, "read"), (CLAIM_LOOKUP, "lookup"), (CLAIM_WRITE, "write")],
    ids=["read", "lookup", "write"],
)
def test_a_call_reads_a_few_rows_however_many_wait(
    house: House, cursor: Any, claim: str, end: str, small: Small
) -> None:
    """
    Claimed and ended with statements prepared while the table was small, some seconds ago.
    """
    _some_are_done(house, small)
    now = 0.0
    prepared = Prepared(clock=lambda: now)
    for statement in (claim, END[end, False]):
        cursor.execute(prepared.hot(cursor, statement), _values(0))
    act = _crowd(house)
    house.database.run(
        "update app_run set status = 'pending', parked_for = null, lookup = 'l', target = 'x'"
        " where id = %(id)s",
        {"id": act.calls[0]},
    )
    before, now = _read(cursor), PLAN_SECONDS

    cursor.execute(prepared.hot(cursor, claim), _values(act.calls[0]))
    assert cursor.fetchall()
    cursor.execute(prepared.hot(cursor, END[end, False]), _values(act.calls[0]))
    assert cursor.fetchall() == [(0, act.run, act.join)]

    assert _read(cursor) - before < MANY


@SMALL
def test_a_lane_lets_some_go_without_looking_at_all_who_wait(house: House, small: Small) -> None:
    """
    Five of thousands, on a table that nobody has analysed.
    """
    _some_are_done(house, small)
    _crowd(house)
    with house.database.begin() as work:
        before = work.containers._value(READ)
        assert [row["asset"] for row in work.lanes.waiting()] == ["vt"]
        assert len(work.lanes.release("vt", 5)) == 5
        assert not work.lanes.release_overdue("vt", 5, seconds=1800.0)

        assert work.containers._value(READ) - before < MANY


@SMALL
def test_the_clock_looks_for_what_is_due_not_at_all_who_wait(house: House, small: Small) -> None:
    """
    What it asks several times a second, and each second.
    """
    _some_are_done(house, small)
    _crowd(house)
    add_asset(house, "shut", when_closed="fail")
    house.database.run("update asset set disabled = slug = 'shut'", {})
    with house.database.begin() as work:
        before = work.containers._value(READ)
        assert not work.calls.wake_due()
        assert not work.calls.wake_followers()
        assert not work.calls.unheard(seconds=15)
        assert not work.suspects.reclaim()
        assert not work.suspects.let_go()
        work.suspects.convict()
        assert not work.suspects.poisoned()
        assert not work.ledger.unasked()
        assert not work.lanes.shut_out()

        assert work.containers._value(READ) - before < MANY


def _add_five(
    work: Work, act: Act, turns: dict[Lane, int], *, asset: str = "vt", **others: Any
) -> int:
    """Add five calls to a lane; return how many calls were read."""
    member = {"action_run_id": act.join, "severity_rank": 2, "action": "a", "asset": asset}
    ids: dict[str, Any] = {"run_id": act.run, "join_id": act.join, "container_id": 1, **others}
    before = work.containers._value(READ)
    work.calls.add_all([member] * 5, **ids, turns=turns)
    return int(work.containers._value(READ) - before)


@SMALL
def test_an_act_looks_once_for_the_head_of_a_lane(house: House, small: Small) -> None:
    """
    However many calls it has, and on a table that nobody has analysed. The block's next act knows,
    though its run has asked for thousands.
    """
    _some_are_done(house, small)
    act = _crowd(house)
    turns: dict[Lane, int] = {}
    with house.database.begin() as work:
        assert _add_five(work, act, turns) < WAITING + MANY
        assert _add_five(work, act, turns, run_id=act.run - 1) < MANY

    assert turns == {("vt", 2): 10}


def test_an_act_reads_a_few_rows_where_nobody_waited_when_the_server_last_looked(
    house: House,
) -> None:
    """
    It knows of runs with many calls, and takes those who wait for the smaller part.
    """
    add_asset(house)
    for _ in range(20):
        add_calls(house, *["medium"] * 20)
    _some_are_done(house, (1, "analyze app_run"))
    act = _crowd(house)
    with house.database.begin() as work:
        work.containers._do("set local plan_cache_mode = force_generic_plan")
        assert _add_five(work, act, {}, asset="edr") < MANY
