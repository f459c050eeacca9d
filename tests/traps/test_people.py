"""
What people decide and call off, also at the worst moment.

In: the trapped product and its REST door. Out: nothing.
Never: two decisions of one question, or an effect after it was called off.
"""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.acceptance.conftest import eventually
from tests.traps.conftest import Product, at_once
from tests.traps.test_loss import blocks
from tests.traps.test_redis_away import ISOLATE

CASE = {"type": "none"}


def audits(product: Product, approval: int) -> list[Any]:
    """What the audit trail says of answers to a question."""
    return product.house.database.run(
        "select a.detail->>'choice' from audit a join approval p"
        " on a.detail->>'approval' = p.public_id::text"
        " where a.what = 'approval answered' and p.id = %(id)s",
        {"id": approval},
    )


@pytest.mark.trap(11, "docs.celeryq.dev: Security (a signature covers the body only)")
def test_a_question_is_decided_once_and_only_by_a_true_answer(product: Product) -> None:
    """
    Six approvals and denials at once: one decides, the others and a replay get 409, and the
    audit has one entry. A forged token gets 401, an answer that is too late 409, and an answer
    whose signature was changed in the database lets nothing go.

    Source: docs.celeryq.dev: Security (a signature covers the body only).
    """
    product.playbook(ISOLATE, label="decide")
    hosts = [product.new_host() for _ in range(3)]
    cases = [product.alert("decide", {"deviceHostname": host}) for host in hosts]
    raced, late, forged = (product.question(case)["id"] for case in cases)

    assert product.decide(raced, "Approve", token="0" * 43).status_code == 401
    choices, codes = ["Approve", "Deny"] * 3, list[int]()
    at_once(*(
        lambda choice=choice: codes.append(product.decide(raced, choice).status_code)
        for choice in choices
    ))  # fmt: skip
    assert sorted(codes) == [200, 409, 409, 409, 409, 409]
    assert product.decide(raced, "Approve").status_code == 409
    ((choice,),) = audits(product, raced)

    product.house.database.run("update approval set due_at = now() where id = %(id)s", {"id": late})
    assert product.decide(late, "Approve").status_code == 409
    assert audits(product, late) == []

    product.kill("actions", signal.SIGSTOP)
    assert product.decide(forged, "Approve").status_code == 200
    product.house.database.run(
        "update approval set signature = reverse(signature) where id = %(id)s", {"id": forged}
    )
    product.kill("actions", signal.SIGCONT)
    for case in cases:
        product.after(case)
    devices = product.truth("crowdstrike")["devices"]
    contained = [devices[host] == "contained" for host in hosts]
    assert contained == [choice == "Approve", False, False]


TWO_STEPS = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("block ip", parameters=[{"ip": "198.18.22.1"}], assets=["palo_alto_prod"],
                callback=more)

def more(action, success, container, results, handle):
    phantom.act("block ip", parameters=[{"ip": "198.18.22.2"}], assets=["palo_alto_prod"])
"""


@pytest.mark.trap(22, "celery#8888, django-celery-results#423, celery#4300")
def test_nothing_takes_effect_after_a_run_was_cancelled(product: Product) -> None:
    """
    Runs are cancelled while their call is under way, while it waits for a person, and while it
    waits in the queue with no worker online: what was under way is recorded, nothing else
    happens, and each run is and stays cancelled.

    Source: celery#8888, django-celery-results#423, celery#4300.
    """
    host = product.new_host()
    product.playbook(TWO_STEPS, label="cancel-running")
    product.playbook(ISOLATE, label="cancel-parked")
    blocks(product, "cancel-queued", net=122, count=3)
    product.hold("palo_alto", 1.5, body="198.18.22.1")

    parked = product.alert("cancel-parked", {"deviceHostname": host})
    question = product.question(parked)
    running = product.alert("cancel-running", CASE)
    eventually(lambda: product.arrived("palo_alto", "198.18.22.1"))
    cancelled = [_cancel(product, running), _cancel(product, parked)]
    eventually(lambda: product.tries(cancelled[0])[0]["status"] == "success")
    product.end("actions", signal.SIGKILL)
    queued = product.alert("cancel-queued", CASE)
    eventually(lambda: product.runs(queued) and product.tries(product.runs(queued)[0]["id"]))
    cancelled.append(_cancel(product, queued))
    product.start("actions")
    late = product.decide(question["id"], "Approve")
    eventually(lambda: product.waiting("palo_alto_prod") == 0 == product.unacknowledged())

    assert late.status_code == 409
    assert [product.runs(c)[0]["status"] for c in (running, parked, queued)] == ["cancelled"] * 3
    assert dict(product.blocked(22, 122)) == {"198.18.22.1": 1}
    assert product.truth("crowdstrike")["devices"][host] == "normal"


def _cancel(product: Product, case: int) -> int:
    """Cancel the run of a case over REST and return it."""
    run = int(product.runs(case)[0]["id"])
    answer = product.ask("POST", f"/rest/playbook_run/{run}", {"cancel": True})
    assert answer.status_code == 200, answer.text
    return run
