"""
What people and playbooks mark: indicators with tags, and parts of a container as evidence.

In: ids and texts. Out: rows. Never: an indicator's value: that stands in the artifacts.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text, UniqueConstraint

from soar.domain.cef import FIELDS
from soar.domain.model import SEVERITIES
from soar.store.columns import id_column, metadata, now_column, ref, text_column, texts
from soar.store.rows import Queries, storable

indicator_mark = Table(
    "indicator_mark",
    metadata,
    Column("indicator_id", BigInteger, primary_key=True, autoincrement=False),
    texts("tags"),
    text_column("changed_by"),
    now_column("update_time"),
)

evidence = Table(
    "evidence",
    metadata,
    id_column(),
    ref("container_id", "container.id"),
    Column("content_type", Text, nullable=False),
    Column("object_id", BigInteger, nullable=False),
    text_column("added_by"),
    now_column("create_time"),
    UniqueConstraint("container_id", "content_type", "object_id"),
)

KINDS = {
    "artifact": "select 1 from artifact where id = :id and container_id = :container",
    "actionrun": "select 1 from action_run where id = :id and container_id = :container",
    "note": "select 1 from note where id = :id and container_id = :container",
    "containerattachment": "select 1 from attachment where id = :id and container_id = :container",
}
"""What can be evidence, and how it is found in its container."""

_KNOWN = ", ".join(f"('{name}', '{kind}')" for kind, names in FIELDS.items() for name in names)
_VALUES = """
    select e.key as field, one #>> '{}' as value from jsonb_each(a.cef) e
    cross join lateral jsonb_array_elements(
      case jsonb_typeof(e.value) when 'array' then e.value else jsonb_build_array(e.value) end) one
    where jsonb_typeof(one) in ('string', 'number')
"""
_KINDS = f"""
    select kind from (values {_KNOWN}) known(field, kind) where known.field = v.field union
    select jsonb_array_elements_text(case jsonb_typeof(a.data->'cef_types'->v.field)
      when 'array' then a.data->'cef_types'->v.field else '[]' end)
"""
_BY_SEVERITY = ", ".join(
    f"'{name}', count(distinct c.id) filter (where a.severity = '{name}')" for name in SEVERITIES
)
SEEN = f"""
    (select ('x' || substr(md5(c.tenant_id || ':' || v.value), 1, 13))::bit(52)::bigint as id,
      c.tenant_id, v.value, encode(sha256(convert_to(v.value, 'UTF8')), 'hex') as value_hash,
      array_remove(array_agg(distinct k.kind), null) as contains,
      count(distinct c.id) as total_events,
      count(distinct c.id) filter (where c.status <> 'closed') as open_events,
      jsonb_build_object({_BY_SEVERITY}) as severity_counts,
      array_agg(distinct c.id) as containers,
      min(a.create_time) as earliest_time, max(a.create_time) as latest_time
    from artifact a join container c on c.id = a.container_id
    cross join lateral ({_VALUES}) v left join lateral ({_KINDS}) k on true
    where v.value <> '' group by c.tenant_id, v.value)
"""
"""Every value of the artifacts of each tenant, and where it was seen."""


class Marks(Queries):
    """Named queries on marks."""

    def tag(self, indicator_id: int, tags: list[str], *, by: str) -> None:
        """Give an indicator exactly these tags."""
        self._do(
            """
            insert into indicator_mark (indicator_id, tags, changed_by) values (:id, :tags, :by)
            on conflict (indicator_id) do update set tags = excluded.tags,
            changed_by = excluded.changed_by, update_time = now()
            """,
            id=indicator_id,
            tags=[storable(tag) for tag in tags],
            by=by,
        )

    def belongs(self, kind: str, object_id: int, container_id: int) -> bool:
        """Tell whether a container has such a part."""
        return bool(self._value(KINDS[kind], id=object_id, container=container_id))

    def add_evidence(self, container_id: int, kind: str, object_id: int, *, by: str) -> int | None:
        """Mark a part of a container as evidence and return its id; None where it is already."""
        found = self._value(
            """
            insert into evidence (container_id, content_type, object_id, added_by)
            values (:container, :kind, :object, :by) on conflict do nothing returning id
            """,
            container=container_id,
            kind=kind,
            object=object_id,
            by=by,
        )
        return None if found is None else int(found)

    def drop_evidence(self, evidence_id: int) -> None:
        """Let something be evidence no more."""
        self._do("delete from evidence where id = :id", id=evidence_id)
