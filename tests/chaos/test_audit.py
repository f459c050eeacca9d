"""The auditor: every broken promise is seen, on rows made by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.audit import audit
from tests.chaos.facts import Facts
from tests.chaos.plan import Alert, Want

HOST, TICKET = Want(kind="contain", target="H-1"), Want(kind="ticket", target="chaos 1")
ALERTS = (
    Alert(
        number=1,
        story="stages",
        name="chaos 1",
        label="x",
        cef={},
        playbooks=("chaos_stages",),
        wants=(HOST, TICKET),
    ),
    Alert(
        number=2,
        story="stages",
        name="chaos 2",
        label="x",
        cef={},
        playbooks=("chaos_parent",),
        wants=(Want(kind="contain", target="H-2"),),
        allowed=False,
    ),
)


def call(number: int, action: str, **parameters: str) -> dict[str, Any]:
    """Return a call that went well."""
    return {
        "id": number,
        "join_id": 1,
        "run_id": 1,
        "container_id": 1,
        "action": action,
        "asset": "a",
        "parameters": parameters,
        "status": "success",
        "parked_for": None,
        "message": "done",
        "effect": "none" if "reputation" in action else "confirmed",
        "approval_id": None,
        "attempt": 1,
    }


def run(number: int, container: int, playbook: str) -> dict[str, Any]:
    """Return a run that went well."""
    return {
        "id": number,
        "container_id": container,
        "playbook": playbook,
        "status": "success",
        "error": "",
        "parent": None,
        "seconds": 1.0,
    }


def right() -> Facts:
    """Return facts without a breach: a chord of three, an isolation, a denied one."""
    calls = [
        call(1, "domain reputation", domain="d"),
        call(2, "quarantine device", hostname="H-1"),
        call(3, "create ticket", short_description="chaos 1"),
    ]
    join = {
        "id": 1,
        "run_id": 1,
        "kind": "group",
        "name": "j",
        "callback": "told",
        "remaining": 0,
        "ended": True,
        "delivered": True,
    }
    return Facts(
        alerts=ALERTS,
        containers=[
            {"id": 1, "source_id": "alert-000001"},
            {"id": 2, "source_id": "alert-000002"},
        ],
        runs=[run(1, 1, "chaos_stages"), run(2, 2, "chaos_parent")],
        joins=[join],
        calls=calls,
        ledger=[
            {"app_run_id": 2, "action": "quarantine device", "status": "confirmed"},
            {"app_run_id": 3, "action": "create ticket", "status": "confirmed"},
        ],
        heard=[
            (1, {"join": 1, "members": [[n, "success", "done"] for n in (1, 2, 3)]}),
            (2, {"finish": True}),
        ],
        approvals=[
            {
                "id": 9,
                "run_id": 1,
                "container_id": 1,
                "kind": "gate",
                "status": "answered",
                "answer": "Approve",
                "at": 100.0,
            }
        ],
        effects=Counter({("contain", "H-1"): 1, ("ticket", "chaos 1"): 1}),
        requests=Counter({("contain", "H-1"): 1, ("ticket", "chaos 1"): 1}),
        contained_at={"H-1": 101.0},
        limited=[i * 0.1 for i in range(100)],
    )


def _set(rows: list[Any], index: int, **values: Any) -> None:
    rows[index].update(values)


def test_facts_as_they_should_be_have_no_breach() -> None:
    """
    What was promised and happened is no breach.
    """
    assert audit(right()) == []


WRONG: dict[str, tuple[str, Callable[[Facts], Any]]] = {
    "an alert without a container": ("alert lost", lambda f: f.containers.pop()),
    "two containers of one alert": (
        "alert doubled",
        lambda f: f.containers.append({"id": 3, "source_id": "alert-000002"}),
    ),
    "an alert acknowledged and lost": (
        "alert swallowed",
        lambda f: f.swallowed.append("alert-000002"),
    ),
    "an alert put aside": ("alert put aside", lambda f: f.dead.append("is not JSON")),
    "a run that never was": ("run lost", lambda f: f.runs.pop(0)),
    "a run too many": ("run doubled", lambda f: f.runs.append(run(3, 1, "chaos_stages"))),
    "a run that nothing asked for": ("run doubled", lambda f: f.runs.append(run(3, 1, "other"))),
    "a run without end": ("run unfinished", lambda f: _set(f.runs, 0, status="running")),
    "a run that failed": ("run failed", lambda f: _set(f.runs, 0, status="failed")),
    "a callback never called": (
        "callback never called",
        lambda f: _set(f.joins, 0, delivered=False),
    ),
    "a callback that said nothing": ("callback not once", lambda f: f.heard.pop(0)),
    "a callback called twice": ("callback not once", lambda f: f.heard.append(f.heard[0])),
    "a result too few": ("wrong set", lambda f: f.heard[0][1]["members"].pop()),
    "a result of another join": (
        "wrong set",
        lambda f: f.heard[0][1]["members"].append([4, "success", "done"]),
    ),
    "a result twice": (
        "wrong set",
        lambda f: f.heard[0][1]["members"].insert(0, [1, "success", "done"]),
    ),
    "a result other than its row": (
        "wrong set",
        lambda f: _set(f.calls, 0, status="failed"),
    ),
    "on_finish called twice": ("on_finish not once", lambda f: f.heard.append(f.heard[1])),
    "two tickets": ("effect doubled", lambda f: f.effects.update([("ticket", "chaos 1")])),
    "no ticket": ("effect missing", lambda f: f.effects.subtract([("ticket", "chaos 1")])),
    "a ticket that nobody asked for": (
        "effect unasked",
        lambda f: f.effects.update([("ticket", "chaos 77")]),
    ),
    "a ticket whose call says that it failed": (
        "effect denied",
        lambda f: _set(f.calls, 2, status="failed", effect="none"),
    ),
    "a call that was never made": ("intent lost", lambda f: f.calls.pop()),
    "a write sent twice": (
        "write repeated",
        lambda f: f.requests.update([("contain", "H-1")]),
    ),
    "an isolation that was denied": (
        "acted without approval",
        lambda f: f.contained_at.update({"H-2": 101.0}),
    ),
    "an effect that was denied": (
        "effect unasked",
        lambda f: f.effects.update([("contain", "H-2")]),
    ),
    "an isolation without an answer": (
        "acted without approval",
        lambda f: f.approvals.clear(),
    ),
    "an isolation before its answer": (
        "acted before approval",
        lambda f: f.contained_at.update({"H-1": 99.0}),
    ),
    "an effect that the ledger does not know": ("ledger differs", lambda f: f.ledger.pop()),
    "an effect that stands twice": ("ledger differs", lambda f: f.ledger.append(f.ledger[0])),
    "an effect left half way": ("effect left", lambda f: _set(f.ledger, 0, status="sent")),
    "a call that waits for ever": (
        "call left",
        lambda f: _set(f.calls, 1, status="parked", parked_for="budget"),
    ),
    "a question that stays open": (
        "question left",
        lambda f: f.approvals.append({**f.approvals[0], "id": 10, "status": "open"}),
    ),
    "messages that were never sent": ("messages left", lambda f: setattr(f, "outbox", 2)),
    "a lookup that never landed": ("flights left", lambda f: setattr(f, "flights", 1)),
    "a case that nobody moved on": (
        "stood still",
        lambda f: f.still.append(
            {"container_id": 1, "since": "x queued", "until": "x started", "gap": 90.5}
        ),
    ),
    "a burst above the limit": (
        "lane over its limit",
        lambda f: f.limited.extend([5.0 + i * 0.01 for i in range(60)]),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_auditor_sees(name: str) -> None:
    """
    Each way to break the promise, alone in otherwise right facts, is named.
    """
    what, spoil = WRONG[name]
    facts = right()
    spoil(facts)

    assert what in {breach.what for breach in audit(facts)}


def test_an_unknown_effect_is_no_breach_whether_it_happened_or_not() -> None:
    """
    A call that says *unknown* tells the truth with or without the effect.
    """
    for happened in (0, 1):
        facts = right()
        _set(facts.calls, 2, status="failed", effect="unknown")
        _set(facts.ledger, 1, status="unknown")
        facts.heard[0][1]["members"][2][1] = "failed"
        facts.effects["ticket", "chaos 1"] = happened

        assert audit(facts) == []


def test_a_write_that_the_vendor_cut_off_may_be_sent_again() -> None:
    """
    A request that was cut off before it did anything is followed by another one, rightly.
    """
    facts = right()
    facts.requests.update([("ticket", "chaos 1")])
    facts.turned_away["ticket"] = 1

    assert audit(facts) == []


@pytest.mark.parametrize(("crashes", "breaches"), [(3, 0), (2, 1)])
def test_a_call_whose_workers_were_killed_three_times_may_be_set_aside(
    crashes: int, breaches: int
) -> None:
    """
    The third kill cannot be told from a call that kills: it fails, and a person says what is so.
    """
    facts = right()
    _set(facts.calls, 2, status="failed", effect="none", crashes=crashes)
    _set(facts.ledger, 1, status="failed")
    facts.heard[0][1]["members"][2][1] = "failed"
    facts.effects["ticket", "chaos 1"] = 0

    assert len(audit(facts)) == breaches
