"""
Loops: a block that is done again until a condition holds, it was done often enough, or long enough.

In: the state that a block carries in ``loop_state_json``. Out: whether to go on, and the state.
Never: a wait: the delay between two iterations is a start time of the next call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from soar.domain.errors import BadInput
from soar.phantom.deciding import decision
from soar.phantom.desk import desk

MOST_ITERATIONS = 1000
"""So often a loop may go round that names no number itself."""
NUMBERS = ("current_iteration", "max_iterations", "max_ttl", "delay_time")


class LoopState:
    """
    Where a loop stands: its iteration and its limits.

    *state* is a mapping, or its JSON text, with ``current_iteration``, ``max_iterations``,
    ``conditions``, ``max_ttl`` and ``delay_time`` (seconds). ``should_continue`` tells whether to
    go round again, ``increment`` counts an iteration, ``to_json`` is what ``loop_state=`` takes.
    """

    def __init__(self, state: Any = None) -> None:
        given = read(state)
        self._state = {
            **given,
            "current_iteration": given.get("current_iteration") or 1,
            "conditions": list(given.get("conditions") or []),
            "started": given.get("started") or desk().view.now.isoformat(),
        }

    @property
    def current_iteration(self) -> int:
        """How often the block was begun."""
        return int(self._state["current_iteration"])

    def should_continue(self, container: Any = None, results: Any = None, **_ignored: Any) -> bool:
        """Tell whether to go round again: no limit is reached and no condition holds."""
        most = self._state.get("max_iterations") or MOST_ITERATIONS
        if self.current_iteration >= most:
            return False
        lasts = self._state.get("max_ttl")
        began = datetime.fromisoformat(self._state["started"])
        if lasts and desk().view.now - began >= timedelta(seconds=lasts):
            return False
        rows = self._state["conditions"]
        return not rows or not decision(
            container=container, action_results=results, conditions=rows
        )

    def increment(self) -> None:
        """Count one more iteration."""
        self._state["current_iteration"] += 1

    def to_json(self) -> dict[str, Any]:
        """Return the state, to be handed on."""
        return dict(self._state)


def read(state: Any) -> dict[str, Any]:
    """Return a state as a mapping with numbers that are numbers, or say what is wrong with it."""
    if isinstance(state, str):
        try:
            state = json.loads(state) if state.strip() else {}
        except ValueError as error:
            raise BadInput("loop_state", f"is not JSON: {error}") from None
    if state is None:
        return {}
    if not isinstance(state, Mapping):
        raise BadInput("loop_state", f"must be a mapping, not {type(state).__name__}")
    conditions = state.get("conditions") or []
    if isinstance(conditions, str) or not isinstance(conditions, Sequence):
        raise BadInput("loop_state.conditions", "must be a list of rows [left, operator, right]")
    return {**state, **{name: _number(name, state[name]) for name in NUMBERS if name in state}}


def _number(name: str, value: Any) -> float | int | None:
    if value in (None, ""):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = -1.0
    if not 0 <= found < 1e9:
        raise BadInput(f"loop_state.{name}", f"{str(value)[:40]!r} must be a number, 0 or more")
    return int(found) if found == int(found) else found


def begins_at(state: Mapping[str, Any] | None, start_time: datetime | None) -> datetime | None:
    """Return when what a loop asks for begins: from its second iteration on, after the delay."""
    wait = (state or {}).get("delay_time")
    if not state or not wait or state.get("current_iteration", 1) < 2:
        return start_time
    due = desk().view.now + timedelta(seconds=wait)
    return due if start_time is None else max(due, start_time)
