"""
Everything a person needs to decide one question, and what became of it.

In: the row of an approval, and who looks at it. Out: a frozen :class:`Dossier` for a page.
Never: anything asked shown from elsewhere than the payload that is signed, a character that hides
what a text says, or a write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from soar import approvals, delegation, radius, report
from soar import timeline as timelines
from soar.catalog import Catalog
from soar.decisions import Compared, Decision, Earlier, compared, decision_of, earlier_of
from soar.domain import gate, policy, questions
from soar.domain.differences import NOTHING
from soar.domain.errors import NotFound
from soar.domain.model import Person
from soar.domain.questions import Question
from soar.domain.visible import visible
from soar.radius import Radius
from soar.report import ENDED, Finding
from soar.store.rows import Row
from soar.store.work import Work

MOST_FINDINGS = 100
MOST_ARTIFACTS = 20
LONGEST_TO_TYPE = 80

CONSEQUENCES: Mapping[tuple[str, str], str] = {
    ("action", gate.APPROVE): "The action goes on as shown.",
    ("action", gate.DENY): "Nothing is done; the playbook hears that the action failed.",
    (gate.BREAKER, gate.APPROVE): "The action goes on as shown, in spite of the rules it trips.",
    (gate.BREAKER, gate.DENY): "Nothing is done; the playbook hears that the action failed.",
    ("effect", gate.HAPPENED): "The action is recorded as done. Nothing is sent.",
    ("effect", gate.MISSED): "The action is recorded as failed. Nothing is sent.",
    ("effect", gate.AGAIN): "The action is sent to the vendor once more.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One high-impact call that a choice allows."""

    action: str
    asset: str
    app: str
    version: str
    target: str
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One answer that may be given, and exactly what it leads to."""

    name: str
    shown: str
    consequence: str
    needs: tuple[str, ...]
    """Whose consent it takes, where that of one addressee is not enough."""
    calls: tuple[Call, ...]
    radius: Radius


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """One person's consent, as it was signed."""

    by: str
    instead_of: str
    choice: str
    time: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a question comes from: its container, run and playbook, and what they found."""

    container: int
    name: str
    tenant: str
    """Empty where there is only one."""
    label: str
    severity: str
    artifacts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    more_artifacts: bool
    run: int
    playbook: str
    version: str
    started_by: str
    disposition: str
    findings: tuple[Finding, ...]
    left_out: int
    waiting: int
    """How many calls have not ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dossier:
    """One question as a person sees it."""

    id: int
    public_id: str
    kind: str
    name: str
    message: str
    assignee: str
    people: tuple[str, ...]
    may: bool
    """Whether the one who looks may answer."""
    instead_of: str
    """For whom they would answer."""
    choices: tuple[Choice, ...]
    questions: tuple[Question, ...]
    """What is asked where it is more than one choice: all of it is answered at once."""
    given: tuple[Given, ...]
    """Whose answers there are, where one does not decide."""
    fresh: bool
    """Whether a choice asks for a person who has just given their password."""
    digest: str
    intact: bool
    """Whether the payload is what it was when the question was opened."""
    rules: tuple[str, ...]
    confirm: str
    """What must be typed to approve a second approval; empty where a tick must do."""
    asked: datetime
    due: datetime
    now: datetime
    origin: Origin
    earlier: tuple[Earlier, ...]
    compared: Compared | None
    decision: Decision | None

    @property
    def second(self) -> bool:
        """Whether this is a second approval, for what goes beyond the usual."""
        return self.kind == gate.BREAKER

    @property
    def left(self) -> timedelta:
        """How long there is to answer; nothing once it is over."""
        return max(timedelta(0), self.due - self.now)

    @property
    def answerable(self) -> bool:
        """Whether it may be answered by the one who looks, now."""
        return self.may and self.intact and self.decision is None and self.left > timedelta(0)


def names(work: Work, person: Person) -> list[str]:
    """Return every addressee whose questions a person may answer; a machine's are none."""
    if person.kind == "automation":
        return []
    people = [person, *delegation.givers(work, person)]
    return sorted({name for one in people for name in (one.username, *one.roles, *_on(work, one))})


def _on(work: Work, person: Person) -> list[str]:
    """Return the teams that a person is on call for, as policies name them."""
    return [f"@{team}" for team in work.policies.on_call(person.username)]


def find(work: Work, name: str) -> int:
    """Return the id of a question by its public id or its number."""
    found = work.desk.named(name)
    if found is not None:
        return found
    if name.isascii() and name.isdigit() and len(name) <= 18:
        return int(work.approvals.get(int(name))["id"])
    raise NotFound(f"there is no approval {visible(name)[:40]!r}")


def of(work: Work, approval_id: int, person: Person, *, catalog: Catalog) -> Dossier:
    """Gather everything about one question; one of other tenants is as if it were not there."""
    row = work.approvals.get(approval_id)
    if not person.sees(row["tenant_id"], gate.tenant_of(row["payload"])):
        raise NotFound(f"there is no approval {approval_id}")
    payload: Mapping[str, Any] = row["payload"]
    instead_of = approvals.stands_for(work, person, row)
    earlier = work.desk.earlier(row["container_id"], than=row["id"])
    digest = gate.digest(payload)
    run = work.runs.get(row["run_id"])
    return Dossier(
        id=row["id"],
        public_id=row["public_id"],
        kind=row["kind"],
        name=visible(row["name"]),
        message=visible(payload.get("message", "")),
        assignee=visible(payload.get("assignee", "")),
        people=tuple(work.desk.people(row["addressees"], tenant=row["tenant_id"])),
        may=instead_of is not None,
        instead_of=instead_of or "",
        choices=_choices(work, row, catalog, str(run["playbook"])),
        questions=() if payload.get("options") else _questions(payload),
        given=_given(work, row),
        fresh=any(t["fresh"] for terms in payload.get("policy", {}).values() for t in terms),
        digest=digest,
        intact=digest == row["payload_digest"],
        rules=tuple(visible(rule) for rule in payload.get("rules", ())),
        confirm=_to_type(row, catalog),
        asked=row["create_time"].astimezone(UTC),
        due=_due(row),
        now=datetime.now(UTC),
        origin=_origin(work, row, run, catalog),
        earlier=tuple(earlier_of(other) for other in earlier),
        compared=compared(earlier, payload),
        decision=decision_of(row),
    )


def _due(row: Row) -> datetime:
    """Return until when an answer counts: the sooner of what was signed and what the row says."""
    signed = row["payload"].get("due")
    due: datetime = row["due_at"].astimezone(UTC)
    return min(due, datetime.fromisoformat(signed).astimezone(UTC)) if signed else due


def _choices(work: Work, row: Row, catalog: Catalog, playbook: str) -> tuple[Choice, ...]:
    payload: Mapping[str, Any] = row["payload"]
    effects: Mapping[str, Any] = payload.get("effects") or {}
    return tuple(
        Choice(
            name=option,
            shown=visible(option),
            consequence=CONSEQUENCES.get(
                (row["kind"], option), "The playbook goes on with this answer."
            ),
            needs=tuple(
                visible(policy.spoken(term)) for term in payload.get("policy", {}).get(option, ())
            ),
            calls=tuple(_call(call, catalog) for call in effects.get(option, ())),
            radius=radius.of_calls(
                work,
                effects.get(option, ()),
                catalog=catalog,
                playbook=playbook,
                tenant=row["tenant_id"],
            ),
        )
        for option in payload.get("options", ())
    )


def _questions(payload: Mapping[str, Any]) -> tuple[Question, ...]:
    found = questions.read(payload.get("questions") or None)
    return tuple(
        replace(q, prompt=visible(q.prompt), choices=tuple(map(visible, q.choices))) for q in found
    )


def _given(work: Work, row: Row) -> tuple[Given, ...]:
    if not row["payload"].get("policy"):
        return ()
    signed = [ballot["signed"] for ballot in work.policies.ballots(row["id"])]
    return tuple(
        Given(
            by=visible(one["by"]),
            instead_of=visible(one["for"]),
            choice=visible(one["choice"]),
            time=datetime.fromisoformat(one["answered_at"]).astimezone(UTC),
        )
        for one in signed
    )


def _call(call: Mapping[str, Any], catalog: Catalog) -> Call:
    target = radius.targets(call, catalog)
    return Call(
        action=visible(call["action"]),
        asset=visible(call["asset"]),
        app=visible(call["app"]),
        version=visible(call["app_version"]),
        target=visible(target[0]) if target else NOTHING,
        parameters=_pairs(call["parameters"]),
    )


def _pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((visible(name), visible(value)) for name, value in values.items())


def _to_type(row: Row, catalog: Catalog) -> str:
    """Return the name of the one target of a second approval, if a person can type it."""
    calls = [c for called in (row["payload"].get("effects") or {}).values() for c in called]
    named = radius.targets(calls[0], catalog) if len(calls) == 1 else ()
    text = named[0].strip() if named else ""
    typed = text.isascii() and text.isprintable() and len(text) <= LONGEST_TO_TYPE
    return text if row["kind"] == gate.BREAKER and typed else ""


def _origin(work: Work, row: Row, run: Row, catalog: Catalog) -> Origin:
    whole = timelines.of_container(work, row["container_id"]).of_root(row["run_id"])
    every = report.findings(whole, catalog=catalog)
    ended = [finding for finding in every if finding.status in ENDED]
    artifacts = work.containers.artifacts(row["container_id"], limit=MOST_ARTIFACTS + 1)
    return Origin(
        container=whole.container_id,
        name=visible(whole.name),
        tenant=visible(work.tenants.spoken(row["tenant_id"])),
        label=visible(whole.label),
        severity=whole.severity,
        artifacts=tuple((visible(a["name"]), _pairs(a["cef"])) for a in artifacts[:MOST_ARTIFACTS]),
        more_artifacts=len(artifacts) > MOST_ARTIFACTS,
        run=run["id"],
        playbook=visible(run["title"]),
        version=visible(run["version"]),
        started_by=visible(run["started_by"]),
        disposition=report.facts(whole, catalog=catalog, now=datetime.now(UTC)).disposition,
        findings=tuple(ended[-MOST_FINDINGS:]),
        left_out=max(0, len(ended) - MOST_FINDINGS),
        waiting=len(every) - len(ended),
    )
