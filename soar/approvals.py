"""
A human decision: listed, answered once, signed.

In: an authenticated person's choice, with the digest of what they were shown.
Out: a signed answer beside the question, and the held calls sent again.
Never: an answer by possession of a link, an answer twice, or to something that has changed.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from soar import delegation, parking
from soar.bus.app import RESUME_RUN
from soar.domain import gate
from soar.domain.errors import BadInput, Conflict, NotAllowed
from soar.domain.model import Person
from soar.signing import Signer
from soar.store.rows import Row, storable
from soar.store.work import Work


def stands_for(work: Work, person: Person, approval: Mapping[str, Any]) -> str | None:
    """
    Return for whom a person may answer: nobody else (an empty name), the one who lets them stand
    in, or None if they may not answer at all.
    """
    if may_answer(person, approval):
        return ""
    found = [g.username for g in delegation.givers(work, person) if may_answer(g, approval)]
    return found[0] if found else None


def may_answer(person: Person, approval: Mapping[str, Any]) -> bool:
    """
    Tell whether a person is the addressee or holds the addressed role, in their own right.

    Machines never may.
    """
    names = {person.username, *person.roles}
    return person.kind != "automation" and approval["assignee"] in names


def answer(
    work: Work,
    approval_id: int,
    *,
    by: Person,
    choice: str,
    signer: Signer,
    channel: str,
    shown: str = "",
    reason: str = "",
) -> Row:
    """
    Record a person's choice and let what waited for it go on.

    *channel* is the way the answer came. *shown* is the digest of what the person saw; it may be
    left out only where no choice leads to a high-impact action.
    """
    row = work.approvals.get(approval_id)
    instead_of = _check_person(work, by, row)
    chosen, reason = storable(_check_choice(choice, row)), storable(reason)
    _check_shown(shown, row)
    signed = {
        "approval": row["public_id"],
        "choice": chosen,
        "by": by.username,
        "for": instead_of,
        "reason": reason,
        "channel": channel,
        "payload_digest": row["payload_digest"],
        "answered_at": datetime.now(UTC).isoformat(),
    }
    done = work.approvals.answer(
        approval_id,
        digest=row["payload_digest"],
        answer=chosen,
        reason=reason,
        by=by.username,
        signed=signed,
        signature=signer.sign(signed),
        key_id=signer.key_id,
    )
    if done is None:
        raise Conflict(_too_late(work.approvals.get(approval_id)))
    work.audit(by.username, "approval answered", signed, sealer=signer)
    _go_on(work, done)
    return done


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


def _check_person(work: Work, by: Person, row: Mapping[str, Any]) -> str:
    if by.kind == "automation":
        raise NotAllowed(f"{by.username} is an automation user: a person must answer")
    instead_of = stands_for(work, by, row)
    if instead_of is None:
        raise NotAllowed(
            f"approval {row['id']} is for {row['assignee']!r}; {by.username} has the roles:"
            f" {', '.join(by.roles) or 'none'}"
        )
    return instead_of


def _check_choice(choice: str, row: Mapping[str, Any]) -> str:
    options = list(row["options"])
    if not options:
        if not choice.strip():
            raise BadInput("choice", "must not be empty")
        return choice
    found = next((o for o in options if o.lower() == choice.strip().lower()), None)
    if found is None:
        raise BadInput("choice", f"{choice!r} is none of: {', '.join(options)}")
    return str(found)


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


def _too_late(row: Mapping[str, Any]) -> str:
    if row["status"] == "answered":
        when = f"{row['close_time']:%Y-%m-%d %H:%M:%S} UTC"
        return f"already decided: {row['answered_by']} chose {row['answer']!r} at {when}"
    if row["status"] == "cancelled":
        return "the run was cancelled, or its calls are in shadow: nothing is to decide any more"
    return "nobody answered in time: nothing was done, and a late answer does nothing"
