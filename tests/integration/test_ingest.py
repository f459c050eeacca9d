"""
Alerts from the Redis stream: each a container, once, or set aside with a reason.

In: entries as senders write them, good and bad. Out: nothing. Never: an entry lost, or one that
stops the next.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
import redis

from soar import triggers
from soar.bootstrap import House
from soar.ingest import stream as streams
from soar.ingest.accept import MAX_ALERT_BYTES
from soar.ingest.stream import StreamReader
from soar.sentinel import connect
from soar.settings import ALERT_GROUP

ALERT = {
    "source_data_identifier": "a-1",
    "name": "Reported mail",
    "label": "phishing",
    "severity": "High",
    "artifacts": [{"name": "url", "cef": {"requestURL": "http://evil.example/"}}],
}


@pytest.fixture
def client(house: House) -> redis.Redis:
    """A client of the house's Redis."""
    return connect(house.settings.redis_url.get_secret_value())


@pytest.fixture
def reader(
    house: House, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StreamReader]:
    """A consumer that does not wait for alerts to come."""
    monkeypatch.setattr(streams, "BLOCK_MS", 1)
    yield reader_named("first", house, client)
    client.close()


def reader_named(name: str, house: House, client: redis.Redis) -> StreamReader:
    """Return a consumer of the house's stream."""
    return StreamReader(
        database=house.database,
        client=client,
        stream="soar:alerts",
        consumer=name,
        labels=house.settings.label_list(),
    )


def push(client: redis.Redis, alert: Any, **fields: str) -> None:
    """Put an alert into the stream, as JSON unless it is text."""
    text = alert if isinstance(alert, str | bytes) else json.dumps(alert)
    client.xadd("soar:alerts", {"alert": text, **fields})


def containers(house: House) -> list[dict[str, Any]]:
    """Return what came of the alerts."""
    with house.database.begin() as work:
        return work.containers._all("select * from container order by id")


def dead(client: redis.Redis) -> list[str]:
    """Return why alerts were set aside."""
    return [fields[b"reason"].decode() for _, fields in client.xrange("soar:alerts:dead")]


def left(client: redis.Redis) -> int:
    """Return how many entries were given out and not acknowledged."""
    pending: Any = client.xpending("soar:alerts", ALERT_GROUP)
    return int(pending["pending"])


def test_an_alert_becomes_a_container_and_starts_its_playbook(
    house: House, client: redis.Redis, reader: StreamReader
) -> None:
    """
    Container, artifacts and run are one transaction; the entry is acknowledged after it.
    """
    with house.database.begin() as work:
        work.playbooks.save(name="triage", title="T", version="1", source="def on_start(c): pass")
        raw = {
            "playbook_name": "triage",
            "trigger": {"type": "event_created", "conditions": {"label": ["phishing"]}},
        }
        triggers.save(work, triggers.parse(raw))
    push(client, ALERT, asset="mailbox")

    assert reader.step() == 1

    (container,) = containers(house)
    assert (container["asset"], container["source_id"]) == ("mailbox", "a-1")
    assert (container["label"], container["severity"]) == ("phishing", "high")
    with house.database.begin() as work:
        assert work.containers.artifacts(container["id"])[0]["cef"] == ALERT["artifacts"][0]["cef"]  # type: ignore[index]
        assert [r["started_by"] for r in work.reads.runs_of(container["id"])] == ["trigger triage"]
    assert left(client) == 0


def test_a_repeat_is_no_second_container_and_no_second_run(
    house: House, client: redis.Redis, reader: StreamReader
) -> None:
    """
    Asset and source id name an alert, whatever else it says.
    """
    push(client, ALERT)
    push(client, {**ALERT, "name": "the same again"})
    push(client, ALERT, asset="another")

    reader.step()

    assert [c["name"] for c in containers(house)] == ["Reported mail", "Reported mail"]
    assert dead(client) == []


def test_alerts_without_a_source_id_are_told_apart_by_what_they_say(
    house: House, client: redis.Redis, reader: StreamReader
) -> None:
    """
    An equal alert is a repeat, one with another word is not.
    """
    nameless = {k: v for k, v in ALERT.items() if k != "source_data_identifier"}
    for alert in (nameless, nameless, {**nameless, "description": "x"}):
        push(client, alert)

    reader.step()

    assert len(containers(house)) == 2


@pytest.mark.parametrize(
    ("alert", "reason"),
    [
        ("not JSON", "alert: is not JSON"),
        (b"\xff\xfe{}", "alert: is not JSON"),
        ("[]", "alert: must be an object, not list"),
        ("null", "alert: must be an object, not NoneType"),
        ({**ALERT, "name": ""}, "name: is missing"),
        ({**ALERT, "name": ["x"]}, "name: must be text, not list"),
        ({**ALERT, "label": "fishing"}, "did you mean 'phishing'?"),
        ({**ALERT, "severity": "awful"}, "severity: 'awful' is none of"),
        ({**ALERT, "tags": "x"}, "tags: must be a list of texts"),
        ({**ALERT, "data": []}, "data: must be an object, not list"),
        ({**ALERT, "asset": "x" * 201}, "asset: must be at most 200 letters"),
        ({**ALERT, "artifacts": {"a": 1}}, "artifacts: must be a list of at most 10000"),
        ({**ALERT, "artifacts": [1]}, "artifacts[0]: must be an object, not int"),
        ({**ALERT, "artifacts": [{}, {"cef": "x"}]}, "artifacts[1].cef: must be an object"),
        ({**ALERT, "artifacts": [{"severity": "x"}]}, "artifacts[0].severity: 'x' is none of"),
        ('{"name": "deep", "x": ' + "[" * 100_000 + "]" * 100_000 + "}", "alert: is "),
        ('{"name": "deep", "x": ' + "[" * 600 + "]" * 600 + "}", "alert: is nested more than"),
        ('{"name": "' + "x" * MAX_ALERT_BYTES + '"}', "alert: is larger than 5 MiB"),
        (
            '{"name": "many", "artifacts": [' + "{}," * 999_999 + "{}]}",
            "artifacts: must be a list of at most 10000",
        ),
        ('{"name": ' + "9" * 5_000 + "}", "alert: is not JSON"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_a_bad_alert_is_set_aside_with_the_field_and_the_next_one_is_read(
    house: House, client: redis.Redis, reader: StreamReader, alert: Any, reason: str
) -> None:
    """
    Its entry is in the dead stream, acknowledged, and nothing else stops.
    """
    push(client, alert)
    push(client, ALERT)

    reader.step()

    (found,) = dead(client)
    assert reason in found
    assert [c["name"] for c in containers(house)] == ["Reported mail"]
    assert left(client) == 0


def test_an_entry_without_an_alert_is_set_aside(
    house: House, client: redis.Redis, reader: StreamReader
) -> None:
    """
    The reason says which field is looked for.
    """
    client.xadd("soar:alerts", {"message": "hello"})

    reader.step()

    assert dead(client) == ["alert: the stream entry has no field 'alert'"]


@pytest.mark.parametrize(
    "spoilt",
    ["a\x00b", "half \ud800 of a letter", float("nan"), float("inf"), -0.0, 1e300],
    ids=str,
)
def test_what_the_store_cannot_hold_does_not_lose_the_alert(
    house: House, client: redis.Redis, reader: StreamReader, spoilt: Any
) -> None:
    """
    Such a value is replaced, wherever it stands.
    """
    text = spoilt if isinstance(spoilt, str) else "x"
    push(
        client,
        {
            "source_data_identifier": text,
            "name": text,
            "description": text,
            "tags": [text],
            "asset": text,
            "data": {text: spoilt},
            "artifacts": [
                {"name": text, "label": text, "type": text, "tags": [text], "cef": {text: spoilt}}
            ],
        },
    )

    reader.step()

    assert len(containers(house)) == 1
    assert dead(client) == []


def test_very_long_source_ids_are_told_apart(
    house: House, client: redis.Redis, reader: StreamReader
) -> None:
    """
    Also where they differ in their last letter only, and fill no index.
    """
    longest = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(3000))
    for end in "ab":
        item = {"source_data_identifier": longest + end}
        push(client, {**ALERT, **item, "artifacts": [item]})

    reader.step()

    assert len(containers(house)) == 2
    assert dead(client) == []


@pytest.mark.trap(27, "redis-py#4125")
def test_what_a_dead_consumer_left_is_taken_over(
    house: House, client: redis.Redis, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An alert that a reader was given and never acknowledged is read by another, once.

    Source: redis-py#4125.
    """
    push(client, ALERT)
    reader._ensure_group()
    assert len(reader._new()) == 1  # and the process is gone
    second = reader_named("second", house, client)
    assert second.step() == 0
    monkeypatch.setattr(streams, "IDLE_MS", 0)

    assert second.step() == 1

    assert len(containers(house)) == 1
    assert left(client) == 0


def test_an_alert_waits_while_the_database_does_not_answer(
    house: House, client: redis.Redis, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is neither set aside nor acknowledged, and the reader stays up.
    """
    push(client, ALERT)

    def unreachable() -> None:
        raise psycopg2.OperationalError("the server is gone")

    monkeypatch.setattr(streams.time, "sleep", lambda seconds: None)
    with monkeypatch.context() as outage:
        outage.setattr(house.database, "begin", unreachable)
        turns = iter([False, True])
        reader.run(lambda: next(turns))
    assert left(client) == 1
    assert dead(client) == []

    monkeypatch.setattr(streams, "IDLE_MS", 0)
    reader.step()

    assert len(containers(house)) == 1


def test_a_bug_in_the_reader_sets_one_alert_aside_and_not_the_next(
    house: House, client: redis.Redis, reader: StreamReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The reason names the kind of error.
    """
    push(client, {**ALERT, "name": "strange"})
    push(client, ALERT)
    parse = streams.parse

    def buggy(text: str, **more: Any) -> Any:
        if "strange" in text:
            raise KeyError("secret")
        return parse(text, **more)

    monkeypatch.setattr(streams, "parse", buggy)

    reader.step()

    assert dead(client) == ["cannot be kept (KeyError)"]
    assert len(containers(house)) == 1
