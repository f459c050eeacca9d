"""
Which artifacts a run, and one call of it, reads.

In: scopes as playbooks, triggers and REST write them. Out: which ids stand inside.
Never: a scope that is guessed.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.domain import scope
from soar.domain.errors import BadInput

IDS = range(1, 7)


def inside(found: scope.Scope) -> list[int]:
    """Return which of six artifacts stand inside."""
    return [number for number in IDS if found.holds(number)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("all", [1, 2, 3, 4, 5, 6]),
        ("ALL", [1, 2, 3, 4, 5, 6]),
        ("new", [4, 5, 6]),
        ("New", [4, 5, 6]),
        ([2, 5], [2, 5]),
        ((2,), [2]),
        ({3}, [3]),
        (2, [2]),
        ([], []),
        (None, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_scope_is_all_or_what_is_new_or_a_list(asked: Any, expected: list[int]) -> None:
    """
    New is what came after the newest that an earlier run has seen; that one is not new.
    """
    assert inside(scope.of(asked, after=3)) == expected


@pytest.mark.parametrize(
    ("run", "call", "expected"),
    [
        ("new", None, [4, 5, 6]),
        ("new", "all", [1, 2, 3, 4, 5, 6]),
        ("all", "new", [4, 5, 6]),
        ([2, 5], None, [2, 5]),
        ([2, 5], "new", [4, 5, 6]),
        ([2, 5], "all", [1, 2, 3, 4, 5, 6]),
        ("new", [1], [1]),
    ],
)
def test_a_call_may_ask_for_another_scope(run: Any, call: Any, expected: list[int]) -> None:
    """
    It takes the place of the run's; None is the run's. What is new stays what it was.
    """
    assert inside(scope.of(run, after=3).narrowed(call)) == expected


@pytest.mark.parametrize("asked", ["old", "", b"all", {"id": 1}, [1, "2"], [True], True, 1.5])
def test_anything_else_is_refused(asked: Any) -> None:
    """
    In one sentence that names the field.
    """
    with pytest.raises(BadInput, match=r"scope: .* is not all, new, or a list of artifact ids"):
        scope.parse(asked)


def test_a_scope_is_kept_as_it_is_written() -> None:
    """
    Words in lower case, lists as lists.
    """
    assert [scope.parse(raw) for raw in ("ALL", "new", (1, 2), 3)] == ["all", "new", [1, 2], [3]]
