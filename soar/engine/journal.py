"""
What a block does before its end, and a block that is run again must not do again.

In: the run, and which of its events the block is told. Out: what came of a deed the first time.
Never: anything kept beyond the block's own commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from soar.store.rows import Row
from soar.store.work import Work


@dataclass
class Journal:
    """The deeds of one block, and the ids that it was given."""

    work: Work
    run_id: int
    step: str
    number: int = 0
    """How many deeds this attempt has come to."""
    given: list[tuple[str, int]] = field(default_factory=list)
    _earlier: dict[int, Row] | None = None
    _again: list[tuple[str, int]] = field(default_factory=list)
    """The ids of an earlier attempt: its changes may be there under them."""

    def earlier(self) -> dict[int, Row]:
        """Return the deeds of an earlier attempt, by number; read once, and usually none."""
        if self._earlier is None:
            with self.work.attempt():
                rows = self.work.deeds.all(self.run_id, self.step)
            self._earlier = {row["number"]: row for row in rows}
            ids = [row["answer"]["ids"] for row in rows if "ids" in row["answer"]]
            self._again = [(table, number) for table, number in (ids[-1] if ids else [])]
        return self._earlier

    def id_for(self, table: str, reserve: Callable[[], int]) -> int:
        """Return the id that an earlier attempt was given here, or a new one."""
        self.earlier()
        at = len(self.given)
        again = self._again[at] if at < len(self._again) else None
        number = again[1] if again and again[0] == table else reserve()
        self.given.append((table, number))
        return number

    def next(self, digest: str) -> tuple[int, Any]:
        """Count one more deed; return its number, and what came of it before, if it was done."""
        self.number += 1
        before = self.earlier().get(self.number)
        done = before["answer"] if before and before["digest"] == digest else None
        return self.number, done

    def close(self) -> None:
        """Forget the deeds, in the block's own transaction: it will not be run again."""
        if self.number:
            self.work.deeds.forget(self.run_id)
