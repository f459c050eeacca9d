"""
Approvals: what is asked, shown exactly, and a person's answer.

In: an authenticated choice with the digest of what was shown. Out: Splunk's shapes.
Never: a decision by GET; who may answer what is decided in ``soar.approvals``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from soar import approvals, dossier, handover, roles
from soar.api import bodies
from soar.api.door import Call, Shape, route
from soar.api.errors import Unavailable
from soar.api.nouns import APPROVALS
from soar.api.permissions import ASKED
from soar.domain import gate, shapes
from soar.domain.errors import BadInput, SoarError
from soar.domain.roles import may
from soar.signing import Signer
from soar.store.listing import Condition
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

VERDICTS = {
    "approve": gate.APPROVE,
    "approved": gate.APPROVE,
    "deny": gate.DENY,
    "denied": gate.DENY,
}


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    return [
        route(house, "/rest/approval", needs=ASKED, get=page),
        route(house, "/rest/approval/{id}", needs=ASKED, get=one, post=answer),
    ]


def shape(row: Row) -> Shape:
    """Return an approval; what each option would do only if it was read."""
    shown = {
        "id": row["id"],
        "name": row["name"],
        "status": row["status"],
        "type": "prompt" if row["kind"] == "prompt" else "manual",
        "container": row["container_id"],
        "playbook_run": row["run_id"],
        "action_run": row["action_run_id"],
        "owner": row["assignee"],
        "owner_type": "User" if row["for_person"] else "Role",
        "message": row["message"],
        "options": row["options"],
        "payload_digest": row["payload_digest"],
        "responses": row["responses"],
        "answered_by": row["answered_by"],
        "answered_for": row["answered_for"] or "",
        "reason": row["reason"],
        "create_time": shapes.stamp(row["create_time"]),
        "start_time": shapes.stamp(row["create_time"]),
        "due_time": shapes.stamp(row["due_at"]),
        "close_time": shapes.stamp(row["close_time"]),
        "version": 1,
    }
    if "payload" not in row:
        return shown
    asked = row["payload"]
    return {
        **shown,
        "questions": asked.get("questions", []),
        "payload": asked,
        "effects": asked.get("effects", {}),
        "policy": asked.get("policy", {}),
    }


def page(call: Call) -> Shape:
    """Return a page of approvals; who may not view containers sees what they are asked."""
    if may(call.person, "containers", "view"):
        return call.envelope(APPROVALS, shape)
    names = dossier.names(call.work, call.person)
    mine = Condition(field="addressees", operator="in", value=names)
    return call.envelope(APPROVALS, shape, only=[mine])


def one(call: Call) -> Shape:
    """Return one approval: exactly what is asked, and the digest an answer must carry."""
    row = call.one(APPROVALS)
    if approvals.stands_for(call.work, call.person, row) is None:
        roles.require(call.work, call.person, "containers", "view")
    cast = call.work.policies.ballots(row["id"])
    ballots = [{"by": b["person"], "choice": b["choice"]} for b in cast]
    return {**shape(row), "ballots": ballots}


def answer(call: Call) -> Shape:
    """Record a person's answer to an approval: a choice, or one response to each question."""
    raw = bodies.an_object(call.body)
    approvals.check_tenant(call.work, call.person, call.work.approvals.get(call.number))
    if "owner" in raw or raw.get("withdraw") is True:
        return _hand_over(call, raw)
    row = call.one(APPROVALS)
    asked = [] if row["options"] else row["payload"].get("questions", [])
    choice, responses = said_to(asked, raw)
    done = approvals.answer(
        call.work,
        int(row["id"]),
        by=call.person,
        choice=choice,
        responses=responses,
        signer=_signer(call.house),
        channel="rest",
        shown=bodies.text(raw, "payload_digest"),
        reason=bodies.text(raw, "reason") or bodies.text(raw, "message"),
    )
    return {
        "success": True,
        "id": done["id"],
        "status": done["status"],
        "choice": done["signed"]["choice"],
        "responses": done["signed"]["responses"],
        "answered_by": done["signed"]["by"],
        "missing": done["missing"],
        "message": approvals.said(done),
    }


def said_to(asked: Sequence[Any], raw: Mapping[str, Any]) -> tuple[str, list[Any] | None]:
    """Return one choice, or where questions are *asked* the responses to them."""
    if not asked:
        return choice_of(raw), None
    if _verdict(raw) == gate.DENY:
        raise BadInput("status", f"{raw['status']!r} answers no question: give responses to all")
    responses = raw.get("responses")
    if responses is not None and not isinstance(responses, list):
        raise BadInput("responses", "must be a list, with one answer to each question")
    return bodies.text(raw, "choice"), responses


def _hand_over(call: Call, raw: Mapping[str, Any]) -> Shape:
    """Give an approval to somebody else (``owner``), or take it back (``withdraw``)."""
    bodies.only(raw, ("owner", "withdraw", "reason"))
    number = int(call.one(APPROVALS)["id"])
    if raw.get("withdraw") is True:
        reason = bodies.text(raw, "reason")
        row = handover.withdraw(call.work, number, by=call.person, reason=reason)
        return {"success": True, "id": row["id"], "status": row["status"]}
    to, approvers = bodies.text(raw, "owner"), call.house.settings.approvers
    row = handover.reassign(call.work, number, to=to, by=call.person, approvers=approvers)
    return {
        "success": True,
        "id": row["id"],
        "owner": row["assignee"],
        "payload_digest": row["payload_digest"],
    }


def _signer(house: House) -> Signer:
    try:
        return house.signer()
    except SoarError:
        raise Unavailable("this server has no key to sign answers: ask its operator") from None


def choice_of(raw: Mapping[str, Any]) -> str:
    """Return the one choice that an answer makes in any of its forms, if they agree."""
    choice, verdict = bodies.text(raw, "choice"), _verdict(raw)
    response = _response(raw)
    said = [text for text in (choice, response) if text]
    if len({text.strip().lower() for text in said}) > 1:
        raise BadInput("choice", "and responses do not agree")
    if not said:
        if not verdict:
            raise BadInput("choice", "is missing: give choice, responses or status")
        return verdict
    denies = said[0].strip().lower() == gate.DENY.lower()
    if verdict and denies != (verdict == gate.DENY):
        raise BadInput("status", f"{raw['status']!r} and the choice {said[0]!r} do not agree")
    return said[0]


def _verdict(raw: Mapping[str, Any]) -> str:
    status = bodies.text(raw, "status").strip().lower()
    if status and status not in VERDICTS:
        raise BadInput("status", f"{status[:80]!r} is neither approve nor deny")
    return VERDICTS.get(status, "")


def _response(raw: Mapping[str, Any]) -> str:
    responses = raw.get("responses")
    if responses in (None, []):
        return ""
    if not isinstance(responses, list) or len(responses) != 1 or not isinstance(responses[0], str):
        raise BadInput("responses", "must be a list of one text")
    return responses[0]
