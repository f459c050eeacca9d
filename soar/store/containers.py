"""
Containers, artifacts and notes.

In: checked alerts and the changes that blocks ask for. Out: rows as mappings.
Never: two containers of the same (tenant, asset, source id).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from soar.domain.errors import BadInput, NotFound
from soar.domain.model import NewArtifact, NewContainer, rank_of
from soar.store.lanes import MOVED
from soar.store.prepared import Hot
from soar.store.rows import Queries, Row, as_json, storable
from soar.store.tenants import TAKES

CHANGEABLE = frozenset(
    {
        "name",
        "label",
        "severity",
        "status",
        "description",
        "owner_name",
        "sensitivity",
        "kind",
        "template",
        "tags",
        "data",
        "custom_fields",
    }
)
JSON_FIELDS = frozenset({"data", "custom_fields"})


class Containers(Queries):
    """Named queries on containers and what belongs to them."""

    def add(self, new: NewContainer) -> tuple[int, bool]:
        """
        Add a container with its artifacts; a repeat returns the first one's id and False.

        The one statement also looks up the tenant that it names.
        """
        row = self._one(
            f"""
            insert into container (tenant_id, asset, source_id, name, label, severity, description,
              tags, data)
            select t.id, :asset, :source_id, :name, :label, :severity, :description,
              cast(:tags as text[]), cast(:data as jsonb) from {TAKES} t
            on conflict (tenant_id, asset, source_id) do nothing returning id
            """,
            tenant=new.tenant,
            asset=new.asset,
            source_id=new.source_id,
            name=storable(new.name),
            label=new.label,
            severity=new.severity,
            description=storable(new.description),
            tags=list(new.tags),
            data=as_json(new.data),
        )
        if row is None:
            return self.find(new.asset, new.source_id, tenant=new.tenant), False
        for index, artifact in enumerate(new.artifacts):
            self.add_artifact(row["id"], artifact, default_source=f"{index + 1}")
        return row["id"], True

    def find(self, asset: str, source_id: str, *, tenant: str = "") -> int:
        """Return the id of the container of an alert, or say that its tenant takes none."""
        found = self._one(
            f"select c.id from {TAKES} t left join container c on c.tenant_id = t.id"
            " and c.asset = :asset and c.source_id = :source_id",
            asset=asset,
            source_id=source_id,
            tenant=tenant,
        )
        if found is None:
            known = "see `soar tenant list`"
            raise BadInput("tenant", f"{tenant!r} is no tenant that takes new containers: {known}")
        if found["id"] is None:
            raise NotFound(f"no container of {asset!r} has the source id {source_id!r}")
        return int(found["id"])

    def get(self, container_id: int) -> Row:
        """Return one container."""
        row = self._one(Hot("select * from container where id = :id"), id=container_id)
        if row is None:
            raise NotFound(f"there is no container {container_id}")
        return row

    def with_artifacts(self, container_id: int, limit: int) -> tuple[Row, list[Row]]:
        """Return a container and its first artifacts, in one statement: every block reads them."""
        rows = self._all(
            Hot("""
            select case when row_number() over (order by a.id) = 1 then to_json(c) end as owner, a.*
            from container c left join (
              select * from artifact where container_id = :id order by id limit :limit) a on true
            where c.id = :id order by a.id
            """),
            id=container_id,
            limit=limit,
        )
        if not rows:
            raise NotFound(f"there is no container {container_id}")
        owner = dict(rows[0]["owner"])
        times = {name: _moment(owner[name]) for name in owner if name.endswith("_time")}
        return owner | times, [row for row in rows if row["id"] is not None]

    def artifact_count(self, container_id: int) -> int:
        """Return how many artifacts a container has; of a million it takes a while to count."""
        return int(
            self._value("select count(*) from artifact where container_id = :id", id=container_id)
        )

    def artifacts(self, container_id: int, limit: int = 10_000) -> list[Row]:
        """Return the artifacts of a container in the order they came, the first *limit*."""
        return self._all(
            Hot("select * from artifact where container_id = :id order by id limit :limit"),
            id=container_id,
            limit=limit,
        )

    def next_artifact_id(self) -> int:
        """Reserve an id for an artifact that a block adds."""
        return int(self._value("select nextval(pg_get_serial_sequence('artifact', 'id'))"))

    def add_artifact(
        self,
        container_id: int,
        new: NewArtifact,
        *,
        default_source: str = "",
        artifact_id: int | None = None,
        run_id: int | None = None,
    ) -> int | None:
        """Add an artifact; one of the same source id is left as it is and None returned."""
        columns = "container_id, source_id, name, label, type, severity, cef, tags, data, run_id"
        source = new.source_id or default_source or f"artifact-{artifact_id or 'new'}"
        added: int | None = self._value(
            f"""
            insert into artifact ({"id, " if artifact_id else ""}{columns})
            {"overriding system value" if artifact_id else ""}
            values ({":id, " if artifact_id else ""}:container_id, :source_id, :name, :label,
                    :type, :severity, cast(:cef as jsonb), :tags, cast(:data as jsonb), :run_id)
            on conflict (container_id, source_id) do nothing returning id
            """,
            **({"id": artifact_id} if artifact_id else {}),
            container_id=container_id,
            source_id=source,
            name=storable(new.name),
            label=new.label,
            type=new.type,
            severity=new.severity,
            cef=as_json(new.cef),
            tags=list(new.tags),
            data=as_json(new.data),
            run_id=run_id,
        )
        return added

    def update(self, container_id: int, changes: Mapping[str, Any]) -> None:
        """Change fields; ``custom_fields`` and ``data`` are merged, the others replaced."""
        wanted = {k: v for k, v in changes.items() if k in CHANGEABLE}
        if not wanted:
            return
        sets = [f"{name} = {_placeholder(name)}" for name in sorted(wanted)]
        if "status" in wanted:
            sets.append(
                "close_time = case when :status = 'closed' then coalesce(close_time, now()) end"
            )
        values = {n: _storable_field(n, v) for n, v in wanted.items()}
        was = self._severity(container_id) if "severity" in wanted else None
        self._do(
            f"update container set {', '.join(sets)}, update_time = now() where id = :id",
            id=container_id,
            **values,
        )
        if was is not None and was != values["severity"]:
            ranks = {"was": rank_of(was), "rank": rank_of(values["severity"])}
            self._do(MOVED, id=container_id, **ranks)
        if wanted.get("status") == "closed":
            self._do(
                "delete from saved_object where container_id = :id and ends_with_container",
                id=container_id,
            )

    def _severity(self, container_id: int) -> str | None:
        """Return a container's severity, which nobody else changes before this transaction ends."""
        found: str | None = self._value(
            "select severity from container where id = :id for no key update", id=container_id
        )
        return found

    def add_note(
        self,
        container_id: int,
        *,
        content: str,
        author: str,
        kind: str = "comment",
        title: str = "",
        format: str = "markdown",
        run_id: int | None = None,
        note_id: int | None = None,
        task_id: int | None = None,
        artifact_id: int | None = None,
    ) -> int:
        """Write a note or comment, with the id that was reserved for it."""
        return int(
            self._value(
                f"""
                insert into note ({"id, " if note_id else ""}container_id, run_id, kind, title,
                  content, format, author, task_id, artifact_id)
                {"overriding system value" if note_id else ""}
                values ({":id, " if note_id else ""}:container_id, :run_id, :kind, :title,
                  :content, :format, :author, :task_id, :artifact_id)
                returning id
                """,
                **({"id": note_id} if note_id else {}),
                task_id=task_id,
                artifact_id=artifact_id,
                container_id=container_id,
                run_id=run_id,
                kind=kind,
                title=storable(title),
                content=storable(content),
                format=format,
                author=author,
            )
        )

    def save_report(self, container_id: int, text: str, facts: Mapping[str, Any]) -> None:
        """Keep the execution report of a container, replacing an earlier one."""
        self._do(
            """
            insert into report (container_id, text, facts)
            values (:id, :text, cast(:facts as jsonb))
            on conflict (container_id) do update
            set text = excluded.text, facts = excluded.facts, create_time = now()
            """,
            id=container_id,
            text=storable(text),
            facts=as_json(facts),
        )


def _placeholder(name: str) -> str:
    return f"{name} || cast(:{name} as jsonb)" if name in JSON_FIELDS else f":{name}"


def _storable_field(name: str, value: Any) -> Any:
    if name in JSON_FIELDS:
        return as_json(value)
    return [str(v) for v in value] if name == "tags" else storable(str(value))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
