"""
Lists of REST and the end of overdue questions, while very many are open.

In: a database of its own, full of questions, planned before anything was known of it. Out: lists
and sweeps that read what they must.
Never: a join that nobody asked for, or a sweep that reads all that is open.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from soar.api import query
from soar.api.nouns import APPROVALS
from soar.bootstrap import House
from soar.engine import expiry
from soar.store.listing import lists
from soar.store.work import Work
from tests.conftest import Servers, new_database
from tests.integration.rest.stage import Client
from tests.integration.web.questions import ask, case, run_sql

OPEN = 20_000
ROLES = 20
FEW = 300
READ = """
    select relname, seq_tup_read + coalesce(idx_tup_fetch, 0) as n from pg_stat_xact_user_tables
    where relname in ('approval', 'app_run', 'playbook_run', 'container')
"""
CALL = """
    insert into app_run (action_run_id, join_id, run_id, container_id, action, asset, task,
      parameters, status, parked_for, approval_id)
    select a.action_run_id, a.action_run_id, a.run_id, a.container_id, a.name, 'edr', 't', '{}',
      'parked', 'approval', a.id from approval a
"""
COPY = """
    insert into approval (public_id, run_id, action_run_id, container_id, kind, name, assignee,
      message, options, payload, payload_digest, due_at)
    select gen_random_uuid(), run_id, action_run_id, container_id, kind, name,
      'role' || n % :roles, message, options, payload, payload_digest,
      now() + interval '1 hour' + n * interval '1 s'
    from approval, generate_series(1, :count) n where id = :id
"""


@pytest.fixture(scope="module")
def crowded(servers: Servers) -> str:
    """A database of its own: nobody else plans or analyses anything there."""
    return new_database(servers, "crowded")


@pytest.fixture
def house_database(crowded: str) -> str:
    """The database of the ``house`` of these tests."""
    return crowded


@pytest.fixture
def many(house: House) -> House:
    """A house in which very many questions are open, each with a call that waits for it."""
    run_sql(house, "alter table approval set (autovacuum_enabled = off)")
    run_sql(house, "alter table app_run set (autovacuum_enabled = off)")
    number = ask(house, case(house))
    with house.database.begin() as work:
        work.calls._do(COPY, id=number, roles=ROLES, count=OPEN - 1)
        work.calls._do(CALL)
        work.calls._do("update action_run set remaining = :n", n=OPEN)
    return house


def reads(work: Work) -> Mapping[str, int]:
    """Return how many rows of each table this transaction has read."""
    return {row["relname"]: int(row["n"]) for row in work.calls._all(READ)}


@pytest.mark.parametrize("known", [False, True], ids=["unknown", "analysed"])
def test_closing_what_is_overdue_reads_a_batch_of_all_that_is_open(
    many: House, known: bool
) -> None:
    """
    Also of the calls that wait, on tables that nobody has analysed.
    """
    run_sql(many, f"update approval set due_at = now() where id % {OPEN // 500} = 0")
    if known:
        run_sql(many, "analyze approval")
        run_sql(many, "analyze app_run")

    with many.database.begin() as work:
        before = reads(work)
        assert expiry.batch(work) == expiry.BATCH
        after = reads(work)

    for table in ("approval", "app_run"):
        assert after[table] - before.get(table, 0) < 10 * expiry.BATCH, table


def test_all_that_is_due_is_closed_batch_by_batch(many: House) -> None:
    """
    Each in a transaction of its own, as many as a sweep has time for; no call waits any more.
    """
    run_sql(many, "update approval set due_at = now() where id % 20 = 0")
    while expiry.close(many.database):
        pass

    with many.database.begin() as work:
        left = work.calls._value("select count(*) from approval where status = 'open'")
        failed = work.calls._value("select count(*) from app_run where status = 'failed'")
        said = work.calls._value("select count(*) from audit where what = 'approval expired'")
        remaining = work.calls._value("select remaining from action_run")
    assert (left, failed, said) == (OPEN - OPEN // 20, OPEN // 20, OPEN // 20)
    assert remaining == OPEN - OPEN // 20


@pytest.mark.parametrize(
    ("filters", "most"),
    [
        ({}, 1.1),
        ({"sort": "id", "order": "desc"}, 1.1),
        ({"_filter_status": '"pending"'}, 1.1),
        ({"_filter_status": '"pending"', "_filter_owner": '"role3"'}, 2.2 / ROLES),
        ({"page": str(OPEN // 10 - 1)}, 2.2),
    ],
    ids=["all", "newest first", "pending", "of an owner", "the last page"],
)
def test_a_list_joins_nothing_that_it_does_not_show(
    many: House, filters: Mapping[str, str], most: float
) -> None:
    """
    It counts, so it reads what it counts once; and the rows that it skips.
    """
    run_sql(many, "analyze approval")

    with many.database.begin() as work:
        before = reads(work)
        question = query.read(tuple(filters.items()), APPROVALS)
        found = lists(work).page(APPROVALS, question.wanted, tenants=())
        after = reads(work)

    assert len(found.rows) == 10
    assert after["approval"] - before.get("approval", 0) < most * OPEN + FEW
    for table in ("playbook_run", "container"):
        assert after.get(table, 0) - before.get(table, 0) < FEW


def test_a_list_joins_what_a_filter_names(many: House, analyst: Client) -> None:
    """
    And finds the same questions.
    """
    answer = analyst.get("/rest/approval", _filter_container__label='"phishing"').json()
    assert answer["count"] == OPEN
    assert len(answer["data"]) == 10
    assert analyst.get("/rest/approval", _filter_container__label='"x"').json()["count"] == 0
    last = analyst.get("/rest/approval", page=OPEN // 10 - 1, sort="id").json()
    first = analyst.get("/rest/approval", sort="id", order="desc").json()
    assert [r["id"] for r in last["data"]] == [r["id"] for r in first["data"]][::-1]
