"""
Runs of candidates beside the live runs: pairs, what each did, and whose answer a prompt takes.

In: ids. Out: rows as mappings. Never: a change of a live run.
"""

from __future__ import annotations

from soar.store.rows import Queries, Row

_FAMILIES = """
    with recursive family(root, id) as (
      select i, i from unnest(cast(:ids as bigint[])) i
      union select f.root, r.id from family f
      join action_run a on a.run_id = f.id and a.kind = 'playbook'
      join playbook_run r on r.parent_action_run_id = a.id)
"""

_OLDEST = """
      update action_run w set rung_at = now() from playbook_run o join playbook p
      on p.id = o.playbook_id where o.id = w.run_id and w.id = any(array(
        select a.id from playbook_run r join action_run a on a.run_id = r.id
        where r.shadow and r.status in ('queued', 'running') and a.kind = 'prompt'
        and a.end_time is null order by coalesce(a.rung_at, '-infinity'), a.id limit :limit
        for update of a skip locked))
      returning w.id, w.run_id, w.name, p.name as playbook
"""
_ONE = """
      select w.id, w.run_id, w.name, p.name as playbook from action_run w
      join playbook_run o on o.id = w.run_id join playbook p on p.id = o.playbook_id
      where w.id = :id
"""
_BESIDE = """
    with recursive waiting as ({waiting}),
    up(id, run_id) as (
      select id, run_id from waiting union select u.id, a.run_id from up u
      join playbook_run r on r.id = u.run_id join action_run a on a.id = r.parent_action_run_id),
    down(id, run_id) as (
      select u.id, r.beside from up u join playbook_run r on r.id = u.run_id
      where r.beside is not null
      union select d.id, r.id from down d join action_run a on a.run_id = d.run_id
      and a.kind = 'playbook' join playbook_run r on r.parent_action_run_id = a.id)
    select w.id, w.run_id, w.name, q.status, q.answer, q.responses, exists (
      select 1 from down d join playbook_run r on r.id = d.run_id
      where d.id = w.id and r.status in ('queued', 'running')) as live
    from waiting w left join lateral (
      select a.status, a.answer, a.responses from down d join approval a on a.run_id = d.run_id
      join playbook_run r on r.id = a.run_id join playbook p on p.id = r.playbook_id
      where d.id = w.id and a.kind = 'prompt' and a.name = w.name and p.name = w.playbook
      order by a.id limit 1) q on true
"""


class Candidates(Queries):
    """Named queries on the runs of candidates."""

    def waiting(self, limit: int = 200) -> list[Row]:
        """
        Return open prompts of candidates, each with the question of the live run beside.

        Those that were looked at longest ago come first. *live*: whether that run goes on, so
        that it may still be asked.
        """
        return self._all(_BESIDE.format(waiting=_OLDEST), limit=limit)

    def heard(self, join_id: int) -> Row | None:
        """Return a prompt of a candidate with the question of the live run beside."""
        return self._one(_BESIDE.format(waiting=_ONE), id=join_id)

    def pairs(self, playbook_id: int, limit: int) -> list[Row]:
        """Return the newest runs of a candidate, each with the live run that began with it."""
        return self._all(
            """
            select s.id as candidate_run, s.status as candidate_status, s.error as candidate_error,
            l.id as live_run, l.status as live_status, l.error as live_error,
            c.id, c.name, c.create_time from playbook_run s
            join playbook_run l on l.id = s.beside join container c on c.id = s.container_id
            where s.playbook_id = :id and s.beside is not null order by s.id desc limit :limit
            """,
            id=playbook_id,
            limit=limit,
        )

    def calls_of(self, run_ids: list[int]) -> list[Row]:
        """Return the calls of runs and of those they have started; *root* says of which run."""
        return self._all(
            f"""
            {_FAMILIES} select f.root, c.app, c.action, c.asset, c.parameters, c.target, c.status,
            c.message, c.summary, c.shadow, c.parked_for from family f
            join app_run c on c.run_id = f.id order by c.id
            """,
            ids=run_ids,
        )

    def said_in(self, run_ids: list[int]) -> list[Row]:
        """Return what the logs of runs say of shadow mode; *root* says of which run."""
        return self._all(
            f"""
            {_FAMILIES} select f.root, l.message from family f join run_log l on l.run_id = f.id
            where l.level = 'info' and starts_with(l.message, 'shadow: ') order by l.id
            """,
            ids=run_ids,
        )
