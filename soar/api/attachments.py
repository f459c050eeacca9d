"""
Attachments of containers: listed, looked at, and their text fetched by its vault id.

In: ids. Out: Splunk's shapes; a text piece by piece. Never: a text in a list.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from soar.api import bodies
from soar.api.door import Call, Shape, route
from soar.api.nouns import ATTACHMENTS
from soar.api.permissions import PARTS
from soar.domain import shapes
from soar.domain.errors import BadInput, Conflict, NotFound
from soar.store.attachments import pieces
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

DOWNLOAD = "/rest/download_attachment"


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    return [
        route(house, "/rest/container_attachment", needs=PARTS, get=page, post=add),
        route(house, "/rest/container_attachment/{id}", needs=PARTS, get=one, delete=remove),
        route(house, DOWNLOAD, needs=PARTS, get=download),
    ]


def shape(row: Row) -> Shape:
    """Return an attachment without its text."""
    return {
        "id": row["id"],
        "container": row["container_id"],
        "name": row["name"],
        "vault_document": row["id"],
        "vault_id": row["sha1"],
        "hash": row["sha1"],
        "size": row["size"],
        "mime_type": row["media_type"],
        "metadata": {"sha1": row["sha1"], "sha256": row["sha256"], "size": row["size"]},
        "create_time": shapes.stamp(row["create_time"]),
        "playbook_run": row["run_id"],
        "app_run": row["app_run_id"],
        "download": f"{DOWNLOAD}?vault_id={row['sha1']}",
    }


def page(call: Call) -> Shape:
    """Return a page of attachments."""
    return call.envelope(ATTACHMENTS, shape)


def one(call: Call) -> Shape:
    """Return one attachment."""
    return shape(call.one(ATTACHMENTS))


def add(call: Call) -> Shape:
    """Attach a file, given as base64, to a container."""
    raw = bodies.an_object(call.body)
    bodies.only(raw, ("container_id", "container", "file_name", "file_content", "metadata"))
    number = bodies.number(raw, "container_id", "container")
    call.container(number)
    content, details = _content(raw), raw.get("metadata") or {}
    if not isinstance(details, dict):
        raise BadInput("metadata", "must be an object")
    vault_id = hashlib.sha1(content).hexdigest()  # noqa: S324 - a name, as Splunk's vault has it
    added = call.work.attachments.add(
        number,
        name=bodies.text(raw, "file_name", longest=255) or "file",
        content=zlib.compress(content),
        size=len(content),
        sha1=vault_id,
        sha256=hashlib.sha256(content).hexdigest(),
        details=details,
        run_id=call.person.run_id,
    )
    return {"success": True, "succeeded": True, "id": added, "hash": vault_id, "vault_id": vault_id}


def _content(raw: Shape) -> bytes:
    text = raw.get("file_content")
    if not isinstance(text, str):
        raise BadInput("file_content", "is missing: the file, as base64")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("file_content", "is no base64") from None


def remove(call: Call) -> Shape:
    """Remove a file from its container; the whole text of a call's result stays."""
    row = call.one(ATTACHMENTS)
    if not call.work.attachments.delete([row["id"]]):
        raise Conflict("the whole text of a call's result is not removed: it belongs to the call")
    told = {"attachment": row["id"], "container": row["container_id"]}
    call.work.audit(call.person.username, "attachment removed", told)
    return {"success": True, "id": row["id"]}


def download(call: Call) -> Response:
    """Return the whole text of an attachment, named by its vault id."""
    wanted = dict(call.parameters).get("vault_id", "")
    if not wanted:
        raise BadInput("vault_id", "is missing: an attachment's vault_id names its text")
    found = call.work.attachments.find(wanted, tenants=call.person.tenants)
    if found is None:
        raise NotFound(f"there is no attachment with the vault_id {wanted[:80]!r}")
    headers = {
        "Content-Length": str(found["size"]),
        "Content-Disposition": f'attachment; filename="attachment-{found["id"]}.json"',
    }
    content = pieces(found["content"])
    return StreamingResponse(content, media_type=found["media_type"], headers=headers)
