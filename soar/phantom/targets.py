"""
What a target offers: an artifact, a result or a container as the source of parameters.

In: the ``targets=`` of an act. Out: mappings to look values up in, best first, and the context
that ties a result to its artifact. Never: a guess between two candidates (the planner refuses).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Sources = tuple[Mapping[str, Any], ...]


def sources(targets: Any, container: Mapping[str, Any]) -> tuple[Sources, dict[str, Any]]:
    """Return where a target's values are found, and its context."""
    if targets is None:
        return (), {}
    if isinstance(targets, str):
        return ({"value": targets},), {}
    if not isinstance(targets, Mapping):
        raise TypeError(f"targets must be an artifact, a result or a container, not {targets!r}")
    if "cef" in targets:
        return (dict(targets["cef"]), _plain(targets)), {"artifact_id": targets.get("id")}
    if "parameter" in targets:
        return _of_result(targets, container)
    return (_plain(targets),), {}


def _of_result(
    result: Mapping[str, Any], container: Mapping[str, Any]
) -> tuple[Sources, dict[str, Any]]:
    parameter = dict(result.get("parameter") or {})
    context = dict(parameter.pop("context", None) or {})
    artifacts = container.get("artifacts", ())
    origin: Mapping[str, Any] = next(
        (a["cef"] for a in artifacts if a["id"] == context.get("artifact_id")), {}
    )
    return (parameter, dict(origin), dict(result.get("summary") or {})), context


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if isinstance(v, str | int | float | bool)}
