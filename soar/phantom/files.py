"""
Splunk's vault: the files of containers.

In: vault ids (the SHA-1 of a file), names, paths that the block has written.
Out: Splunk's triples, and commands on the desk. Never: a path that outlives its block.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from soar.domain import case_shapes
from soar.domain.changes import AddFile, DeleteFiles
from soar.domain.errors import BadInput
from soar.phantom.answers import declined
from soar.phantom.containers import container_id_of
from soar.phantom.desk import desk

FILES = "files"
Info = dict[str, Any]
Found = tuple[bool, str, list[Info]]


def vault_info(
    vault_id: Any = None,
    file_name: Any = None,
    container_id: Any = None,
    trace: bool = False,
    download_file: bool = True,
) -> Found:
    """
    Return (success, message, files) by vault id, name or container; without any, of this container.

    Each has a ``path``, where the block can open it until the block ends.
    """
    found = _found(vault_id, file_name, container_id)
    if not found:
        return False, "there is no such file", []
    return True, f"{len(found)} files", [_laid(f) if download_file else f for f in found]


def vault_add(
    container: Any = None,
    file_location: Any = None,
    file_name: Any = None,
    metadata: Mapping[str, Any] | None = None,
    trace: bool = False,
) -> tuple[bool, str, str]:
    """Attach a file that the block has written to a container; return its vault id."""
    if not file_location:
        return *declined("no file was attached: file_location is missing"), ""
    path = str(file_location)
    try:
        content = desk().view.reader.records.read(path)
    except (BadInput, OSError) as error:
        return *declined(f"no file was attached: {error}"), ""
    name = str(file_name or path.rpartition("/")[2])
    return attach(container, content, name, metadata, path=path)


def attach(
    container: Any,
    content: bytes,
    name: str,
    metadata: Mapping[str, Any] | None = None,
    *,
    path: str = "",
) -> tuple[bool, str, str]:
    """Attach bytes to a container as a file; return its vault id."""
    at, number = desk(), container_id_of(container)
    change = AddFile(
        container_id=number,
        attachment_id=at.view.reader.records.new_id("attachment"),
        name=name,
        content=zlib.compress(content),
        size=len(content),
        sha1=hashlib.sha1(content).hexdigest(),  # noqa: S324 - a name, as Splunk's vault has it
        sha256=hashlib.sha256(content).hexdigest(),
        details=dict(metadata or {}),
    )
    path = path or at.view.reader.records.lay(change.attachment_id, name, change.content)
    at.ask(change)
    at.pending[FILES][change.attachment_id] = {**_told(change), "path": path}
    return True, "file attached", change.sha1


def _told(change: AddFile) -> Info:
    row = {
        "id": change.attachment_id,
        "container_id": change.container_id,
        "name": change.name,
        "size": change.size,
        "sha1": change.sha1,
        "sha256": change.sha256,
        "media_type": "application/octet-stream",
        "details": change.details,
        "create_time": datetime.now(UTC),
    }
    return case_shapes.file(row)


def vault_delete(
    vault_id: Any = None,
    file_name: Any = None,
    container_id: Any = None,
    remove_all: bool = False,
    trace: bool = False,
) -> tuple[bool, str, list[str]]:
    """
    Remove files from a container, by vault id or name; *remove_all* removes them from every one.

    Return (success, message, the names of what was removed).
    """
    if not (vault_id or file_name or remove_all):
        return *declined("no file was removed: vault_id, file_name or remove_all is missing"), []
    found = _found(vault_id, file_name, container_id)
    if not remove_all:
        number = container_id_of(container_id)
        found = [f for f in found if f["container_id"] == number]
    if not found:
        return *declined("no file was removed: there is no such file"), []
    for file in found:
        desk().pending[FILES][file["id"]] = None
    desk().ask(DeleteFiles(attachment_ids=tuple(f["id"] for f in found)))
    return True, f"{len(found)} files removed", [f["name"] for f in found]


def get_vault_item_info(vault_id: Any = None, get_hashes: bool = False) -> list[Info]:
    """Return the files with a vault id, or those of this container."""
    return vault_info(vault_id=vault_id)[2]


def get_vault_file(s_hash: Any) -> io.BufferedReader | None:
    """Return a file by its vault id, open for reading, or None."""
    found = vault_info(vault_id=s_hash)[2]
    return open(found[0]["path"], "rb") if found else None


def _found(vault_id: Any, file_name: Any, container_id: Any) -> list[Info]:
    """Return the files as this block sees them: what is kept, and what it has changed."""
    at, pending = desk(), desk().pending[FILES]
    anywhere = bool(vault_id) and container_id is None
    number = None if anywhere else container_id_of(container_id)
    wanted = str(vault_id or "").lower()
    kept = [f for f in at.view.reader.records.files(number, wanted) if f["id"] not in pending]
    own = [
        f
        for f in pending.values()
        if f and number in (None, f["container_id"]) and wanted in ("", f["vault_id"])
    ]
    found = [*kept, *own]
    return [f for f in found if f["name"] == file_name] if file_name else found


def _laid(file: Info) -> Info:
    if file.get("path"):
        return file
    return {**file, "path": desk().view.reader.records.opened(file["id"])}
