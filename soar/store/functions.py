"""
Custom functions and their versions, and the calls of them: a call keeps the version it began with.

In: source text with what its sidecar says; parameters, then what came of them. Out: rows.
Never: a version that changes, or a call that ends twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Table, UniqueConstraint, text

from soar.domain.errors import NotFound
from soar.store.columns import (
    flag,
    id_column,
    json_column,
    metadata,
    now_column,
    ref,
    text_column,
    when,
)
from soar.store.rows import Queries, Row, as_json, storable

custom_function = Table(
    "custom_function",
    metadata,
    id_column(),
    text_column("repo"),
    text_column("name"),
    text_column("source"),
    text_column("sha256"),
    text_column("description"),
    json_column("inputs", "[]"),
    json_column("outputs", "[]"),
    flag("draft", False),
    text_column("author"),
    flag("active", True),
    now_column("created_at"),
    UniqueConstraint("repo", "name", "sha256"),
    Index(
        "ix_custom_function_active",
        "name",
        "repo",
        unique=True,
        postgresql_where=text("active"),
    ),
)

function_call = Table(
    "function_call",
    metadata,
    id_column(),
    ref("action_run_id", "action_run.id"),
    ref("run_id", "playbook_run.id"),
    Column("function_id", BigInteger),
    json_column("parameters"),
    json_column("data", "null"),
    flag("succeeded", False),
    text_column("message"),
    now_column("create_time"),
    when("due_at"),
    when("rung_at"),
    when("end_time"),
    Index(None, "action_run_id"),
    Index("ix_function_call_open", "run_id", "id", postgresql_where=text("end_time is null")),
)

COLUMNS = "id, repo, name, sha256, description, inputs, outputs, draft, author, active, created_at"


class Functions(Queries):
    """Named queries on custom functions and their calls."""

    def save(
        self,
        *,
        repo: str,
        name: str,
        source: str,
        description: str = "",
        inputs: Iterable[Mapping[str, Any]] = (),
        outputs: Iterable[Mapping[str, Any]] = (),
        draft: bool = False,
        author: str = "",
    ) -> tuple[int, bool]:
        """
        Make this text with these inputs the version that calls get; return its id.

        What was there before under the same words is taken up again, and False returned.
        """
        told = as_json([list(inputs), list(outputs), description, draft])
        sha256 = hashlib.sha256(f"{told}\n{source}".encode()).hexdigest()
        self._do(
            "update custom_function set active = false"
            " where repo = :repo and name = :name and sha256 <> :sha256 and active",
            repo=repo,
            name=name,
            sha256=sha256,
        )
        row = self._one(
            """
            insert into custom_function as f (repo, name, source, sha256, description, inputs,
              outputs, draft, author)
            values (:repo, :name, :source, :sha256, :description, cast(:inputs as jsonb),
              cast(:outputs as jsonb), :draft, :author)
            on conflict (repo, name, sha256) do update set active = true,
              author = case f.author when '' then excluded.author else f.author end
            returning id, (xmax = 0) as new
            """,
            repo=repo,
            name=name,
            source=source,
            sha256=sha256,
            description=description,
            inputs=as_json(list(inputs)),
            outputs=as_json(list(outputs)),
            draft=draft,
            author=author,
        )
        assert row is not None
        return int(row["id"]), bool(row["new"])

    def newest(self, name: str) -> Row:
        """
        Return the version of a custom function that calls get now.

        Without a repository, or from one that has none of this name, it is the newest there is.
        """
        repo, _, stem = name.strip().rpartition("/")
        row = self._one(
            f"select {COLUMNS} from custom_function where name = :stem and active"
            " order by repo = :repo desc, id desc limit 1",
            stem=stem,
            repo=repo,
        )
        if row is None:
            raise NotFound(
                f"there is no custom function {name!r}: bring it with `soar playbook import`"
            )
        return row

    def all(self) -> list[Row]:
        """Return the version that calls get of every custom function."""
        return self._all(f"select {COLUMNS} from custom_function where active order by repo, name")

    def source(self, function_id: int) -> str:
        """Return the text of one version."""
        return str(self._value("select source from custom_function where id = :id", id=function_id))

    def call(
        self,
        action_run_id: int,
        run_id: int,
        function_id: int | None,
        parameters: Iterable[Mapping[str, Any]],
        *,
        due_at: datetime | None = None,
        failed: str = "",
    ) -> None:
        """Add the calls of a join, to be made from *due_at* on; *failed* ends them at once."""
        self._do(
            """
            insert into function_call (action_run_id, run_id, function_id, parameters, message,
              due_at, end_time)
            select :join, :run, cast(:function as bigint), p.value, :failed,
              cast(:due_at as timestamptz), case when :failed <> '' then now() end
            from jsonb_array_elements(cast(:parameters as jsonb)) with ordinality as p(value, n)
            order by p.n
            """,
            join=action_run_id,
            run=run_id,
            function=function_id,
            parameters=as_json(list(parameters)),
            due_at=due_at,
            failed=storable(failed),
        )

    def open_call(self, call_id: int) -> Row:
        """Return a call with its program, and the name under which the block knows it."""
        row = self._one(
            """
            select c.*, f.repo, f.name, f.source, a.name as block from function_call c
            join custom_function f on f.id = c.function_id
            join action_run a on a.id = c.action_run_id where c.id = :id
            """,
            id=call_id,
        )
        assert row is not None
        return row

    def ended(self, call_id: int, *, succeeded: bool, message: str, data: Any = None) -> None:
        """Keep what came of a call, once; the last of its join ends the join."""
        row = self._one(
            """
            update function_call set succeeded = :succeeded, message = :message,
            data = cast(:data as jsonb), end_time = now()
            where id = :id and end_time is null returning action_run_id
            """,
            id=call_id,
            succeeded=succeeded,
            message=storable(message),
            data=as_json(data),
        )
        if row is None:
            return
        self._do(
            """
            update action_run a set remaining = remaining - 1,
            end_time = case when remaining <= 1 then now() end,
            message = case when message = '' and not :succeeded then :message else message end,
            status = case when remaining > 1 then status when exists (select 1 from function_call c
              where c.action_run_id = a.id and c.succeeded) then 'success' else 'failed' end
            where id = :id and end_time is null
            """,
            id=row["action_run_id"],
            succeeded=succeeded,
            message=storable(message),
        )

    def results(self, action_run_id: int) -> list[Row]:
        """Return the calls of a join in the order of their parameters."""
        return self._all(
            "select succeeded, message, data, parameters from function_call"
            " where action_run_id = :id order by id",
            id=action_run_id,
        )

    def results_of(self, run_id: int, name: str) -> list[Row]:
        """Return the ended calls that a run made under a name, in their order."""
        return self._all(
            """
            select c.succeeded, c.message, c.data, c.parameters from action_run a
            join function_call c on c.action_run_id = a.id
            where a.run_id = :run and a.kind = 'custom_function' and a.name = :name
            and c.end_time is not null order by c.id
            """,
            run=run_id,
            name=name,
        )

    def unheard(self, *, seconds: int) -> list[tuple[int, int]]:
        """Return (run, join) of calls that are due just now, or that nobody made in *seconds*."""
        rows = self._all(
            """
            update function_call set rung_at = now() where id = any(array(
              select c.id from function_call c join playbook_run r on r.id = c.run_id
              where c.end_time is null and r.status in ('queued', 'running')
              and coalesce(c.due_at <= now(), true) and (c.due_at is not null and c.rung_at is null
                or coalesce(c.rung_at, c.create_time) < now() - make_interval(secs => :s))
              order by c.id limit 500))
            returning run_id, action_run_id
            """,
            s=seconds,
        )
        return sorted({(row["run_id"], row["action_run_id"]) for row in rows})

    def close(self, run_ids: list[int], message: str) -> None:
        """End the calls of cancelled runs that nobody has made."""
        self._do(
            "update function_call set end_time = now(), message = :message"
            " where run_id = any(:ids) and end_time is null",
            ids=run_ids,
            message=storable(message),
        )
