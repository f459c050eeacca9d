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
_CANDIDATE = "(select c.id from playbook c where c.name = p.name and c.candidate) as candidate_id"


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
        candidate: bool = False,
    ) -> tuple[int, bool]:
        """
        Make this text with these details the active version, or the candidate; return its id.

        What was there before under the same words is taken up again, and False returned: going
        back to an older version is saving its text once more.
        """
        if candidate:
            self.drop_candidate(name.rpartition("/")[2])
        told = as_json({"title": title, "minutes": manual_minutes, "details": details or {}})
        sha256 = hashlib.sha256(f"{version}\n{told}\n{source}".encode()).hexdigest()
        row = self._one(
            """
            insert into playbook as p (name, title, version, source, sha256, manual_minutes,
              details, author, active, candidate)
            values (:name, :title, :version, :source, :sha256, :minutes,
              cast(:details as jsonb), :author, not :candidate, :candidate)
            on conflict (name, sha256) do update set active = p.active or excluded.active,
              candidate = excluded.candidate and not p.active,
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
            candidate=candidate,
        )
        assert row is not None
        if not candidate:
            self._only(name, row["id"])
        return int(row["id"]), bool(row["new"])

    def _only(self, name: str, playbook_id: int) -> None:
        self._do(
            "update playbook set active = false where name = :name and id <> :id",
            name=name,
            id=playbook_id,
        )

    def candidate(self, name: str) -> Row | None:
        """Return the version that runs in shadow beside the active one, if there is one."""
        return self._one(
            f"select {COLUMNS} from playbook where name = :name and candidate",
            name=name.rpartition("/")[2],
        )

    def promote(self, playbook_id: int, name: str) -> None:
        """Make a candidate the active version."""
        self._do(
            "update playbook set active = true, candidate = false where id = :id", id=playbook_id
        )
        self._only(name, playbook_id)

    def drop_candidate(self, name: str) -> None:
        """Let no version run in shadow beside the active one any more; its runs stay."""
        self._do(
            "update playbook set candidate = false where name = :name and candidate", name=name
        )

    def newest(self, name: str) -> Row:
        """Return the active version of a playbook; a repository prefix ("local/") is ignored."""
        row = self._one(
            f"select {COLUMNS}, {_CANDIDATE} from playbook p where name = :name and active"
            " order by id desc limit 1",
            name=name.rpartition("/")[2],
        )
        if row is None:
            known = ", ".join(r["name"] for r in self.all()) or "none"
            raise NotFound(f"there is no playbook {name!r}; known playbooks: {known}")
        return row

    def all(self) -> list[Row]:
        """Return the active version of every playbook."""
        return self._all(
            f"select {COLUMNS}, {_CANDIDATE} from playbook p where active order by name"
        )

    def source(self, playbook_id: int) -> str:
        """Return the text of one version."""
        return str(self._value("select source from playbook where id = :id", id=playbook_id))
