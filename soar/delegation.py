"""
Standing in for somebody: given for a time, ended early, and named in every answer.

In: who gives, who takes, for how long. Out: a delegation; the people somebody stands in for.
Never: one passed on, one to a machine, or one without an end.
"""

from __future__ import annotations

from datetime import timedelta

from soar.domain.errors import BadInput, NotFound
from soar.domain.model import Person
from soar.store.people import person_of
from soar.store.rows import Row
from soar.store.work import Work

LONGEST = timedelta(days=30)


def give(work: Work, *, giver: str, taker: str, lasts: timedelta, by: str) -> Row:
    """Let *taker* answer what *giver* may answer, for so long."""
    if giver == taker:
        raise BadInput("taker", f"{taker!r} cannot stand in for themselves")
    if lasts > LONGEST:
        raise BadInput("for", f"is longer than {LONGEST.days} days: give it again when it ends")
    for field, name in (("from", giver), ("taker", taker)):
        row = work.people.get(name)
        if row["kind"] == "automation":
            raise BadInput(field, f"{name!r} is a machine: only people answer")
        if not row["active"]:
            raise BadInput(field, f"{name!r} is not active")
    made = work.delegations.add(giver, taker, seconds=lasts.total_seconds())
    work.audit(by, "delegation given", _detail(made) | {"until": made["until"].isoformat()})
    return made


def end(work: Work, delegation_id: int, *, by: str) -> Row:
    """End a delegation that stands."""
    ended = work.delegations.end(delegation_id)
    if ended is None:
        raise NotFound(f"no delegation {delegation_id} stands: see `soar delegation list`")
    work.audit(by, "delegation ended", _detail(ended))
    return ended


def givers(work: Work, taker: Person) -> list[Person]:
    """Return the people for whom somebody stands in now; a machine stands in for nobody."""
    if taker.kind == "automation":
        return []
    return [person_of(row) for row in work.delegations.givers(taker.username)]


def _detail(row: Row) -> dict[str, object]:
    return {"delegation": row["id"], "from": row["giver"], "to": row["taker"]}
