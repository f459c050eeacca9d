"""
The last look before a containment leaves: is its target protected, is it one too many?

In: a claimed call that is about to be sent. Out: its row says that it was sent; or it is parked,
and people are asked a second time. One that is in shadow by now is not.
Never: an answer to another question taken for the second, or two calls in the last free place.
"""

from __future__ import annotations

from collections.abc import Sequence

from soar import consent
from soar.domain import blast, gate
from soar.domain.blast import Asked, Limit, Trip
from soar.store.blast import LET_GO
from soar.store.rows import as_json
from soar.tasks.permission import held, needs
from soar.tasks.shop import Shop
from soar.tasks.visit import Visit, Withdrawn
from soar.tasks.write import Write
from soar.telemetry import log


def send(shop: Shop, write: Write, visit: Visit) -> None:
    """Write down that a call is about to be sent; a containment beyond the usual is held."""
    if not write.spec.is_containment:
        write.mark_sent()
        return
    claim, spec = visit.claim, write.spec
    asked = Asked(
        action=spec.name,
        asset=claim.asset,
        named=blast.named(claim.parameters, spec.target),
        high_impact=spec.high_impact,
    )
    rules = blast.read(claim.rules or ())
    trips = [trip for trip in blast.tripped(rules, asked) if trip.rule not in visit.beyond]
    limits = [limit for limit in blast.limits(rules, asked) if limit.name not in visit.beyond]
    trips += _full(shop, write, asked, limits, held=bool(trips))
    if trips:
        write.stop_in_shadow()
        _hold(shop, write, visit, trips)
        raise Withdrawn


def _full(
    shop: Shop, write: Write, asked: Asked, limits: Sequence[Limit], *, held: bool
) -> list[Trip]:
    """Let a call go where no limit is full; else, or if it is *held*, return what is full."""
    wanted = [
        {
            "number": number,
            "action": limit.action,
            "of_asset": limit.of_asset,
            "of_playbook": limit.of_playbook,
            "of_tenant": limit.of_tenant,
            "calls": limit.calls,
            "seconds": limit.span.total_seconds(),
        }
        for number, limit in enumerate(limits)
    ]
    values = {
        "id": write.claim.id,
        "attempt": write.claim.attempt,
        "held": held,
        "limits": as_json(wanted),
        "scopes": [_scope(limit, asked) for limit in limits],
    }
    rows = shop.database.run_together(LET_GO, values)
    if not rows and not held:
        write.unsent()
    return [
        limits[number].trip(asked, sent=sent, playbook=playbook, tenant=tenant)
        for number, sent, playbook, tenant in rows
        if number is not None
    ]


def _scope(limit: Limit, asked: Asked) -> str:
    """Return what is counted together; calls of several playbooks or tenants may share a lock."""
    return f"{limit.per} {limit.action} {asked.asset if limit.of_asset else ''}"


def _hold(shop: Shop, write: Write, visit: Visit, trips: Sequence[Trip]) -> None:
    """Park a call, and ask for a second approval of exactly this call past these rules."""
    claim, spec = visit.claim, write.spec
    why = "; ".join(dict.fromkeys(trip.why for trip in trips))
    with shop.database.begin() as work:
        row = work.blast.ours(claim.id, claim.attempt)
        if row is None:
            return
        wanted = needs(work, spec, claim)
        terms = consent.terms(work, claim.run_id, [wanted], usual=shop.settings.approvers)
        usual_minutes = shop.settings.action_gate_minutes
        approval_id = work.approvals.ask(
            run_id=claim.run_id,
            action_run_id=row["join_id"],
            container_id=claim.container_id,
            kind=gate.BREAKER,
            name=spec.name,
            to=consent.said(terms) or shop.settings.approvers,
            message=_question(write, visit, trips),
            options=[gate.APPROVE, gate.DENY],
            minutes=consent.minutes([wanted], usual_minutes),
            effects={gate.APPROVE: [held(shop, spec, claim)], gate.DENY: []},
            beyond=gate.Beyond(app_run=claim.id, rules=_rules(visit, trips)),
            policy={gate.APPROVE: terms} if terms else {},
        )
        message = f"held for a second approval: {why}"
        work.blast.hold(claim.id, approval_id, message=message, made=visit.made)
        work.runs.log(claim.run_id, [("warning", spec.name, f"{spec.name} is {message}")])
    log.warning("call_held", app_run=claim.id, approval=approval_id)


def _rules(visit: Visit, trips: Sequence[Trip]) -> list[str]:
    """Return the rules that the answer is about: the newest answer is the one that counts."""
    return sorted({*visit.beyond, *(trip.rule for trip in trips)})


def _question(write: Write, visit: Visit, trips: Sequence[Trip]) -> str:
    claim = write.claim
    what = ", ".join(f"{name}={value}" for name, value in claim.parameters.items())
    agreed = [f"- agreed to before: {rule}" for rule in sorted(visit.beyond)]
    reasons = "\n".join(dict.fromkeys([*(f"- {trip.why}" for trip in trips), *agreed]))
    return (
        f"Beyond the usual: {claim.action} on {claim.asset}: {what}\n{reasons}\n"
        "No earlier answer covers this. Approve it only if you mean exactly this, in spite of it."
    )
