"""
Chords whose members and bodies go wrong: each ends, and its callback is applied once.

In: the trapped product. Out: nothing. Never: a run that stays open.
"""

from __future__ import annotations

import signal

import pytest

from soar.bus.app import ring_member
from soar.lab.simulator import Fault
from soar.store.calls import messages
from tests.acceptance.conftest import eventually
from tests.traps.conftest import Product, children
from tests.traps.test_loss import blocks
from tests.traps.worker import BUG

CASE = {"type": "none"}


@pytest.mark.trap(3, "celery#1628, celery#2911")
def test_a_killed_pool_child_fails_no_chord(product: Product) -> None:
    """
    Action workers run on prefork here. A child dies (SIGKILL) with a call whose write the
    firewall holds: the call is taken back when its lease of 3 s (for 12) has ended, the firewall
    is asked first, and the chord hears of four successes.

    Source: celery#1628, celery#2911.
    """
    product.end("actions", signal.SIGKILL)
    product.start("actions", TRAPS_POOL="prefork", SOAR_ACTION_THREADS="2")
    blocks(product, "child", net=3, count=4)
    product.hold("palo_alto", 2.5, times=1, body="198.18.3.0")

    case = product.alert("child", CASE)
    eventually(lambda: product.arrived("palo_alto", "198.18.3.0"))
    for child in children(product.stack.pids["actions"]):
        child.kill()
    (run,) = product.after(case)
    product.end("actions", signal.SIGKILL)

    assert (run["status"], product.notes(case)) == ("success", ["4 success"])
    assert sorted(product.blocked(3).values()) == [1] * 4
    assert 2 <= max(call["attempt"] for call in product.tries(run["id"])) <= 3


@pytest.mark.trap(5, "celery#4207, celery#10998")
def test_a_worker_killed_between_the_join_and_its_body_leaves_a_body(product: Product) -> None:
    """
    The worker that counted the last member dies before it sends the body: the sweep rings for
    it, and the callback is applied once.

    Source: celery#4207, celery#10998.
    """
    blocks(product, "counted", net=5, count=3)
    armed = product.arm("counted")

    case = product.alert("counted", CASE)
    (run,) = product.after(case)

    assert not armed.exists()
    assert (run["status"], product.notes(case)) == ("success", ["3 success"])
    assert sorted(product.blocked(5).values()) == [1] * 3


@pytest.mark.trap(6, "celery#10919, celery#10159")
def test_a_worker_killed_after_it_sent_the_body_does_not_have_it_applied_twice(
    product: Product,
) -> None:
    """
    The worker that counted the last member dies when it has sent the body and confirmed
    nothing: every member is sent again, as a broker may, and the callback is called once.

    Source: celery#10919, celery#10159.
    """
    blocks(product, "body-sent", net=6, count=3)
    armed = product.arm("body-sent")

    case = product.alert("body-sent", CASE)
    (run,) = product.after(case)
    for member in messages(product.tries(run["id"])):
        ring_member(product.house.app, member)
    eventually(lambda: product.waiting("palo_alto_prod") == product.unacknowledged() == 0)

    assert not armed.exists()
    assert (run["status"], product.notes(case)) == ("success", ["3 success"])
    assert sorted(product.blocked(6).values()) == [1] * 3


ERRORS = """
import os
import phantom.rules as phantom

def on_start(container):
    phantom.act_together([
        {"action": "whois ip", "parameters": [{"ip": "BUG"}], "assets": ["whois_prod"]},
        {"action": "domain reputation", "parameters": [{"domain": "refused.trap.example"}],
         "assets": ["virustotal_prod"]},
        {"action": "ip reputation", "parameters": [{"ip": "198.51.100.82"}],
         "assets": ["hasty"]},
        {"action": "ip reputation", "parameters": [{"ip": "198.51.100.83"}],
         "assets": ["abuseipdb_prod"]},
    ], callback=told)

def told(action, success, container, results, handle):
    words = sorted(f"{r['action']} {r['status']}" for r in results)
    phantom.comment(container, f"{'; '.join(words)}, in a child of {os.getppid()}")
"""
ENDLESS = """
def on_start(container):
    while True:
        pass
"""


@pytest.mark.trap(8, "celery#3317, celery#4022")
def test_members_that_err_reach_the_callback_as_errors(product: Product) -> None:
    """
    One member's connector raises, one is refused, one vendor never answers (1 s, for 20), one
    call succeeds: the callback hears of four results, once, in a pool child. A block that never
    returns is stopped (after 2 s, for 20). Both runs end.

    Source: celery#3317, celery#4022.
    """
    product.playbook(ERRORS.replace("BUG", BUG), label="errors", name="a_errors")
    product.playbook(ENDLESS, label="errors", name="b_endless")
    faults = product.lab.http.lab.faults
    faults.append(Fault(vendor="virustotal", kind="status", value=400.0, path="refused.trap"))
    product.hold("virustotal", 2.0, times=9, path="198.51.100.82")

    case = product.alert("errors", CASE)
    ends = {run["error"] or run["status"] for run in product.after(case, 2)}

    heard = "domain reputation failed; ip reputation failed; ip reputation success; whois ip failed"
    engine = product.stack.pids["engine"]
    assert ends == {"success", "block 'on_start' was stopped: it ran longer than 2 s"}
    assert product.notes(case) == [f"{heard}, in a child of {engine}"]


@pytest.mark.trap(9, "celery#6437")
def test_a_member_that_a_worker_does_not_know_finds_one_that_does(product: Product) -> None:
    """
    In the middle of a rolling deployment one worker lacks the task and throws its messages away:
    the calls are rung for again (after 3 s, for 15) and made by the other one.

    Source: celery#6437; on_unknown_task of celery/worker/consumer.
    """
    product.start("actions", "old", TRAPS_UNKNOWN="soar.tasks.palo_alto.block_ip")
    eventually(lambda: product.is_up("old"))
    blocks(product, "deploy", net=9, count=6)
    product.kill("actions", signal.SIGSTOP)

    case = product.alert("deploy", CASE)
    eventually(lambda: "unregistered task" in product.log_of("old"))
    product.kill("actions", signal.SIGCONT)
    product.end("old", signal.SIGKILL)
    (run,) = product.after(case)

    assert (run["status"], product.notes(case)) == ("success", ["6 success"])
    assert sorted(product.blocked(9).values()) == [1] * 6


PARKED = """
import phantom.rules as phantom

def on_start(container):
    phantom.act_together([
        {"action": "block ip", "parameters": [{"ip": "198.18.110.1"}],
         "assets": ["palo_alto_prod"]},
        {"action": "quarantine device", "parameters": [{"hostname": "HOST"}],
         "assets": ["crowdstrike_prod"]},
    ], callback=told)

def told(action, success, container, results, handle):
    words = sorted(f"{r['action']} {r['status']}" for r in results)
    phantom.comment(container, "; ".join(words))
"""


@pytest.mark.trap(10, "celery#5237")
def test_a_parked_member_is_approved_after_everything_in_redis_has_expired(
    product: Product,
) -> None:
    """
    A chord waits for a person; meanwhile every key of Redis is gone, whatever its time to live
    was. The answer lets the member go, and the callback is applied once.

    Source: celery#5237; result_chord_expires.
    """
    host = product.new_host()
    product.playbook(PARKED.replace("HOST", host), label="parked")
    case = product.alert("parked", CASE)
    question = product.question(case)
    eventually(lambda: product.blocked(110).total() == 1)

    product.broker.empty()
    product.answer(question, "Approve")
    (run,) = product.after(case)

    assert run["status"] == "success"
    assert product.notes(case) == ["block ip success; quarantine device success"]
    assert product.truth("crowdstrike")["devices"][host] == "contained"
    assert product.blocked(110).total() == 1
