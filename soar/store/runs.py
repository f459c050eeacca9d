"""
Playbook runs, their action runs and logs: claim and move.

In: ids and the plan of a block. Out: rows as mappings; ``None`` where a claim was lost.
Never: a status that moves against the tables of ``domain.states``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from soar.domain.commands import Told
from soar.domain.errors import NotFound
from soar.domain.states import RUN_MOVES, RunStatus, sources
from soar.store.effects import CANCELLING
from soar.store.prepared import Hot
from soar.store.rows import Queries, Row, as_json, storable
from soar.store.run_state import ASKED_AS, STARTED, named_in

FEW = 50
"""So many runs wait for a moment only, if an engine hears of them at all."""
MOST_RUNG = 200
"""Runs on their way to an engine for a second time, all together."""
CANCELLED = """
    with recursive family(id) as (
      select cast(:id as bigint)
      union
      select c.id from playbook_run c join action_run a on a.id = c.parent_action_run_id
      join family f on f.id = a.run_id)
    update playbook_run r set status = 'cancelled', end_time = now(), update_time = now(),
    error = case when r.error = '' then :message else r.error end
    from family where r.id = family.id and r.status = any(:from) returning r.id
"""
"""Asked until it finds nobody: a block that it waited for may have called a playbook, which it
cannot see yet. A run that is cancelled calls none any more."""


class Runs(Queries):
    """Named queries on runs."""

    def add(
        self,
        *,
        container_id: int,
        playbook_id: int,
        started_by: str,
        run_as: str,
        inputs: Mapping[str, Any] | None = None,
        parent_action_run_id: int | None = None,
        shadow: bool = False,
        beside: int | None = None,
        run_id: int | None = None,
        scope: Any = "all",
        artifacts_from: int = 0,
        due_at: datetime | None = None,
    ) -> int:
        """
        Queue a run of one playbook version on one container; in shadow, it is a candidate's.

        Before *due_at* nobody can hold it; once that has come, the sweep starts it.
        """
        return int(
            self._value(
                Hot("""
                insert into playbook_run (id, container_id, playbook_id, started_by, run_as, inputs,
                                          parent_action_run_id, shadow, beside, scope,
                                          artifacts_from, due_at)
                values (coalesce(:id, nextval(pg_get_serial_sequence('playbook_run', 'id'))),
                        :container_id, :playbook_id, :started_by, :run_as, cast(:inputs as jsonb),
                        :parent, :shadow, :beside, cast(:scope as jsonb), :artifacts_from,
                        cast(:due_at as timestamptz))
                returning id
                """),
                id=run_id,
                container_id=container_id,
                playbook_id=playbook_id,
                started_by=started_by,
                run_as=run_as,
                inputs=as_json(inputs or {}),
                parent=parent_action_run_id,
                shadow=shadow,
                beside=beside,
                scope=as_json(scope),
                artifacts_from=artifacts_from,
                due_at=due_at,
            )
        )

    def get(self, run_id: int) -> Row:
        """Return one run with the name, title and version of its playbook."""
        row = self._one(
            """
            select r.*, p.name as playbook, p.title, p.version, p.manual_minutes
            from playbook_run r join playbook p on p.id = r.playbook_id where r.id = :id
            """,
            id=run_id,
        )
        if row is None:
            raise NotFound(f"there is no playbook run {run_id}")
        return row

    def started(self, run_id: int) -> int:
        """Move a locked run from queued to running; return after which artifact new ones begin."""
        new_after = self._value(
            Hot(STARTED),
            id=run_id,
            to=RunStatus.RUNNING.value,
            **{"from": sources(RUN_MOVES, RunStatus.RUNNING)},
        )
        return int(new_after or 0)

    def delivered(self, run_id: int, join_id: int) -> tuple[frozenset[Told], list[Row]]:
        """
        Mark a join's event as delivered, give its acts their end, take back the block's note.

        Return the names of its acts under which nothing else is open, and all its calls in the
        order they were asked.
        """
        rows = self._all(
            Hot(f"""
            with relieved as (delete from block_try where run_id = :run), told as (
              update action_run a set delivered_at = now(), end_time = coalesce(end_time, now()),
              status = case when a.kind <> 'act' then
                         case when a.status = 'running' then 'success' else a.status end
                       when exists (select 1 from app_run c where c.action_run_id = a.id
                                    and c.status = 'success') then 'success' else 'failed' end
              where run_id = :run and join_id = :id returning {ASKED_AS} as asked_as, name)
            select array(select array[asked_as, name] from told where (asked_as, name) not in (
              select {ASKED_AS}, name from action_run
              where run_id = :run and join_id <> :id and delivered_at is null)) as told_names, c.*
            from (select) one left join lateral (
              select c.*, a.name as action_name from app_run c
              join action_run a on a.id = c.action_run_id where c.join_id = :id) c on true
            order by c.id
            """),
            run=run_id,
            id=join_id,
        )
        return named_in(rows[0]["told_names"]), [row for row in rows if row["id"] is not None]

    def save(
        self,
        run_id: int,
        *,
        run_data: Mapping[str, str] | None,
        outputs: Mapping[str, Any] | None,
        error: str,
    ) -> None:
        """Keep what a block left: run data, outputs, and the first error of the run."""
        if not (run_data or outputs or error):
            return
        self._later(
            Hot("""
            update playbook_run set run_data = run_data || cast(:data as jsonb),
            outputs = outputs || cast(:outputs as jsonb),
            error = case when error = '' then :error else error end, update_time = now()
            where id = :id
            """),
            id=run_id,
            data=as_json(run_data or {}),
            outputs=as_json(outputs or {}),
            error=storable(error),
        )

    def cancel(self, run_id: int, message: str) -> list[int]:
        """
        Cancel an unfinished run and its unfinished descendants; return who was cancelled.

        Once whoever is marking a call of theirs has done so, none of them is sent any more.
        """
        values = {"message": storable(message), "from": sources(RUN_MOVES, RunStatus.CANCELLED)}
        ids: list[int] = []
        while rows := self._all(CANCELLED, id=run_id, **values):
            ids += [row["id"] for row in rows]
        ids.sort()
        self._do(CANCELLING, ids=ids)
        return ids

    def close_joins(self, run_ids: list[int], message: str) -> None:
        """End what cancelled runs wait for; nobody will be told."""
        self._do(
            """
            update action_run set status = 'failed', message = :message,
            end_time = coalesce(end_time, now()), delivered_at = now()
            where run_id = any(:ids) and delivered_at is null
            """,
            ids=run_ids,
            message=storable(message),
        )

    def finishing(self, run_id: int) -> None:
        """Note that on_finish of a run was called."""
        self._later(Hot("update playbook_run set finishing = true where id = :id"), id=run_id)

    def ended(self, run_id: int) -> str:
        """
        Move a run to its end, failed if it has an error; return that error.

        It was resolved without a person if it closed its container and nobody was asked.
        """
        return str(
            self._value(
                Hot("""
                update playbook_run r set update_time = now(), end_time = now(),
                status = case when r.error = '' then :succeeded else :failed end,
                auto_resolved = r.error = '' and not r.shadow and exists (
                  select 1 from container c where c.id = r.container_id and c.status = 'closed')
                  and not exists (select 1 from approval a
                    where a.container_id = r.container_id and a.status = 'answered')
                where id = :id and status = any(:from) returning r.error
                """),
                id=run_id,
                succeeded=RunStatus.SUCCEEDED.value,
                failed=RunStatus.FAILED.value,
                **{"from": sources(RUN_MOVES, RunStatus.FAILED)},
            )
            or ""
        )

    def add_action_run(
        self,
        *,
        run_id: int,
        container_id: int,
        kind: str,
        action: str,
        name: str,
        callback: str = "",
        handle: Any = None,
        remaining: int = 0,
        join_id: int | None = None,
        failed: str = "",
        loop_state: Mapping[str, Any] | None = None,
    ) -> int:
        """Add an act, group, prompt, call or sub-playbook; *join_id* None: it is its own join."""
        row = self._one(
            Hot("""
            insert into action_run (run_id, container_id, join_id, kind, action, name, callback,
                                    handle, loop_state, remaining, status, message, end_time)
            values (:run_id, :container_id,
                    coalesce(cast(:join_id as bigint),
                             currval(pg_get_serial_sequence('action_run', 'id'))),
                    :kind, :action, :name, :callback, cast(:handle as jsonb),
                    cast(:loop_state as jsonb), :remaining,
                    case when :failed = '' then 'running' else 'failed' end, :failed,
                    case when :remaining = 0 and :kind in ('act', 'group')
                         and cast(:join_id as bigint) is null then now() end)
            returning id
            """),
            run_id=run_id,
            container_id=container_id,
            join_id=join_id,
            kind=kind,
            action=action,
            name=storable(name),
            callback=callback,
            handle=as_json(handle),
            loop_state=as_json(loop_state) if loop_state else None,
            remaining=remaining,
            failed=storable(failed),
        )
        assert row is not None
        return int(row["id"])

    def end_join(self, join_id: int, *, succeeded: bool, message: str = "") -> bool:
        """End a prompt or sub-playbook; False when it had ended before."""
        return bool(
            self._do(
                """
                update action_run set end_time = now(), status = :status, message = :message,
                remaining = 0 where id = :id and end_time is null
                """,
                id=join_id,
                status="success" if succeeded else "failed",
                message=storable(message),
            )
        )

    def action_run(self, action_run_id: int) -> Row:
        """Return one action run."""
        row = self._one("select * from action_run where id = :id", id=action_run_id)
        if row is None:
            raise NotFound(f"there is no action run {action_run_id}")
        return row

    def log(self, run_id: int, lines: Sequence[tuple[str, str, str]]) -> None:
        """Write lines (level, block, message) into a run's log, all at once."""
        if not lines:
            return
        levels, blocks, messages = zip(*lines, strict=True)
        self._later(
            Hot("""
            insert into run_log (run_id, level, block, message)
            select cast(:id as bigint), l, b, m from unnest(cast(:levels as text[]),
              cast(:blocks as text[]), cast(:messages as text[]))
              with ordinality as x(l, b, m, n) order by n
            """),
            id=run_id,
            levels=list(levels),
            blocks=list(blocks),
            messages=[storable(message)[:20_000] for message in messages],
        )

    def warn_once(self, run_id: int, block: str, about: str, message: str) -> None:
        """Write a warning into a run's log, unless one that begins with *about* is there."""
        self._do(
            """
            insert into run_log (run_id, level, block, message)
            select :id, 'warning', :block, :message where not exists (
              select 1 from run_log where run_id = :id and level = 'warning'
              and starts_with(message, :about))
            """,
            id=run_id,
            block=block,
            message=message,
            about=about,
        )

    def lost_bells(self, *, seconds: int) -> list[tuple[int, int]]:
        """Return (run, join) of ended joins that nobody delivered in *seconds*, marking them."""
        rows = self._all(
            """
            update action_run set rung_at = now() where id = any(array(
              select a.id from action_run a join playbook_run r on r.id = a.run_id
              where a.delivered_at is null and a.end_time < now() - make_interval(secs => :s)
              and coalesce(a.rung_at, '-infinity') < now() - make_interval(secs => :s)
              and a.join_id = a.id and r.status in ('queued', 'running') limit 500))
            returning id, run_id
            """,
            s=seconds,
        )
        return [(row["run_id"], row["id"]) for row in rows]

    def stuck(self, *, seconds: int, soon: int) -> list[Row]:
        """
        Return unfinished runs that are due and that nobody moved in *seconds*, or since.

        While few wait to be started, one that waits for *soon* seconds was not heard. While many
        do, most of them only wait: not more are on their way again than an engine starts soon.
        """
        return self._all(
            f"""
            with backlog as (select count(*) as waiting, count(*) filter (
                where update_time > create_time
                and update_time > now() - make_interval(secs => :s)) as rung
              from playbook_run where status = 'queued' and coalesce(due_at <= now(), true))
            select r.id, r.status from playbook_run r cross join backlog b
            where r.status in ('queued', 'running') and coalesce(r.due_at <= now(), true)
            and (r.update_time < r.due_at or r.update_time < now() - make_interval(secs =>
              case when r.status = 'queued' and b.waiting <= {FEW} then :soon else :s end))
            and not exists (select 1 from action_run a where a.run_id = r.id
                            and a.delivered_at is null)
            order by r.status = 'queued', r.id
            limit (select greatest(0, {MOST_RUNG} - rung) from backlog)
            """,
            s=seconds,
            soon=soon,
        )

    def ring_soon(self, *, limit: int) -> int:
        """Let queued runs be taken for unheard; what was rung for them is lost."""
        return self._do(
            """
            update playbook_run set update_time = now() - interval '30 s' where id = any(array(
              select id from playbook_run where status = 'queued'
              and update_time > now() - interval '29 s'
              order by id limit :limit for update skip locked))
            """,
            limit=limit,
        )

    def touch(self, run_ids: Iterable[int]) -> None:
        """Note that a bell was rung for these runs."""
        self._do(
            "update playbook_run set update_time = now() where id = any(:ids)", ids=list(run_ids)
        )
