"""
A human decision: listed, answered once, signed.

In: an authenticated person's choice, with the digest of what they were shown.
Out: a signed answer beside the question, and the held calls sent again.
Never: an answer by possession of a link, an answer twice, or to something that has changed.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from soar import delegation, parking
from soar.bus.app import RESUME_RUN
from soar.consent import ballot_of
from soar.domain import gate, policy, questions
from soar.domain.errors import BadInput, Conflict, NotAllowed
from soar.domain.model import Person
from soar.domain.policy import Ballot
from soar.domain.states import RunStatus
from soar.signing import Signer
from soar.store.audit import Happened
from soar.store.rows import Row, storable
from soar.store.work import Work
from soar.telemetry import log


def stands_for(work: Work, person: Person, approval: Mapping[str, Any]) -> str | None:
    """
    Return for whom a person may answer: nobody else (an empty name), the one who lets them stand
    in, or None if they may not answer at all.
    """
    if may_answer(person, approval, work=work):
        return ""
    givers = delegation.givers(work, person)
    found = [g.username for g in givers if may_answer(g, approval, by=person, work=work)]
    return found[0] if found else None


def may_answer(
    person: Person, approval: Mapping[str, Any], *, by: Person | None = None, work: Work
) -> bool:
    """
    Tell whether an answer in a person's own right would count for any choice now.

    *by* is who would give it in their stead. Machines never may.
    """
    answers, tenants = by or person, _tenants(approval)
    if person.kind == "automation" or not (person.sees(*tenants) and answers.sees(*tenants)):
        return False
    return _is_asked(approval, _ballot(work, person, answers, signed_in=None))


NOBODYS = -1
"""The number of no tenant: it stands where none at all would stand for all of them."""


def check_tenant(work: Work, by: Person, approval: Mapping[str, Any]) -> None:
    """Refuse somebody who does not see the tenant of a question, and keep that they tried."""
    if by.sees(*_tenants(approval)):
        return
    log.warning("answer_refused", approval=approval["id"], why="it belongs to another tenant")
    detail = {"approval": approval["public_id"]}
    with work.trail.apart() as trail:
        trail.append([Happened(who=by.username, what="approval of another tenant", detail=detail)])
    raise NotAllowed(f"approval {approval['id']} belongs to another tenant")


def _tenants(approval: Mapping[str, Any]) -> set[int]:
    """Return whose question it is: by what is signed, and by its container as it is now."""
    return {gate.tenant_of(approval["payload"]), int(approval["tenant_id"])}


def _is_asked(approval: Mapping[str, Any], ballot: Ballot) -> bool:
    terms = [t for found in approval["payload"].get("policy", {}).values() for t in found]
    return not ballot.names.isdisjoint(gate.addressees(approval)) or _opens(terms, ballot)


def _opens(terms: Sequence[Mapping[str, Any]], ballot: Ballot) -> bool:
    """Tell whether a ballot would count for any of the terms, were it fresh."""
    return policy.opens([{**term, "fresh": 0} for term in terms], ballot)


def _ballot(work: Work, holder: Person, by: Person, *, signed_in: datetime | None) -> Ballot:
    """Return the ballot that somebody would give now in a holder's right."""
    on_call = {f"@{team}" for team in work.policies.on_call(holder.username)}
    now = datetime.now(UTC)
    return Ballot(
        by=by.username,
        instead_of="" if by.username == holder.username else holder.username,
        roles=frozenset(holder.roles) | on_call,
        at=now,
        signed_in=min(signed_in, now) if signed_in else None,  # the database's clock may be ahead
        tenants=_common(holder.tenants, by.tenants),
    )


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """Return the tenants that two people see, or nobody's; who has none sees all."""
    if not one or not other:
        return one or other
    return tuple(sorted(set(one) & set(other))) or (NOBODYS,)


def answer(
    work: Work,
    approval_id: int,
    *,
    by: Person,
    choice: str = "",
    responses: Sequence[object] | None = None,
    signer: Signer,
    channel: str,
    shown: str = "",
    reason: str = "",
    signed_in: datetime | None = None,
) -> Row:
    """
    Record a person's choice, and let what waited go on once those who must agree have.

    *responses* answer all questions of a prompt, in their order; for one, *choice* is enough.
    *channel* is the way the answer came. *shown* is the digest of what the person saw; it may be
    left out only where no choice leads to a call that needs consent. *signed_in*: when the person
    last gave their password, where the channel knows. The row's status stays "open", and its
    ``missing`` says whose consent, while the choice lacks any.
    """
    row = work.approvals.lock(approval_id)
    check_tenant(work, by, row)
    ballot = _check_person(work, by, row, signed_in)
    said = storable(questions.answers(row, choice, responses))
    chosen, reason = questions.told(said), storable(reason)
    _check_shown(shown, row)
    _check_again(work, row, chosen)
    _check_terms(row, chosen, ballot)
    signed = {
        "approval": row["public_id"],
        "choice": chosen,
        "responses": said,
        "by": by.username,
        "for": ballot.instead_of,
        "roles": sorted(ballot.roles),
        **({"tenants": list(ballot.tenants)} if ballot.tenants else {}),
        "signed_in": ballot.signed_in.isoformat() if ballot.signed_in else None,
        "reason": reason,
        "channel": channel,
        "payload_digest": row["payload_digest"],
        "answered_at": ballot.at.isoformat(),
    }
    return _record(work, row, signed, signer)


def said(done: Row) -> str:
    """Say in one sentence what became of an answer."""
    choice = done["signed"]["choice"]
    if done["missing"]:
        return f"{choice!r} was recorded; it still needs {' and '.join(done['missing'])}"
    return f"{choice!r} was recorded"


def _record(work: Work, row: Row, signed: Mapping[str, Any], signer: Signer) -> Row:
    """Keep a signed ballot; with it, or without, the question is decided."""
    who, choice = signed["by"], signed["choice"]
    signature, key_id = signer.sign(signed), signer.key_id
    if not work.policies.cast(
        row["id"], person=who, choice=choice, signed=signed, signature=signature, key_id=key_id
    ):
        raise Conflict(too_late(work.approvals.get(row["id"])))
    missing = _missing(work, row, choice)
    if missing:
        work.audit(who, "ballot given", signed, sealer=signer)
        return {**row, "signed": signed, "missing": missing}
    done = work.approvals.answer(
        row["id"],
        digest=row["payload_digest"],
        answer=choice,
        responses=signed["responses"],
        reason=signed["reason"],
        by=who,
        signed=signed,
        signature=signature,
        key_id=key_id,
    )
    if done is None:
        raise Conflict(too_late(work.approvals.get(row["id"])))
    work.audit(who, "approval answered", signed, sealer=signer)
    _go_on(work, done)
    return {**done, "missing": []}


def _missing(work: Work, row: Row, choice: str) -> list[str]:
    """Return whose consent a choice lacks."""
    terms = row["payload"].get("policy", {}).get(choice)
    if not terms:
        return []
    cast = work.policies.ballots(row["id"])
    return policy.unmet(terms, [ballot_of(b["signed"]) for b in cast if b["choice"] == choice])


def _go_on(work: Work, row: Row) -> None:
    if row["kind"] == "prompt":
        work.runs.end_join(row["action_run_id"], succeeded=True, message=row["answer"])
        work.send_task(RESUME_RUN, row["run_id"], row["action_run_id"])
        return
    if row["kind"] == "effect" and row["answer"] != gate.AGAIN:
        _settle(work, row)
        return
    if row["kind"] == "effect":
        work.ledger.again(row["id"])
    if row["answer"] in (gate.APPROVE, gate.AGAIN):
        parking.wake_approved(work, row["id"])
        return
    message = f"denied by {row['answered_by']}" + (f": {row['reason']}" if row["reason"] else "")
    for join in work.calls.withdraw(row["id"], message):
        work.send_task(RESUME_RUN, join["run_id"], join["id"])


def _settle(work: Work, row: Row) -> None:
    """End a call whose effect nobody knew, as a person has told."""
    took_effect = row["answer"] == gate.HAPPENED
    told = "it took effect" if took_effect else "it did not take effect"
    message = f"{row['answered_by']} looked: {told}"
    for join in work.ledger.settle(row["id"], took_effect=took_effect, message=message):
        if join["remaining"] <= 0:
            work.send_task(RESUME_RUN, join["run_id"], join["id"])


def _check_person(
    work: Work, by: Person, row: Mapping[str, Any], signed_in: datetime | None
) -> Ballot:
    """Return the ballot that somebody gives, in their own right or in another's."""
    if by.kind == "automation":
        raise NotAllowed(f"{by.username} is an automation user: a person must answer")
    instead_of = stands_for(work, by, row)
    if instead_of is None:
        raise NotAllowed(
            f"approval {row['id']} is for {row['assignee']!r}; {by.username} has the roles:"
            f" {', '.join(by.roles) or 'none'}{_kept_apart(row, by)}"
        )
    holders = [by, *delegation.givers(work, by)]
    holder = next(p for p in holders if p.username == (instead_of or by.username))
    return _ballot(work, holder, by, signed_in=signed_in)


def _kept_apart(row: Mapping[str, Any], by: Person) -> str:
    terms = [t for found in row["payload"].get("policy", {}).values() for t in found]
    if any(by.username in term["apart"] for term in terms):
        return "; whoever asked for it, or wrote its playbook, may not answer"
    return ""


def _check_terms(row: Mapping[str, Any], choice: str, ballot: Ballot) -> None:
    """Refuse an answer that could not count for its choice: by somebody else, or too stale."""
    terms = row["payload"].get("policy", {}).get(choice)
    if not terms:
        return
    if not _opens(terms, ballot):
        raise NotAllowed(f"{choice!r} needs the consent of {' and '.join(policy.unmet(terms, []))}")
    if not policy.opens(terms, ballot):
        minutes = min(term["fresh"] for term in terms if term["fresh"])
        raise NotAllowed(
            f"{choice!r} needs a person who has signed in within the last {minutes} minutes:"
            " answer on its page, where you are asked for your password"
        )


def _check_again(work: Work, row: Mapping[str, Any], choice: str) -> None:
    """Refuse to have a write of a cancelled run done again."""
    if row["kind"] != "effect" or choice != gate.AGAIN:
        return
    if work.runs.get(row["run_id"])["status"] == RunStatus.CANCELLED:
        raise Conflict(
            f"run {row['run_id']} was cancelled: it is not done again; answer"
            f" {gate.HAPPENED!r} or {gate.MISSED!r}"
        )


def _check_shown(shown: str, row: Mapping[str, Any]) -> None:
    """Compare what the person saw with what is asked; a high-impact question demands it."""
    dangerous = any(row["payload"].get("effects", {}).values())
    if not shown and not dangerous:
        return
    if not shown:
        raise BadInput(
            "payload_digest", "is missing: read the approval first and send back the digest shown"
        )
    if not hmac.compare_digest(shown.encode(), row["payload_digest"].encode()):
        raise Conflict(f"approval {row['id']} has changed since it was shown: read it again")


def too_late(row: Mapping[str, Any]) -> str:
    """Say why a question can no longer be answered."""
    if row["status"] == "answered":
        when = f"{row['close_time']:%Y-%m-%d %H:%M:%S} UTC"
        return f"already decided: {row['answered_by']} chose {row['answer']!r} at {when}"
    if row["status"] == "cancelled":
        return "withdrawn, or the run was cancelled, or is in shadow: nothing is to decide any more"
    return "nobody answered in time: nothing was done, and a late answer does nothing"
