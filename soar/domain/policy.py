"""
Approval policies: who must agree before a call, in which order, and when their answers suffice.

In: needs as people write them, ballots as they were signed. Out: terms, and whether they are met.
Never: I/O, a clock, or one person who counts twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from soar.domain.errors import BadInput
from soar.domain.hours import Hours

ANY = "*"
NONE = "none"
FIELDS = ("action", "asset", "label", "severity", "hours", "needs", "apart", "fresh", "note")
APART = ("requester", "author")
MOST_PLACES = 20
MOST_STEPS = 10
LONGEST_TEXT = 500
MOST_FRESH = 24 * 60
GRAMMAR = (
    'write it like "soc_lead", "2 of soc_tier2", "soc_tier2 and soc_lead" or'
    ' "soc_tier2 for 15 minutes, then soc_lead"'
)
_NAME = r"[^|,\s][^|,\x00-\x1f]{0,99}"
_PLACE = re.compile(rf"(?:(\d{{1,2}}) of )?({_NAME}(?: ?\| ?{_NAME})*)")
_STEP = re.compile(r"(.+?)(?: for (\d{1,5}) ?(m|minute|minutes|h|hour|hours))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """So many different people, each of whom has one of these names or roles."""

    count: int
    names: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """Who must agree, from the end of the step before on; *lasts*: until the next step begins."""

    needs: str
    lasts: timedelta | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A policy: what it is about, and what it asks for. The most specific one counts."""

    number: int = 0
    action: str = ANY
    asset: str = ANY
    label: str = ANY
    severity: str = ANY
    hours: str = ""
    needs: str
    apart: tuple[str, ...] = APART
    fresh: int = 0
    """Minutes within which a person must have signed in before they answer; 0: any time."""
    note: str = ""

    @property
    def rank(self) -> tuple[bool | int, ...]:
        """How specific it is: its asset first, then action, label, severity, hours; then age."""
        named = (self.asset, self.action, self.label, self.severity)
        return (*(text != ANY for text in named), bool(self.hours), self.number)

    def means(self, asked: Asked) -> bool:
        """Tell whether it is about such a call now."""
        named = (
            (self.asset, asked.asset),
            (self.label, asked.label),
            (self.severity, asked.severity),
        )
        about = self.action == asked.action or (self.action == ANY and asked.is_containment)
        fits = about and all(mine in (ANY, theirs) for mine, theirs in named)
        return fits and (not self.hours or Hours.parse(self.hours).holds(asked.at))

    def terms(self, *, apart: Iterable[str], asked_at: datetime) -> dict[str, Any]:
        """Return what it asks for as a question carries it: its steps begin at these times."""
        steps, begins = [], asked_at
        for step in steps_of(self.needs):
            steps.append({"needs": step.needs, "from": begins.isoformat()})
            begins += step.lasts or timedelta(0)
        return {"steps": steps, "apart": sorted(set(apart)), "fresh": self.fresh}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A call as policies see it."""

    action: str
    asset: str
    label: str
    severity: str
    at: datetime
    is_containment: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Ballot:
    """One person's signed choice: in whose right, with which roles, and how fresh."""

    by: str
    instead_of: str
    roles: frozenset[str]
    at: datetime
    signed_in: datetime | None = None
    tenants: tuple[int, ...] = ()
    """Whose questions it may answer; without any, everybody's."""

    @property
    def people(self) -> frozenset[str]:
        """Whoever is used up by it: who answered, and in whose right."""
        return frozenset({self.by, self.instead_of} - {""})

    @property
    def names(self) -> frozenset[str]:
        """The names and roles that it stands for."""
        return self.roles | {self.instead_of or self.by}


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What one call needs before it is made: a rule's consent, a reviewer's, or the usual one."""

    rule: Rule | None = None
    reviewer: str = ""
    high_impact: bool = False

    @property
    def gated(self) -> bool:
        """Whether a person must agree. No rule frees a high-impact call of that."""
        asks = self.rule is not None and self.rule.needs != NONE
        return self.high_impact or asks or bool(self.reviewer)

    @property
    def plain(self) -> bool:
        """Whether the usual consent of one person is all it needs."""
        return not self.reviewer and (self.rule is None or self.rule.needs == NONE)

    def terms(self, *, usual: str, apart: Iterable[str], at: datetime) -> list[dict[str, Any]]:
        """Return what it asks for as a question carries it; *usual*: who agrees by default."""
        found = []
        if self.rule is not None and self.rule.needs != NONE:
            found.append(self.rule.terms(apart=apart, asked_at=at))
        elif self.high_impact:
            found.append(usual_term(usual, at))
        if self.reviewer:
            found.append(usual_term(self.reviewer, at))
        return found


def usual_term(names: str, at: datetime) -> dict[str, Any]:
    """Return the term of one person with one of these names, for as long as is asked."""
    return {"steps": [{"needs": names, "from": at.isoformat()}], "apart": [], "fresh": 0}


def choose(rules: Iterable[Rule], asked: Asked) -> Rule | None:
    """Return the rule that counts for a call: the most specific of those that mean it."""
    return max((r for r in rules if r.means(asked)), key=lambda r: r.rank, default=None)


def unmet(terms: Sequence[Mapping[str, Any]], ballots: Iterable[Ballot]) -> list[str]:
    """Return the needs that no step fulfils yet: of each term the latest one that has begun."""
    given = list(ballots)
    return [_latest(term, given) for term in terms if not _met(term, given)]


def opens(terms: Sequence[Mapping[str, Any]], ballot: Ballot) -> bool:
    """Tell whether a person's answer would count for any of the terms now."""
    return any(
        ballot.names & place.names
        for term in terms
        for step in _counts_for(term, ballot)
        for place in places_of(step["needs"])
    )


def spoken(term: Mapping[str, Any]) -> str:
    """Say in words whose consent a term asks for."""
    first, *later = term["steps"]
    then = "".join(f", from {_clock(step['from'])} on {step['needs']}" for step in later)
    apart = f"; not {', '.join(term['apart'])}" if term["apart"] else ""
    fresh = f"; signed in within {term['fresh']} minutes" if term["fresh"] else ""
    return f"{first['needs']}{then}{apart}{fresh}"


def _clock(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC"


def schedule(shown: Mapping[str, Any]) -> list[tuple[datetime | None, list[str]]]:
    """Return who is asked when: with the question (None), or from the start of a later step on."""
    found: list[tuple[datetime | None, list[str]]] = []
    for term in (term for found in shown.get("policy", {}).values() for term in found):
        for number, step in enumerate(term["steps"]):
            at = datetime.fromisoformat(step["from"]) if number else None
            found.append((at, sorted(n for p in places_of(step["needs"]) for n in p.names)))
    return found


def names(shown: Mapping[str, Any]) -> frozenset[str]:
    """Return every name and role that the terms of a question ask for, at any of their steps."""
    terms = [term for found in shown.get("policy", {}).values() for term in found]
    steps = [step["needs"] for term in terms for step in term["steps"]]
    return frozenset(name for needs in steps for place in places_of(needs) for name in place.names)


def _met(term: Mapping[str, Any], ballots: Sequence[Ballot]) -> bool:
    steps: list[Mapping[str, Any]] = list(term["steps"])
    return any(
        fills(places_of(step["needs"]), [b for b in ballots if step in _counts_for(term, b)])
        for step in steps
    )


def _latest(term: Mapping[str, Any], ballots: Sequence[Ballot]) -> str:
    begun = [step for ballot in ballots for step in _open_at(term, ballot.at)]
    return str((begun or term["steps"][:1])[-1]["needs"])


def _counts_for(term: Mapping[str, Any], ballot: Ballot) -> list[Mapping[str, Any]]:
    """The steps for which a ballot may count: begun before it, and by a person who may."""
    if ballot.people & set(term["apart"]):
        return []
    if term["fresh"] and not _is_fresh(ballot, timedelta(minutes=term["fresh"])):
        return []
    return _open_at(term, ballot.at)


def _open_at(term: Mapping[str, Any], at: datetime) -> list[Mapping[str, Any]]:
    """The steps that have begun; the first has, whatever the clocks of two machines say."""
    first, *later = term["steps"]
    return [first, *(step for step in later if datetime.fromisoformat(step["from"]) <= at)]


def _is_fresh(ballot: Ballot, most: timedelta) -> bool:
    return ballot.signed_in is not None and timedelta(0) <= ballot.at - ballot.signed_in <= most


def fills(places: Sequence[Place], ballots: Sequence[Ballot]) -> bool:
    """Tell whether different people fill every place (a matching, after Kuhn)."""
    wanted = [place.names for place in places for _ in range(place.count)]
    given = _different(ballots)
    taken: dict[int, int] = {}

    def seat(place: int, seen: set[int]) -> bool:
        for number, ballot in enumerate(given):
            if number in seen or not ballot.names & wanted[place]:
                continue
            seen.add(number)
            if number not in taken or seat(taken[number], seen):
                taken[number] = place
                return True
        return False

    return all(seat(place, set()) for place in range(len(wanted)))


def _different(ballots: Sequence[Ballot]) -> list[Ballot]:
    """Leave out who has answered before: themselves, or in somebody's stead."""
    kept: list[Ballot] = []
    used: set[str] = set()
    for ballot in sorted(ballots, key=lambda b: b.at):
        if not ballot.people & used:
            kept.append(ballot)
            used |= ballot.people
    return kept


def steps_of(needs: str) -> list[Step]:
    """Read the steps of a ladder, the last of which lasts until the question is due."""
    texts = re.split(r",? then ", " ".join(needs.split()))
    steps = [_step(text, last=number == len(texts)) for number, text in enumerate(texts, 1)]
    if len(steps) > MOST_STEPS:
        raise BadInput("needs", f"has {len(steps)} steps; at most {MOST_STEPS} may be")
    return steps


def _step(text: str, *, last: bool) -> Step:
    found = _STEP.fullmatch(text)
    assert found or not text
    if not found or (found[2] is None and not last):
        raise BadInput("needs", f"{text[:80]!r} needs a time before the next step: {GRAMMAR}")
    places_of(found[1])
    if found[2] is None:
        return Step(needs=found[1])
    unit = timedelta(hours=1) if found[3].startswith("h") else timedelta(minutes=1)
    if not int(found[2]):
        raise BadInput("needs", f"{text[:80]!r}: a step of no time")
    return Step(needs=found[1], lasts=int(found[2]) * unit)


def places_of(needs: str) -> list[Place]:
    """Read who must agree at one step."""
    places = [_place(text) for text in needs.split(" and ")]
    if sum(place.count for place in places) > MOST_PLACES:
        raise BadInput("needs", f"{needs[:80]!r} asks for more than {MOST_PLACES} people")
    return places


def _place(text: str) -> Place:
    found = _PLACE.fullmatch(text.strip())
    if found is None or found[1] in ("0", "00"):
        raise BadInput("needs", f"{text[:80]!r} cannot be read: {GRAMMAR}")
    names = frozenset(name.strip() for name in found[2].split("|"))
    return Place(count=int(found[1] or 1), names=names)


def parse(raw: Any) -> Rule:
    """Return the rule that people, or a row, wrote down; what cannot be used names its field."""
    if not isinstance(raw, Mapping):
        raise BadInput("policy", f"must be an object with: {', '.join(FIELDS)}")
    needs = " ".join(_text(raw, "needs").split())
    if needs != NONE:
        steps_of(needs)
    hours = _text(raw, "hours")
    if hours:
        Hours.parse(hours)
    return Rule(
        number=int(raw.get("id") or 0),
        action=(_text(raw, "action") or ANY).lower(),
        asset=_text(raw, "asset") or ANY,
        label=_text(raw, "label") or ANY,
        severity=(_text(raw, "severity") or ANY).lower(),
        hours=hours,
        needs=needs,
        apart=_apart(raw.get("apart")),
        fresh=_fresh(raw.get("fresh")),
        note=_text(raw, "note"),
    )


def _apart(value: Any) -> tuple[str, ...]:
    if value is None:
        return APART
    names = value.split(",") if isinstance(value, str) else value
    found = [str(name).strip() for name in names if str(name).strip()]
    wrong = next((name for name in found if name not in APART), None)
    if wrong is not None:
        raise BadInput("apart", f"{wrong[:80]!r} is none of: {', '.join(APART)}")
    return tuple(name for name in APART if name in found)


def _fresh(value: Any) -> int:
    if value in (None, ""):
        return 0
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) > MOST_FRESH:
        raise BadInput("fresh", f"{str(value)[:80]!r} must be minutes from 0 to {MOST_FRESH}")
    return int(value)


def _text(raw: Mapping[str, Any], field: str) -> str:
    value = raw.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or "\x00" in value:
        raise BadInput(field, f"{str(value)[:80]!r} must be a text of at most {LONGEST_TEXT}")
    return value.strip()
