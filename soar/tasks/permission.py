"""
The last hop's question: does a person's signed, fresh answer cover exactly this call?

In: a claim and its approvals as they stand in the database. Out: the reason to refuse it, or none;
and the rules of the breaker past which a second answer lets it go.
Never: a permission read from anything but a valid signature, or from an answer to something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from soar.catalog import ActionSpec
from soar.domain.errors import ActionFailed, NotFound
from soar.domain.gate import HeldCall, covers, digest, goes_beyond
from soar.domain.model import Claim
from soar.domain.states import Effect
from soar.signing import Verifier
from soar.store.work import Work
from soar.tasks.shop import Shop
from soar.telemetry import log


def show(shop: Shop, spec: ActionSpec, claim: Claim) -> frozenset[str]:
    """
    Refuse a high-impact call unless a signed, fresh answer covers exactly this call.

    One that the breaker has held shows a second answer as well; it names the rules returned.
    """
    if not spec.high_impact and claim.breaker_id is None:
        return frozenset()
    call = held(shop, spec, claim)
    with shop.database.begin() as work:
        if spec.high_impact:
            first = _row(work, claim, claim.approval_id)
            _refuse(
                claim, first, _objection(shop, claim, first) or uncovered(first, claim.run_id, call)
            )
        if claim.breaker_id is None:
            return frozenset()
        second = _row(work, claim, claim.breaker_id)
        choice = str(second["signed"].get("choice", ""))
        rules = goes_beyond(second["payload"], choice, claim.run_id, claim.id, call)
        missing = "" if rules else "its second approval does not cover this call"
        _refuse(claim, second, _objection(shop, claim, second) or missing)
        return rules


def held(shop: Shop, spec: ActionSpec, claim: Claim) -> HeldCall:
    """Return the call as an approval covers it."""
    return HeldCall(
        action=spec.name,
        asset=claim.asset,
        app=spec.app,
        app_version=shop.catalog.app(spec.app).version,
        parameters=claim.parameters,
    )


def _row(work: Work, claim: Claim, approval_id: int | None) -> Mapping[str, Any]:
    if approval_id is None:
        raise ActionFailed(f"{claim.action} was refused: no person has approved it")
    try:
        return work.approvals.get(approval_id)
    except NotFound:
        raise ActionFailed(f"{claim.action} was refused: its approval is gone") from None


def _refuse(claim: Claim, row: Mapping[str, Any], reason: str) -> None:
    if reason:
        log.warning("permission_refused", app_run=claim.id, approval=row["id"])
        raise ActionFailed(f"{claim.action} was refused: {reason}")


def _objection(shop: Shop, claim: Claim, row: Mapping[str, Any]) -> str:
    longest = timedelta(minutes=shop.settings.grant_minutes)
    begun = claim.effect != Effect.NONE
    return objection(
        shop.verifier, row, now=datetime.now(UTC), longest=timedelta.max if begun else longest
    )


def objection(
    verifier: Verifier, row: Mapping[str, Any], *, now: datetime, longest: timedelta
) -> str:
    """Return why an answer is no answer to its own question, or too old: longer ago than that."""
    signed = row["signed"]
    if row["status"] != "answered":
        return "its approval was not granted"
    if not verifier.verify(signed, row["signature"], row["key_id"]):
        return "the signature of its approval is not valid"
    if signed.get("payload_digest") != digest(row["payload"]):
        return "the approval was given for something else"
    if signed.get("approval") != row["payload"].get("approval"):
        return "the answer belongs to another approval"
    answered = datetime.fromisoformat(signed["answered_at"])
    if answered > datetime.fromisoformat(row["payload"]["due"]):
        return "the answer came after the approval was due"
    if now - answered > longest:
        return f"the approval is older than {longest // timedelta(minutes=1)} minutes"
    return ""


def uncovered(row: Mapping[str, Any], run_id: int, call: HeldCall) -> str:
    """Return why what was answered does not cover a call of a run."""
    if covers(row["payload"], str(row["signed"].get("choice", "")), [run_id], call):
        return ""
    return "the approval does not cover this action with these parameters"
