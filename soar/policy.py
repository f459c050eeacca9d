"""
Approval policies as people write them: checked, kept, removed; who is on call; each on record.

In: a rule as an object, and who wants it. Out: the rule in the store, and in the audit trail.
Never: a rule that frees a high-impact action of a person's consent, or one about nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from soar import consent
from soar.catalog import Catalog
from soar.domain import policy
from soar.domain.errors import BadInput, NotFound
from soar.domain.model import SEVERITIES
from soar.domain.policy import ANY, FIELDS, NONE, Asked, Rule
from soar.store.rows import Row, storable
from soar.store.work import Work


def add(work: Work, raw: Any, *, catalog: Catalog, by: str) -> Row:
    """Keep a rule and return it as it stands."""
    rule = policy.parse(raw)
    for name in raw:
        if name not in FIELDS:
            raise BadInput(str(name)[:80], f"is no field of a policy; it has: {', '.join(FIELDS)}")
    _check(work, rule, catalog)
    kept = storable({name: getattr(rule, name) for name in FIELDS} | {"apart": list(rule.apart)})
    number = work.policies.add(kept, by=by)
    work.audit(by, "policy added", {"policy": number, **kept})
    return get(work, number)


def get(work: Work, number: int) -> Row:
    """Return one rule."""
    row = work.policies.get(number)
    if row is None:
        raise NotFound(f"there is no policy {number}: see `soar policy list`")
    return row


def remove(work: Work, number: int, *, by: str) -> Row:
    """Remove a rule and return what it was."""
    row = get(work, number)
    work.policies.remove(number)
    work.audit(by, "policy removed", {"policy": number, **shape(row)})
    return row


def shape(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule in the form in which it is written."""
    return {name: row[name] for name in FIELDS}


def explain(work: Work, asked: Asked) -> Rule | None:
    """Return the rule that counts for such a call."""
    return policy.choose(consent.rules(work), asked)


def _check(work: Work, rule: Rule, catalog: Catalog) -> None:
    specs = [spec for spec in catalog.actions if spec.name == rule.action and not spec.read_only]
    if rule.action != ANY and not specs:
        writes = ", ".join(sorted({s.name for s in catalog.actions if not s.read_only}))
        raise BadInput("action", f"{rule.action!r} changes nothing; it may be: *, {writes}")
    if rule.needs == NONE and (rule.action == ANY or any(s.high_impact for s in specs)):
        raise BadInput(
            "needs",
            f"'none' cannot be for {rule.action}: a person must agree to what is high-impact",
        )
    if rule.asset != ANY and rule.asset not in work.assets.slugs():
        raise BadInput("asset", f"{rule.asset!r} is no asset: see `soar asset list`, or leave it")
    if rule.severity != ANY and rule.severity not in SEVERITIES:
        raise BadInput("severity", f"{rule.severity!r} is none of: {', '.join(SEVERITIES)}")


def put_on_call(
    work: Work, *, team: str, person: str, begins: datetime, ends: datetime, by: str
) -> int:
    """Put a person on call for a team: policies name it with an @ before it."""
    if begins >= ends:
        raise BadInput("until", f"{ends:%Y-%m-%d %H:%M} is not after the start of the shift")
    if policy.places_of(f"@{team}")[0].names != {f"@{team}"}:
        raise BadInput("team", f"{team[:80]!r} must be one name")
    if work.people.get(person)["kind"] == "automation":
        raise BadInput("person", f"{person!r} is a machine: only people answer")
    number = work.policies.add_shift(team, person, begins=begins, ends=ends)
    span = {"begins": begins.isoformat(), "ends": ends.isoformat()}
    work.audit(by, "shift added", {"shift": number, "team": team, "person": person, **span})
    return number


def take_off_call(work: Work, number: int, *, by: str) -> Row:
    """Take a shift away."""
    gone = work.policies.remove_shift(number)
    if gone is None:
        raise NotFound(f"there is no shift {number}: see `soar shift list`")
    detail = {"shift": number, "team": gone["team"], "person": gone["person"]}
    work.audit(by, "shift removed", detail)
    return gone
