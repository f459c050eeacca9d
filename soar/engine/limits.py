"""
What one block may take: memory, and the lives of processes.

In: a block about to run. Out: how many processes have died of it.
Never: a block that is tried for ever because it kills whoever runs it.
"""

from __future__ import annotations

import gc
import resource
from dataclasses import dataclass
from typing import Self

from soar.store.database import Database
from soar.store.errors import UNREACHABLE
from soar.store.patience import patiently

MOST_DEATHS = 3
"""So many processes may a block take with it before it is set aside."""

BRACE = """
    insert into block_try (run_id, tries) values (%(run)s, 1)
    on conflict (run_id) do update set tries = block_try.tries + 1
    returning tries, set_config('synchronous_commit', 'off', true)
"""
"""It does not wait for the disk: a process that dies takes nothing with it that was committed, and
a server that crashes may forget that a block was begun."""
UNBRACE = "update block_try set tries = tries - 1 where run_id = %(run)s"


@dataclass
class Brace:
    """
    Notes, before a block runs, that it will; tells how many processes it has ended or broken.

    Committed at once and taken back with the block's own commit: what stands there when the
    next process comes was left by one that died or could not go on. Only the holder of the run's
    row takes it. As a context around the block's transaction it takes the note back if it was
    the database that could not be reached.
    """

    database: Database
    run_id: int
    taken: bool = False

    def take(self) -> int:
        """Leave the note; return how many processes this block has ended or broken."""
        deaths = int(self.database.run(BRACE, {"run": self.run_id})[0][0]) - 1
        self.taken = True
        return deaths

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self.taken and isinstance(error, UNREACHABLE):
            patiently(lambda: self.database.run(UNBRACE, {"run": self.run_id}))


YOUNG = 20_000
"""So many new values are made before the process looks for those that hang on each other only."""


def collect_seldom() -> None:
    """
    Let this process look for cycles of values seldom, and never among what it began with.

    A block over ten thousand artifacts makes some hundred thousand values that stay: to look
    through them again and again took a third of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)


def bound_memory(megabytes: int) -> None:
    """Let this process have no more memory than that: a block that wants more is told so."""
    size = megabytes * 1024 * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or size <= hard:
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))
