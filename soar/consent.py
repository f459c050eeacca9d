"""
What calls need of people: policies applied to a run's calls, and ballots read back.

In: rules and ballots of the store. Out: the terms that a question carries; whether they are met.
Never: a high-impact call that a rule lets go without a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from soar.domain import policy
from soar.domain.errors import BadInput
from soar.domain.policy import Ballot, Rule, Wanted
from soar.store.work import Work
from soar.telemetry import log

Terms = list[dict[str, Any]]
NOBODY = "nobody can read this policy"


def rules(work: Work) -> list[Rule]:
    """Return every rule; one that cannot be read counts as asking for what nobody can give."""
    return [_read(row) for row in work.policies.rules()]


def _read(row: Mapping[str, Any]) -> Rule:
    try:
        return policy.parse(row)
    except BadInput:
        log.error("policy_unreadable", policy=row["id"])
        return Rule(number=row["id"], action=row["action"], asset=row["asset"], needs=NOBODY)


def terms(
    work: Work, run_id: int, calls: Sequence[Wanted], *, usual: str, at: datetime | None = None
) -> Terms:
    """
    Return what a choice that allows these calls needs: each term once.

    Nothing where all of them need the usual consent only: of one addressee of the question.
    *usual* is who that is, beside calls that need more.
    """
    if all(call.plain for call in calls):
        return []
    origin = work.policies.origin(run_id)
    asked_at = at or datetime.now(UTC)
    found: Terms = []
    for call in calls:
        apart = _apart(call.rule, origin)
        found += [t for t in call.terms(usual=usual, apart=apart, at=asked_at) if t not in found]
    return found


def _apart(rule: Rule | None, origin: Mapping[str, Any]) -> set[str]:
    """Return the people who may not agree: whoever started it, whoever wrote it."""
    named = {"requester": origin["requesters"], "author": origin["authors"]}
    who = {name for part in (rule.apart if rule else ()) for name in named[part] or ()}
    return who - {""}


def missing(work: Work, row: Mapping[str, Any], call: Wanted) -> list[str]:
    """Return whose consent an answered question lacks for what a call needs beyond the usual."""
    if call.plain:
        return []
    needed = terms(work, row["run_id"], [call], usual=row["assignee"], at=row["create_time"])
    return policy.unmet(needed, [ballot_of(signed) for signed in ballots(work, row)])


def ballots(work: Work, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the signed ballots of the choice that was made, as they are kept."""
    kept = [b["signed"] for b in work.policies.ballots(row["id"]) if b["choice"] == row["answer"]]
    return kept or [row["signed"]]


def minutes(calls: Iterable[Wanted], usual: int) -> int:
    """Return for how long a question is asked: until the last step of its longest ladder ends."""
    lasting = [_lasts(call.rule, usual) for call in calls if call.rule and not call.plain]
    return max(lasting, default=usual)


def _lasts(rule: Rule, usual: int) -> int:
    spans = [step.lasts or timedelta(minutes=usual) for step in policy.steps_of(rule.needs)]
    return int(sum(spans, timedelta(0)) / timedelta(minutes=1))


def said(found: Terms) -> str:
    """Say in words whose consent is asked for first."""
    return " and ".join(dict.fromkeys(term["steps"][0]["needs"] for term in found))


def ballot_of(signed: Mapping[str, Any]) -> Ballot:
    """Read a ballot as it was signed."""
    since = signed.get("signed_in")
    return Ballot(
        by=str(signed.get("by", "")),
        instead_of=str(signed.get("for") or ""),
        roles=frozenset(map(str, signed.get("roles", ()))),
        at=datetime.fromisoformat(signed["answered_at"]),
        signed_in=datetime.fromisoformat(since) if since else None,
        tenants=tuple(signed.get("tenants", ())),
    )
