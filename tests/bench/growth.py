"""
What a run costs when the tables are full of finished ones.

In: how many finished runs. Out: two houses of the product, one with a thousand, one with as many.
Never: statistics that the planner would not have: both are analysed.
"""

from __future__ import annotations

from soar.bootstrap import House

FEW = 1000

FILL = (
    "insert into playbook (name, title, version, source) values ('past', 'past', '1', '')",
    """
    insert into container (asset, source_id, name, label, severity, status)
    select 'past', n::text, 'past', 'events', 'medium', 'closed'
    from generate_series(1, %(runs)s) n
    """,
    """
    insert into playbook_run (container_id, playbook_id, status, create_time, start_time, end_time,
      update_time)
    select c.id, (select id from playbook where name = 'past'), 'success', t, t, t, t
    from container c cross join lateral (select now() - c.id * interval '1 second' as t) x
    where c.asset = 'past'
    """,
    """
    insert into action_run (id, run_id, container_id, join_id, kind, action, name, callback, status,
      create_time, end_time, delivered_at) overriding system value
    select r.id, r.id, r.container_id, r.id, 'act', 'no op', 'bench', 'verdict', 'success',
      r.end_time, r.end_time, r.end_time from playbook_run r
    """,
    "select setval(pg_get_serial_sequence('action_run', 'id'), (select max(id) from action_run))",
    """
    insert into app_run (action_run_id, join_id, run_id, container_id, app, app_version, action,
      asset, task, parameters, status, message, summary, made, attempt, start_time, end_time)
    select r.id, r.id, r.id, r.container_id, 'bench', '1.0.0', 'no op', 'bench',
      'soar.tasks.bench.no_op', jsonb_build_object('number', n), 'success', 'done',
      jsonb_build_object('number', n), 1, 1, r.end_time, r.end_time
    from playbook_run r cross join generate_series(1, %(calls)s) n
    """,
    "vacuum analyze",
)


def fill(house: House, runs: int, calls: int) -> None:
    """Fill the tables with finished runs, each of so many calls."""
    house.database.run("set synchronous_commit = off", {})
    for statement in FILL:
        house.database.run(statement, {"runs": runs, "calls": calls})


def size(house: House) -> str:
    """Say how much a database holds."""
    rows = house.database.run(
        """
        select (select count(*) from playbook_run), (select count(*) from app_run),
               pg_size_pretty(pg_database_size(current_database()))
        """,
        {},
    )
    return "{} runs, {} calls, {}".format(*rows[0])
