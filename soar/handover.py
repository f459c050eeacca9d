"""
A question given to somebody else, or taken back.

In: an open question, who wants it, and why. Out: the question, asked of another; or closed, and
what waited for it goes on without.
Never: a high-impact call that somebody may allow who could not before.
"""

from __future__ import annotations

from soar import approvals
from soar.bus.app import RESUME_RUN
from soar.domain import roles
from soar.domain.errors import BadInput, Conflict, NotAllowed
from soar.domain.model import Person
from soar.store.people import person_of
from soar.store.rows import Row, storable
from soar.store.work import Work


def reassign(work: Work, approval_id: int, *, to: str, by: Person | str, approvers: str) -> Row:
    """
    Ask somebody else, from now on, until the same time.

    *by*: a person, who must be one of those who may answer, or an administrator; or the operator's
    word. A question that may let calls go is given to the *approvers*, or to one of them.
    """
    row = work.approvals.lock(approval_id)
    _check_may(work, row, by)
    payload = row["payload"]
    if payload.get("policy"):
        raise Conflict(f"approval {approval_id} is asked on the terms of a policy: change that")
    _check_taker(work, row, to, approvers if _lets_go(row) else "")
    changed = {name: value for name, value in payload.items() if name != "assignees"}
    done = work.approvals.reassign(approval_id, to, payload=storable({**changed, "assignee": to}))
    if done is None:
        raise Conflict(approvals.too_late(work.approvals.get(approval_id)))
    detail = {"approval": row["public_id"], "from": row["assignee"], "to": to}
    work.audit(_name(by), "approval reassigned", detail)
    return done


def withdraw(work: Work, approval_id: int, *, by: Person | str, reason: str = "") -> Row:
    """Close a question unanswered: what waited for it fails, and its run goes on."""
    row = work.approvals.lock(approval_id)
    _check_may(work, row, by)
    if row["kind"] == "effect":
        raise Conflict("somebody must look whether it took effect: it cannot be withdrawn")
    done = work.approvals.withdraw(approval_id)
    if done is None:
        raise Conflict(approvals.too_late(work.approvals.get(approval_id)))
    message = storable(f"withdrawn by {_name(by)}" + (f": {reason}" if reason else ""))
    if row["kind"] == "prompt":
        if work.runs.end_join(row["action_run_id"], succeeded=False, message=message):
            work.send_task(RESUME_RUN, row["run_id"], row["action_run_id"])
    else:
        for join in work.calls.withdraw(approval_id, message):
            work.send_task(RESUME_RUN, join["run_id"], join["id"])
    work.audit(
        _name(by), "approval withdrawn", {"approval": row["public_id"], "reason": storable(reason)}
    )
    return done


def _lets_go(row: Row) -> bool:
    return row["kind"] != "prompt" or any(row["payload"].get("effects", {}).values())


def _check_may(work: Work, row: Row, by: Person | str) -> None:
    if isinstance(by, str):
        return
    approvals.check_tenant(work, by, row)
    if by.kind != "automation" and roles.is_administrator(by.roles):
        return
    if approvals.stands_for(work, by, row) is None:
        raise NotAllowed(f"approval {row['id']} is not {by.username}'s to give away or take back")


def _check_taker(work: Work, row: Row, to: str, role: str) -> None:
    """Refuse a name that nobody of its tenant has, and one beside those who may let calls go."""
    people = [p for p in work.people.all() if p["active"] and p["kind"] != "automation"]
    named = [p for p in people if person_of(p).sees(row["tenant_id"])]
    takers = [p for p in named if to == p["username"] or to in p["roles"]]
    if not takers:
        raise BadInput("to", f"{to[:80]!r} is no person, and nobody has such a role")
    if role and to != role and not any(to == p["username"] and role in p["roles"] for p in named):
        raise NotAllowed(f"it may let calls go: only {role!r}, or somebody with that role, may")


def _name(by: Person | str) -> str:
    return by if isinstance(by, str) else by.username
