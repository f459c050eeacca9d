"""
The query language of lists: filters, order and pages, in Splunk's form and the seed's.

In: the parameters of a request and the fields of a listing. Out: a :class:`Question`.
Never: a field or operator that the listing does not know, silently ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from soar.api import literals
from soar.domain.errors import BadInput
from soar.store.listing import OPERATORS, TEXT_TESTS, Condition, Field, Listing, Wanted

FILTER, EXCLUDE, WITHOUT = "_filter_", "_exclude_", "_exclude_fields"
MOST = 1_000_000
MOST_CONDITIONS = 50
ORDERED = ("gt", "gte", "lt", "lte")

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What a client asked of a list, and which fields it does not want to see."""

    wanted: Wanted
    without: frozenset[str]


def read(parameters: Pairs, listing: Listing) -> Question:
    """Read the parameters of a list, or name the one that cannot be used."""
    pairs = list(parameters)
    given = dict(pairs)
    wanted = Wanted(
        conditions=_conditions(pairs, listing.fields),
        sort=_sort(given, listing.fields),
        descending=_descending(given),
        page=_number(given, "page", 0),
        size=_number(given, "page_size", 10),
        heavy=is_set(given, "include_expensive"),
    )
    without = frozenset(n.strip() for n in given.get(WITHOUT, "").split(",") if n.strip())
    return Question(wanted=wanted, without=without)


def is_set(given: Mapping[str, str], name: str) -> bool:
    """Tell whether a flag is set: it stands there, and does not say no."""
    return given.get(name, "no").strip().strip("\"'").lower() not in {"no", "false", "0"}


def _conditions(pairs: list[tuple[str, str]], fields: Mapping[str, Field]) -> list[Condition]:
    found: list[Condition] = []
    for name, text in pairs:
        if name == WITHOUT:
            continue
        if name.startswith((FILTER, EXCLUDE)):
            target = name.removeprefix(FILTER).removeprefix(EXCLUDE)
            negated, value = name.startswith(EXCLUDE), literals.read(text, name)
            found.append(_condition(name, target, value, fields, negated=negated))
        elif name == "filter":
            found += _object(text, fields)
    if len(found) > MOST_CONDITIONS:
        raise BadInput("filter", f"has more than {MOST_CONDITIONS} conditions")
    return found


def _object(text: str, fields: Mapping[str, Field]) -> list[Condition]:
    """Read the seed's form: one object of field names and values."""
    value = literals.read(text, "filter")
    if not isinstance(value, dict):
        raise BadInput("filter", 'must be an object such as {"status": "success"}')
    return [_condition(f"filter.{n}", n, v, fields, negated=False) for n, v in value.items()]


def _condition(
    name: str, target: str, value: Any, fields: Mapping[str, Field], *, negated: bool
) -> Condition:
    field, path, operator = _split(name, target, fields)
    kind = "text" if path else fields[field].kind
    return Condition(
        field=field,
        path=path,
        operator=operator,
        negated=negated,
        value=_typed(name, kind, operator, value, inside=bool(path)),
    )


def _split(name: str, target: str, fields: Mapping[str, Field]) -> tuple[str, tuple[str, ...], str]:
    """Find the longest known field at the front; the rest is a path, an operator, or both."""
    parts = target.split("__")
    for size in range(len(parts), 0, -1):
        field, rest = "__".join(parts[:size]), parts[size:]
        if field not in fields:
            continue
        operator = rest.pop() if rest and rest[-1] in OPERATORS else "exact"
        if rest and fields[field].kind != "json":
            known = ", ".join(OPERATORS)
            raise BadInput(name, f"{'__'.join(rest)!r} is no operator; known: {known}")
        return field, tuple(rest), operator
    raise BadInput(
        name, f"Cannot resolve keyword {parts[0]!r} into field; known fields: {_known(fields)}"
    )


def _typed(name: str, kind: str, operator: str, value: Any, *, inside: bool) -> Any:
    """Return the value in the type that field and operator compare with."""
    if operator == "isnull":
        return literals.coerced(value, "bool", name) is not False
    _check_fit(name, kind, operator, inside=inside)
    if kind == "texts" and operator in {"exact", "contains", "in"}:
        return [literals.coerced(v, kind, name) for v in _several(value) if v is not None]
    if operator == "in":
        values = [v for v in _several(value) if v is not None]
        return values if inside else [literals.coerced(v, kind, name) for v in values]
    if operator in TEXT_TESTS:
        return literals.coerced("" if value is None else value, "text", name)
    return _compared(name, kind, value, inside=inside)


def _compared(name: str, kind: str, value: Any, *, inside: bool) -> Any:
    if inside and isinstance(value, list | dict):
        raise BadInput(name, "must be one value; several go with __in")
    return value if inside else literals.coerced(value, kind, name)


def _check_fit(name: str, kind: str, operator: str, *, inside: bool) -> None:
    unfit = {
        "time": TEXT_TESTS,
        "bool": (*TEXT_TESTS, *ORDERED),
        "texts": ORDERED,
        "json": (*ORDERED, "in"),
    }
    if not inside and operator in unfit.get(kind, ()):
        raise BadInput(name, f"{operator!r} does not go with this field")


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _sort(given: Mapping[str, str], fields: Mapping[str, Field]) -> str:
    name = given.get("sort", "").strip().strip("\"'") or "id"
    if name not in fields:
        raise BadInput("sort", f"{name[:80]!r} is no field; known fields: {_known(fields)}")
    return name


def _descending(given: Mapping[str, str]) -> bool:
    order = given.get("order", "").strip().strip("\"'").lower() or "asc"
    if order not in {"asc", "desc"}:
        raise BadInput("order", f"{order[:80]!r} is neither asc nor desc")
    return order == "desc"


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, "").strip().strip("\"'")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,7}", text) or int(text) > MOST:
        raise BadInput(name, f"{text[:80]!r} must be a whole number from 0 to {MOST}")
    return int(text)


def _known(fields: Mapping[str, Field]) -> str:
    return ", ".join(sorted(name for name in fields if "__" not in name))
