"""
The query language of lists: filters, order and pages, in Splunk's form and the seed's.

In: the parameters of a request and the fields of a listing. Out: a :class:`Question`.
Never: a field or operator that the listing does not know, silently ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soar.api import literals
from soar.domain.errors import BadInput
from soar.store.listing import OPERATORS, TEXT_TESTS, Condition, Field, Listing, Wanted

FILTER, EXCLUDE, WITHOUT = "_filter_", "_exclude_", "_exclude_fields"
MOST = 1_000_000
MOST_CONDITIONS = 50
LONGEST = 100
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Test:
    """One test as a client wrote it; *bare* is the value's text where it stood alone."""

    name: str
    target: str
    value: Any
    bare: str | None = None
    negated: bool = False


def _conditions(pairs: list[tuple[str, str]], fields: Mapping[str, Field]) -> list[Condition]:
    found = [_condition(test, fields) for name, text in pairs for test in _tests(name, text)]
    if len(found) > MOST_CONDITIONS:
        raise BadInput("filter", f"has more than {MOST_CONDITIONS} conditions")
    return found


def _tests(name: str, text: str) -> list[_Test]:
    """Return the tests that one parameter makes: one, several in the seed's form, or none."""
    if name == "filter":
        return _object(text)
    if name == WITHOUT or not name.startswith((FILTER, EXCLUDE)):
        return []
    target = name.removeprefix(FILTER).removeprefix(EXCLUDE)
    value, negated = literals.read(text, name[:LONGEST]), name.startswith(EXCLUDE)
    bare = text.strip()
    return [_Test(name=name[:LONGEST], target=target, value=value, bare=bare, negated=negated)]


def _object(text: str) -> list[_Test]:
    """Read the seed's form: one object of field names and values."""
    value = literals.read(text, "filter")
    if not isinstance(value, dict):
        raise BadInput("filter", 'must be an object such as {"status": "success"}')
    return [_Test(name=f"filter.{n[:LONGEST]}", target=n, value=v) for n, v in value.items()]


def _condition(test: _Test, fields: Mapping[str, Field]) -> Condition:
    field, path, operator = _split(test.name, test.target, fields)
    kind = "text" if path else fields[field].kind
    value = _as_written(test, kind, operator, inside=bool(path))
    if fields[field].words and not path:
        value = _worded(test.value if isinstance(test.value, int) else value, fields[field].words)
    return Condition(
        field=field,
        path=path,
        operator=operator,
        negated=test.negated,
        value=_typed(test.name, kind, operator, value, inside=bool(path)),
    )


def _worded(value: Any, words: Sequence[str]) -> Any:
    """Return the word that an id stands for, or each of several."""
    if isinstance(value, list):
        return [_worded(each, words) for each in value]
    is_id = isinstance(value, int) and not isinstance(value, bool)
    return words[value - 1] if is_id and 1 <= value <= len(words) else value


def _as_written(test: _Test, kind: str, operator: str, *, inside: bool) -> Any:
    """Return a bare number or word as its text where texts are compared: 1.10 is not 1.1."""
    number = isinstance(test.value, int | float)
    compares_numbers = inside and (operator in ORDERED or isinstance(test.value, bool))
    is_text = kind in {"text", "texts"} and operator != "isnull" and not compares_numbers
    return test.bare if number and is_text and test.bare is not None else test.value


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
            raise BadInput(name, f"{'__'.join(rest)[:LONGEST]!r} is no operator; known: {known}")
        return field, tuple(rest), operator
    raise BadInput(
        name,
        f"Cannot resolve keyword {parts[0][:LONGEST]!r} into field; known fields: {_known(fields)}",
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
