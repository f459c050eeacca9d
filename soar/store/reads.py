"""
Rows as they are shown: the joins that read models need.

In: ids. Out: mappings for timeline and report. Never: a write.
"""

from __future__ import annotations

from soar.store.rows import Queries, Row


class Reads(Queries):
    """Named queries for read models."""

    def runs_of(self, container_id: int) -> list[Row]:
        """Return the runs of a container with their playbooks, first one first."""
        return self._all(
            """
            select r.*, p.name as playbook, p.title, p.version, p.manual_minutes
            from playbook_run r join playbook p on p.id = r.playbook_id
            where r.container_id = :id order by r.id
            """,
            id=container_id,
        )

    def recent_runs(self, limit: int = 50) -> list[Row]:
        """Return the newest runs, without what they hold, and whether they wait for a human."""
        return self._all(
            """
            select r.id, r.container_id, r.status, r.error, r.create_time, r.start_time, r.end_time,
            r.auto_resolved, r.shadow, p.name as playbook, p.title, p.version,
            c.name as container_name,
            c.severity, exists (select 1 from approval a where a.run_id = r.id
                                and a.status = 'open') as waiting
            from playbook_run r join playbook p on p.id = r.playbook_id
            join container c on c.id = r.container_id order by r.id desc limit :limit
            """,
            limit=limit,
        )

    def actions_of(self, container_id: int) -> list[Row]:
        """Return the action runs of a container in the order they were asked."""
        return self._all(
            "select * from action_run where container_id = :id order by id", id=container_id
        )

    def calls_of(self, container_id: int) -> list[Row]:
        """Return every call made for a container, without its data."""
        return self._all(
            """
            select c.id, c.action_run_id, c.join_id, c.run_id, c.app, c.action, c.asset,
            c.parameters, c.status, c.message, c.summary, c.effect, c.parked_for, c.due_at,
            c.attempt, c.tries, c.create_time, c.start_time, c.end_time, c.approval_id,
            c.attachment_id, c.target, c.shadow, f.run_id as reused_run,
            c.end_time - f.end_time as reused_age,
            array(select distinct s.run_id from app_run s where s.reused_from = c.id
                  and s.target is not null and c.target is not null order by 1) as shared_by
            from app_run c left join app_run f on f.id = c.reused_from
            where c.container_id = :id order by c.id
            """,
            id=container_id,
        )

    def approvals_of(self, container_id: int) -> list[Row]:
        """Return the questions asked about a container, each with those who agreed to its end."""
        return self._all(
            """
            select a.*, coalesce((
              select array_agg(b.person || coalesce(' for ' || nullif(b.signed->>'for', ''), '')
                order by b.create_time, b.person) from ballot b
              where b.approval_id = a.id and b.choice = a.answer),
              array_remove(array[a.answered_by], null)) as agreed
            from approval a where a.container_id = :id order by a.id
            """,
            id=container_id,
        )

    def results_of(self, join_id: int) -> list[Row]:
        """Return every call that a join waited for, in the order they were asked."""
        return self._all(
            "select c.*, a.name as action_name from app_run c"
            " join action_run a on a.id = c.action_run_id where c.join_id = :id order by c.id",
            id=join_id,
        )

    def notes_of(self, container_id: int) -> list[Row]:
        """Return the notes and comments of a container."""
        return self._all("select * from note where container_id = :id order by id", id=container_id)

    def log_of(self, run_id: int) -> list[Row]:
        """Return the log of a run."""
        return self._all("select * from run_log where run_id = :id order by id", id=run_id)

    def logs_of(self, container_id: int) -> list[Row]:
        """Return the logs of all runs of a container."""
        return self._all(
            """
            select l.* from run_log l join playbook_run r on r.id = l.run_id
            where r.container_id = :id order by l.id
            """,
            id=container_id,
        )

    def origin_of(self, container_id: int) -> Row | None:
        """Return a container, without its data, and the app of the asset it came from."""
        return self._one(
            """
            select c.id, c.asset, c.name, c.label, c.severity, c.status, c.kind, c.create_time,
            c.close_time, coalesce(a.app, '') as app from container c
            left join asset a on a.slug = c.asset where c.id = :id
            """,
            id=container_id,
        )

    def run_lines_of(self, container_id: int) -> list[Row]:
        """Return the runs of a container without what they hold, each with its parent run."""
        return self._all(
            """
            select r.id, r.status, r.error, r.started_by, r.auto_resolved, r.create_time,
            r.start_time, r.end_time, r.shadow, r.beside, p.name as playbook, p.title, p.version,
            p.manual_minutes, a.run_id as parent_run_id
            from playbook_run r join playbook p on p.id = r.playbook_id
            left join action_run a on a.id = r.parent_action_run_id
            where r.container_id = :id order by r.id
            """,
            id=container_id,
        )

    def uncalled_of(self, container_id: int) -> list[Row]:
        """Return acts and sub-playbooks that came to no call or run, and functions that failed."""
        return self._all(
            """
            select a.id, a.run_id, a.kind, a.action, a.name, a.status, a.message, a.create_time,
            a.end_time from action_run a where a.container_id = :id and a.status = 'failed'
            and ((a.kind = 'act'
                  and not exists (select 1 from app_run c where c.action_run_id = a.id))
              or (a.kind = 'playbook'
                  and not exists (select 1 from playbook_run r
                                  where r.parent_action_run_id = a.id))
              or a.kind = 'custom_function')
            order by a.id
            """,
            id=container_id,
        )

    def fresh_report(self, container_id: int) -> Row | None:
        """Return the report of a container unless one of its runs went on after it was written."""
        return self._one(
            """
            select t.* from report t where t.container_id = :id and not exists (
              select 1 from playbook_run r where r.container_id = t.container_id and not r.shadow
              and (r.status in ('queued', 'running') or r.end_time > t.create_time))
            """,
            id=container_id,
        )

    def report(self, container_id: int) -> Row | None:
        """Return the execution report of a container, if it was written."""
        return self._one("select * from report where container_id = :id", id=container_id)

    def recent_calls(self, asset: str, seconds: int) -> int:
        """
        Return how many calls an asset may have got in the last *seconds*: rather too many.

        Counted are calls that were made and ended since, and those that have not ended yet; but
        not what was claimed just now for an asset that nobody has called: these are about to ask.
        """
        row = self._one(
            """
            select (select coalesce(sum(made), 0) from app_run where asset = :asset
                    and made > 0 and end_time > now() - make_interval(secs => :s)) as ended,
              coalesce(sum(made) filter (where claimed_at > now() - make_interval(secs => :s + 60)),
                       0) as made, count(*) filter (where status = 'running') as running,
              bool_or(status = 'running' and claimed_at < now() - interval '5 seconds') as long
            from app_run where asset = :asset and status in ('pending', 'running', 'parked')
            """,
            asset=asset,
            s=seconds,
        )
        assert row is not None
        made = int(row["ended"] + row["made"])
        return made + (int(row["running"]) if made or row["long"] else 0)
