"""
Transactions: as few messages as they need, and still all or nothing.
"""

from __future__ import annotations

import psycopg2
import pytest

from soar.bootstrap import House
from soar.domain.model import NewContainer
from soar.store.errors import REFUSED, UNREACHABLE
from soar.store.moves import HELD
from soar.store.prepared import Hot
from soar.store.work import Work

MESSAGE = "select current_query()"
"""What the server was sent in the message of this statement."""
NOTE = "insert into decided_list (name, content) values (:name, '[]')"
WRONG = "select 1 / 0"
ENDED = (REFUSED, psycopg2.Error)


def notes(house: House) -> list[str]:
    """Return what was committed."""
    return [name for (name,) in house.database.run("select name from decided_list order by 1", {})]


def note(work: Work, name: str) -> None:
    """Write something whose answer nobody waits for."""
    work.reads._later(NOTE, name=name)


def ask(work: Work, statement: str) -> object:
    """Send a statement and wait for what it returns."""
    return work.reads._value(statement)


def fails(work: Work, *sent: str, then: str = "") -> None:
    """Write and send some, leave another for later, and fail."""
    for name in sent:
        note(work, name)
        ask(work, "select 1")
    if then:
        note(work, then)
    raise KeyError


def ask_after(work: Work, statement: str) -> None:
    """Leave statements for later, the last one wrong, and send something."""
    note(work, "one")
    work.reads._later(statement)
    ask(work, "select 1")


def swallows(work: Work, wrong: str, then: str = "") -> None:
    """Send something wrong, and take no notice."""
    note(work, "one")
    with pytest.raises(REFUSED):
        ask(work, wrong)
    if then:
        note(work, then)


def test_a_transaction_begins_in_the_message_of_its_first_statement(house: House) -> None:
    """
    The second one goes alone.
    """
    with house.database.begin() as work:
        first, second = ask(work, MESSAGE), ask(work, MESSAGE)

    assert str(first).split("\n;")[0] == "begin"
    assert second == MESSAGE


def test_what_nobody_waits_for_goes_with_the_next_statement(house: House) -> None:
    """
    In its order, and with the commit where there is no other.
    """
    with house.database.begin() as work:
        ask(work, "select 1")
        note(work, "one")
        note(work, "two")
        message = str(ask(work, MESSAGE)).split("\n;")
        note(work, "three")

    assert ["'one'" in message[0], "'two'" in message[1], message[2]] == [True, True, MESSAGE]
    assert notes(house) == ["one", "three", "two"]


def test_what_raises_leaves_nothing_and_an_idle_connection(house: House) -> None:
    """
    Neither what was executed nor what was left for later.
    """
    with pytest.raises(KeyError), house.database.begin() as work:
        fails(work, "executed", then="later")

    assert notes(house) == []
    with house.database.begin() as work:
        assert ask(work, "select pg_current_xact_id_if_assigned() is null")


def test_what_was_left_for_later_and_fails_fails_the_transaction(house: House) -> None:
    """
    Where it was sent: with the next statement, or with the commit.
    """
    with pytest.raises(REFUSED), house.database.begin() as work:
        work.reads._later(WRONG)
    with pytest.raises(REFUSED), house.database.begin() as work:
        ask_after(work, WRONG)

    assert notes(house) == []


def test_an_attempt_undoes_what_was_done_in_it_and_nothing_else(house: House) -> None:
    """
    Whether it was sent or left for later; what came before stands, sent or not.
    """
    with house.database.begin() as work:
        note(work, "before")
        with pytest.raises(KeyError), work.attempt():
            fails(work, "inside, sent", then="inside, later")
        note(work, "between")
        with pytest.raises(KeyError), work.attempt():
            fails(work, then="inside, later")

    assert notes(house) == ["before", "between"]


def test_what_an_attempt_left_for_later_fails_inside_it(house: House) -> None:
    """
    Its end waits for that; after it there is nothing of it that could fail.
    """
    with house.database.begin() as work:
        note(work, "before")
        with pytest.raises(REFUSED), work.attempt():
            work.reads._later(WRONG)
        with work.attempt():
            note(work, "inside")
        note(work, "after")

    assert notes(house) == ["after", "before", "inside"]


def test_an_attempt_that_only_reads_costs_no_message(house: House) -> None:
    """
    It begins and ends in the messages of others.
    """
    with house.database.begin() as work:
        with work.attempt():
            inside = str(ask(work, MESSAGE)).split("\n;")
        after = str(ask(work, MESSAGE)).split("\n;")

    assert inside == ["begin", "savepoint attempt", MESSAGE]
    assert after == ["release savepoint attempt", MESSAGE]


@pytest.mark.parametrize("wrong", [WRONG, "selec 1"])
def test_who_swallows_an_error_does_not_go_on_as_if_nothing_was(house: House, wrong: str) -> None:
    """
    Also where the server could not even read the message that was to begin the transaction.
    """
    with pytest.raises(ENDED), house.database.begin() as work:
        swallows(work, wrong)

    with pytest.raises(ENDED), house.database.begin() as work:
        swallows(work, wrong, then="two")

    assert notes(house) == []


def test_what_looks_afterwards_goes_with_the_commit_and_sees_it_done(house: House) -> None:
    """
    Its locks are gone, and what others have committed meanwhile is there.
    """
    with house.database.begin() as work:
        note(work, "one")
        work.transaction.afterwards = (
            "select pg_current_xact_id_if_assigned() is null, count(*), (select count(*) from"
            " pg_locks where pid = pg_backend_pid() and mode = 'RowExclusiveLock')"
            " from decided_list",
            {},
        )

    assert work.transaction.found == [(True, 1, 0)]


def test_a_connection_goes_back_whatever_happened(house: House) -> None:
    """
    A hundred transactions that fail need no hundred connections.
    """
    for _ in range(100):
        with pytest.raises(KeyError), house.database.begin() as work:
            fails(work, "one")

    (count,) = house.database.run(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and application_name = 'soar' and state <> 'idle'",
        {},
    )[0]
    assert count == 0


def test_a_migration_under_prepared_statements_costs_one_transaction(house: House) -> None:
    """
    It fails as if the server were away, which everybody survives; the next one prepares anew.
    """
    everything = Hot("select * from changing")
    house.database.run("create table changing (a int)", {})
    try:
        with house.database.begin() as work:
            ask(work, everything)
        house.database.run("alter table changing add column b int", {})

        with pytest.raises(UNREACHABLE), house.database.begin() as work:
            ask(work, everything)
        with house.database.begin() as work:
            assert work.reads._all(everything) == []
    finally:
        house.database.run("drop table changing", {})


def test_a_run_is_read_only_by_who_holds_it(house: House) -> None:
    """
    What somebody reads who came too late for the lock may be old, even if it is free by then.
    """
    with house.database.begin() as work:
        container, _ = work.containers.add(
            NewContainer(asset="t", source_id="1", name="x", label="x", severity="low")
        )
        work.playbooks.save(name="p", title="p", version="1", source="")
        playbook = work.playbooks.newest("p")["id"]
        run = work.runs.add(container_id=container, playbook_id=playbook, started_by="t", run_as="")
    with house.database.begin() as one, house.database.begin() as other:
        assert one.moves.hold(run) is not None
        assert other.moves.hold(run) is None

    with house.database.begin() as work:
        assert work.moves._one(HELD, id=run) is None
        assert work.moves.hold(run) is not None
        assert work.moves.hold(run) is not None  # its own
