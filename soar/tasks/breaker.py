"""
The last look before a containment leaves: is its target protected, is it one too many?

In: a claimed call that is about to be sent. Out: its row says that it was sent; or it is parked,
and people are asked a second time. One that is in shadow, or cancelled, by now is not.
Never: an answer to another question taken for the second, or two calls in the last free place.
"""

from __future__ import annotations

from collections.abc import Sequence

from soar.domain import blast
from soar.domain.blast import Asked, Limit, Trip
from soar.store.blast import LET_GO
from soar.store.rows import as_json
from soar.tasks import second
from soar.tasks.shop import Shop
from soar.tasks.visit import Visit, Withdrawn
from soar.tasks.write import Write


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
        write.stop_cancelled()
        second.hold(shop, write, visit, rules, trips)
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
