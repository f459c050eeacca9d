"""
What a run knows by the names of its blocks: formats, filters, results of blocks and of actions.

In: the id of a run, kinds and names. Out: JSON values and rows.
Never: another run's, or a result of which the run has not been told yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from soar.domain.commands import Told
from soar.store.columns import metadata, ref
from soar.store.prepared import Hot
from soar.store.rows import Queries, Row, as_json, storable

run_state = Table(
    "run_state",
    metadata,
    ref("run_id", "playbook_run.id", primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", JSONB, nullable=False),
)

SEEN = """
    start_time = now(),
    artifacts_to = coalesce((select max(a.id) from artifact a
                             where a.container_id = playbook_run.container_id), 0),
    artifacts_from = case when parent_action_run_id is not null then artifacts_from else coalesce((
        select max(r.artifacts_to) from playbook_run r join playbook p on p.id = r.playbook_id
        where r.container_id = playbook_run.container_id and r.id < playbook_run.id
        and r.shadow = playbook_run.shadow and r.parent_action_run_id is null
        and p.name = (select name from playbook own where own.id = playbook_run.playbook_id)), 0)
        end
"""
"""Notes, as a run starts, the newest artifact of its container, and the newest that an earlier
run of the same playbook had seen."""

STARTED = f"""
    with moved as (
      update playbook_run set status = :to, update_time = now(), {SEEN}
      where id = :id and status = any(:from) returning id, container_id, artifacts_from),
    begun as (
      insert into run_state (run_id, kind, name, value)
      select m.id, 'begun', 'container', jsonb_build_object('name', c.name, 'label', c.label,
        'severity', c.severity, 'status', c.status, 'description', c.description, 'kind', c.kind,
        'owner_name', c.owner_name, 'sensitivity', c.sensitivity, 'template', c.template,
        'tags', c.tags, 'custom_fields', c.custom_fields, 'current_phase_id', c.current_phase_id)
      from moved m join container c on c.id = m.container_id
      on conflict (run_id, kind, name) do nothing)
    select artifacts_from from moved
"""
"""Moves a run to running, and keeps how its container stood: a recording begins with that."""


ASKED_AS = "case when kind in ('playbook', 'custom_function') then kind else 'action' end"
"""As what ``completed`` asks for an action run: acts, groups of them and prompts are actions."""


def named_in(pairs: Iterable[Iterable[str]]) -> frozenset[Told]:
    """Return kinds and names as they stand in an array."""
    return frozenset((kind, name) for kind, name in pairs)


class RunState(Queries):
    """Named queries on what blocks have kept, and on results by name."""

    def keep(self, run_id: int, kept: Mapping[tuple[str, str], Any]) -> None:
        """Keep values by kind and name; each replaces what was kept under the same name."""
        if not kept:
            return
        rows: dict[tuple[str, str], Any] = {}
        for (kind, name), value in kept.items():
            rows[kind, str(storable(name))] = value
        self._later(
            Hot("""
            insert into run_state (run_id, kind, name, value)
            select :run, k.kind, k.name, coalesce(k.value, 'null') from
              jsonb_to_recordset(cast(:rows as jsonb)) as k(kind text, name text, value jsonb)
            on conflict (run_id, kind, name) do update set value = excluded.value
            """),
            run=run_id,
            rows=as_json([{"kind": k, "name": n, "value": v} for (k, n), v in rows.items()]),
        )

    def kept(self, run_id: int, kind: str, name: str) -> Any:
        """Return what was kept under a name, or None."""
        return self._value(
            Hot(
                "select value from run_state where run_id = :run and kind = :kind and name = :name"
            ),
            run=run_id,
            kind=kind,
            name=name,
        )

    def calls(
        self, run_id: int, *, name: str | None, action_run_id: int | None, app_run_id: int | None
    ) -> list[Row]:
        """Return the calls of the acts that a run was told of, in the order they were asked."""
        return self._all(
            Hot("""
            select c.*, a.name as action_name from app_run c
            join action_run a on a.id = c.action_run_id
            join action_run j on j.id = c.join_id
            where c.run_id = :run and j.delivered_at is not null
            and (cast(:name as text) is null or a.name = :name
                 or (j.kind = 'group' and j.name = :name))
            and (cast(:act as bigint) is null or c.action_run_id = :act)
            and (cast(:call as bigint) is null or c.id = :call)
            order by c.id
            """),
            run=run_id,
            name=name,
            act=action_run_id,
            call=app_run_id,
        )

    def told(
        self, run_id: int, kind: str, *, name: str | None = None, action_run_id: int | None = None
    ) -> list[Row]:
        """Return the action runs of a kind (prompts, playbooks) that a run was told of."""
        return self._all(
            Hot("""
            select * from action_run where run_id = :run and kind = :kind
            and delivered_at is not null and (cast(:name as text) is null or name = :name)
            and (cast(:act as bigint) is null or id = :act) order by id
            """),
            run=run_id,
            kind=kind,
            name=name,
            act=action_run_id,
        )

    def children(self, run_id: int, name: str) -> list[Row]:
        """Return inputs and outputs of the playbooks that a run has called by a name and heard."""
        return self._all(
            """
            select r.inputs, r.outputs from playbook_run r
            join action_run a on a.id = r.parent_action_run_id
            where a.run_id = :run and a.kind = 'playbook' and a.name = :name
            and a.delivered_at is not null order by r.id
            """,
            run=run_id,
            name=name,
        )
