"""
What waits or takes long: no message is delivered twice for it, no limit exceeded.

In: the trapped product, and settings. Out: nothing.
Never: a wait in the broker.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import chord, group
from celery.exceptions import Reject

from soar import bootstrap
from soar.bootstrap import House
from soar.domain.errors import BadInput
from tests.acceptance.conftest import eventually
from tests.integration.waiting import bells
from tests.traps.conftest import LIMIT, SECONDS, Product
from tests.traps.test_loss import blocks
from tests.traps.worker import VISIBILITY_SECONDS

CASE = {"type": "none"}


@pytest.mark.trap(13, "celery#6229, celery#5306")
def test_a_call_longer_than_the_visibility_timeout_is_made_once(
    product: Product, house: House
) -> None:
    """
    A firewall takes 6 s, the visibility timeout is 4 (for 180): action workers leave nothing in
    Redis that could come back meanwhile, what they have under way is a claimed row. Settings with
    which a block could outlive half the visibility timeout are refused at start-up.

    Source: celery#6229, celery#5306.
    """
    blocks(product, "long", net=24, count=1)
    product.hold("palo_alto", VISIBILITY_SECONDS + 2.0, body="198.18.24.")

    case = product.alert("long", CASE)
    (run,) = product.after(case)
    (call,) = product.tries(run["id"])

    assert product.log_of("actions").count(f"block_ip[app_run-{call['id']}] received") == 1
    assert (run["status"], call["attempt"], call["crashes"]) == ("success", 1, 0)
    assert sorted(product.blocked(24).values()) == [1]
    for name, value in (("block_seconds", 75.0), ("visibility_timeout", 60)):
        with pytest.raises(BadInput, match=r"SOAR_BLOCK_SECONDS.*SOAR_VISIBILITY_TIMEOUT"):
            bootstrap.for_engine(house.settings.model_copy(update={name: value}))


LATER = datetime.now(UTC) + timedelta(hours=1)
WAYS: dict[str, Callable[[Any], Any]] = {
    "send_task": lambda task: task.app.send_task(task.name, args=[1], countdown=61),
    "a countdown": lambda task: task.apply_async((1,), countdown=61),
    "an eta": lambda task: task.apply_async((1,), eta=LATER),
    "an eta as text": lambda task: task.apply_async((1,), eta=LATER.isoformat()),
    "an eta without a zone": lambda task: task.apply_async((1,), eta=LATER.replace(tzinfo=None)),
    "a signature": lambda task: task.s(1).set(countdown=61).apply_async(),
    "a group": lambda task: group([task.s(1)], app=task.app).apply_async(countdown=61),
    "a chord": lambda task: chord([task.s(1)], app=task.app)(task.si(2), countdown=61),
    "a retry": lambda task: _retry(task),
}


def _retry(task: Any) -> None:
    """Retry as a task does within a worker."""
    task.push_request(
        id="1", args=[1], kwargs={}, called_directly=False, retries=0, delivery_info={}
    )
    try:
        task.retry(countdown=61, throw=False)
    finally:
        task.pop_request()


@pytest.mark.trap(14, "kombu#337, celery#3270, celery#2481")
@pytest.mark.parametrize("way", WAYS)
def test_no_message_is_sent_that_waits_longer_than_a_minute(house: House, way: str) -> None:
    """
    Whichever way a task is sent, a countdown or ETA above 60 s (a third of the visibility
    timeout) is refused and nothing reaches the broker; a shorter one is sent.

    Source: kombu#337, celery#3270, celery#2481.
    """
    task = house.app.tasks["soar.engine.start_run"]

    with pytest.raises((BadInput, Reject), match="park what waits longer"):
        WAYS[way](task)
    assert bells(house) == []

    task.apply_async((1,), countdown=30, queue="engine")
    assert len(bells(house)) == 1


LANE = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("domain reputation", assets=["limited"], callback=told,
                parameters=[{"domain": f"n{i:02}.scale.example"} for i in range(30)])

def told(action, success, container, results, handle):
    phantom.comment(container, f"{len(results)} " + " ".join({r["status"] for r in results}))
"""


@pytest.mark.trap(20, "celery#5732, celery#8119, celery discussion 7803")
def test_more_workers_and_a_stall_do_not_exceed_a_limit(product: Product) -> None:
    """
    30 calls of an asset with 12 per 3 s (for 40 with 4 per minute) while a second worker comes and
    the whole pool stalls for 1.5 s (for 5): no sliding 3 s at the vendor's door hold more than
    12, they come in order (those that a worker has at once aside), and a call to another vendor
    does not wait behind them.

    Source: celery#5732, celery#8119, celery discussion 7803.
    """
    product.playbook(LANE, label="scale")
    blocks(product, "beside", net=20, count=1)

    case = product.alert("scale", CASE)
    product.start("actions", "more")
    eventually(lambda: len(product.arrived("virustotal", "scale.example")) >= 4)
    other = product.alert("beside", CASE)
    eventually(lambda: len(product.arrived("virustotal", "scale.example")) >= 10)
    for name, number in (("actions", signal.SIGSTOP), ("more", signal.SIGSTOP)):
        product.kill(name, number)
    time.sleep(1.5)
    for name, number in (("actions", signal.SIGCONT), ("more", signal.SIGCONT)):
        product.kill(name, number)
    (run,), (beside,) = product.after(case), product.after(other)

    assert (run["status"], product.notes(case)) == ("success", ["30 success"])
    times = product.arrived("virustotal", "scale.example")
    assert max(sum(a <= at < a + SECONDS for at in times) for a in times) <= LIMIT
    at_once = max(LIMIT, product.stack.settings.action_threads)
    assert max(abs(n - place) for place, n in enumerate(_order(product))) <= at_once
    assert beside["status"] == "success"
    assert product.arrived("palo_alto", "198.18.20.")[0] < max(times)


def _order(product: Product) -> list[int]:
    """The numbers of the lane's calls as they first came to the vendor."""
    paths = [a["path"] for a in product.lab.http.lab.log("virustotal")]
    found = [int(p.partition("/n")[2][:2]) for p in paths if "scale.example" in p]
    return list(dict.fromkeys(found))


SOON = """
import datetime
import phantom.rules as phantom

def on_start(container):
    due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
    for n in range(8):
        phantom.act("block ip", parameters=[{"ip": f"198.18.NET.{n}"}], start_time=due,
                    assets=["palo_alto_prod"])
"""


@pytest.mark.trap(25, "redbeat#208, redbeat#238, redbeat#127")
def test_a_paused_clock_is_put_out_and_each_job_is_done_once(product: Product) -> None:
    """
    Of two clocks the elected one stands still (SIGSTOP). After 3 s (for 30) the other puts it
    out and sends what is due; the first one finds itself put out when it goes on. Each of 16
    scheduled jobs is done once.

    Source: redbeat#208, redbeat#238, redbeat#127.
    """
    product.replace("beat")
    leads = product.log_of("beat").count("clock_leads")
    eventually(lambda: product.log_of("beat").count("clock_leads") > leads)
    product.start("beat", "beat-2")
    for net in (25, 125):
        product.playbook(SOON.replace("NET", str(net)), label=f"soon-{net}")

    product.kill("beat", signal.SIGSTOP)
    paused = product.alert("soon-25", CASE)
    (run,) = product.after(paused)
    product.kill("beat", signal.SIGCONT)
    eventually(lambda: "clock_follows" in product.log_of("beat"))
    (after,) = product.after(product.alert("soon-125", CASE))

    assert (run["status"], after["status"]) == ("success", "success")
    assert sorted(product.blocked(25, 125).values()) == [1] * 16
    calls = product.tries(run["id"]) + product.tries(after["id"])
    assert {(call["attempt"], call["crashes"]) for call in calls} == {(1, 0)}
    product.end("beat-2", signal.SIGKILL)
