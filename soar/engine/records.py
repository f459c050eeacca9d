"""
What a block looks up beyond its container, inside the transaction of its event.

In: ids and names. Out: Splunk's shapes. Never: a change, or a read that breaks the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from soar.catalog import Catalog
from soar.domain import case_shapes, shapes
from soar.domain.errors import NotFound
from soar.engine.folder import Folder
from soar.engine.journal import Journal
from soar.settings import Settings
from soar.store.rows import Row
from soar.store.work import Work

Shape = dict[str, Any]
T = TypeVar("T")
Fetch = Callable[[str, str, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Records:
    """Reads for a block, and the doors that the engine lends it."""

    work: Work
    run: Mapping[str, Any]
    settings: Settings
    catalog: Catalog
    fetch: Fetch
    """Asks this system's own REST as the run."""
    journal: Journal
    own: Folder = field(default_factory=Folder)

    def _safely(self, read: Callable[[], T]) -> T:
        with self.work.attempt():
            return read()

    @property
    def base_url(self) -> str:
        """Where people reach this system."""
        return self.settings.public_url.rstrip("/") or self.settings.own_rest_url

    @property
    def home(self) -> str:
        """The folder of this installation's own files."""
        return str(self.settings.data_dir.expanduser().resolve())

    def new_id(self, table: str) -> int:
        """Reserve the id of a row that the block adds."""
        return self.journal.id_for(table, lambda: self.work.cases.next_id(table))

    def artifact(self, artifact_id: int) -> Shape | None:
        """Return one artifact."""
        row = self._safely(lambda: self.work.cases.artifact(artifact_id))
        return shapes.artifact(row) if row else None

    def notes(self, container_id: int) -> list[Shape]:
        """Return the notes of a container."""
        rows = self._safely(lambda: self.work.cases.notes(container_id))
        return [case_shapes.note(row) for row in rows]

    def pins(self, container_id: int) -> list[Shape]:
        """Return the pins of a container."""
        rows = self._safely(lambda: self.work.pins.of(container_id))
        return [case_shapes.pin(row) for row in rows]

    def pin(self, pin_id: int) -> Shape | None:
        """Return one pin."""
        row = self._safely(lambda: self.work.pins.get(pin_id))
        return case_shapes.pin(row) if row else None

    def template(self, wanted: int | str) -> Shape | None:
        """Return a workbook template by its id or name; an empty name means the default one."""
        row = self._safely(lambda: self.work.workbooks.template(wanted))
        return case_shapes.template(row) if row else None

    def phases(self, container_id: int) -> list[Shape]:
        """Return the phases of a container."""
        rows = self._safely(lambda: self.work.workbooks.phases(container_id))
        return [case_shapes.phase(row) for row in rows]

    def tasks(self, container_id: int) -> list[Shape]:
        """Return the tasks of a container."""
        rows = self._safely(lambda: self.work.workbooks.tasks(container_id))
        return [case_shapes.task(row) for row in rows]

    def task(self, task_id: int) -> Shape | None:
        """Return one task."""
        row = self._safely(lambda: self.work.workbooks.task(task_id))
        return case_shapes.task(row) if row else None

    def user(self, wanted: int | str) -> str:
        """Return the name of a user given by name or id, or an empty text."""
        found = self._safely(lambda: self.work.people.all())
        names = {p["username"] for p in found} | {str(p["id"]) for p in found}
        if str(wanted) not in names:
            return ""
        return next(str(p["username"]) for p in found if str(wanted) in _called(p))

    def tenant(self, wanted: int | str) -> int | None:
        """Return the number of a tenant that takes new containers, given by name or number."""
        return self._safely(lambda: self.work.tenants.taking(str(wanted)))

    def objects(self, key: str, *, container_id: int, playbook: str) -> list[Shape]:
        """Return kept values by key, where ``%`` stands for anything."""
        return self._safely(
            lambda: self.work.saved_objects.find(key, container_id=container_id, playbook=playbook)
        )

    def files(self, container_id: int | None, vault_id: str) -> list[Shape]:
        """Return the files of a container, or with that vault id."""
        store = self.work.attachments
        rows = self._safely(
            lambda: store.known(vault_id) if container_id is None else store.of(container_id)
        )
        return [case_shapes.file(r) for r in rows if vault_id in ("", r["sha1"])]

    def opened(self, attachment_id: int) -> str:
        """Lay a file down where the block can open it, and return its path."""
        found = self._safely(lambda: self.work.attachments.named(attachment_id))
        if found is None:
            raise NotFound(f"there is no attachment {attachment_id}")
        return self.own.lay(attachment_id, found["name"], bytes(found["content"]))

    def lay(self, number: int, name: str, compressed: bytes) -> str:
        """Lay down what the block itself has made, and return its path."""
        return self.own.lay(number, name, compressed)

    def read(self, path: str) -> bytes:
        """Return what stands in a file that the block has written."""
        return self.own.read(path)

    def folder(self) -> str:
        """Return a folder of the block's own, gone when the block has ended."""
        return self.own.place()

    def assets(self, action: str) -> list[Shape]:
        """Return the enabled assets that offer an action, or all of them."""
        offering = {a.slug for a in self._apps(action)}
        found = self._safely(lambda: self.work.assets.all())
        return [
            {
                "id": a.id,
                "name": a.slug,
                "app": a.app,
                "product_vendor": app.vendor,
                "product_name": app.product,
                "disabled": a.disabled,
            }
            for a in found
            if a.app in offering and not a.disabled
            for app in self.catalog.apps
            if app.slug == a.app
        ]

    def apps(self, action: str) -> list[Shape]:
        """Return the apps that offer an action, or all of them."""
        return [
            {
                "id": app.slug,
                "name": app.name,
                "version": app.version,
                "product_vendor": app.vendor,
                "product_name": app.product,
                "actions": [spec.name for spec in app.actions],
            }
            for app in self._apps(action)
        ]

    def _apps(self, action: str) -> list[Any]:
        return list(self.catalog.offering(action) if action else self.catalog.apps)

    def effective_user(self) -> int:
        """Return the id of the person as whom the run acts; 0 is nobody."""
        try:
            return int(self._safely(lambda: self.work.people.get(self.run["run_as"]))["id"])
        except NotFound:
            return 0

    def playbook_info(self) -> Shape:
        """Return what the run is of."""
        parent, scope = self.run["parent_action_run_id"], self.run["scope"]
        above = self._safely(lambda: self.work.runs.action_run(parent))["run_id"] if parent else 0
        return {
            "id": str(self.run["playbook_id"]),
            "name": self.run["playbook"],
            "repo_name": "local",
            "run_id": str(self.run["id"]),
            "parent_playbook_run_id": str(above),
            "scope": scope if isinstance(scope, str) else "artifact",
            "scope_artifacts": [] if isinstance(scope, str) else list(scope),
            "running_playbook": True,
        }

    def acts_made(self) -> int:
        """Return how many actions the earlier blocks of the run have asked for."""
        rows = self._safely(lambda: self.work.cases.asked_by(self.run["id"]))
        return sum(row["kind"] == "act" for row in rows)


def _called(person: Row) -> tuple[str, str]:
    return str(person["username"]), str(person["id"])
