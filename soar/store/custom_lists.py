"""
Custom lists: rows of texts that playbooks and people look things up in.

In: edits. Out: rows. Never: an edit that overwrites another: whoever edits holds the list's row.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Column, Integer, Table, Text

from soar.domain import custom_list
from soar.domain.changes import ListEdit
from soar.domain.custom_list import Rows
from soar.store.columns import id_column, json_column, metadata, now_column, text_column
from soar.store.rows import Queries, Row, as_json, storable

decided_list = Table(
    "decided_list",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    json_column("content", "[]"),
    Column("version", Integer, nullable=False, server_default="1"),
    text_column("changed_by"),
    now_column("create_time"),
    now_column("update_time"),
)


class CustomLists(Queries):
    """Named queries on custom lists."""

    def content(self, name: str) -> Rows | None:
        """Return the rows of a list, or None where there is none of that name."""
        found = self._one("select content from decided_list where name = :name", name=name)
        return None if found is None else list(found["content"])

    def find(self, name: str) -> int | None:
        """Return the id of a list by its name."""
        found = self._value("select id from decided_list where name = :name", name=name)
        return None if found is None else int(found)

    def all(self) -> list[Row]:
        """Return every list by name, with how many rows it has, and not the rows."""
        return self._all(
            "select id, name, jsonb_array_length(content) as rows, version, changed_by,"
            " create_time, update_time from decided_list order by name"
        )

    def held(self, name: str) -> Rows | None:
        """Return the rows of a list that nobody else edits until this transaction has ended."""
        return self._locked(name)

    def edit(self, edits: Iterable[ListEdit], *, by: str) -> None:
        """
        Carry out edits in their order.

        Every list is locked first, by name: two who edit the same lists wait for each other, in
        whatever order each of them came to his.
        """
        edits = list(edits)
        rows = {name: self._locked(name) for name in sorted({e.name for e in edits})}
        for edit in edits:
            rows[edit.name] = custom_list.applied(rows[edit.name], edit)
        for name, content in rows.items():
            self._write(name, content, by)

    def _locked(self, name: str) -> Rows | None:
        """Lock a list, or the name of one to come; return its rows."""
        self._do("select pg_advisory_xact_lock(20023, hashtext(:name))", name=storable(name))
        return self.content(name)

    def _write(self, name: str, content: Rows | None, by: str) -> None:
        if content is None:
            self._do("delete from decided_list where name = :name", name=name)
            return
        self._do(
            """
            insert into decided_list as l (name, content, changed_by)
            values (:name, cast(:content as jsonb), :by)
            on conflict (name) do update set content = excluded.content, changed_by = :by,
              version = l.version + 1, update_time = now()
            """,
            name=name,
            content=as_json(content),
            by=by,
        )
