"""
A call that was approved on terms which are not enough any more: people are asked again.

In: a claimed call, its valid answer, and what it needs by now. Out: a question that says why it is
asked again, and the call parked behind it.
Never: a question where anything but the policy is wrong with the answer, or more than a few.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar import consent
from soar.domain import gate
from soar.domain.gate import Beyond, HeldCall
from soar.domain.model import Claim
from soar.domain.policy import ANY, Wanted
from soar.domain.states import Effect
from soar.store.work import Work
from soar.tasks.shop import Shop
from soar.telemetry import log

MOST = 3
"""So often one call is asked again; then it is refused."""


class Stricter(Exception):
    """An answer is valid, and was enough when it was asked; the policy of now asks for more."""

    def __init__(self, row: Mapping[str, Any], wanted: Wanted) -> None:
        super().__init__()
        self.row = row
        self.wanted = wanted


def may_ask(claim: Claim, row: Mapping[str, Any]) -> bool:
    """Tell whether a call may be asked again: nothing of it was sent, and not too often."""
    return claim.effect == Effect.NONE and _times(row) < MOST


def ask(shop: Shop, claim: Claim, call: HeldCall, found: Stricter) -> None:
    """Park a call, and ask for its consent once more, on the terms that hold now."""
    shown: Mapping[str, Any] = found.row["payload"]
    second = shown.get("kind") == gate.BREAKER
    with shop.database.begin() as work:
        row = work.blast.ours(claim.id, claim.attempt)
        if row is None:
            return
        wanted, usual = found.wanted, shop.settings.approvers
        terms = consent.terms(work, claim.run_id, [wanted], usual=usual)
        why = f"Asked again: {_why(work, claim, wanted)}"
        approval_id = work.approvals.ask(
            run_id=claim.run_id,
            action_run_id=row["join_id"],
            container_id=claim.container_id,
            kind=gate.BREAKER if second else "action",
            name=call.action,
            to=consent.said(terms) or usual,
            message=_message(why, call, shown if second else {}),
            options=[gate.APPROVE, gate.DENY],
            minutes=consent.minutes([wanted], shop.settings.action_gate_minutes),
            effects={gate.APPROVE: [call], gate.DENY: []},
            beyond=Beyond(app_run=claim.id, rules=shown["rules"]) if second else None,
            policy={gate.APPROVE: terms} if terms else {},
            again={"of": shown["approval"], "times": _times(found.row) + 1},
        )
        work.calls.ask_again(claim.id, approval_id, message=why, second=second)
        work.runs.log(claim.run_id, [("warning", call.action, f"{call.action}: {why}")])
    log.warning("call_asked_again", app_run=claim.id, approval=approval_id)


def _times(row: Mapping[str, Any]) -> int:
    """Return how often a question has been asked again; it is signed with the payload."""
    return int(row["payload"].get("again", {}).get("times", 0))


def _why(work: Work, claim: Claim, wanted: Wanted) -> str:
    """Say what has changed since, as far as the rule tells that now counts."""
    about, rule = work.policies.about(claim.container_id), wanted.rule
    if rule is not None and rule.severity != ANY:
        return f"the severity is now {about['severity']}, and more is needed for that"
    if rule is not None and rule.label != ANY:
        return f"the label is now {about['label']}, and more is needed for that"
    return "the policy in force needs more than the one it was asked under"


def _message(why: str, call: HeldCall, beyond: Mapping[str, Any]) -> str:
    what = ", ".join(f"{name}={value}" for name, value in call.parameters.items())
    rules = "".join(f"\n- beyond the usual: {rule}" for rule in beyond.get("rules", ()))
    return (
        f"{why}.\n{call.action} on {call.asset}: {what}{rules}\n"
        "The earlier answer is not enough any more, and nothing was done."
    )
