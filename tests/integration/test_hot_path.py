"""
What the hot path saves: round trips to the broker, planning in the server, questions to idle
connections. And that each saving gives way where it must.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode
from typing import Any

import pytest
import redis
from kombu import Connection, Consumer, Queue
from kombu.asynchronous import Hub

from soar.bootstrap import House
from soar.bus.app import START_RUN, send_task
from soar.bus.transport import together
from soar.domain.model import Outcome
from soar.store import database as databases
from soar.store.endings import END, end_values
from soar.store.errors import UNREACHABLE
from soar.store.prepared import Written
from soar.store.work import Work
from tests.integration.waiting import add_asset, add_calls

BELL = {"name": START_RUN, "args": [1], "queue": "engine", "id": "start_run-1"}


@pytest.fixture
def broker(house: House) -> redis.Redis:
    """A plain client of the broker."""
    return redis.Redis.from_url(house.settings.redis_url.get_secret_value())


def test_messages_of_a_batch_leave_when_it_ends(house: House, broker: redis.Redis) -> None:
    """
    Inside nothing is sent, at the end everything, in order; an inner batch belongs to its outer.
    """
    with together():
        with together():
            send_task(house.app, BELL)
        send_task(house.app, {**BELL, "id": "start_run-2"})
        assert broker.llen("engine") == 0

    sent = [message.decode() for message in broker.lrange("engine", 0, -1)]
    assert ["start_run-2" in sent[0], "start_run-1" in sent[1], len(sent)] == [True, True, 2]


def _send_and_fail(house: House) -> None:
    with together():
        send_task(house.app, BELL)
        raise ZeroDivisionError


def test_a_batch_that_raises_sends_nothing(house: House, broker: redis.Redis) -> None:
    """
    What was published before the error stays where it came from, and the next message leaves.
    """
    with pytest.raises(ZeroDivisionError):
        _send_and_fail(house)
    assert broker.llen("engine") == 0

    send_task(house.app, BELL)
    assert broker.llen("engine") == 1


def test_the_event_of_a_message_leaves_with_its_batch(house: House, broker: redis.Redis) -> None:
    """
    Flower hears that a message was sent when it was, and nothing of one that never left.
    """
    house.app.conf.task_send_sent_event = True
    heard = broker.pubsub(ignore_subscribe_messages=True)
    heard.psubscribe("*celeryev*")
    while not broker.pubsub_numpat():
        pass

    with pytest.raises(ZeroDivisionError):
        _send_and_fail(house)
    with together():
        send_task(house.app, {**BELL, "id": "start_run-2"})
        send_task(house.app, {**BELL, "id": "start_run-3"})
        broker.publish("celeryev/first", "the batch is still open")

    heard.get_message()  # that it has subscribed
    told = [heard.get_message(timeout=20)["data"].decode() for _ in range(3)]
    assert told[0] == "the batch is still open"
    bodies = [json.loads(b64decode(json.loads(text)["body"])) for text in told[1:]]
    assert [body["uuid"] for body in bodies] == ["start_run-2", "start_run-3"]
    heard.close()


def test_an_engine_that_stops_in_order_puts_back_what_it_has_not_done(
    house: House, broker: redis.Redis
) -> None:
    """
    While it has a message under way Redis knows nothing of it; once it is closed, all of it.
    """
    send_task(house.app, BELL)
    sent, heard = broker.lrange("engine", 0, -1), []

    with house.app.connection_for_read() as connection:
        bells = Consumer(
            connection, [Queue("engine", durable=True)], callbacks=[lambda *m: heard.append(m)]
        )
        bells.consume()
        connection.drain_events(timeout=20)
        assert (len(heard), broker.keys("unacked*"), broker.llen("engine")) == (1, [], 0)

    (back,) = broker.lrange("engine", 0, -1)
    assert json.loads(back)["body"] == json.loads(sent[0])["body"]


@pytest.mark.parametrize("loss", ["the connection", "the loop", "the transport"])
def test_a_loop_is_given_each_socket_once_and_again_after_it_was_lost(
    house: House, loss: str
) -> None:
    """
    A closed socket's number may come back as that of another one: it is told apart by who hears.
    """
    hub, heard, added, opened = Hub(), [], [], []
    add_reader = hub.add_reader

    def counted(fd: int, callback: Any, *given: Any) -> None:
        added.append(fd)
        add_reader(fd, callback, *given)

    hub.add_reader = counted

    def listen() -> Connection:
        connection = house.app.connection_for_read()
        opened.append(connection)
        queue = Queue("engine", durable=True)
        Consumer(
            connection, [queue], callbacks=[lambda b, _: heard.append(b)], no_ack=True
        ).consume()
        connection.register_with_event_loop(hub)
        return connection

    def hear(count: int) -> None:
        deadline = time.monotonic() + 20.0
        while len(heard) < count and time.monotonic() < deadline:
            send_task(house.app, BELL)  # one that a closed connection takes along is not heard
            hub.run_once()
        assert len(heard) >= count

    connection = listen()
    hear(3)
    assert len(added) == 1

    if loss == "the connection":
        connection.default_channel.client.connection.disconnect()
    elif loss == "the loop":
        hub.remove_reader(added[0])
    else:
        connection.transport.cycle.close()
        connection.default_channel.client.connection._sock.close()
        hub.on_tick.clear()
        connection = listen()
    hear(len(heard) + 3)

    assert len(added) == 2
    for each in (*opened, hub):
        each.close()


def _prepared(house: House) -> set[str]:
    rows = house.database.run("select statement from pg_prepared_statements", {})
    return {row[0] for row in rows}


def test_a_statement_that_runs_often_is_planned_once(house: House) -> None:
    """
    The third time it is prepared, with its parameters numbered, and gives the same answers.
    """
    answers = [
        house.database.run("select %(a)s::int + %(a)s - %(b)s", {"a": n, "b": 1})[0][0]
        for n in range(5)
    ]

    assert answers == [-1, 1, 3, 5, 7]
    assert any("$1::int + $1 - $2" in statement for statement in _prepared(house))


def test_what_cannot_be_prepared_is_executed_as_it_is(house: House) -> None:
    """
    A setting is no statement that a plan could be made of.
    """
    for _ in range(5):
        house.database.run("set statement_timeout = 1234", {})

    assert house.database.run("show statement_timeout", {}) == [("1234ms",)]


def test_a_migration_under_a_prepared_statement_is_survived(house: House) -> None:
    """
    The server refuses a plan whose columns have changed: the statement is planned again.
    """
    run = house.database.run
    run("create table changing (a int)", {})
    try:
        for _ in range(4):
            run("select * from changing", {})
        run("alter table changing add column b int", {})
        run("insert into changing values (1, 2)", {})

        assert run("select * from changing", {}) == [(1, 2)]
    finally:
        run("drop table changing", {})


def _cut(house: House) -> None:
    """Let the server end every pooled connection."""
    house.database.run(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'soar'"
        " and datname = current_database()",
        {},
    )


def _pid(work: Work) -> Any:
    return work.containers._value("select pg_backend_pid()")


def test_an_idle_connection_is_asked_before_it_is_used(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One that the server has closed meanwhile is replaced, and nobody notices.
    """
    monkeypatch.setattr(databases, "FRESH_SECONDS", 0.0)
    with house.database.begin() as work:
        before = _pid(work)
    _cut(house)

    with house.database.begin() as work:
        assert _pid(work) != before


def _lose(house: House) -> None:
    with house.database.begin() as work:
        _pid(work)
        _cut(house)
        _pid(work)


def test_a_connection_lost_in_use_costs_one_transaction(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever held it is told that the server was unreachable; the next transaction has a new one.
    """
    monkeypatch.setattr(databases, "FRESH_SECONDS", 3600.0)
    with pytest.raises(UNREACHABLE):
        _lose(house)

    with house.database.begin() as work:
        assert _pid(work)


@pytest.mark.parametrize(
    ("kind", "waits"), [("read", "off"), ("lookup", "off"), ("write", "on")], ids=str
)
def test_only_the_end_of_a_write_waits_for_the_disk(house: House, kind: str, waits: str) -> None:
    """
    What a crash of the server makes forgotten of a read is read again.
    """
    add_asset(house)
    (call,) = add_calls(house, "medium").calls
    house.database.run("update app_run set status = 'running', attempt = 1", {})
    outcome = Outcome(app_run_id=call, attempt=1, succeeded=True, message="done")
    with house.database.begin() as work:
        ended = work.transaction.execute(Written(END[kind, False]), end_values(outcome))
        assert ended.fetchone()[0] == 0

        assert work.reads._value("show synchronous_commit") == waits
