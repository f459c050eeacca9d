"""
Messages and processes that are lost: what they were about happens all the same, once.

In: the trapped product. Out: nothing. Never: an effect counted anywhere but at the vendor.
"""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest
import requests

from tests.acceptance.conftest import eventually
from tests.traps.conftest import Product

BLOCKS = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("block ip", assets=["palo_alto_prod"], callback=told,
                parameters=[{{"ip": f"198.18.{net}.{{n}}"}} for n in range({count})])

def told(action, success, container, results, handle):
    words = sorted(r["status"] for r in results)
    phantom.comment(container, f"{{len(words)}} {{','.join(sorted(set(words)))}}")
"""


def blocks(product: Product, label: str, *, net: int, count: int) -> None:
    """Register a playbook that blocks so many addresses of a network in one chord."""
    product.playbook(BLOCKS.format(net=net, count=count), label=label)


@pytest.mark.trap(1, "kombu#305, kombu#1836, celery#4354")
def test_a_hot_worker_killed_again_and_again_loses_no_step(product: Product) -> None:
    """
    Three action workers die one after the other in the middle of 160 blocks (for 20 and 2000):
    each address is blocked exactly once, and every run hears of all of its calls.

    Source: kombu#305, kombu#1836, celery#4354.
    """
    nets = tuple(range(10, 14))
    for net in nets:
        blocks(product, f"hot-{net}", net=net, count=40)
    cases = [product.alert(f"hot-{net}", {"type": "none"}) for net in nets]
    for seen in (20, 55, 90):
        eventually(lambda seen=seen: product.blocked(*nets).total() >= seen)
        product.replace("actions")

    ends = [product.after(case)[0]["status"] for case in cases]

    assert ends == ["success"] * len(nets)
    assert [product.notes(case) for case in cases] == [["40 success"]] * len(nets)
    assert sorted(product.blocked(*nets).values()) == [1] * 160


@pytest.mark.trap(7, "celery#1700")
def test_a_publisher_killed_in_the_middle_of_a_header_leaves_a_whole_chord(
    product: Product,
) -> None:
    """
    The engine dies when it has sent three of eight members: the others are rung for from their
    rows, each takes effect once, and the callback hears of all eight once.

    Source: celery#1700.
    """
    blocks(product, "half", net=7, count=8)
    armed = product.arm("half-header")

    case = product.alert("half", {"type": "none"})
    eventually(lambda: not armed.exists())
    (run,) = product.after(case)

    assert (run["status"], product.notes(case)) == ("success", ["8 success"])
    assert sorted(product.blocked(7).values()) == [1] * 8


ISOLATE = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("quarantine device", parameters=[{"hostname": "HOST"}],
                assets=["crowdstrike_prod"], callback=told)

def told(action, success, container, results, handle):
    phantom.comment(container, results[0]["status"])
"""


@pytest.mark.trap(12, "openedx-events#292")
def test_an_answer_is_heard_although_the_door_died_before_it_was_sent(product: Product) -> None:
    """
    The REST door dies between the commit of a decision and its message: the outbox has it, the
    held call is made once.

    Source: openedx-events#292.
    """
    host = product.new_host()
    product.playbook(ISOLATE.replace("HOST", host), label="door")
    case = product.alert("door", {"type": "none"})
    question = product.question(case)
    armed = product.arm("committed-http")

    with suppress(requests.RequestException):  # the answer may come before the end, or half of it
        product.decide(question["id"], "Approve")
    eventually(lambda: not armed.exists())
    (run,) = product.after(case)

    assert (run["status"], product.notes(case)) == ("success", ["success"])
    assert product.truth("crowdstrike")["devices"][host] == "contained"


@pytest.mark.trap(29, "celery#7950")
def test_a_rolling_restart_under_load_loses_and_doubles_nothing(product: Product) -> None:
    """
    Action workers are asked to end (SIGTERM) in the middle of 60 blocks, end what they have begun,
    and are replaced: each address is blocked once.

    Source: celery#7950.
    """
    blocks(product, "rolling", net=29, count=60)
    case = product.alert("rolling", {"type": "none"})
    eventually(lambda: product.blocked(29).total() >= 10)
    product.end("actions", signal.SIGTERM)
    product.start("actions")

    (run,) = product.after(case)

    assert (run["status"], product.notes(case)) == ("success", ["60 success"])
    assert sorted(product.blocked(29).values()) == [1] * 60
