"""
What ServiceNow can do for an analyst: open, change and read a ticket.

In: an action's parameters. Out: the ticket's number, sys_id, correlation_id and state.
Never: a second ticket for one call, or a second copy of one work note.
"""

from __future__ import annotations

import hashlib

from soar.connector import ActionContext, ActionFailed, Output, Params, action
from soar.tasks.servicenow.client import CORRELATION_LENGTH, Record, Table, query_value

CREATE_FIELDS = (
    "short_description",
    "description",
    "urgency",
    "impact",
    "category",
    "assignment_group",
    "caller_id",
    "work_notes",
)
UPDATE_FIELDS = (*CREATE_FIELDS, "state", "close_code", "close_notes")


def _output(ticket: Record, event: str) -> Output:
    names = ("number", "sys_id", "correlation_id", "state")
    return Output(
        message=f"{ticket.values.get('number', 'the ticket')} {event}",
        summary={name: ticket.values.get(name, "") for name in names},
        data=({**ticket.values, "display_values": dict(ticket.shown)},),
    )


def _given(params: Params, names: tuple[str, ...]) -> dict[str, str]:
    return {name: params.text(name) for name in names if params.text(name)}


def correlation_id(ctx: ActionContext, params: Params) -> str:
    """Return what makes the ticket of this call unique: the caller's word, or the call's key."""
    chosen = params.text("correlation_id")
    if len(chosen) > CORRELATION_LENGTH:
        raise ActionFailed(f"correlation_id is longer than {CORRELATION_LENGTH} characters")
    if chosen:
        return query_value("correlation_id", chosen)
    if len(ctx.key) > CORRELATION_LENGTH or "^" in ctx.key:
        return hashlib.sha256(ctx.key.encode()).hexdigest()
    return ctx.key


def _ticket_of_this_call(ctx: ActionContext, params: Params) -> Output | None:
    found = Table.of(ctx).find("correlation_id", correlation_id(ctx, params))
    return _output(found, "created") if found else None


@action(verify=_ticket_of_this_call)
def create_ticket(ctx: ActionContext, params: Params) -> Output:
    """Open a ticket, unless one with this correlation_id exists already."""
    table, unique = Table.of(ctx), correlation_id(ctx, params)
    existing = table.find("correlation_id", unique)
    if existing:
        return _output(existing, "already exists")
    fields = {**_given(params, CREATE_FIELDS), "correlation_id": unique}
    return _output(table.insert(fields), "created")


def _marked(note: str, ctx: ActionContext) -> str:
    """Sign a work note with the call's key: a journal keeps every entry, also a repeated one."""
    return f"{note} [soar:{ctx.key}]"


def _has_changed(ctx: ActionContext, params: Params) -> Output | None:
    ticket, fields = Table.of(ctx).ticket(params.text("id")), _given(params, UPDATE_FIELDS)
    if fields.pop("work_notes", ""):
        done = _marked("", ctx).strip() in ticket.shown.get("work_notes", "")
    else:
        done = all(ticket.holds(name, value) for name, value in fields.items())
    return _output(ticket, "updated") if done else None


@action(verify=_has_changed)
def update_ticket(ctx: ActionContext, params: Params) -> Output:
    """Set the given fields of one ticket; its work note carries this call's key."""
    fields = _given(params, UPDATE_FIELDS)
    if not fields:
        raise ActionFailed(f"nothing to update: give one of {', '.join(UPDATE_FIELDS)}")
    if "work_notes" in fields:
        fields["work_notes"] = _marked(fields["work_notes"], ctx)
    table = Table.of(ctx)
    ticket = table.ticket(params.text("id"))
    return _output(table.change(ticket.values["sys_id"], fields), "updated")


@action()
def get_ticket(ctx: ActionContext, params: Params) -> Output:
    """Read one ticket by its number or sys_id."""
    ticket = Table.of(ctx).ticket(params.text("id"))
    return _output(ticket, f"is {ticket.shown.get('state') or 'readable'}")


@action()
def test_connectivity(ctx: ActionContext, params: Params) -> Output:  # noqa: ARG001
    """Read one ticket, which proves the address, the user and the table."""
    table = Table.of(ctx)
    table.any()
    return Output(message=f"ServiceNow answers: table {table.name} is readable")
