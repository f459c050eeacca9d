"""
How a block reads what is not on its desk yet: inside the transaction of its event.

In: ids and names. Out: Splunk's shapes. Never: a change, or a read that breaks the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from soar.domain import shapes
from soar.engine import shading
from soar.engine.records import Records
from soar.phantom.results import PromptResults, of_calls
from soar.store.rows import Row
from soar.store.work import Work


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads for a block inside the transaction of its event."""

    work: Work
    most: int
    """So many artifacts of a container are read, the oldest."""
    records: Records
    """What else a block may look up."""
    run: Row
    """The run whose block reads."""
    known: dict[Any, list[dict[str, Any]]] = field(default_factory=dict)
    """Results that were read: they cannot change while a block runs."""

    def container(self, container_id: int) -> dict[str, Any]:
        """Return a container with its artifacts; ``artifact_count`` is of all it has."""
        with self.work.attempt():
            return self.read(container_id)

    def read(self, container_id: int) -> dict[str, Any]:
        """Return the same, where a failure ends the transaction anyhow."""
        row, shown = self.work.containers.with_artifacts(container_id, self.most)
        full = len(shown) == self.most
        count = self.work.containers.artifact_count(container_id) if full else len(shown)
        told = shapes.container({**row, "artifact_count": count}, shown)
        return shapes.for_block(told, self.run["id"])

    def artifacts(self, container_id: int) -> list[dict[str, Any]]:
        """Return the artifacts of a container."""
        with self.work.attempt():
            found = self.work.containers.artifacts(container_id, self.most)
            return [shapes.artifact(a) for a in found]

    def new_artifact_id(self) -> int:
        """Reserve an artifact's id."""
        return self.records.new_id("artifact")

    def action_results(
        self, name: str | None = None, *, action_run_id: Any = None, app_run_id: Any = None
    ) -> list[dict[str, Any]]:
        """Return the results of the acts and prompts that the run was told of."""
        act, call = _number(action_run_id), _number(app_run_id)
        key = (name, act, call)
        if key not in self.known:
            self.known[key] = self._action_results(name, act, call)
        return list(self.known[key])

    def _action_results(
        self, name: str | None, act: int | None, call: int | None
    ) -> list[dict[str, Any]]:
        with self.work.attempt():
            found: list[dict[str, Any]] = of_calls(
                self.work.state.calls(self.run_id, name=name, action_run_id=act, app_run_id=call)
            )
            asked = self.work.state.told(self.run_id, "prompt", name=name, action_run_id=act)
            if call is None:
                found += [result for join in asked for result in prompt_results(self.work, join)]
        return sorted(found, key=lambda result: int(result["action_run_id"]))

    def playbook_outputs(self, name: str) -> list[dict[str, Any]]:
        """Return the outputs of the playbooks that the run has called under a name."""
        with self.work.attempt():
            return [dict(row["outputs"]) for row in self.work.state.children(self.run_id, name)]

    def playbook_inputs(self, name: str) -> list[dict[str, Any]]:
        """Return the inputs of the playbooks that the run has called under a name."""
        with self.work.attempt():
            return [dict(row["inputs"]) for row in self.work.state.children(self.run_id, name)]

    def custom_list(self, name: str) -> list[list[str]] | None:
        """Return the rows of a custom list, or None where there is none of that name."""
        with self.work.attempt():
            return self.work.custom_lists.content(name)

    def kept(self, kind: str, name: str) -> Any:
        """Return what an earlier block has kept under a name, or None."""
        with self.work.attempt():
            return self.work.state.kept(self.run_id, kind, name)

    def new_run_id(self) -> int:
        """Reserve a run's id."""
        return self.work.families.next_run_id()

    def custom_function_results(self, name: str) -> list[dict[str, Any]]:
        """Return what the calls of a custom function brought, in their order."""
        return [function_result(row) for row in self.work.functions.results_of(self.run_id, name)]

    def launching_user(self) -> dict[str, Any]:
        """Return who started the run that led to this one."""
        root = self.work.families.root(self.run_id)
        person = root["run_as"] not in ("", "automation")
        return {"name": root["run_as"] if person else root["started_by"]}

    @property
    def run_id(self) -> int:
        """The number of the run."""
        return int(self.run["id"])


def summary(work: Work, run: Row) -> dict[str, Any]:
    """Return what a run has asked for and what came of it: the argument of on_finish."""
    rows = work.families.summary_of(run["id"])
    told = [{**row, "action_run_id": row["id"], "type": row["kind"]} for row in rows]
    return {"result": told, "status": "failed" if run.get("error") else "success"}


def function_result(row: Row) -> dict[str, Any]:
    """Return one call of a custom function as blocks read it."""
    return {
        "success": row["succeeded"],
        "message": row["message"],
        "data": row["data"],
        "parameter": row["parameters"],
    }


def prompt_results(work: Work, join: Row) -> PromptResults:
    """Return what people answered to a prompt, or that nobody did."""
    approval = work.approvals.of_action_run(join["id"]) or shading.answer_of(work, join)
    answered = approval.get("status") == "answered"
    return PromptResults(
        name=join["name"],
        action_run_id=join["id"],
        message=approval.get("message", ""),
        user=approval.get("answered_by") or "",
        responses=(approval["responses"] or [approval["answer"]]) if answered else (),
        status="success" if answered else "failed",
        problem=join["message"],
    )


def _number(raw: Any) -> int | None:
    """Return an id as a playbook gives it; one that is none finds nothing."""
    if raw is None:
        return None
    text = str(raw)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
