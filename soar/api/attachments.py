"""
Attachments of containers: listed, looked at, and their text fetched by its vault id.

In: ids. Out: Splunk's shapes; a text piece by piece. Never: a change, or a text in a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from soar.api.door import Call, Shape, route
from soar.api.nouns import ATTACHMENTS
from soar.api.permissions import of
from soar.domain import shapes
from soar.domain.errors import BadInput, NotFound
from soar.store.attachments import pieces
from soar.store.rows import Row

if TYPE_CHECKING:
    from soar.bootstrap import House

DOWNLOAD = "/rest/download_attachment"


def routes(house: House) -> list[Route]:
    """Return the addresses of this module."""
    needs = of("containers")
    return [
        route(house, "/rest/container_attachment", needs=needs, get=page),
        route(house, "/rest/container_attachment/{id}", needs=needs, get=one),
        route(house, DOWNLOAD, needs=needs, get=download),
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
