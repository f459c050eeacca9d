"""
What one block may take: memory, and the lives of processes.

In: a block about to run. Out: how many processes have died of it.
Never: a block that is tried for ever because it kills whoever runs it.
"""

from __future__ import annotations

import resource

from soar.store.database import Database

MOST_DEATHS = 3
"""So many processes may a block take with it before it is set aside."""

BRACE = """
    insert into block_try (run_id, tries) values (%(run)s, 1)
    on conflict (run_id) do update set tries = block_try.tries + 1 returning tries
"""
UNBRACE = "update block_try set tries = tries - 1 where run_id = %(run)s"


def brace(database: Database, run_id: int) -> int:
    """
    Note, before a block runs, that it will; return how many processes it has ended or broken.

    Committed at once and taken back with the block's own commit: what stands there when the
    next process comes was left by one that died or could not go on. Only the holder of the
    run's row calls this.
    """
    return int(database.run(BRACE, {"run": run_id})[0][0]) - 1


def unbrace(database: Database, run_id: int) -> None:
    """Take a note back: it was the database that could not be reached."""
    database.run(UNBRACE, {"run": run_id})


def bound_memory(megabytes: int) -> None:
    """Let this process have no more memory than that: a block that wants more is told so."""
    size = megabytes * 1024 * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or size <= hard:
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))
