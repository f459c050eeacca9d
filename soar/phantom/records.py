"""
What a block may look up beyond its container, and the doors it may knock at.

In: ids and names. Out: values in Splunk's shapes. Never: a change, but through a door that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Shape = dict[str, Any]


class Records(Protocol):
    """How a block reads what is in the store, opens files, and asks this system's own REST."""

    @property
    def base_url(self) -> str:
        """Where people reach this system."""

    @property
    def home(self) -> str:
        """The folder of this installation's own files."""

    def new_id(self, table: str) -> int:
        """Reserve the id of a row that the block adds."""

    def artifact(self, artifact_id: int) -> Shape | None:
        """Return one artifact."""

    def notes(self, container_id: int) -> list[Shape]:
        """Return the notes of a container."""

    def pins(self, container_id: int) -> list[Shape]:
        """Return the pins of a container."""

    def pin(self, pin_id: int) -> Shape | None:
        """Return one pin."""

    def template(self, wanted: int | str) -> Shape | None:
        """Return a workbook template by its id or name; an empty name means the default one."""

    def phases(self, container_id: int) -> list[Shape]:
        """Return the phases of a container."""

    def tasks(self, container_id: int) -> list[Shape]:
        """Return the tasks of a container."""

    def task(self, task_id: int) -> Shape | None:
        """Return one task."""

    def user(self, wanted: int | str) -> str:
        """Return the name of a user given by name or id, or an empty text."""

    def tenant(self, wanted: int | str) -> int | None:
        """Return the number of a tenant that takes new containers, given by name or number."""

    def objects(self, key: str, *, container_id: int, playbook: str) -> list[Shape]:
        """Return kept values by key, where ``%`` stands for anything."""

    def files(self, container_id: int | None, vault_id: str) -> list[Shape]:
        """Return the files of a container, or with that vault id."""

    def opened(self, attachment_id: int) -> str:
        """Lay a file down where the block can open it, and return its path."""

    def lay(self, number: int, name: str, compressed: bytes) -> str:
        """Lay down what the block itself has made, and return its path."""

    def read(self, path: str) -> bytes:
        """Return what stands in a file that the block has written."""

    def folder(self) -> str:
        """Return a folder of the block's own, gone when the block has ended."""

    def assets(self, action: str) -> list[Shape]:
        """Return the enabled assets that offer an action, or all of them."""

    def apps(self, action: str) -> list[Shape]:
        """Return the apps that offer an action, or all of them."""

    def effective_user(self) -> int:
        """Return the id of the person as whom the run acts; 0 is nobody."""

    def playbook_info(self) -> Shape:
        """Return what the run is of."""

    def acts_made(self) -> int:
        """Return how many actions the earlier blocks of the run have asked for."""

    def fetch(self, method: str, url: str, given: Mapping[str, Any]) -> Any:
        """Ask this system's own REST as the run, and return the response."""


def success(shapes: Sequence[Shape]) -> list[Shape]:
    """Return shapes one by one, as Splunk's generators give them."""
    return [{"success": True, "message": "", "data": shape} for shape in shapes]
