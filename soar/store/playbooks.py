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
        self,
        *,
        name: str,
        title: str,
        version: str,
        source: str,
        manual_minutes: int = 0,
        details: Mapping[str, Any] | None = None,
        author: str = "",
    ) -> tuple[int, bool]:
        """
        Make this text with these details the active version, and return its id.

        What was there before under the same words is taken up again, and False returned: going
        back to an older version is saving its text once more.
        """
        told = as_json({"title": title, "minutes": manual_minutes, "details": details or {}})
        sha256 = hashlib.sha256(f"{version}\n{told}\n{source}".encode()).hexdigest()
        row = self._one(
            """
            insert into playbook as p (name, title, version, source, sha256, manual_minutes,
              details, author) values (:name, :title, :version, :source, :sha256, :minutes,
              cast(:details as jsonb), :author)
            on conflict (name, sha256) do update set active = true,
            author = case p.author when '' then excluded.author else p.author end
            returning id, (xmax = 0) as new
            """,
            name=name,
            title=title,
            version=version,
            source=source,
            sha256=sha256,
            minutes=manual_minutes,
            details=as_json(details or {}),
            author=author,
        )
        assert row is not None
        self._do(
            "update playbook set active = false where name = :name and id <> :id",
            name=name,
            id=row["id"],
        )
        return int(row["id"]), bool(row["new"])

    def newest(self, name: str) -> Row:
        """Return the active version of a playbook; a repository prefix ("local/") is ignored."""
        row = self._one(
            f"select {COLUMNS} from playbook where name = :name and active"
            " order by id desc limit 1",
            name=name.rpartition("/")[2],
        )
        if row is None:
            known = ", ".join(r["name"] for r in self.all()) or "none"
            raise NotFound(f"there is no playbook {name!r}; known playbooks: {known}")
        return row

    def all(self) -> list[Row]:
        """Return the active version of every playbook."""
        return self._all(f"select {COLUMNS} from playbook where active order by name")

    def source(self, playbook_id: int) -> str:
        """Return the text of one version."""
        return str(self._value("select source from playbook where id = :id", id=playbook_id))
