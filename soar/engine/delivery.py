"""
What a block is told: the event of a join's end, in Splunk's form.

In: a join that has ended, and its rows. Out: five positionals and the keywords of its callback.
Never: a result of another join.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from soar.domain.commands import Told
from soar.engine.reader import function_result, prompt_results
from soar.phantom.desk import View
from soar.phantom.results import Results, of_calls
from soar.store.rows import Row
from soar.store.work import Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """What a block is told: its name, its five positionals, and what the run was told so far."""

    block: str
    positional: tuple[Any, ...]
    told: frozenset[Told]
    keywords: dict[str, Any] = field(default_factory=dict)
    """What is given only to a block that takes it."""

    @property
    def step(self) -> str:
        """Which event of its run this is; a block that is run again is told the same."""
        about = self.positional[0] if len(self.positional) == 5 else {}
        return f"{self.block}:{about.get('action_run_id', '')}"


def event(work: Work, join: Row, told: frozenset[Told], calls: Sequence[Row]) -> Event:
    """Return what the callback of a join is told; *calls* are those it waited for."""
    success, results = _results(work, join, calls)
    action = {
        "action_run_id": join["id"],
        "action_name": join["name"],
        "name": join["name"],
        "action": join["action"] or join["kind"],
    }
    keywords: dict[str, Any] = {}
    if join["loop_state"] is not None:
        keywords["loop_state_json"] = join["loop_state"]
    if join["kind"] == "custom_function":
        keywords["custom_function"] = {"custom_function": join["action"], "name": join["name"]}
    positional = (action, success, None, results, join["handle"])
    return Event(block=join["callback"], positional=positional, told=told, keywords=keywords)


def _results(work: Work, join: Row, calls: Sequence[Row]) -> tuple[bool, Results]:
    ended_well = join["status"] == "success"
    match join["kind"]:
        case "prompt":
            answers = prompt_results(work, join)
            return answers.get("status") == "success", answers
        case "playbook":
            return ended_well, _outputs(work, join)
        case "custom_function":
            rows = work.functions.results(join["id"])
            return ended_well, Results(function_result(row) for row in rows)
    results = of_calls(calls)
    return any(r["status"] == "success" for r in results), results


def _outputs(work: Work, join: Row) -> Results:
    child = work.families.child_of(join["id"]) or {"id": None, "outputs": {}}
    row = {
        "status": join["status"],
        "message": join["message"],
        "name": join["name"],
        "summary": dict(child["outputs"]),
        "data": [dict(child["outputs"])],
        "playbook": join["action"],
        "playbook_run_id": child["id"],
    }
    return Results([row])


def with_container(event: Event, view: View) -> list[Any]:
    """Return the positionals of a block, the run's container among them."""
    container = {**view.container, "artifacts": [dict(a) for a in view.container["artifacts"]]}
    if len(event.positional) == 5:
        action, success, _, results, handle = event.positional
        return [action, success, container, results, handle]
    return [container, *event.positional]
