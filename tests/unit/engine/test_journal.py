"""
What a block that is called again is given: the ids and the answers of its first attempt.

In: rows of an earlier attempt. Out: ids and answers. Never: the answer to another question.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, cast

from soar.engine.journal import Journal
from soar.store.work import Work


@dataclass
class Past:
    """A unit of work that knows the deeds of an earlier attempt."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)

    @property
    def deeds(self) -> Past:
        """The deeds."""
        return self

    def attempt(self) -> nullcontext[None]:
        """Undo nothing."""
        return nullcontext()

    def all(self, run_id: int, step: str) -> list[dict[str, Any]]:
        """Return what was done."""
        return self.rows

    def forget(self, run_id: int) -> None:
        """Note that it is to be forgotten."""
        self.forgotten.append(run_id)


def journal(*rows: dict[str, Any]) -> tuple[Journal, Past]:
    """Return the journal of a block that did this before."""
    past = Past(rows=list(rows))
    return Journal(work=cast(Work, past), run_id=7, step="s"), past


def test_the_same_question_has_the_same_answer() -> None:
    """
    It is not asked a second time; one that was not asked before is.
    """
    asked, _ = journal({"number": 1, "digest": "abc", "answer": {"status": 200}})

    assert asked.next("abc") == (1, {"status": 200})
    assert asked.next("abc") == (2, None)


def test_another_question_in_its_place_is_asked() -> None:
    """
    A block that goes another way the second time does not hear what was said the first time.
    """
    asked, _ = journal({"number": 1, "digest": "abc", "answer": {"status": 200}})

    assert asked.next("xyz") == (1, None)


def test_an_id_of_the_same_table_is_given_again() -> None:
    """
    In the order they were given; where the block goes another way, new ones are.
    """
    answer = {"ids": [["note", 41], ["pin", 5]]}
    asked, _ = journal({"number": 1, "digest": "abc", "answer": answer})

    assert asked.id_for("note", lambda: 99) == 41
    assert asked.id_for("note", lambda: 99) == 99
    assert asked.id_for("note", lambda: 100) == 100
    assert asked.given == [("note", 41), ("note", 99), ("note", 100)]


def test_only_a_block_that_did_something_has_something_to_forget() -> None:
    """
    Most blocks ask nothing of REST: they make no statement at their end.
    """
    idle, past = journal()
    idle.close()
    assert past.forgotten == []

    idle.next("abc")
    idle.close()
    assert past.forgotten == [7]
