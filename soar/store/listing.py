"""
Lists of any noun: filtered, sorted, cut into pages; the same for every resource.

In: a fixed :class:`Listing`, conditions whose values are of the column's type, and the tenants of
who asks. Out: a count and one page of rows.
Never: a name from outside in SQL text, a change, or a row of somebody else's tenant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from soar.domain.errors import BadInput, NotFound
from soar.store.rows import Queries, Row, as_json, storable
from soar.store.tenants import OF_CONTAINER, among
from soar.store.work import Work

Kind = Literal["int", "text", "bool", "time", "texts", "json"]

ALIAS = re.compile(r"join \w+ (\w+) on")
SHARED = "true"
"""What belongs to no tenant: everybody sees it."""
PATIENCE_MS = 15_000
MOST_ROWS = 10_000
QUERY_CANCELED = "57014"

COMPARISONS = {"exact": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
TEXT_TESTS = {
    "iexact": "lower({x}) = lower({v})",
    "contains": "position({v} in {x}) > 0",
    "icontains": "position(lower({v}) in lower({x})) > 0",
    "startswith": "starts_with({x}, {v})",
    "istartswith": "starts_with(lower({x}), lower({v}))",
    "endswith": "right({x}, length({v})) = {v}",
    "iendswith": "right(lower({x}), length({v})) = lower({v})",
}
LIST_TESTS = {
    "exact": "{x} @> {v}",
    "contains": "{x} @> {v}",
    "in": "{x} && {v}",
    "isnull": "(cardinality({x}) = 0) = {v}",
}
OPERATORS = (*COMPARISONS, *TEXT_TESTS, "in", "isnull")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One name that clients may filter and sort by, and what it means in SQL."""

    sql: str
    kind: Kind = "text"
    known: Mapping[str, str] = field(default_factory=dict)
    """Tests for single values in words that an index knows, where *sql* is not of a column."""
    words: Sequence[str] = ()
    """What the numbers from 1 on stand for, where clients also name a value by its id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """One noun: where its rows come from, and the names that clients may use."""

    noun: str
    source: str
    columns: str
    fields: Mapping[str, Field]
    heavy: str = ""
    """Columns that are read only where somebody asked for them."""
    always: str = "true"
    joins: str = ""
    """What adds neither rows nor columns: joined only where a test or the order names it."""

    def rows_of(self, *texts: str) -> str:
        """Return where the rows come from, for these parts of a statement."""
        aliases = ALIAS.findall(self.joins)
        named = any(re.search(rf"\b{alias}\.", text) for alias in aliases for text in texts)
        return self.source + self.joins if named else self.source

    ours: str = OF_CONTAINER
    """Which rows are those of some tenants, or :data:`SHARED`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One test on one field; *path* leads into a JSON field."""

    field: str
    value: Any
    operator: str = "exact"
    path: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which rows, in which order, and which page of them; a size of 0 is all."""

    conditions: Sequence[Condition] = ()
    sort: str = "id"
    descending: bool = False
    page: int = 0
    size: int = 10
    heavy: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One page of rows, and how many rows and pages there are."""

    count: int
    pages: int
    rows: list[Row] = field(default_factory=list)


class Lists(Queries):
    """Reads any listing."""

    def page(self, listing: Listing, wanted: Wanted, *, tenants: Sequence[int]) -> Found:
        """
        Return one page of what meets all conditions, or say that it lies past the end.

        *tenants*: whose rows are seen; none: everybody's.
        """
        where, values = _where(listing, wanted.conditions, tenants)
        try:
            count = int(
                self._value(f"select count(*) from {listing.rows_of(where)} {where}", **values)
            )
            pages = max(1, -(-count // wanted.size)) if wanted.size else 1
            if wanted.page >= pages:
                raise BadInput("page", "That page contains no results")
            _bounded(count, wanted)
            rows = self._all(_select(listing, where, wanted), **values, **_cut(wanted))
        except DBAPIError as error:
            raise _said(error) from None
        return Found(count=count, pages=pages, rows=rows)

    def one(self, listing: Listing, number: int, *, tenants: Sequence[int]) -> Row:
        """Return one row by its id; one of other tenants is as if it were not there."""
        wanted = Wanted(conditions=[Condition(field="id", value=number)], heavy=True)
        rows = self.page(listing, wanted, tenants=tenants).rows
        if not rows:
            raise NotFound(f"there is no {listing.noun} {number}")
        return rows[0]

    def forbid_changes(self) -> None:
        """Make the transaction read-only and bounded: its first statement."""
        self._later("set transaction read only")
        self._later(f"set local statement_timeout = {PATIENCE_MS}")

    def is_reachable(self) -> bool:
        """Tell that the database answers."""
        return bool(self._value("select true"))


def lists(work: Work) -> Lists:
    """Return the lists of one unit of work."""
    return Lists(work.transaction)


def is_unreachable(error: Exception) -> bool:
    """Tell whether an error means that the database cannot be reached."""
    return isinstance(error, OperationalError | InterfaceError)


def _said(error: DBAPIError) -> Exception:
    """Return what a client may be told: a query that took too long is the client's to narrow."""
    if getattr(error.orig, "pgcode", "") == QUERY_CANCELED:
        return BadInput("filter", f"took longer than {PATIENCE_MS // 1000} s: narrow the query")
    return error


def _bounded(count: int, wanted: Wanted) -> None:
    """Refuse to read more rows at once than a process should hold."""
    rows = min(count - wanted.page * wanted.size, wanted.size) if wanted.size else count
    if rows > MOST_ROWS:
        most = f"one answer may have ({MOST_ROWS:,}): ask for them in pages"
        raise BadInput("page_size", f"{rows:,} rows are more than {most}")


def _cut(wanted: Wanted) -> dict[str, int]:
    return {"size": wanted.size, "skip": wanted.page * wanted.size} if wanted.size else {}


def _select(listing: Listing, where: str, wanted: Wanted) -> str:
    way = "desc" if wanted.descending else "asc"
    columns = listing.columns + (f", {listing.heavy}" if wanted.heavy and listing.heavy else "")
    order = f"{listing.fields['id'].sql} {way}"
    if wanted.sort != "id":  # no id is null, and its index knows no "desc nulls last"
        order = f"{listing.fields[wanted.sort].sql} {way} nulls last, {order}"
    cut = "limit :size offset :skip" if wanted.size else ""
    source = listing.rows_of(where, order)
    if wanted.page and " join " not in source:  # columns are made of what is shown, not skipped
        source, where = f"(select x.* from {source} {where} order by {order} {cut}) x", ""
        cut = ""
    return f"select {columns} from {source} {where} order by {order} {cut}"


def _where(
    listing: Listing, conditions: Sequence[Condition], tenants: Sequence[int]
) -> tuple[str, dict[str, Any]]:
    ours, known = among(tenants, listing.ours)
    tests, values = [listing.always + ours], dict(known)
    for index, condition in enumerate(conditions):
        test, value, name = _test(listing.fields[condition.field], condition, f"v{index}")
        tests.append(f"not coalesce(({test}), false)" if condition.negated else f"({test})")
        values |= {name: value} if value is not None else {}
        values |= {f"{name}_path": list(condition.path)} if condition.path else {}
    return "where " + " and ".join(tests), values


def _test(known: Field, condition: Condition, name: str) -> tuple[str, Any, str]:
    """Return a test in SQL, the value it is given (None for none), and that value's name."""
    operator, value = condition.operator, _storable_value(condition.value)
    if value is None:
        return f"{known.sql} is null", None, name
    if operator == "exact" and isinstance(value, str) and value in known.known:
        return known.known[value], None, name
    if condition.path:
        return _json_test(known.sql, operator, value, name), _plain(operator, value), name
    if known.kind == "texts":
        return _list_test(known.sql, operator, name), value, name
    if operator == "isnull":
        empty = " or {x} = cast('{{}}' as jsonb)" if known.kind == "json" else ""
        return f"({known.sql} is null{empty.format(x=known.sql)}) = :{name}", value, name
    if known.kind == "json" and operator == "exact":
        return f"{known.sql} = cast(:{name} as jsonb)", as_json(value), name
    return _scalar_test(known, operator, name), value, name


def _scalar_test(known: Field, operator: str, name: str) -> str:
    if operator in TEXT_TESTS:
        text = known.sql if known.kind == "text" else f"cast({known.sql} as text)"
        return TEXT_TESTS[operator].format(x=text, v=f":{name}")
    if operator == "in":
        return f"{known.sql} = any(:{name})"
    return f"{known.sql} {COMPARISONS[operator]} :{name}"


def _list_test(sql: str, operator: str, name: str) -> str:
    if operator in LIST_TESTS:
        return LIST_TESTS[operator].format(x=sql, v=f":{name}")
    return TEXT_TESTS[operator].format(x=f"array_to_string({sql}, ' ')", v=f":{name}")


def _json_test(sql: str, operator: str, value: Any, name: str) -> str:
    """Return a test on a value inside a JSON field: as a number if compared with one."""
    found = f"({sql} #>> cast(:{name}_path as text[]))"
    if operator == "isnull":
        return f"({found} is null) = :{name}"
    if operator == "in":
        return f"{found} = any(:{name})"
    if operator in TEXT_TESTS:
        return TEXT_TESTS[operator].format(x=found, v=f":{name}")
    if operator != "exact" and _is_number(value):
        kind = f"jsonb_typeof({sql} #> cast(:{name}_path as text[]))"
        number = f"cast({found} as numeric) {COMPARISONS[operator]} :{name}"
        return f"case when {kind} = 'number' then {number} else false end"
    return f"{found} {COMPARISONS[operator]} :{name}"


def _plain(operator: str, value: Any) -> Any:
    """Return what a value inside JSON is compared with: its text, but for numbers and tests."""
    if operator == "isnull":
        return value
    if isinstance(value, list):
        return [_plain("in", item) for item in value]
    if operator in COMPARISONS and operator != "exact" and _is_number(value):
        return value
    return value if isinstance(value, str) else as_json(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _storable_value(value: Any) -> Any:
    """Return a value that a parameter can carry: texts without NUL, times as they are."""
    if isinstance(value, str | list | dict):
        return value if _is_times(value) else storable(value)
    return value


def _is_times(value: Any) -> bool:
    return isinstance(value, list) and any(hasattr(item, "tzinfo") for item in value)
