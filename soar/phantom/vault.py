"""
``phantom.vault``: the class by which older playbooks and apps reach the files of containers.

In: paths, bytes, vault ids. Out: Splunk's dictionaries. Never: a path that outlives its block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.phantom import files
from soar.phantom.desk import desk
from soar.phantom.files import vault_add, vault_delete, vault_info

__all__ = ["Vault", "vault_add", "vault_delete", "vault_info"]


class Vault:
    """The files of containers, in the words of older playbooks."""

    @staticmethod
    def get_vault_tmp_dir() -> str:
        """Return a folder of the block's own."""
        return desk().view.reader.records.folder()

    @staticmethod
    def create_attachment(
        file_contents: Any,
        container_id: Any = None,
        file_name: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Attach a text or bytes to a container as a file."""
        content = file_contents if isinstance(file_contents, bytes) else str(file_contents).encode()
        return _answer(*files.attach(container_id, content, file_name or "file", metadata))

    @staticmethod
    def add_attachment(
        file_location: str,
        container_id: Any = None,
        file_name: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Attach a file that the block has written."""
        return _answer(*vault_add(container_id, file_location, file_name, metadata))

    @staticmethod
    def get_file_info(
        vault_id: Any = None, file_name: Any = None, container_id: Any = None, trace: bool = False
    ) -> list[dict[str, Any]]:
        """Return the files with a vault id, a name, or of a container."""
        return vault_info(vault_id=vault_id, file_name=file_name, container_id=container_id)[2]

    @staticmethod
    def get_file_path(vault_id: Any) -> str:
        """Return where the block can open a file, or an empty text."""
        found = vault_info(vault_id=vault_id)[2]
        return str(found[0]["path"]) if found else ""


def _answer(succeeded: bool, message: str, vault_id: str) -> dict[str, Any]:
    return {
        "succeeded": succeeded,
        "message": message,
        "vault_id": vault_id,
        "hash": vault_id,
    }
