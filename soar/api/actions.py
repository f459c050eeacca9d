"""
Action runs and app runs: what a playbook asked for, and each call that was made for it.

In: ids. Out: Splunk's shapes; what vendors returned only where somebody asks for it.
Never: a change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from soar.api.door import Call, Shape, route
from soar.api.nouns import ACTIONS, CALLS
from soar.api.permissions import of
from soar.domain import shapes
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    needs = of("containers")
    return [
        route(house, "/rest/action_run", needs=needs, get=actions),
        route(house, "/rest/action_run/{id}", needs=needs, get=action),
        route(house, "/rest/action_run/{id}/app_runs", needs=needs, get=calls_of_action),
        route(house, "/rest/app_run", needs=needs, get=calls),
        route(house, "/rest/app_run/{id}", needs=needs, get=one_call),
    ]


def action_shape(row: Row) -> Shape:
    """Return one act or prompt."""
    return {
        "id": row["id"],
        "action": row["action"],
        "name": row["name"],
        "type": row["kind"],
        "status": row["status"],
        "message": row["message"] or _counted(row),
        "container": row["container_id"],
        "playbook_run": row["run_id"],
        "playbook": row["playbook_id"],
        "creator": row["run_as"],
        "owner": row["run_as"],
        "create_time": shapes.stamp(row["create_time"]),
        "close_time": shapes.stamp(row["end_time"]),
        "cb_fn": row["callback"],
        "handle": row["handle"],
        "version": 1,
        "cancelled": None,
    }


def _counted(row: Row) -> str:
    """Say how many calls of an act succeeded, as clients show it."""
    if not row["calls"]:
        return ""
    failed = row["calls"] - row["succeeded"] if row["status"] != "running" else 0
    noun = "action" if row["calls"] == 1 else "actions"
    said = f"{row['succeeded']} of {row['calls']} {noun} succeeded"
    return f"{said}, {failed} failed" if failed else said


def call_shape(row: Row) -> Shape:
    """Return one call; what the vendor returned only if it was read."""
    succeeded = row["status"] == "success"
    crashed = bool(row["crashes"]) and row["status"] == "failed"
    shown = {
        "id": row["id"],
        "action_run": row["action_run_id"],
        "action": row["action"],
        "app": row["app"],
        "app_name": row["app"],
        "app_version": row["app_version"],
        "asset": row["asset"],
        "asset_name": row["asset"],
        "container": row["container_id"],
        "playbook_run": row["run_id"],
        "status": row["status"],
        "message": row["message"],
        "effective_user": row["run_as"],
        "effect": row["effect"],
        "shadow": row["shadow"],
        "parked_for": row["parked_for"],
        "approval": row["approval_id"],
        "breaker": row["breaker_id"],
        "truncated": row["attachment_id"] is not None,
        "attachment": row["attachment_id"],
        "create_time": shapes.stamp(row["create_time"]),
        "start_time": shapes.stamp(row["start_time"]),
        "end_time": shapes.stamp(row["end_time"]),
        "due_time": shapes.stamp(row["due_at"]),
        "exception_occured": crashed,
        "exception_occurred": crashed,
        "version": 1,
    }
    if "data" not in row:
        return shown
    counted = {"total_objects": 1, "total_objects_successful": int(succeeded)}
    return {**shown, "result_data": [_result(row)], "result_summary": counted, "extra_data": []}


def _result(row: Row) -> Shape:
    return {
        "status": row["status"],
        "message": row["message"],
        "summary": row["summary"],
        "parameter": {**row["parameters"], "context": row["context"]},
        "data": row["data"],
        "truncated": row["attachment_id"] is not None,
    }


def actions(call: Call) -> Shape:
    """Return a page of action runs."""
    return call.envelope(ACTIONS, action_shape)


def action(call: Call) -> Shape:
    """Return one action run."""
    return action_shape(call.one(ACTIONS))


def calls_of_action(call: Call) -> Shape:
    """Return the calls of one action run."""
    call.one(ACTIONS)
    return call.within("action_run_id").envelope(CALLS, call_shape)


def calls(call: Call) -> Shape:
    """Return a page of app runs."""
    return call.envelope(CALLS, call_shape)


def one_call(call: Call) -> Shape:
    """Return one app run with what the vendor returned."""
    return call_shape(call.one(CALLS))
