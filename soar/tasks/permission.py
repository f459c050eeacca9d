"""
The last hop's question: does a person's signed, fresh answer cover exactly this call?

In: a claim and its approvals as they stand in the database. Out: the reason to refuse it, or none;
the rules of the breaker past which a second answer lets it go; or a call that is asked again.
Never: a permission read from anything but a valid signature, or from an answer to something else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from soar import consent
from soar.catalog import ActionSpec
from soar.consent import ballot_of
from soar.domain.errors import ActionFailed, NotFound
from soar.domain.gate import (
    HeldCall,
    addressees,
    covers,
    digest,
    goes_beyond,
    is_of,
    tenant_of,
)
from soar.domain.model import Asset, Claim
from soar.domain.policy import Asked, Ballot, Wanted, choose, unmet
from soar.domain.states import Effect
from soar.signing import Verifier
from soar.store.work import Work
from soar.tasks import again
from soar.tasks.again import Stricter
from soar.tasks.shop import Shop
from soar.tasks.visit import Withdrawn
from soar.telemetry import log


def show(shop: Shop, spec: ActionSpec, claim: Claim) -> frozenset[str]:
    """
    Refuse a high-impact call unless a signed, fresh answer covers exactly this call.

    One that the breaker has held shows a second answer as well; it names the rules returned. Where
    a policy has become stricter since the answer, the call is parked and asked again.
    """
    asks = spec.high_impact or claim.governed or claim.approval_id is not None
    if not asks and claim.breaker_id is None:
        return frozenset()
    call = held(shop, spec, claim)
    try:
        with shop.database.begin() as work:
            wanted = needs(work, spec, claim) if asks else Wanted()
            if wanted.gated or _was_asked(work, claim):
                first = _row(work, claim, claim.approval_id)
                _check(shop, work, claim, first, wanted, uncovered(first, claim.run_id, call))
            if claim.breaker_id is None:
                return frozenset()
            second = _row(work, claim, claim.breaker_id)
            choice = str(second["signed"].get("choice", ""))
            rules = goes_beyond(second["payload"], choice, claim.run_id, claim.id, call)
            missing = "" if rules else "its second approval does not cover this call"
            _check(shop, work, claim, second, wanted, missing)
            return rules
    except Stricter as found:
        again.ask(shop, claim, call, found)
        raise Withdrawn from None


def needs(work: Work, spec: ActionSpec, claim: Claim) -> Wanted:
    """Return what a claimed call needs by the policies as they are, for when it was asked."""
    if not claim.governed:
        return Wanted(high_impact=spec.high_impact)
    asked_at = datetime.now(UTC)
    if claim.approval_id is not None:
        asked_at = _row(work, claim, claim.approval_id)["create_time"]
    about = work.policies.about(claim.container_id)
    asked = Asked(
        action=spec.name,
        asset=claim.asset,
        label=about["label"],
        severity=about["severity"],
        at=asked_at,
        is_containment=spec.is_containment,
    )
    rule = choose(consent.rules(work), asked)
    return Wanted(rule=rule, high_impact=spec.high_impact)


def _was_asked(work: Work, claim: Claim) -> bool:
    """Tell whether a call that needs nobody's consent was held for a reviewer's all the same."""
    if claim.approval_id is None:
        return False
    return bool(_row(work, claim, claim.approval_id)["kind"] == "action")


def held(shop: Shop, spec: ActionSpec, claim: Claim) -> HeldCall:
    """Return the call as an approval covers it."""
    return HeldCall(
        action=spec.name,
        asset=claim.asset,
        app=spec.app,
        app_version=shop.catalog.app(spec.app).version,
        parameters=claim.parameters,
    )


def fitting(shop: Shop, spec: ActionSpec, claim: Claim, asset: Asset) -> Asset:
    """Return the asset of a call, or refuse one of another app, or one for other tenants."""
    if shop.catalog.app(asset.app).slug != spec.app:
        raise ActionFailed(f"asset {asset.slug!r} is of {asset.app}, not of this action's app")
    if not asset.serves(claim.tenant):
        log.warning("permission_refused", app_run=claim.id, asset=asset.slug)
        raise ActionFailed(f"asset {asset.slug!r} does not serve the tenant of this container")
    return asset


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


def _check(
    shop: Shop, work: Work, claim: Claim, row: Mapping[str, Any], wanted: Wanted, missing: str
) -> None:
    """
    Refuse an answer that does not count, by itself or because of what is *missing*; one to which
    nothing is wrong but that a policy has become stricter since is asked for again.
    """
    longest = timedelta(minutes=shop.settings.grant_minutes)
    begun = claim.effect != Effect.NONE
    why = objection(
        shop.verifier, row, now=datetime.now(UTC), longest=timedelta.max if begun else longest
    )
    told = row["kind"] == "effect" and not wanted.gated
    ballots = work.policies.ballots(row["id"])
    why = why or ("" if told else disagreement(shop.verifier, row, ballots)) or missing
    _refuse(claim, row, why)
    if told:
        return
    now = consent.terms(
        work, claim.run_id, [replace(wanted, high_impact=False)], usual="", at=row["create_time"]
    )
    lacking = disagreement(shop.verifier, row, ballots, policy_now=now)
    if lacking and again.may_ask(claim, row):
        raise Stricter(row, wanted)
    _refuse(claim, row, lacking)


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
    tenant = tenant_of(row["payload"])
    if row["tenant_id"] != tenant:
        return "the approval was given for another tenant"
    if not is_of(signed, tenant):
        return "whoever gave the approval belongs to another tenant"
    answered = datetime.fromisoformat(signed["answered_at"])
    if answered > datetime.fromisoformat(row["payload"]["due"]):
        return "the answer came after the approval was due"
    if now - answered > longest:
        return f"the approval is older than {longest // timedelta(minutes=1)} minutes"
    return ""


def disagreement(
    verifier: Verifier,
    row: Mapping[str, Any],
    ballots: Iterable[Mapping[str, Any]],
    *,
    policy_now: Sequence[Mapping[str, Any]] = (),
) -> str:
    """
    Return whose consent is missing: of the terms that the question was asked on, or of those that
    hold now. Only ballots for the choice that was made count, each with a signature of its own.
    """
    choice = row["signed"].get("choice")
    valid = [b for b in (row, *ballots) if b["signed"].get("choice") == choice]
    valid = [b for b in valid if not _spoilt(verifier, row, b)]
    given = {b["signed"]["by"]: ballot_of(b["signed"]) for b in valid}
    asked_on = row["payload"].get("policy", {}).get(choice, ())
    lacking = unmet([*asked_on, *policy_now], given.values())
    if not asked_on and not any(_is_addressed(row, ballot) for ballot in given.values()):
        lacking.insert(0, row["payload"]["assignee"])
    return f"it lacks the consent of {lacking[0]}" if lacking else ""


def _spoilt(verifier: Verifier, row: Mapping[str, Any], ballot: Mapping[str, Any]) -> str:
    whole = {**row, **{name: ballot[name] for name in ("signed", "signature", "key_id")}}
    return objection(verifier, whole, now=datetime.now(UTC), longest=timedelta.max)


def _is_addressed(row: Mapping[str, Any], ballot: Ballot) -> bool:
    """Tell whether a question was put to whoever answered it; older answers name no roles."""
    return "roles" not in row["signed"] or not ballot.names.isdisjoint(addressees(row))


def uncovered(row: Mapping[str, Any], run_id: int, call: HeldCall) -> str:
    """Return why what was answered does not cover a call of a run."""
    if covers(row["payload"], str(row["signed"].get("choice", "")), [run_id], call):
        return ""
    return "the approval does not cover this action with these parameters"
