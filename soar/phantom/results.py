"""
Results in the shapes that callbacks read.

In: rows of app runs, or the answer to a prompt. Out: a list of results as Splunk gives them.

A result is read in more than one way by playbooks in the field: ``result["summary"]``,
``result["data"][0]["summary"]``, ``results[0]["action_results"][0]["data"]``, and for a prompt
``results.get("response")``. All of them work here.

A result that is larger than the cap says ``truncated``: its data are whole rows from the front, and
``attachment_id`` names the attachment of the container that holds the whole text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Result = dict[str, Any]


def of_call(row: Mapping[str, Any]) -> Result:
    """Return one call as an element of a callback's ``results``."""
    status = "success" if row["status"] == "success" else "failed"
    summary, data = dict(row["summary"] or {}), list(row["data"] or [])
    parameter = {**row["parameters"], "context": dict(row["context"] or {})}
    attachment = row.get("attachment_id")
    cut = {"truncated": attachment is not None, "attachment_id": attachment}
    inner = {
        "status": status,
        "message": row["message"],
        "parameter": parameter,
        "summary": summary,
        "data": data,
        **cut,
    }
    return {
        "action": row["action"],
        "name": row.get("action_name", row["action"]),
        "action_run_id": row["action_run_id"],
        "app": row["app"],
        "app_run_id": row["id"],
        "asset": row["asset"],
        "status": status,
        "message": row["message"],
        "summary": summary,
        "parameter": parameter,
        "data": [_with_summary(item, summary) for item in data] or [{"summary": summary}],
        "action_results": [inner],
        **cut,
    }


def _with_summary(item: Any, summary: Mapping[str, Any]) -> Any:
    if isinstance(item, Mapping) and "summary" not in item:
        return {**item, "summary": dict(summary)}
    return item


class Results(list[Result]):
    """The results of an act: a list."""


class PromptResults(Results):
    """The answer to a prompt: a list of one result, and a mapping with ``response``."""

    def __init__(self, *, message: str, response: str | None, user: str, status: str) -> None:
        answered = {} if response is None else {"response": response}
        summary = {"responses": [response] if response is not None else [], **answered}
        data = [{"response": response, "user": user}] if response is not None else []
        super().__init__(
            [
                {
                    "action": "prompt",
                    "name": "prompt",
                    "status": status,
                    "summary": summary,
                    "message": message,
                    "parameter": {"message": message},
                    "data": data,
                    "action_results": [
                        {
                            "status": status,
                            "summary": summary,
                            "data": data,
                            "message": message,
                            "parameter": {"message": message},
                        }
                    ],
                }
            ]
        )
        self._mapping: dict[str, Any] = {**answered, "status": status, "user": user}

    def get(self, key: str, default: Any = None) -> Any:
        """Return the answer's ``response``, ``status`` or ``user``; no answer is the default."""
        return self._mapping.get(key, default)


def of_calls(rows: Iterable[Mapping[str, Any]]) -> Results:
    """Return the results of an act, in the order its calls were asked."""
    return Results(of_call(row) for row in rows)
