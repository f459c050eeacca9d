"""
Containers: listed, opened by an alert, changed, and what belongs to each of them.

In: alerts and changes as clients write them. Out: Splunk's shapes.
Never: a field that is written and silently does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from soar import report as reports
from soar import tenants
from soar.api import actions, artifacts, attachments, bodies, runs
from soar.api.case_nouns import PHASES, PINS
from soar.api.door import Call, Shape, route
from soar.api.errors import Duplicate
from soar.api.nouns import ACTIONS, ARTIFACTS, ASSETS, ATTACHMENTS, CONTAINERS, NOTES, RUNS
from soar.api.permissions import of
from soar.domain import case_shapes, shapes
from soar.domain.errors import BadInput, NotFound
from soar.domain.model import CONTAINER_STATUSES, severity
from soar.ingest.accept import accept, check, known_labels
from soar.store.listing import Listing
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

SENSITIVITIES = ("white", "green", "amber", "red")
KINDS = ("default", "case")
OWNER_NAMES = ("owner", "owner_id", "owner_name")
LATER = ("status", "sensitivity", "custom_fields", "container_type", *OWNER_NAMES)
"""What an alert does not carry, but a new container may be given."""
CHANGES = (
    "name",
    "label",
    "severity",
    "status",
    "description",
    "sensitivity",
    "tags",
    "custom_fields",
    "container_type",
    *OWNER_NAMES,
)


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    parts: Mapping[str, Callable[[Call], Any]] = {
        "artifacts": _within(ARTIFACTS, artifacts.shape),
        "attachments": _within(ATTACHMENTS, attachments.shape),
        "actions": _within(ACTIONS, actions.action_shape),
        "playbook_runs": _within(RUNS, runs.shape),
        "notes": _within(NOTES["notes"], case_shapes.note),
        "comments": _within(NOTES["comments"], case_shapes.note),
        "phases": _within(PHASES, case_shapes.phase),
        "pins": _within(PINS, case_shapes.pin),
        "report": report,
    }
    needs = of("containers")
    return [
        route(house, "/rest/container", needs=needs, get=page, post=add),
        route(house, "/rest/container/{id}", needs=needs, get=one, post=change),
        *(
            route(house, f"/rest/container/{{id}}/{n}", needs=needs, get=part)
            for n, part in parts.items()
        ),
    ]


def shape(row: Row) -> Shape:
    """Return a container; its data only if it was read."""
    full = shapes.container({"data": {}, **row})
    hidden = {"artifacts"} if "data" in row else {"artifacts", "data"}
    return {
        **{name: value for name, value in full.items() if name not in hidden},
        "owner": row["owner_name"] or None,
        "version": 1,
        "in_case": False,
        "ingest_app": None,
        "due_time": None,
        "workflow_name": row["template"],
    }


def page(call: Call) -> Shape:
    """Return a page of containers."""
    return call.envelope(CONTAINERS, shape)


def one(call: Call) -> Shape:
    """Return one container."""
    return shape(call.one(CONTAINERS))


def _within(listing: Listing, shaped: Callable[[Row], Shape]) -> Callable[[Call], Shape]:
    """Return an endpoint that lists what belongs to the container in the address."""

    def part(call: Call) -> Shape:
        call.container(call.number)
        return call.within("container_id").envelope(listing, shaped)

    return part


def report(call: Call) -> Response:
    """Return the execution report as text."""
    call.container(call.number)
    return PlainTextResponse(reports.read(call.work, call.number))


def add(call: Call) -> Shape:
    """Open a container for an alert and queue its playbooks, or say which one it repeats."""
    raw = _with_asset(call, bodies.an_object(call.body))
    later = _changes(call, {n: raw[n] for n in LATER if raw.get(n) is not None})
    alert = check(raw, labels=_labels(call))
    alert = replace(alert, tenant=tenants.for_new(call.work, alert.tenant, call.person))
    if not (raw.get("source_data_identifier") or raw.get("source_id")):
        alert = replace(alert, source_id=str(uuid4()))
    quiet = raw.get("run_automation") is False
    container_id, new = call.work.containers.add(alert) if quiet else accept(call.work, alert)
    if not new:
        raise Duplicate(
            f"duplicate: container {container_id} has this source_data_identifier",
            existing={"success": False, "existing_container_id": container_id},
        )
    call.work.containers.update(container_id, later)
    added = [a["id"] for a in call.work.containers.artifacts(container_id)]
    return {"success": True, "id": container_id, "new_artifact_ids": added}


def _with_asset(call: Call, raw: Shape) -> Shape:
    """Name the asset that ``asset_id`` numbers."""
    if raw.get("asset_id") is None:
        return raw
    try:
        asset = call.one(ASSETS, bodies.number(raw, "asset_id"))
    except NotFound as error:
        raise BadInput("asset_id", str(error)) from None
    return {"asset": asset["slug"], **raw}


def _labels(call: Call) -> tuple[str, ...]:
    return known_labels(call.work, call.house.settings.label_list())


def change(call: Call) -> Shape:
    """Change fields of a container; an unknown one is refused."""
    row = call.one(CONTAINERS)
    container_id = int(row["id"])
    raw = bodies.an_object(call.body)
    shown = shape(row)
    bodies.only(raw, CHANGES, shown)
    changes = _changes(call, {n: v for n, v in raw.items() if n in CHANGES})
    call.work.containers.update(container_id, changes)
    call.work.audit(
        call.person.username,
        "container changed",
        {"container": container_id, "fields": sorted(changes)},
    )
    return {"success": True, "id": container_id}


def _changes(call: Call, raw: Shape) -> Shape:
    """Return the checked changes under the names that the store has for them."""
    changes: Shape = {}
    for name, value in raw.items():
        if name in OWNER_NAMES:
            changes["owner_name"] = _owner(call, name, value)
        elif name == "container_type":
            changes["kind"] = _one_of(name, value, KINDS)
        else:
            changes[name] = _checked(call, name, value)
    return changes


def _checked(call: Call, name: str, value: Any) -> Any:
    if name in {"tags", "custom_fields"}:
        return _collection(name, value)
    if name == "severity":
        return severity(value)
    known = {"status": CONTAINER_STATUSES, "sensitivity": SENSITIVITIES}
    if name == "label" or name in known:
        return _one_of(name, value, _labels(call) if name == "label" else known[name])
    longest = 100_000 if name == "description" else 2000
    if name == "name" and not bodies.text({name: value}, name).strip():
        raise BadInput(name, "must not be empty")
    return bodies.text({name: value}, name, longest=longest)


def _collection(name: str, value: Any) -> Any:
    if name == "custom_fields":
        if not isinstance(value, dict):
            raise BadInput(name, "must be an object")
        return value
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise BadInput(name, "must be a list of texts")
    return value


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value.lower() not in known:
        raise BadInput(name, f"{value!r} is none of {', '.join(known)}")
    return value.lower()


def _owner(call: Call, name: str, value: Any) -> str:
    """Return the name of a known person, given by name or id; nothing means nobody."""
    if value in (None, ""):
        return ""
    for person in call.work.people.all():
        if str(value) in {person["username"], str(person["id"])}:
            return str(person["username"])
    raise BadInput(name, f"there is no person {str(value)[:80]!r}")
