"""
What Splunk Enterprise Security can do for an analyst: update the notables of a case.

In: an action's parameters. Out: which notables were updated, and to what.
Never: a second comment for one call, or a success for a notable that nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from soar.connector import ActionContext, ActionFailed, Output, Params, action
from soar.tasks.splunk_es.client import Review, SearchHead, known_form

STATUSES = {
    "unassigned": "0",
    "new": "1",
    "in progress": "2",
    "pending": "3",
    "resolved": "4",
    "closed": "5",
}
"""The statuses Enterprise Security ships with; others are given by their number."""
URGENCIES = ("informational", "low", "medium", "high", "critical")
CAPABILITY = "edit_notable_events"


def _event_ids(params: Params) -> tuple[str, ...]:
    """Return the ids of one call, each once, in the order given."""
    given = params.get("event_ids") or ""
    parts = given if isinstance(given, (list, tuple)) else re.split(r"[,\s]+", str(given))
    ids = tuple(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))
    if not ids:
        raise ActionFailed("parameter 'event_ids' is empty")
    return tuple(known_form(event_id) for event_id in ids)


def _status(text: str) -> str:
    number = STATUSES.get(" ".join(text.lower().replace("_", " ").split()), text)
    if not number.isdecimal():
        raise ActionFailed(f"status {text!r} is not one of {', '.join(STATUSES)} or a number")
    return number


def _urgency(text: str) -> str:
    if text.lower() not in URGENCIES:
        raise ActionFailed(f"urgency {text!r} is not one of {', '.join(URGENCIES)}")
    return text.lower()


def _disposition(text: str) -> str:
    number = text.lower().removeprefix("disposition:").strip()
    if not number.isdecimal():
        raise ActionFailed(f"disposition {text!r} is not a number such as 1 or disposition:1")
    return f"disposition:{number}"


FIELDS = {
    "status": "status",
    "urgency": "urgency",
    "owner": "newOwner",
    "disposition": "disposition",
}
"""What notable_update calls our parameters."""
READERS: Mapping[str, Callable[[str], str]] = {
    "status": _status,
    "urgency": _urgency,
    "disposition": _disposition,
}


def _marker(ctx: ActionContext) -> str:
    return f"[soar:{ctx.key}]"


def _changes(ctx: ActionContext, params: Params) -> list[tuple[str, str]]:
    """Return the update's fields as notable_update names them, and the signed comment."""
    texts = {name: params.text(name) for name in (*FIELDS, "comment") if params.text(name)}
    if not texts:
        raise ActionFailed(f"nothing to update: give {', '.join(FIELDS)} or comment")
    comment = f"{texts.pop('comment', '')} {_marker(ctx)}".strip()
    fields = [(FIELDS[name], READERS.get(name, str)(text)) for name, text in texts.items()]
    return [*fields, ("comment", comment)]


def _output(event_ids: tuple[str, ...], changes: Mapping[str, str]) -> Output:
    count = len(event_ids)
    return Output(
        message=f"{count} notable{'' if count == 1 else 's'} updated",
        summary={"updated": count, "event_ids": list(event_ids), **changes},
        data=tuple({"event_id": event_id, **changes} for event_id in event_ids),
    )


def _unsigned(ctx: ActionContext, event_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return the notables that do not yet carry this call's marker; an unknown one fails."""
    reviews: dict[str, Review] = SearchHead.of(ctx).reviews(event_ids)
    unknown = [event_id for event_id in event_ids if event_id not in reviews]
    if unknown:
        raise ActionFailed(f"Splunk knows no notable {', '.join(unknown)}")
    return tuple(e for e in event_ids if _marker(ctx) not in reviews[e].comment)


def _all_signed(ctx: ActionContext, params: Params) -> Output | None:
    event_ids = _event_ids(params)
    return None if _unsigned(ctx, event_ids) else _output(event_ids, dict(_changes(ctx, params)))


@action(verify=_all_signed)
def update_event(ctx: ActionContext, params: Params) -> Output:
    """
    Update notables, each once: those whose comment carries this call's marker are left alone.

    Splunk accepts ids that it does not know without a word, so they are looked up before.
    """
    event_ids, changes = _event_ids(params), _changes(ctx, params)
    pending = _unsigned(ctx, event_ids)
    if pending:
        SearchHead.of(ctx).update(pending, changes)
    return _output(event_ids, dict(changes))


@action()
def test_connectivity(ctx: ActionContext, params: Params) -> Output:  # noqa: ARG001
    """Ask Splunk who the asset's user is, and whether it may edit notables."""
    user = SearchHead.of(ctx).who_am_i()
    name, may_edit = str(user.get("username", "")), CAPABILITY in user.get("capabilities", ())
    if not may_edit:
        raise ActionFailed(f"Splunk answers, but user {name!r} lacks the capability {CAPABILITY}")
    return Output(message=f"Splunk answers: {name} may edit notables", summary={"username": name})
