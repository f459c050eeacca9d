"""
Statuses and their tables: each status is in its table, and no end has a way out.

In: the tables. Out: nothing. Never: a status that the tables forgot.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.domain import states
from soar.domain.errors import IllegalMove
from soar.domain.states import (
    ACTION_MOVES,
    APP_RUN_MOVES,
    APPROVAL_MOVES,
    RUN_MOVES,
    ActionStatus,
    ApprovalStatus,
    AppRunStatus,
    RunStatus,
)

TABLES = [
    (RunStatus, RUN_MOVES, RunStatus.QUEUED),
    (ActionStatus, ACTION_MOVES, ActionStatus.RUNNING),
    (AppRunStatus, APP_RUN_MOVES, AppRunStatus.PENDING),
    (ApprovalStatus, APPROVAL_MOVES, ApprovalStatus.OPEN),
]


@pytest.mark.parametrize(("statuses", "table", "first"), TABLES)
def test_a_table_covers_every_status_and_every_status_can_be_reached(
    statuses: Any, table: Any, first: Any
) -> None:
    """
    No status is missing, and none is there in vain.
    """
    reached, todo = {first}, [first]
    while todo:
        for status in table[todo.pop()] - reached:
            reached.add(status)
            todo.append(status)

    assert set(table) == set(statuses) == reached


@pytest.mark.parametrize(("statuses", "table", "first"), TABLES)
def test_a_move_is_legal_exactly_where_the_table_says_so(
    statuses: Any, table: Any, first: Any
) -> None:
    """
    Every other one names where from and where to.
    """
    for now in statuses:
        for wanted in statuses:
            if wanted in table[now]:
                assert states.moved(table, "it", now, wanted) is wanted
                assert now.value in states.sources(table, wanted)
            else:
                with pytest.raises(IllegalMove, match=f"it: {now.value} -> {wanted.value}"):
                    states.moved(table, "it", now, wanted)
                assert now.value not in states.sources(table, wanted)


@pytest.mark.parametrize(("statuses", "table", "first"), TABLES)
def test_an_end_is_an_end(statuses: Any, table: Any, first: Any) -> None:
    """
    What has succeeded, failed or been answered does not move again.
    """
    ends = {status for status in statuses if not table[status]}

    assert ends
    assert first not in ends
    assert not ends & {s for s in statuses if s.value in {"queued", "running", "parked", "open"}}
