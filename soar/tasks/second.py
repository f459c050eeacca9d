"""
The second question: one for all calls of a block that are beyond the usual in the same way.

In: a claimed call and the rules that it trips. Out: the call parked behind a question that names
it: its own, or one that was asked when the first of its block was held.
Never: a call that an answer lets go without being named there, by its number and its parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from soar import consent, parking
from soar.bus.app import RESUME_RUN
from soar.domain import blast, gate
from soar.domain.blast import Asked, Rule, Trip
from soar.domain.gate import Beyond, HeldCall, digest
from soar.store.rows import Row
from soar.store.work import Work
from soar.tasks.permission import held, needs
from soar.tasks.shop import Shop
from soar.tasks.visit import Visit
from soar.tasks.write import Write
from soar.telemetry import log

MOST = 100
"""So many calls one question names; those beyond have another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """One call that a question is about, and why."""

    number: int
    call: HeldCall
    trips: tuple[Trip, ...]


def hold(shop: Shop, write: Write, visit: Visit, rules: Sequence[Rule], trips: list[Trip]) -> None:
    """Park a call until people have agreed that it goes past these rules."""
    claim, spec = visit.claim, write.spec
    why = "; ".join(dict.fromkeys(trip.why for trip in trips))
    message = f"held for a second approval: {why}"
    call = held(shop, spec, claim)
    with shop.database.begin() as work:
        work.blast.one_at_a_time(claim.run_id)
        row = work.blast.ours(claim.id, claim.attempt)
        if row is None:
            return
        asked = _asked_already(shop, work, visit, call, trips)
        mine = Held(number=claim.id, call=call, trips=tuple(trips))
        if asked is None:
            every = [mine, *_beside(work, write, row, rules, mine)]
            approval_id = _ask(shop, work, write, visit, row["join_id"], every)
        else:
            approval_id = int(asked["id"])
        work.blast.hold(claim.id, approval_id, message=message, made=visit.made)
        work.runs.log(claim.run_id, [("warning", spec.name, f"{spec.name} is {message}")])
        if asked is not None and asked["status"] == "answered":
            _go_on(work, asked)
    log.warning("call_held", app_run=claim.id, approval=approval_id)


def _asked_already(
    shop: Shop, work: Work, visit: Visit, call: HeldCall, trips: Iterable[Trip]
) -> Row | None:
    """Return the question that has named this call, unless it was answered long ago or is over."""
    claim = visit.claim
    row = work.blast.naming(claim.run_id, claim.id)
    if row is None or row["id"] == claim.breaker_id:
        return None
    shown: Mapping[str, Any] = row["payload"]
    if shown["app_runs"][str(claim.id)] != digest(call.shape()):
        return None
    if not {trip.rule for trip in trips} <= set(shown["rules"]):
        return None
    fresh = timedelta(seconds=row["age"]) < timedelta(minutes=shop.settings.grant_minutes)
    usable = row["status"] == "open" or (row["status"] == "answered" and fresh)
    return row if usable else None


def _go_on(work: Work, asked: Row) -> None:
    """Let a call go, or end it, as its question was answered before it came here."""
    if asked["answer"] == gate.APPROVE:
        parking.wake_approved(work, asked["id"])
        return
    reason = f": {asked['reason']}" if asked["reason"] else ""
    for join in work.calls.withdraw(asked["id"], f"denied by {asked['answered_by']}{reason}"):
        if join["remaining"] <= 0:
            work.send_task(RESUME_RUN, join["run_id"], join["id"])


def _beside(
    work: Work, write: Write, row: Row, rules: Sequence[Rule], mine: Held
) -> Iterable[Held]:
    """Return the calls of the same block that will be held as well, each target once."""
    full = {trip.rule: trip for trip in mine.trips if trip.limit}
    seen = {digest(mine.call.shape())}
    for other in work.blast.beside(row, limit=MOST - 1):
        call = HeldCall(
            action=mine.call.action,
            asset=mine.call.asset,
            app=mine.call.app,
            app_version=mine.call.app_version,
            parameters=other["parameters"],
        )
        trips = _trips(write, call, rules, full)
        if trips and digest(call.shape()) not in seen:
            seen.add(digest(call.shape()))
            yield Held(number=other["id"], call=call, trips=tuple(trips))


def _trips(
    write: Write, call: HeldCall, rules: Sequence[Rule], full: Mapping[str, Trip]
) -> list[Trip]:
    spec = write.spec
    asked = Asked(
        action=spec.name,
        asset=call.asset,
        named=blast.named(call.parameters, spec.target),
        high_impact=spec.high_impact,
    )
    return [*blast.tripped(rules, asked), *full.values()]


def _ask(
    shop: Shop, work: Work, write: Write, visit: Visit, join_id: int, every: Sequence[Held]
) -> int:
    """Open a question about these calls: whether they may go past the rules that they trip."""
    claim, spec = visit.claim, write.spec
    wanted = needs(work, spec, claim)
    terms = consent.terms(work, claim.run_id, [wanted], usual=shop.settings.approvers)
    rules = {*visit.beyond, *(trip.rule for one in every for trip in one.trips)}
    named = {one.number: digest(one.call.shape()) for one in every} if len(every) > 1 else {}
    return work.approvals.ask(
        run_id=claim.run_id,
        action_run_id=join_id,
        container_id=claim.container_id,
        kind=gate.BREAKER,
        name=spec.name,
        to=consent.said(terms) or shop.settings.approvers,
        message=_question(claim.action, claim.asset, visit.beyond, every),
        options=[gate.APPROVE, gate.DENY],
        minutes=consent.minutes([wanted], shop.settings.action_gate_minutes),
        effects={gate.APPROVE: [one.call for one in every], gate.DENY: []},
        beyond=Beyond(app_run=claim.id, rules=sorted(rules), calls=named),
        policy={gate.APPROVE: terms} if terms else {},
    )


def _question(action: str, asset: str, beyond: Iterable[str], every: Sequence[Held]) -> str:
    called = [", ".join(f"{k}={v}" for k, v in one.call.parameters.items()) for one in every]
    several = f"{len(called)} calls\n" + "\n".join(called)
    agreed = [f"- agreed to before: {rule}" for rule in sorted(beyond)]
    whys = (f"- {trip.why}" for one in every for trip in one.trips)
    reasons = "\n".join(dict.fromkeys([*whys, *agreed]))
    return (
        f"Beyond the usual: {action} on {asset}: {called[0] if len(called) == 1 else several}\n"
        f"{reasons}\n"
        "No earlier answer covers this. Approve it only if you mean exactly this, in spite of it."
    )
