"""
Playbooks and their versions: a run keeps the version it started with.

In: source text with what its sidecar says. Out: rows as mappings.
Never: a version that changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from soar.domain.errors import NotFound
from soar.store.rows import Queries, Row, as_json

COLUMNS = "id, name, title, version, sha256, manual_minutes, details, active, created_at"


class Playbooks(Queries):
    """Named queries on playbooks."""

    def save(
        self, *, name: str, title: str, version: str, source: str, manual_minutes: int = 0,
        details: Mapping[str, Any] | None = None,
    ) -> tuple[int, bool]:
        """Add a version of a playbook; the same text again returns its id and False."""
        sha256 = hashlib.sha256(f"{version}\n{source}".encode()).hexdigest()
        row = self._one(
            """
            insert into playbook (name, title, version, source, sha256, manual_minutes, details)
            values (:name, :title, :version, :source, :sha256, :minutes, cast(:details as jsonb))
            on conflict (name, sha256) do nothing returning id
            """,
            name=name, title=title, version=version, source=source, sha256=sha256,
            minutes=manual_minutes, details=as_json(details or {}),
        )
        if row is not None:
            self._do(
                "update playbook set active = false where name = :name and id <> :id",
                name=name, id=row["id"],
            )
            return int(row["id"]), True
        return int(self.newest(name)["id"]), False

    def newest(self, name: str) -> Row:
        """Return the active version of a playbook; a repository prefix ("local/") is ignored."""
        row = self._one(
            f"select {COLUMNS} from playbook where name = :name and active order by id desc limit 1",  # noqa: S608
            name=name.rpartition("/")[2],
        )
        if row is None:
            known = ", ".join(r["name"] for r in self.all()) or "none"
            raise NotFound(f"there is no playbook {name!r}; known playbooks: {known}")
        return row

    def all(self) -> list[Row]:
        """Return the active version of every playbook."""
        return self._all(f"select {COLUMNS} from playbook where active order by name")  # noqa: S608

    def source(self, playbook_id: int) -> str:
        """Return the text of one version."""
        return str(self._value("select source from playbook where id = :id", id=playbook_id))
