"""
The last hop's question: does a person's signed, fresh answer cover exactly this call?

In: a claim and its approval as they stand in the database. Out: the reason to refuse it, or none.
Never: a permission read from anything but a valid signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from soar.catalog import ActionSpec
from soar.domain.errors import ActionFailed, NotFound
from soar.domain.gate import HeldCall, covers, digest
from soar.domain.model import Claim
from soar.domain.states import Effect
from soar.tasks.shop import Shop
from soar.telemetry import log


def show(shop: Shop, spec: ActionSpec, claim: Claim) -> None:
    """Refuse a high-impact call unless a signed, fresh answer covers exactly this call."""
    if claim.approval_id is None:
        raise ActionFailed(f"{claim.action} was refused: no person has approved it")
    with shop.database.begin() as work:
        try:
            row = work.approvals.get(claim.approval_id)
        except NotFound:
            raise ActionFailed(f"{claim.action} was refused: its approval is gone") from None
    reason = _objection(shop, spec, claim, row)
    if reason:
        log.warning("permission_refused", app_run=claim.id, approval=claim.approval_id)
        raise ActionFailed(f"{claim.action} was refused: {reason}")


def _objection(shop: Shop, spec: ActionSpec, claim: Claim, row: Mapping[str, Any]) -> str:
    signed = row["signed"]
    call = HeldCall(
        action=spec.name,
        asset=claim.asset,
        app=spec.app,
        app_version=shop.catalog.app(spec.app).version,
        parameters=claim.parameters,
    )
    if row["status"] != "answered":
        return "its approval was not granted"
    if not shop.verifier.verify(signed, row["signature"], row["key_id"]):
        return "the signature of its approval is not valid"
    if signed.get("payload_digest") != digest(row["payload"]):
        return "the approval was given for something else"
    if signed.get("approval") != row["payload"].get("approval"):
        return "the answer belongs to another approval"
    if not covers(row["payload"], str(signed.get("choice", "")), [claim.run_id], call):
        return "the approval does not cover this action with these parameters"
    if datetime.fromisoformat(signed["answered_at"]) > datetime.fromisoformat(
        row["payload"]["due"]
    ):
        return "the answer came after the approval was due"
    age = datetime.now(UTC) - datetime.fromisoformat(signed["answered_at"])
    if age > timedelta(minutes=shop.settings.grant_minutes) and claim.effect == Effect.NONE:
        return f"the approval is older than {shop.settings.grant_minutes} minutes"
    return ""
