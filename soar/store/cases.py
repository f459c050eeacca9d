"""
What playbooks change of containers beyond their fields: whole containers, tags, artifacts, merges.

In: ids that were reserved, and changes. Out: rows. Never: something copied into a case twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from soar.store.rows import Queries, Row, as_json, storable

NUMBERED = frozenset({"container", "artifact", "note", "pin", "workbook_task", "attachment"})
ARTIFACT_FIELDS = frozenset({"name", "label", "type", "severity", "cef", "tags", "data"})
MERGED = frozenset({"cef", "data"})


class Cases(Queries):
    """Named queries on containers as cases."""

    def next_id(self, table: str) -> int:
        """Reserve an id for a row that a block adds."""
        if table not in NUMBERED:
            raise ValueError(f"no ids of {table!r} can be reserved")
        return int(self._value("select nextval(pg_get_serial_sequence(:table, 'id'))", table=table))

    def create(
        self,
        container_id: int,
        *,
        name: str,
        label: str,
        kind: str,
        template: str,
        tenant_id: int,
        source: str,
    ) -> None:
        """Make a container with its reserved id."""
        self._do(
            """
            insert into container (id, asset, source_id, name, label, severity, kind, template,
                                   tenant_id) overriding system value
            values (:id, 'playbook', :source, :name, :label, 'medium', :kind, :template, :tenant)
            """,
            id=container_id,
            source=source,
            name=storable(name),
            label=storable(label),
            kind=kind,
            template=storable(template),
            tenant=tenant_id,
        )

    def change_tags(self, container_id: int, *, add: Sequence[str], remove: Sequence[str]) -> None:
        """Add tags and remove some, whatever others change at the same time."""
        self._do(
            """
            update container c set update_time = now(), tags = array(
              select distinct t from unnest(c.tags || cast(:add as text[])) t
              where not t = any(cast(:remove as text[])) order by t)
            where id = :id
            """,
            id=container_id,
            add=list(add),
            remove=list(remove),
        )

    def artifact(self, artifact_id: int) -> Row | None:
        """Return one artifact."""
        return self._one("select * from artifact where id = :id", id=artifact_id)

    def update_artifact(
        self, artifact_id: int, changes: Mapping[str, Any], *, merge: bool = True
    ) -> bool:
        """Change an artifact; *merge* keeps fields of ``cef`` and ``data`` that are not named."""
        wanted = {n: v for n, v in changes.items() if n in ARTIFACT_FIELDS}
        if not wanted:
            return self.artifact(artifact_id) is not None
        sets = [f"{n} = {_set(n, merge)}" for n in sorted(wanted)]
        return bool(
            self._do(
                f"update artifact set {', '.join(sets)} where id = :id",
                id=artifact_id,
                **{n: _value(n, v) for n, v in wanted.items()},
            )
        )

    def delete_artifact(self, artifact_id: int) -> bool:
        """Remove an artifact; False where there was none."""
        return bool(self._do("delete from artifact where id = :id", id=artifact_id))

    def merge_artifacts(
        self, case_id: int, *, container_id: int | None = None, artifact_id: int | None = None
    ) -> int:
        """Copy artifacts into a case, those that it has not got yet."""
        which = "id = :source" if artifact_id else "container_id = :source"
        return self._do(
            f"""
            insert into artifact (container_id, source_id, name, label, type, severity, cef, tags,
              data, run_id)
            select :case, 'merged-' || id, name, label, type, severity, cef, tags, data, run_id
            from artifact where {which} order by id
            on conflict (container_id, source_id) do nothing
            """,
            case=case_id,
            source=artifact_id or container_id,
        )

    def merge_texts(self, case_id: int, container_id: int) -> None:
        """Copy the notes, comments and files of a container into a case, once."""
        self._do(
            """
            insert into note (container_id, run_id, kind, title, content, format, author,
              create_time)
            select :case, n.run_id, n.kind, n.title, n.content, n.format, n.author, n.create_time
            from note n where n.container_id = :source and not exists (
              select 1 from note m where m.container_id = :case
              and (m.kind, m.title, m.content, m.author, m.create_time)
                = (n.kind, n.title, n.content, n.author, n.create_time))
            order by n.id
            """,
            case=case_id,
            source=container_id,
        )
        self._do(
            """
            insert into attachment (container_id, run_id, name, media_type, size, sha1, sha256,
              content, details)
            select :case, a.run_id, a.name, a.media_type, a.size, a.sha1, a.sha256, a.content,
              a.details
            from attachment a where a.container_id = :source and not exists (
              select 1 from attachment b where b.container_id = :case and b.sha1 = a.sha1)
            order by a.id
            """,
            case=case_id,
            source=container_id,
        )

    def notes(self, container_id: int) -> list[Row]:
        """Return the notes of a container, without its comments."""
        return self._all(
            "select * from note where container_id = :id and kind <> 'comment' order by id",
            id=container_id,
        )

    def update_note(self, note_id: int, changes: Mapping[str, str]) -> None:
        """Change the title, content or format of a note."""
        sets = [f"{name} = :{name}" for name in sorted(changes)]
        self._do(
            f"update note set {', '.join([*sets, 'update_time = now()'])} where id = :id",
            id=note_id,
            **{name: storable(value) for name, value in changes.items()},
        )

    def delete_note(self, note_id: int) -> None:
        """Remove a note."""
        self._do("delete from note where id = :id", id=note_id)

    def asked_by(self, run_id: int) -> list[Row]:
        """Return what a run has asked for so far, in its order."""
        return self._all("select * from action_run where run_id = :id order by id", id=run_id)

    def discontinue(self, container_id: int, *, after_run: int, why: str) -> int:
        """Cancel the runs of a container that were queued after a run and have not begun."""
        return self._do(
            """
            update playbook_run set status = 'cancelled', error = :why, end_time = now(),
              update_time = now()
            where id = any(array(
              select id from playbook_run where container_id = :container and id > :run
              and status = 'queued' and parent_action_run_id is null and not shadow
              for update skip locked))
            """,
            container=container_id,
            run=after_run,
            why=storable(why),
        )


def _set(name: str, merge: bool) -> str:
    given = f"cast(:{name} as jsonb)" if name in MERGED else f":{name}"
    return f"{name} || {given}" if merge and name in MERGED else given


def _value(name: str, value: Any) -> Any:
    if name in MERGED:
        return as_json(dict(value))
    return [str(v) for v in value] if name == "tags" else storable(str(value))
