"""
The lists of REST on a stage: filtered, sorted and cut as the real ones, but from memory.

In: shapes, and the parameters of a request, which the real query language reads.
Out: an envelope. Never: a test that the real lists do not know.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from soar.api import query
from soar.domain.errors import BadInput
from soar.store.listing import Condition, Listing

Shape = dict[str, Any]
COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "exact": operator.eq,
    "contains": operator.contains,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def envelope(rows: Sequence[Shape], listing: Listing, asked: query.Pairs) -> Shape:
    """Return one page of the shapes that meet what was asked, or refuse as the real list does."""
    question = query.read(asked, listing)
    wanted = question.wanted
    met = [row for row in rows if all(meets(row, c) for c in wanted.conditions)]
    met.sort(key=lambda row: _order(row.get(wanted.sort)), reverse=wanted.descending)
    pages = max(1, -(-len(met) // wanted.size)) if wanted.size else 1
    if wanted.page >= pages:
        raise BadInput("page", "That page contains no results")
    first = wanted.page * wanted.size
    shown = met[first : first + wanted.size] if wanted.size else met
    data = [{k: v for k, v in row.items() if k not in question.without} for row in shown]
    return {"count": len(met), "num_pages": pages, "data": data}


def _order(value: Any) -> tuple[bool, bool, Any]:
    number = isinstance(value, int | float)
    return value is None, not number, value if number else str(value)


def meets(row: Shape, condition: Condition) -> bool:
    """Tell whether a shape meets one condition."""
    found = _value(row, condition)
    return _holds(found, condition) is not condition.negated


def _value(row: Shape, condition: Condition) -> Any:
    name = condition.field
    if name not in row and name.endswith("_id"):
        name = name.removesuffix("_id")
    found: Any = row
    for step in (*([name] if name in row else name.split("__")), *condition.path):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _holds(found: Any, condition: Condition) -> bool:
    test, value = condition.operator, condition.value
    if test == "isnull":
        return (found in (None, "", [], {})) is value
    if value is None:
        return found is None
    if isinstance(found, list):
        return _of_list(found, test, value)
    if test == "in":
        return any(_compared("exact", found, one) for one in value)
    return _compared(test, found, value)


def _of_list(found: list[Any], test: str, value: Any) -> bool:
    several: Iterable[Any] = value if isinstance(value, list) else [value]
    if test == "in":
        return any(one in found for one in several)
    if test in ("exact", "contains"):
        return all(one in found for one in several)
    return _compared(test, " ".join(map(str, found)), value)


def _compared(test: str, found: Any, value: Any) -> bool:
    if found is None:
        return False
    bare = test.removeprefix("i")
    if test.startswith("i") and bare in TEXTS:
        return TEXTS[bare](_text(found).lower(), _text(value).lower())
    if test in TEXTS and test != "exact":
        return TEXTS[test](_text(found), _text(value))
    same = isinstance(found, int | float) and isinstance(value, int | float)
    return COMPARED[test](found, value) if same else COMPARED[test](_text(found), _text(value))


def _text(value: Any) -> str:
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    return value if isinstance(value, str) else json.dumps(value)
