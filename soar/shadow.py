"""
Shadow mode as people switch it: for a playbook, an asset or everything, each change on record.

In: a scope with its name, and who wants it. Out: the switch, in the store and in the audit trail;
calls that waited for a decision go on, simulated, and their questions are withdrawn.
Never: a switch for a playbook or an asset that does not exist: it would protect nothing.

What holds for every call in shadow:

1. It is never marked as sent, so its vendor gets no write: not after a takeover, a retry or an
   answer. A switch counts for every call that is not marked as sent when it has been committed.
2. It has no effect in the ledger, no place in a limit, and no other call follows it or shares it.
3. What only reads is asked as ever; everything else is simulated, tickets and undos as well.
4. Its run goes on as if it had succeeded, and every word of it says that it was simulated.
5. Nobody is asked to approve it, and no answer given for it lets a real call go.
6. Once simulated it stays simulated, also when the switch is off again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar import catalog as catalogs
from soar import parking
from soar.catalog import Catalog
from soar.domain.errors import BadInput, NotFound
from soar.domain.notices import Event
from soar.domain.shadow import SCOPES
from soar.store.rows import Row
from soar.store.work import Work

FIELDS = ("scope", "name")


def on(
    work: Work, raw: Mapping[str, Any], *, by: str, catalog: Catalog | None = None
) -> tuple[Row, bool]:
    """Switch shadow mode on; return the switch, and False if it was on before."""
    scope, name = _checked(raw)
    _known(work, scope, name)
    made = work.shadow.on(scope, name, by=by)
    if made is None:
        return next(r for r in work.shadow.all() if (r["scope"], r["name"]) == (scope, name)), False
    actions = (catalog or catalogs.load()).actions
    freed = work.shadow.let_go(but=[spec.task_name for spec in actions if spec.read_only])
    parking.send(work, [row for row in freed if row["status"] == "pending"])
    questions = work.shadow.withdraw_questions()
    work.notices.plan(questions, Event.CANCELLED)
    detail = {**shape(made), "calls": len(freed), "approvals": questions}
    work.audit(by, "shadow switched on", detail)
    return made, True


def off(work: Work, raw: Mapping[str, Any], *, by: str) -> Row:
    """Switch shadow mode off; what was simulated stays so."""
    scope, name = _checked(raw)
    gone = work.shadow.off(scope, name)
    if gone is None:
        raise NotFound(f"{spoken(scope, name)} is not in shadow: see `soar shadow list`")
    work.audit(by, "shadow switched off", shape(gone))
    return gone


def shape(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a switch in the form in which it is written."""
    return {name: row[name] for name in FIELDS}


def spoken(scope: str, name: str) -> str:
    """Return what a switch is about in words."""
    return "the whole system" if scope == "all" else f"{scope} {name!r}"


def _checked(raw: Mapping[str, Any]) -> tuple[str, str]:
    for field in raw:
        if field not in FIELDS:
            raise BadInput(
                str(field)[:80], f"is no field of shadow mode; it has: {', '.join(FIELDS)}"
            )
    scope, name = raw.get("scope"), raw.get("name", "")
    if scope not in SCOPES:
        raise BadInput("scope", f"{scope!r} is none of: {', '.join(SCOPES)}")
    if not isinstance(name, str) or bool(name.strip()) is (scope == "all"):
        must = "must be left out" if scope == "all" else f"is missing: give the {scope}'s name"
        raise BadInput("name", must)
    return str(scope), name.strip().rpartition("/")[2] if scope == "playbook" else name.strip()


def _known(work: Work, scope: str, name: str) -> None:
    try:
        if scope == "asset":
            work.assets.get(name)
        if scope == "playbook":
            work.playbooks.newest(name)
    except NotFound as error:
        raise BadInput("name", str(error)) from None
