"""
One row of a loop's conditions, judged over the results that the loop's callback was given.

In: ``[left, operator, right]``, and results. Out: whether it holds for any value.
Never: an exception: what cannot be compared does not hold.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

ROOTS = ("action_result", "custom_function_result", "playbook_output", "container")
COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}
ORDERS = frozenset({">", ">=", "<", "<="})


def holds(row: Any, results: Any, container: Any = None) -> bool:
    """Tell whether a row holds for any of the values that its sides stand for."""
    if isinstance(row, str) or not isinstance(row, Sequence) or len(row) != 3:
        return False
    left, said, right = row
    return any(
        _compared(str(said).strip(), a, b)
        for a in _values(left, results, container)
        for b in _values(right, results, container)
    )


def _compared(said: str, left: Any, right: Any) -> bool:
    try:
        return bool(COMPARE[said](*_alike(left, right, ordered=said in ORDERS)))
    except (KeyError, TypeError):
        return False


def _alike(left: Any, right: Any, *, ordered: bool) -> tuple[Any, Any]:
    """Return both sides as numbers, or as texts, where their types differ."""
    if None in (left, right) or isinstance(right, list):
        return left, right
    if type(left) is type(right) and not ordered:
        return left, right
    numbers = _number(left), _number(right)
    if None not in numbers:
        return numbers
    return (left, right) if ordered else (str(left), str(right))


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _values(side: Any, results: Any, container: Any) -> list[Any]:
    """Return what a side stands for: the values of a datapath, or itself."""
    if not isinstance(side, str) or ":" not in side:
        return [side]
    block, _, path = side.partition(":")
    root, _, rest = path.partition(".")
    if block == "container":
        return [container.get(path)] if isinstance(container, Mapping) else []
    if root not in ROOTS and not root.startswith("playbook_output"):
        return [side]
    rows = results if isinstance(results, list) else []
    return [found for row in rows for found in _walk(_inner(row, root), rest.split("."))]


def _inner(row: Any, root: str) -> list[Any]:
    inner = row.get("action_results") if isinstance(row, Mapping) else None
    return inner if isinstance(inner, list) and root == "action_result" else [row]


def _walk(values: list[Any], path: Sequence[str]) -> Iterator[Any]:
    """Yield what stands at the end of a path below each of the values."""
    for value in values:
        if not path:
            yield value
        elif path[0] == "*" and isinstance(value, list):
            yield from _walk(value, path[1:])
        elif isinstance(value, list) and path[0].isdigit():
            yield from _walk(value[int(path[0]) :][:1], path[1:])
        elif isinstance(value, Mapping) and path[0] in value:
            yield from _walk([value[path[0]]], path[1:])
