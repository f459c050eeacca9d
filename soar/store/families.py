"""
Runs that call each other: how deep they are nested, what a child gave, and who began it all.

In: ids and the names of blocks. Out: rows as mappings. Never: a change.
"""

from __future__ import annotations

from soar.store.rows import Queries, Row

_UP = """
    with recursive up(id, parent, depth) as (
      select id, parent_action_run_id, 1 from playbook_run where id = :id
      union all select r.id, r.parent_action_run_id, u.depth + 1 from up u
      join action_run a on a.id = u.parent join playbook_run r on r.id = a.run_id)
"""


class Families(Queries):
    """Named queries on runs and the runs that they have started."""

    def next_run_id(self) -> int:
        """Reserve an id for a run that a block starts."""
        return int(self._value("select nextval(pg_get_serial_sequence('playbook_run', 'id'))"))

    def depth(self, run_id: int) -> int:
        """Return how many runs stand one below the other, down to this one."""
        return int(self._value(f"{_UP} select max(depth) from up", id=run_id))

    def root(self, run_id: int) -> Row:
        """Return the run that led to this one, or itself."""
        row = self._one(
            f"{_UP} select r.* from up u join playbook_run r on r.id = u.id"
            " order by u.depth desc limit 1",
            id=run_id,
        )
        assert row is not None
        return row

    def child_of(self, action_run_id: int) -> Row | None:
        """Return the run that an action run started."""
        return self._one(
            "select * from playbook_run where parent_action_run_id = :id order by id limit 1",
            id=action_run_id,
        )

    def summary_of(self, run_id: int) -> list[Row]:
        """Return what a run has asked for, in its order, and what came of it."""
        return self._all(
            "select id, name, action, kind, status, message from action_run"
            " where run_id = :run order by id",
            run=run_id,
        )
