"""
What a notice says: what is asked, for which target, until when, and where the page is.

In: an approval as it stands now, and what happened to it. Out: a :class:`Telling`, plain values
that each channel puts into its own form.
Never: a parameter that is no target, for it may be a secret; or a control character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from soar.catalog import Catalog
from soar.domain.errors import NotFound
from soar.domain.notices import Event
from soar.domain.shapes import stamp

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
KEPT = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
LONGEST = 2000
MOST_TARGETS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """One notice in plain words."""

    event: Event
    approval: str
    headline: str
    asked: str
    assignee: str
    container: str
    targets: tuple[str, ...]
    options: tuple[str, ...]
    due: str
    outcome: str
    high_impact: bool
    url: str
    """The page of the question; empty where nobody has said where pages are."""


def tell(
    question: Mapping[str, Any], event: Event, *, catalog: Catalog, public_url: str
) -> Telling:
    """Return what there is to tell of an approval."""
    effects = question["payload"].get("effects", {})
    targets = list(dict.fromkeys(_targets(effects, catalog)))
    return Telling(
        event=event,
        approval=question["public_id"],
        headline=one_line(f"{_TITLES[event]}: {question['name'] or question['kind']}", 150),
        asked=_lines(question["message"]),
        assignee=one_line(question["assignee"], 100),
        container=one_line(f"{question['container_id']} {question['container_name']}", 200),
        targets=tuple(targets[:MOST_TARGETS]) + (("…",) if len(targets) > MOST_TARGETS else ()),
        options=tuple(map(str, question["options"])),
        due=f"{question['due_at']:%Y-%m-%d %H:%M} UTC",
        outcome=_outcome(question),
        high_impact=any(effects.values()),
        url=page_url(public_url, question["public_id"]),
    )


def page_url(public_url: str, approval: str, token: str = "") -> str:
    """Return the address of a question's page, if it is known where pages are."""
    if not public_url:
        return ""
    return f"{public_url.rstrip('/')}/approvals/{approval}" + (f"?t={token}" if token else "")


def document(question: Mapping[str, Any], told: Telling, *, time: Any) -> dict[str, Any]:
    """Return a notice as machines read it; *time* is when it was planned."""
    return {
        "type": f"approval.{told.event}",
        "timestamp": stamp(time),
        "data": {
            "approval": told.approval,
            "id": question["id"],
            "name": one_line(question["name"], 150),
            "kind": question["kind"],
            "asked": told.asked,
            "assignee": told.assignee,
            "container": question["container_id"],
            "targets": list(told.targets),
            "options": list(told.options),
            "high_impact": told.high_impact,
            "payload_digest": question["payload_digest"],
            "due": stamp(question["due_at"]),
            "status": question["status"],
            "answer": question["answer"],
            "answered_by": question["answered_by"],
            "url": told.url,
        },
    }


def one_line(text: Any, longest: int) -> str:
    """Return a text as one line without anything that commands its reader's program."""
    line = CONTROLS.sub(" ", str(text)).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _lines(text: Any) -> str:
    kept = KEPT.sub(" ", str(text)).strip()
    return kept if len(kept) <= LONGEST else kept[: LONGEST - 1] + "…"


_TITLES: Mapping[Event, str] = {
    Event.OPENED: "Approval asked",
    Event.REMINDER: "Approval still open",
    Event.ESCALATED: "Approval asked of you now",
    Event.DECIDED: "Approval decided",
    Event.EXPIRED: "Approval expired",
    Event.CANCELLED: "Approval cancelled",
    Event.REPLY: "Approval",
}


def _outcome(question: Mapping[str, Any]) -> str:
    """Say what became of a question, in one sentence; nothing while it is open."""
    when = f"{question['close_time']:%Y-%m-%d %H:%M:%S} UTC" if question["close_time"] else ""
    match question["status"]:
        case "answered":
            who, chosen = question["answered_by"], question["answer"]
            return one_line(f"{who} chose {chosen!r} at {when}", 300)
        case "expired":
            return "Nobody answered in time: nothing was done"
        case "cancelled":
            return "It was withdrawn, or its run cancelled: nothing is to decide any more"
        case _:
            return ""


def _targets(effects: Mapping[str, Any], catalog: Catalog) -> Iterator[str]:
    """Name what each choice would act on: the action, its asset, and its target alone."""
    for calls in effects.values():
        for call in calls:
            target = _target(call, catalog)
            yield one_line(f"{call['action']} on {call['asset']}{target and ': ' + target}", 200)


def _target(call: Mapping[str, Any], catalog: Catalog) -> str:
    try:
        spec = catalog.app(call["app"]).action(call["action"])
    except NotFound:
        return ""
    given = [call["parameters"].get(name) for name in (spec.target if spec else ())]
    return ", ".join(str(value) for value in given if value not in (None, ""))
