"""
The pages of approvals: what waits for somebody, one question in full, and the form that decides.

In: a visit of a person who has signed in. Out: pages; an answer goes to ``soar.approvals``.
Never: a decision by anything but a form that was filled in and sent by the person themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from soar import approvals, dossier, roles
from soar.api.errors import Unavailable, told
from soar.domain import gate
from soar.domain.errors import BadInput, Conflict, NotAllowed, SoarError
from soar.domain.model import SEVERITIES
from soar.domain.roles import may
from soar.domain.visible import visible
from soar.dossier import Dossier
from soar.signing import Signer
from soar.store.desk import MOST, Place, Wanted
from soar.store.rows import Row, storable
from soar.store.work import Work
from soar.web.guard import Visit, page, render

if TYPE_CHECKING:
    from soar.bootstrap import House

SIZE = 25
RECENT = 10
LONGEST_REASON = 4000
LONGEST_SEARCH = 100
LONGEST_AGENT = 200
KINDS: Mapping[str, str] = {
    "prompt": "a playbook asks",
    "action": "an action is held",
    gate.BREAKER: "an action beyond the usual",
    "effect": "an action of unknown effect",
}


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    return [
        page(house, "/approvals", get=desk),
        page(house, "/approvals/{id}", get=show, post=answer),
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One question in a list."""

    href: str
    what: str
    kind: str
    second: bool
    dangerous: bool
    container: str
    tenant: str
    severity: str
    assignee: str
    due: datetime
    left: str
    outcome: str


def desk(visit: Visit) -> Response:
    """Show what waits for this person, what else is open if they want it, and what was decided."""
    asked = visit.request.query_params
    everybody, wanted = asked.get("whose") == "all", _wanted(asked)
    if everybody:
        _check_looks(visit)
    names = None if everybody else dossier.names(visit.work, visit.session.person)
    seen = visit.session.person.tenants
    after = _place(asked.get("after", ""))
    rows = visit.work.desk.open(names, wanted, after=after, limit=SIZE + 1, tenants=seen)
    more = rows[SIZE - 1] if len(rows) > SIZE else None
    looks = may(visit.session.person, "containers", "view")
    closed = looks and not asked.get("after")
    return render(
        visit,
        "approvals.html",
        lines=[_line(row) for row in rows[:SIZE]],
        after="" if more is None else f"{more['due_at'].isoformat()},{more['id']}",
        everybody=everybody,
        wanted=wanted,
        kinds=KINDS,
        severities=SEVERITIES,
        count=visit.work.desk.count(names, tenants=seen),
        most=MOST,
        decided=_decided(visit) if closed else [],
        looks=looks,
    )


def _decided(visit: Visit) -> list[Line]:
    seen = visit.session.person.tenants
    return [_line(row) for row in visit.work.desk.decided(limit=RECENT, tenants=seen)]


def show(visit: Visit) -> Response:
    """Show one question in full, and keep who has seen it."""
    number = dossier.find(visit.work, visit.request.path_params["id"])
    found = _of(visit, number)
    if visit.request.method == "GET":
        visit.afterwards.append(lambda work: _seen(work, number, found, visit))
    return _in_full(visit, found)


def _seen(work: Work, number: int, found: Dossier, visit: Visit) -> None:
    """Keep that a person has seen a question; a reload within some minutes leaves nothing."""
    username = visit.session.person.username
    if not work.views.note(number, username):
        return
    detail = {
        "approval": found.public_id,
        "payload_digest": found.digest,
        "channel": "web",
        "signed_in": visit.session.authenticated_at.isoformat(),
        "address": visit.address,
        "agent": visit.request.headers.get("user-agent", "")[:LONGEST_AGENT],
    }
    work.audit(username, "approval viewed", storable(detail))


def answer(visit: Visit) -> Response:
    """Record a person's choice; what cannot be recorded is shown again, with the reason."""
    number = dossier.find(visit.work, visit.request.path_params["id"])
    approvals.check_tenant(visit.work, visit.session.person, visit.work.approvals.get(number))
    found = _of(visit, number)
    try:
        _check_meant(found, visit.form)
        _record(visit, number, _responses(found, visit.form))
    except (BadInput, NotAllowed, Conflict, Unavailable) as error:
        return _in_full(visit, _of(visit, number), refused=error)
    return RedirectResponse(f"/approvals/{found.public_id}", status_code=303)


def _responses(found: Dossier, form: Mapping[str, str]) -> list[str] | None:
    """Return the answers to all questions, in their order; None where a choice is the answer."""
    if not found.questions:
        return None
    return [form.get(f"response{n}", "") for n, _ in enumerate(found.questions, start=1)]


def _record(visit: Visit, number: int, responses: list[str] | None) -> None:
    """Give a person's answer: the one place where the web decides."""
    approvals.answer(
        visit.work,
        number,
        by=visit.session.person,
        choice="" if responses else visit.form.get("choice", ""),
        responses=responses,
        signed_in=visit.session.authenticated_at,
        signer=_signer(visit.house),
        channel="web",
        shown=visit.form.get("payload_digest", ""),
        reason=visit.form.get("reason", "").strip(),
    )


def _signer(house: House) -> Signer:
    try:
        return house.signer()
    except SoarError:
        raise Unavailable("this server has no key to sign answers: ask its operator") from None


def _check_meant(found: Dossier, form: Mapping[str, str]) -> None:
    """Refuse an answer without its digest, one too long, or an approval that is not confirmed."""
    if not form.get("payload_digest"):
        raise BadInput("payload_digest", "is missing: read the question and use its form")
    if not found.questions and not form.get("choice", "").strip():
        raise BadInput("choice", "is missing: nothing was answered")
    if len(form.get("reason", "")) > LONGEST_REASON:
        raise BadInput("reason", f"is longer than {LONGEST_REASON} characters")
    if found.second and _allows(found, form.get("choice", "")):
        _check_confirmed(found, form)


def _allows(found: Dossier, text: str) -> bool:
    """Tell whether a choice lets calls go."""
    chosen = text.strip().lower()
    return any(choice.calls for choice in found.choices if choice.name.lower() == chosen)


def _check_confirmed(found: Dossier, form: Mapping[str, str]) -> None:
    said = form.get("confirm", "").strip()
    if found.confirm and said != found.confirm:
        raise BadInput("confirm", f"type the target's name, {found.confirm}, to approve this")
    if not found.confirm and said != "yes":
        raise BadInput("confirm", "tick the box to approve this")
    if not form.get("reason", "").strip():
        raise BadInput("reason", "is missing: say why this is right in spite of the rules")


def _of(visit: Visit, number: int) -> Dossier:
    """Return a question in full, to who may answer it or may look."""
    found = dossier.of(visit.work, number, visit.session.person, catalog=visit.house.catalog)
    if not found.may:
        _check_looks(visit)
    return found


def _check_looks(visit: Visit) -> None:
    roles.require(visit.work, visit.session.person, "containers", "view")


def _in_full(visit: Visit, found: Dossier, *, refused: SoarError | None = None) -> Response:
    """Show a question as it stands now; a changed one must be read and chosen anew."""
    status, sentence = told(refused, "/approvals/{id}") if refused else (200, "")
    unchanged = visit.form.get("payload_digest") == found.digest
    return render(
        visit,
        "approval.html",
        status,
        asked=found,
        kind=KINDS.get(found.kind, found.kind),
        left=span(found.left),
        refused=sentence,
        chosen=visit.form.get("choice", "") if unchanged else "",
        reason=visit.form.get("reason", "")[:LONGEST_REASON],
        machine=visit.session.person.kind == "automation",
        longest_reason=LONGEST_REASON,
    )


def _line(row: Row) -> Line:
    return Line(
        href=f"/approvals/{row['public_id']}",
        what=visible(row["name"]),
        kind=KINDS.get(row["kind"], row["kind"]),
        second=row["kind"] == gate.BREAKER,
        dangerous=row["dangerous"],
        container=visible(row["container_name"]),
        tenant=visible(row["tenant"] or ""),
        severity=row["severity"],
        assignee=visible(row["assignee"]),
        due=row["due_at"].astimezone(UTC),
        left=span(row["due_at"] - datetime.now(UTC)),
        outcome=_outcome(row),
    )


def _outcome(row: Row) -> str:
    if row["status"] == "answered":
        when = f"{row['close_time'].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        instead = f" for {row['answered_for']}" if row["answered_for"] else ""
        return visible(f"{row['answer']}, by {row['answered_by']}{instead} at {when}")
    return {"expired": "nobody answered in time", "cancelled": "withdrawn"}.get(row["status"], "")


def span(left: timedelta) -> str:
    """Return a time that is left as people say it: 45 s, 12 min, 3 h 5 min, 2 d 4 h."""
    seconds = int(left.total_seconds())
    if seconds <= 0:
        return "over"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def _wanted(asked: Mapping[str, Any]) -> Wanted:
    """Read the filters; what is no kind or severity is no filter."""
    kind, severity = asked.get("kind", ""), asked.get("severity", "")
    return Wanted(
        kind=kind if kind in KINDS else "",
        severity=severity if severity in SEVERITIES else "",
        text=asked.get("text", "").strip()[:LONGEST_SEARCH],
    )


def _place(text: str) -> Place | None:
    """Read where a page begins, as a link of ours says it; anything else is the beginning."""
    time, _, number = text.partition(",")
    try:
        found = datetime.fromisoformat(time)
        return Place(time=found.replace(tzinfo=found.tzinfo or UTC), id=int(number[:18]))
    except ValueError:
        return None
