"""The auditor: every broken promise is seen, on rows made by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.audit import audit
from tests.chaos.facts import UNDO, Cancel, Facts
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
        "reused_from": None,
        "asked_at": 100.0,
    }


def entry(number: int, action: str, target: str, **values: Any) -> dict[str, Any]:
    """Return a row of the ledger: what a call did stands."""
    return {
        "app_run_id": number,
        "action": action,
        "target": target,
        "status": "confirmed",
        "ended": False,
        "ended_because": "",
        **values,
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
            entry(2, "quarantine device", "hostname=h-1"),
            entry(3, "create ticket", ""),
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
        few=[i * 0.11 for i in range(100)],
        stands={("contain", "H-1")},
    )


def alert(number: int, host: str, **values: Any) -> Alert:
    """Return an alert whose playbook isolates a host."""
    return Alert(
        number=number,
        story="x",
        name=f"chaos {number}",
        label="x",
        cef={},
        playbooks=("chaos_stages",),
        wants=(Want(kind="contain", target=host),),
        **values,
    )


def contested() -> Facts:
    """Return right facts of a host that one wants isolated for a time, and another for ever."""
    facts = right()
    told = (alert(3, "H-3", fate="lease"), alert(4, "H-3"))
    facts.alerts += told
    for number in (3, 4):
        facts.containers.append({"id": number, "source_id": f"alert-{number:06}"})
        facts.runs.append(run(number, number, "chaos_stages"))
        facts.approvals.append({**facts.approvals[0], "id": number, "container_id": number})
        own = call(10 + number, "quarantine device", hostname="H-3")
        facts.calls.append({**own, "run_id": number, "container_id": number, "join_id": number})
    undo = call(20, "unquarantine device", hostname="H-3")
    facts.calls.append({**undo, "run_id": 7, "container_id": 3, "join_id": 7})
    facts.runs.append(run(7, 3, UNDO))
    facts.ledger += [
        entry(13, "quarantine device", "hostname=h-3", ended=True),
        entry(20, "unquarantine device", "hostname=h-3", ended=True),
        entry(14, "quarantine device", "hostname=h-3"),
    ]
    for key, count in ((("contain", "H-3"), 2), (("release", "H-3"), 1)):
        facts.effects[key] = facts.requests[key] = count
    facts.contained_at["H-3"] = 101.0
    facts.stands.add(("contain", "H-3"))
    return facts


def more() -> Facts:
    """Return right facts of an effect that two share, one that is taken back, a cancelled run."""
    facts = right()
    told = (alert(3, "H-3"), alert(4, "H-3"), alert(5, "H-5", fate="lease"))
    facts.alerts += (*told, alert(6, "H-6", fate="cancel", moment="sent"))
    for number in (3, 4, 5, 6):
        facts.containers.append({"id": number, "source_id": f"alert-{number:06}"})
        facts.runs.append(run(number, number, "chaos_stages"))
        facts.approvals.append({**facts.approvals[0], "id": number, "container_id": number})
        own = call(10 + number, "quarantine device", hostname=told[0].wants[0].target)
        facts.calls.append({**own, "run_id": number, "container_id": number, "join_id": number})
    _set(facts.calls, 4, effect="none", reused_from=13)
    _set(facts.calls, 5, parameters={"hostname": "H-5"})
    _set(facts.calls, 6, parameters={"hostname": "H-6"})
    undo = call(20, "unquarantine device", hostname="H-5")
    facts.calls.append({**undo, "run_id": 7, "container_id": 5, "join_id": 7, "asked_at": 200.0})
    facts.runs.append(run(7, 5, UNDO))
    _set(facts.runs, 5, status="cancelled")
    facts.cancelled["alert-000006"] = Cancel(at=102.0, sent=frozenset({16}))
    facts.ledger += [
        entry(13, "quarantine device", "hostname=h-3"),
        entry(15, "quarantine device", "hostname=h-5", ended=True, ended_because="undone"),
        entry(16, "quarantine device", "hostname=h-6"),
        entry(20, "unquarantine device", "hostname=h-5"),
    ]
    for key in (("contain", "H-3"), ("contain", "H-5"), ("contain", "H-6"), ("release", "H-5")):
        facts.effects[key] = facts.requests[key] = 1
    facts.contained_at.update({"H-3": 101.0, "H-5": 101.0, "H-6": 101.0})
    facts.requested_at["contain", "H-6"] = [102.5]  # its worker stood still after the mark
    facts.stands |= {("contain", "H-3"), ("contain", "H-6")}
    return facts


def _set(rows: list[Any], index: int, **values: Any) -> None:
    rows[index].update(values)


def test_facts_as_they_should_be_have_no_breach() -> None:
    """
    What was promised and happened is no breach.
    """
    assert audit(right()) == []
    assert audit(more()) == []
    assert audit(contested()) == []


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


def _find(rows: list[Any], name: str, value: Any) -> Any:
    return next(row for row in rows if row[name] == value)


WRONG_ENDINGS: dict[str, tuple[str, Callable[[Facts], Any]]] = {
    "a host that two isolated twice": (
        "effect doubled",
        lambda f: f.effects.update([("contain", "H-3")]),
    ),
    "a shared isolation that a call does not name": (
        "effect not shared",
        lambda f: _find(f.calls, "id", 14).update(reused_from=None),
    ),
    "a shared isolation that failed for one": (
        "effect not shared",
        lambda f: _find(f.calls, "id", 14).update(status="failed"),
    ),
    "a shared isolation with two rows": (
        "effect not shared",
        lambda f: f.ledger.append(entry(14, "quarantine device", "hostname=h-3", ended=True)),
    ),
    "an isolation that nobody but one allowed, who came late": (
        "acted before approval",
        lambda f: (f.approvals.pop(1), f.contained_at.update({"H-3": 99.0})),
    ),
    "a lease that was not undone": (
        "effect missing",
        lambda f: f.effects.pop(("release", "H-5")),
    ),
    "a lease that nobody wanted to undo": (
        "intent lost",
        lambda f: f.calls.remove(_find(f.calls, "id", 20)),
    ),
    "a lease that was undone twice": (
        "effect doubled",
        lambda f: f.effects.update([("release", "H-5")]),
    ),
    "two undos that say that they did it": (
        "taken back twice",
        lambda f: f.calls.append({**_find(f.calls, "id", 20), "id": 21, "effect": "none"}),
    ),
    "a host that stays isolated after its lease": (
        "not taken back",
        lambda f: f.stands.add(("contain", "H-5")),
    ),
    "a lease that does not end in the ledger": (
        "not ended",
        lambda f: _find(f.ledger, "app_run_id", 15).update(ended=False),
    ),
    "a release that was sent twice": (
        "write repeated",
        lambda f: f.requests.update([("release", "H-5")]),
    ),
    "a release of what nobody wanted back": (
        "effect unasked",
        lambda f: f.effects.update([("release", "H-3")]),
    ),
    "an undo of what nobody wanted back": (
        "run doubled",
        lambda f: f.runs.append(run(8, 3, UNDO)),
    ),
    "an undo without end": (
        "run unfinished",
        lambda f: _find(f.runs, "id", 7).update(status="running"),
    ),
    "a run that is cancelled though nobody did it": (
        "run failed",
        lambda f: f.cancelled.clear(),
    ),
    "an undo that is cancelled though nobody did it": (
        "run failed",
        lambda f: _find(f.runs, "id", 7).update(status="cancelled"),
    ),
    "a call asked for after the cancel": (
        "asked after its cancel",
        lambda f: _find(f.calls, "id", 16).update(asked_at=102.1),
    ),
    "a write sent after the cancel": (
        "sent after its cancel",
        lambda f: f.cancelled.update({"alert-000006": Cancel(at=102.0)}),
    ),
    "a write of a cancelled run that happened, and says it did not": (
        "effect denied",
        lambda f: _find(f.calls, "id", 16).update(status="failed", effect="none"),
    ),
    "a write of a cancelled run that says it happened, and did not": (
        "effect missing",
        lambda f: f.effects.pop(("contain", "H-6")),
    ),
    "a write of a cancelled run left open": (
        "call left",
        lambda f: _find(f.calls, "id", 16).update(status="running"),
    ),
    "a question of a cancelled run left open": (
        "question left",
        lambda f: _find(f.approvals, "id", 6).update(status="open"),
    ),
    "a callback of a cancelled run called twice": (
        "callback not once",
        lambda f: (
            f.joins.append({**f.joins[0], "id": 6, "run_id": 6}),
            f.heard.extend([(6, {"join": 6})] * 2),
        ),
    ),
    "what is contained at its vendor, and has ended": (
        "vendor differs",
        lambda f: _find(f.ledger, "app_run_id", 13).update(ended=True),
    ),
    "what is not contained at its vendor, and stands": (
        "vendor differs",
        lambda f: f.stands.remove(("contain", "H-3")),
    ),
    "what a vendor does not confirm in the end": (
        "vendor differs",
        lambda f: f.disagreements.append("quarantine device h-3: gone"),
    ),
    "four calls at once": ("too many at once", lambda f: f.few.append(0.2)),
}


@pytest.mark.parametrize("name", WRONG_ENDINGS)
def test_the_auditor_sees_what_comes_after(name: str) -> None:
    """
    So is what people and time do besides: sharing, leases, undos, cancels, calls at once.
    """
    what, spoil = WRONG_ENDINGS[name]
    facts = more()
    spoil(facts)

    assert what in {breach.what for breach in audit(facts)}


WRONG_CONTESTS: dict[str, tuple[str, Callable[[Facts], Any]]] = {
    "isolated more often than anybody asked": (
        "effects do not add up",
        lambda f: f.effects.update({("contain", "H-3"): 1, ("release", "H-3"): 1}),
    ),
    "released once more": (
        "effects do not add up",
        lambda f: f.effects.update([("release", "H-3")]),
    ),
    "isolated and released once more by the same calls": (
        "effects do not add up",
        lambda f: (
            f.calls.remove(_find(f.calls, "id", 14)),
            f.ledger.remove(_find(f.ledger, "app_run_id", 14)),
        ),
    ),
    "sent once more": ("write repeated", lambda f: f.requests.update([("contain", "H-3")])),
    "released though one wants it for ever": (
        "longest wish ignored",
        lambda f: f.stands.remove(("contain", "H-3")),
    ),
    "isolated though both leases are over": (
        "longest wish ignored",
        lambda f: setattr(f, "alerts", (*f.alerts[:3], alert(4, "H-3", fate="lease"))),
    ),
    "refused to one of two": (
        "effect not shared",
        lambda f: _find(f.calls, "id", 14).update(status="failed"),
    ),
}


@pytest.mark.parametrize("name", WRONG_CONTESTS)
def test_the_auditor_sees_what_becomes_of_two_wishes(name: str) -> None:
    """
    Where one wants for a time what another one wants too, both are heard, and nothing is doubled.
    """
    what, spoil = WRONG_CONTESTS[name]
    facts = contested()
    spoil(facts)

    assert what in {breach.what for breach in audit(facts)}


def test_a_cancelled_run_may_have_done_nothing_at_all() -> None:
    """
    A cancel before the first call leaves nothing behind, and no callback is called any more.
    """
    facts = more()
    facts.calls.remove(_find(facts.calls, "id", 16))
    facts.ledger.remove(_find(facts.ledger, "app_run_id", 16))
    facts.stands.remove(("contain", "H-6"))
    del facts.effects["contain", "H-6"], facts.requests["contain", "H-6"]
    facts.contained_at.pop("H-6")
    facts.approvals.remove(_find(facts.approvals, "id", 6))
    facts.joins.append({**facts.joins[0], "id": 6, "run_id": 6})

    assert audit(facts) == []


def test_the_run_of_an_undo_may_be_cancelled() -> None:
    """
    Its release counts if it was sent; if not, another run releases.
    """
    facts = more()
    facts.stopped.add(7)
    _find(facts.runs, "id", 7).update(status="cancelled")

    assert audit(facts) == []

    facts.runs.append(run(8, 5, UNDO))
    done = _find(facts.calls, "id", 20)
    facts.calls.append({**done, "id": 19, "status": "failed", "effect": "none"})
    done["run_id"] = 8

    assert audit(facts) == []


def test_a_run_goes_on_whose_sub_playbook_is_cancelled() -> None:
    """
    It may ask and send as before; what was cancelled may not.
    """
    facts = more()
    facts.alerts = (*facts.alerts[:-1], replace(facts.alerts[-1], moment="child"))
    facts.cancelled["alert-000006"] = Cancel(at=99.0)

    assert audit(facts) == []

    _find(facts.runs, "id", 6).update(parent=1)
    what = {breach.what for breach in audit(facts)}

    assert {"asked after its cancel", "sent after its cancel"} <= what


def test_a_sub_playbook_may_never_begin_where_its_caller_is_cancelled() -> None:
    """
    It is lost only if nobody cancelled the run that was to call it.
    """
    facts = more()
    facts.alerts = (*facts.alerts[:-1], replace(facts.alerts[-1], children=("chaos_lookups",)))

    assert audit(facts) == []

    facts.cancelled.clear()

    assert "run lost" in {breach.what for breach in audit(facts)}


def test_a_containment_of_which_nobody_knows_agrees_with_either_state() -> None:
    """
    What the ledger calls unknown may stand at its vendor, or not.
    """
    for stands in (True, False):
        facts = more()
        _find(facts.ledger, "app_run_id", 13).update(status="unknown")
        _find(facts.calls, "id", 13).update(status="failed", effect="unknown")
        if not stands:
            facts.stands.remove(("contain", "H-3"))

        assert "vendor differs" not in {breach.what for breach in audit(facts)}


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
