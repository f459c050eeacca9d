"""
Artifacts: listed, and added to a container one by one or many at once.

In: artifacts as clients write them. Out: Splunk's shapes; for many, one result each.
Never: an artifact twice under the same source id: the first one's id is returned.
"""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from starlette.routing import Route

from soar.api import bodies, query
from soar.api.door import Call, Shape, route
from soar.api.nouns import ARTIFACTS
from soar.api.permissions import PARTS
from soar.domain import cef, shapes
from soar.domain.errors import BadInput, NotFound, SoarError
from soar.domain.model import NewArtifact
from soar.ingest.accept import check
from soar.store.listing import Condition, Wanted, lists
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

MOST = 1000
FIRST = "artifacts[0]"
CHANGES = ("name", "label", "severity", "type", "cef", "tags", "data")


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    return [
        route(house, "/rest/artifact", needs=PARTS, get=page, post=add),
        route(house, "/rest/artifact/{id}", needs=PARTS, get=one, post=change, delete=remove),
    ]


def shape(row: Row) -> Shape:
    """Return an artifact; its data only if it was read."""
    full = shapes.artifact({"data": {}, **row}) | {"cef_types": row["cef_types"]}
    return {name: value for name, value in full.items() if name != "data" or "data" in row}


def page(call: Call) -> Shape:
    """Return a page of artifacts; with ``include_all_cef_types``, also what CEF says of fields."""
    if query.is_set(dict(call.parameters), "include_all_cef_types"):
        return call.envelope(ARTIFACTS, _with_all_types)
    return call.envelope(ARTIFACTS, shape)


def _with_all_types(row: Row) -> Shape:
    shown = shape(row)
    return {**shown, "cef_types": cef.types_of(shown)}


def one(call: Call) -> Shape:
    """Return one artifact."""
    return shape(call.one(ARTIFACTS))


def add(call: Call) -> Any:
    """Add one artifact, or a list of them with a result for each."""
    if not isinstance(call.body, list):
        return _add(call, call.body)
    if len(call.body) > MOST:
        raise BadInput("body", f"must hold at most {MOST} artifacts")
    return [_tried(call, raw) for raw in call.body]


def _tried(call: Call, raw: Any) -> Shape:
    """Add one of many; its refusal is its own."""
    try:
        return _add(call, raw)
    except (BadInput, NotFound) as error:
        return {"success": False, "failed": True, "message": str(error)}


def _add(call: Call, raw: Any) -> Shape:
    new = _checked(bodies.an_object(raw))
    container_id = bodies.number(raw, "container_id", "container")
    call.container(container_id)
    new = new if new.source_id else replace(new, source_id=str(uuid4()))
    added = call.work.containers.add_artifact(container_id, new)
    if added is not None:
        return {"success": True, "id": added}
    existing = _existing(call, container_id, new.source_id)
    return {"success": True, "id": existing, "existing_artifact_id": existing}


def change(call: Call) -> Shape:
    """Change an artifact: each field that is given takes the place of what was there."""
    row = call.one(ARTIFACTS)
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("container_id", "run_automation", "cef_types", *CHANGES), shape(row))
    new = _checked({"name": row["name"], **{n: raw[n] for n in CHANGES if n in raw}})
    changes = {n: v for n, v in dataclasses.asdict(new).items() if n in raw}
    if "cef_types" in raw:
        changes["data"] = {**row["data"], **changes.get("data", {}), "cef_types": raw["cef_types"]}
    call.work.cases.update_artifact(row["id"], changes, merge=False)
    return {"success": True, "id": row["id"]}


def remove(call: Call) -> Shape:
    """Remove an artifact."""
    row = call.one(ARTIFACTS)
    call.work.cases.delete_artifact(row["id"])
    told = {"artifact": row["id"], "container": row["container_id"]}
    call.work.audit(call.person.username, "artifact removed", told)
    return {"success": True, "id": row["id"]}


def _checked(raw: Shape) -> NewArtifact:
    """Check an artifact as one of an alert is checked."""
    try:
        return check({"name": "-", "artifacts": [raw]}, labels=("events",)).artifacts[0]
    except BadInput as error:
        reason = str(error).removeprefix(f"{error.field}: ")
        raise BadInput(error.field.removeprefix(f"{FIRST}."), reason) from None


def _existing(call: Call, container_id: int, source_id: str) -> int:
    same = (
        Condition(field="container_id", value=container_id),
        Condition(field="source_data_identifier", value=source_id),
    )
    wanted = Wanted(conditions=same)
    rows = lists(call.work).page(ARTIFACTS, wanted, tenants=call.person.tenants).rows
    if not rows:
        raise SoarError("the artifact was removed while it was looked for")
    return int(rows[0]["id"])
