"""
Redis that restarts, is away, frozen, empty or somewhere else: runs end right all the same.

In: the trapped product, whose clients of Redis wait 3 s (for 10). Out: nothing.
Never: a failed call because a message could not be sent.
"""

from __future__ import annotations

import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from soar.demo.furnish import furnish, running_lab
from soar.embedded import Servers
from soar.settings import Settings
from tests.acceptance.conftest import eventually
from tests.conftest import new_database
from tests.traps.broker import WatchedPair
from tests.traps.conftest import LIMIT, SECONDS, Product, Trapped
from tests.traps.test_loss import blocks

CASE = {"type": "none"}
ISOLATE = """
import phantom.rules as phantom

def on_start(container):
    (artifact,) = phantom.get_artifacts(container_id=container["id"])
    phantom.act("quarantine device", parameters=[{"hostname": artifact["cef"]["deviceHostname"]}],
                assets=["crowdstrike_prod"], callback=told)

def told(action, success, container, results, handle):
    phantom.comment(container, results[0]["status"])
"""
BLOCK = """
import phantom.rules as phantom

def on_start(container):
    (artifact,) = phantom.get_artifacts(container_id=container["id"])
    phantom.act("block ip", parameters=[{"ip": artifact["cef"]["sourceAddress"]}],
                assets=["palo_alto_prod"], callback=told)

def told(action, success, container, results, handle):
    phantom.comment(container, results[0]["status"])
"""
LOOK_UP = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("domain reputation", assets=["limited"], callback=told,
                parameters=[{"domain": f"d{i}-{container['id']}.flush.example"} for i in range(3)])

def told(action, success, container, results, handle):
    phantom.comment(container, " ".join(sorted({r["status"] for r in results})))
"""


@pytest.mark.trap(15, "celery#8091, celery#10205")
def test_a_restart_of_redis_fails_nothing_and_consumers_come_back(product: Product) -> None:
    """
    Redis restarts (away for 1 s, for 3) while the firewall holds two of six blocks: all succeed
    once, and another run makes its call within 10 s, and what a worker needs to start anew if it
    has ended with its connection.

    Source: celery#8091, celery#10205.
    """
    blocks(product, "restart", net=15, count=6)
    blocks(product, "restarted", net=115, count=1)
    product.hold("palo_alto", 2.0, times=2, body="198.18.15.")

    case = product.alert("restart", CASE)
    eventually(lambda: len(product.arrived("palo_alto", "198.18.15.")) >= 2)
    product.broker.end(signal.SIGTERM)
    time.sleep(1)
    product.broker.start()
    since = time.time()
    other = product.alert("restarted", CASE)
    (run,), (probe,) = product.after(case), product.after(other)

    assert (run["status"], product.notes(case)) == ("success", ["6 success"])
    assert sorted(product.blocked(15).values()) == [1] * 6
    assert probe["status"] == "success"
    assert product.arrived("palo_alto", "198.18.115.")[0] - since < 10 + product.start_seconds


@pytest.mark.trap(16, "celery#8588, celery#9613, celery#9614")
def test_calls_that_end_while_redis_is_away_are_kept(product: Product) -> None:
    """
    Redis is killed for 5 s (for 60); meanwhile four calls end: their results are kept, the chord
    succeeds when it is back, and each took effect once.

    Source: celery#8588, celery#9613, celery#9614.
    """
    blocks(product, "away", net=16, count=4)
    product.hold("palo_alto", 1.5, times=4, body="198.18.16.")

    case = product.alert("away", CASE)
    eventually(lambda: len(product.arrived("palo_alto", "198.18.16.")) == 4)
    product.broker.end(signal.SIGKILL)
    eventually(lambda: product.blocked(16).total() == 4)
    time.sleep(3.5)
    kept = product.tries(product.runs(case)[0]["id"])
    product.broker.start()
    (run,) = product.after(case)

    assert [call["status"] for call in kept] == ["success"] * 4
    assert (run["status"], product.notes(case)) == ("success", ["4 success"])
    assert sorted(product.blocked(16).values()) == [1] * 4


@pytest.mark.trap(17, "docs.celeryq.dev: Using Redis (FLUSHALL)")
def test_an_emptied_redis_loses_no_open_run(product: Product) -> None:
    """
    Redis is emptied while 18 runs are open (for 100): a third of them with calls at a vendor, a
    third before a person, a third in a lane. All end, and each effect is there once.

    Source: docs.celeryq.dev: Using Redis (FLUSHALL).
    """
    each = 6
    for label, source in (("held", BLOCK), ("asked", ISOLATE), ("lane", LOOK_UP)):
        product.playbook(source, label=f"flush-{label}")
    hosts = [product.new_host() for _ in range(each)]
    product.hold("palo_alto", 2.5, times=each, body="198.18.17.")

    asked = [product.alert("flush-asked", {"deviceHostname": host}) for host in hosts]
    questions = [product.question(case) for case in asked]
    lane = [product.alert("flush-lane", CASE) for _ in range(each)]
    held = [
        product.alert("flush-held", {"sourceAddress": f"198.18.17.{n}"}) for n in range(1, each + 1)
    ]
    eventually(lambda: len(product.arrived("palo_alto", "198.18.17.")) >= each // 2)
    product.broker.empty()
    for question in questions:
        product.answer(question, "Approve")
    cases = [*asked, *lane, *held]
    ends = [run["status"] for case in cases for run in product.after(case)]

    assert ends == ["success"] * len(cases)
    assert [product.notes(case) for case in cases] == [["success"]] * len(cases)
    assert sorted(product.blocked(17).values()) == [1] * each
    devices = product.truth("crowdstrike")["devices"]
    assert {devices[host] for host in hosts} == {"contained"}
    times = product.arrived("virustotal", "flush.example")
    assert max(sum(a <= at < a + SECONDS for at in times) for a in times) <= LIMIT


@pytest.mark.trap(18, "celery#4296, celery#2606")
def test_a_frozen_redis_delays_no_answer_of_the_door(product: Product) -> None:
    """
    Redis is frozen for 5 s (for 60; clients give up after 3, for 10): whatever is asked or told
    at the REST door is answered within a second, and what was told is done when it thaws.

    Source: celery#4296, celery#2606; kombu's socket_timeout.
    """
    host = product.new_host()
    product.playbook(ISOLATE, label="frozen")
    name = product.playbook(BLOCK, label="frozen-by-hand")
    asked = product.alert("frozen", {"deviceHostname": host})
    question = product.question(asked)
    other = product.alert("events", {"sourceAddress": "198.18.18.1"})
    shown = product.ask("GET", f"/rest/approval/{question['id']}").json()["payload_digest"]

    product.broker.send(signal.SIGSTOP)
    frozen = time.monotonic()
    answers = [
        product.ask("GET", "/rest/health"),
        product.ask("GET", "/rest/lane"),
        product.ask("GET", f"/rest/playbook_run?_filter_container={asked}"),
        product.ask("POST", "/rest/playbook_run", {"container_id": other, "playbook_id": name}),
        product.ask(
            "POST",
            f"/rest/approval/{question['id']}",
            {"choice": "Approve", "payload_digest": shown},
        ),
    ]
    eventually(lambda: time.monotonic() > frozen + 5)
    product.broker.send(signal.SIGCONT)
    (first,), (second,) = product.after(asked), product.after(other)

    assert [answer.status_code for answer in answers] == [503, 200, 200, 200, 200]
    assert max(answer.elapsed.total_seconds() for answer in answers) < 1.0
    assert (first["status"], second["status"]) == ("success", "success")
    assert product.truth("crowdstrike")["devices"][host] == "contained"
    assert product.blocked(18).total() == 1


@pytest.fixture
def watched(servers: Servers, tmp_path: Path) -> Iterator[Product]:
    """A product whose broker is a pair of servers under a Sentinel."""
    pair = WatchedPair(tmp_path / "broker")
    try:
        pair.start()
        settings = Settings(
            database_url=new_database(servers, f"watched_{uuid.uuid4().hex[:8]}"),
            redis_url=pair.url,
            data_dir=tmp_path / "data",
            worker_lease_seconds=3,
        )
        with Trapped(settings, lambda _: None) as stack, running_lab(tmp_path / "lab") as lab:
            furnish(stack.house, lab, tmp_path / "lab")
            stack.start_some("engine", "actions", "beat", "ingest")
            with Product(stack=stack, lab=lab, broker=pair).tended() as product:
                yield product
    finally:
        pair.end()


@pytest.mark.trap(19, "kombu's page on Sentinel, celery#4453")
def test_a_failover_in_the_middle_of_a_chord_loses_and_doubles_nothing(watched: Product) -> None:
    """
    The master dies while the firewall holds three of six blocks; the Sentinel promotes the
    replica. The chord ends with six successes, each address is blocked once, and the next alert
    is read from the new master.

    Source: kombu's page on Sentinel, celery#4453.
    """
    blocks(watched, "failover", net=19, count=6)
    blocks(watched, "failed-over", net=119, count=1)
    watched.hold("palo_alto", 2.0, times=3, body="198.18.19.")

    case = watched.alert("failover", CASE)
    eventually(lambda: len(watched.arrived("palo_alto", "198.18.19.")) >= 3)
    watched.broker.master.end(signal.SIGKILL)
    (run,) = watched.after(case)
    eventually(watched.broker.has_failed_over)
    (probe,) = watched.after(watched.alert("failed-over", CASE))

    assert (run["status"], watched.notes(case)) == ("success", ["6 success"])
    assert sorted(watched.blocked(19, 119).values()) == [1] * 7
    assert probe["status"] == "success"
