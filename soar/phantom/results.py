"""
Results in the shapes that callbacks read.

In: rows of app runs, or the answer to a prompt. Out: a list of results as Splunk gives them.

A result is read in more than one way by playbooks in the field: ``result["summary"]``,
``result["data"][0]["summary"]``, ``results[0]["action_results"][0]["data"]``, and for a prompt
``results.get("response")`` or ``results[0]["summary"]["responses"]``. All of them work here.

A result that is larger than the cap says ``truncated``: its data are whole rows from the front, and
``attachment_id`` names the attachment of the container that holds the whole text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from soar.domain.questions import Answer

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
    """
    The answers to a prompt: a list of one result, and a mapping with ``response``, the first.

    Without *responses* nobody has answered, and *problem* says so in place of the message.
    """

    def __init__(
        self,
        *,
        name: str = "prompt",
        action_run_id: int = 0,
        message: str,
        responses: Sequence[Answer],
        user: str,
        status: str,
        problem: str = "",
    ) -> None:
        given = list(responses)
        answered = {"response": given[0]} if given else {}
        summary = {"responses": given, **answered, **({"user": user} if given else {})}
        data = [{"response": given[0], "responses": given, "user": user}] if given else []
        inner = {
            "status": status,
            "message": message if given else problem or message,
            "parameter": {"message": message},
            "summary": summary,
            "data": data,
        }
        rows = [_with_summary(row, summary) for row in data] or [{"summary": summary}]
        ids = {"action": "prompt", "name": name, "action_run_id": action_run_id}
        outer = {**ids, **inner, "data": rows}
        super().__init__([{**outer, "action_results": [inner]}])
        self._mapping = {**answered, "responses": given, "status": status, "user": user}

    def get(self, key: str, default: Any = None) -> Any:
        """Return ``response``, ``responses``, ``status`` or ``user``; no answer is the default."""
        return self._mapping.get(key, default)


def of_calls(rows: Iterable[Mapping[str, Any]]) -> Results:
    """Return the results of an act, in the order its calls were asked."""
    return Results(of_call(row) for row in rows)
