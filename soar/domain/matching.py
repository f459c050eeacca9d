"""
Which rows of which sources make the conditions of one call hold.

In: conditions over constants and columns of tables, one table per source. Out: a :class:`Match`.
Never: two rows of a source taken for one: what is said of artifacts holds for one and the same.

With *and*, a row stays if it holds everything that is said of its source, and where two sources
are compared, if the other has a row that fits. With *or*, it stays if one condition holds for it.
A source without rows has no value: only ``== ""``, ``== []`` and ``== None`` hold for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from soar.domain import comparing
from soar.domain.collecting import NOTHING, Row
from soar.domain.comparing import Terms
from soar.domain.errors import SoarError

MOST_PAIRS = 2_000_000

Source = Hashable


class TooManyPairs(SoarError):
    """Two sources are too large to be compared row by row."""


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a condition: a column of a source, or a constant."""

    constant: Any = None
    source: Source | None = None
    column: int = 0

    def of(self, row: Row) -> Any:
        """Return its value on a row of its source."""
        return self.constant if self.source is None else row.get(self.column, NOTHING).value


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of a playbook's conditions."""

    left: Operand
    operator: str
    right: Operand

    @property
    def sources(self) -> frozenset[Source]:
        """The sources it speaks of: none, one or two."""
        return frozenset(o.source for o in (self.left, self.right) if o.source is not None)

    def holds(self, left: Row, right: Row, terms: Terms) -> bool:
        """Tell whether it holds for a row of each side."""
        return comparing.holds(self.left.of(left), self.operator, self.right.of(right), terms)

    @property
    def asks_for_nothing(self) -> bool:
        """Whether it asks that there be no value."""
        one = self.left if self.left.source is None else self.right
        return self.operator == "==" and one.source is None and comparing.is_empty(one.constant)


@dataclass(frozen=True, slots=True)
class Match:
    """Whether the conditions hold, and which rows of each source stay."""

    holds: bool
    kept: Mapping[Source, Sequence[int]] = field(default_factory=dict)


Tables = Mapping[Source, Sequence[Row]]


def match(conditions: Sequence[Condition], tables: Tables, *, every: bool, terms: Terms) -> Match:
    """Return what stays; *every* joins the conditions with *and*. None at all do not hold."""
    if not conditions:
        return Match(False)
    if every:
        return _all_of(conditions, tables, terms)
    found = [_all_of([each], tables, terms) for each in conditions]
    kept: dict[Source, set[int]] = defaultdict(set)
    for one in found:
        for source, numbers in one.kept.items():
            kept[source].update(numbers)
    holds = any(one.holds for one in found)
    return Match(holds, {source: sorted(numbers) for source, numbers in kept.items()})


def _all_of(conditions: Iterable[Condition], tables: Tables, terms: Terms) -> Match:
    by_sources: dict[frozenset[Source], list[Condition]] = defaultdict(list)
    for condition in conditions:
        by_sources[condition.sources].append(condition)
    if not all(c.holds({}, {}, terms) for c in by_sources.pop(frozenset(), [])):
        return Match(False)
    kept: dict[Source, list[int]] = {}
    for sources in sorted(by_sources, key=len):
        for source in sources:
            kept.setdefault(source, list(range(len(tables[source]))))
        said = by_sources[sources]
        if not (
            _of_one(said, tables, kept, terms)
            if len(sources) == 1
            else _of_two(said, tables, kept, terms)
        ):
            return Match(False)
    return Match(True, kept)


def _of_one(
    said: list[Condition], tables: Tables, kept: dict[Source, list[int]], terms: Terms
) -> bool:
    """Keep the rows of one source that hold everything said of it; False if there are none."""
    (source,) = said[0].sources
    if not tables[source]:
        return all(c.asks_for_nothing for c in said)
    table = tables[source]
    kept[source] = [
        n for n in kept[source] if all(c.holds(table[n], table[n], terms) for c in said)
    ]
    return bool(kept[source])


def _of_two(
    said: list[Condition], tables: Tables, kept: dict[Source, list[int]], terms: Terms
) -> bool:
    """Keep the rows of two sources that fit a row of the other; False if there are none."""
    one, other = said[0].left.source, said[0].right.source
    pairs = _Pairs(tables, terms)
    for condition in (c for c in said if c.operator == "not in"):
        pairs.without(condition, kept)
    joined = [c for c in said if c.operator != "not in"]
    if joined:
        kept[one], kept[other] = pairs.fitting(joined, one, other, kept)
    return bool(kept[one] and (kept[other] or not joined))


@dataclass(slots=True)
class _Pairs:
    """Compares rows of two sources, and not for ever."""

    tables: Tables
    terms: Terms
    left: int = MOST_PAIRS

    def without(self, condition: Condition, kept: dict[Source, list[int]]) -> None:
        """Keep the rows of the left side that are in no row of the right one."""
        one, other = condition.left.source, condition.right.source
        values = [condition.right.of(self.tables[other][n]) for n in kept[other]]
        self._spend(len(kept[one]) * len(values))
        kept[one] = [
            n
            for n in kept[one]
            if not any(
                comparing.within(condition.left.of(self.tables[one][n]), value, self.terms)
                for value in values
            )
        ]

    def fitting(
        self, said: list[Condition], one: Source, other: Source, kept: dict[Source, list[int]]
    ) -> tuple[list[int], list[int]]:
        """Return the rows of both sides that have a row on the other for which all is true."""
        index = self._index(said, other, kept[other])
        staying: list[int] = []
        fits: set[int] = set()
        for n in kept[one]:
            row = self.tables[one][n]
            candidates = kept[other] if index is None else index(row)
            self._spend(len(candidates))
            found = [m for m in candidates if self._fit(said, one, row, self.tables[other][m])]
            if found:
                staying.append(n)
                fits.update(found)
        return staying, sorted(fits)

    def _fit(self, said: list[Condition], one: Source, row: Row, partner: Row) -> bool:
        for condition in said:
            left, right = (row, partner) if condition.left.source == one else (partner, row)
            a, b = condition.left.of(left), condition.right.of(right)
            if condition.operator == "==" and comparing.is_empty(a):
                return False
            if not comparing.holds(a, condition.operator, b, self.terms):
                return False
        return True

    def _index(self, said: list[Condition], other: Source, numbers: list[int]) -> Any:
        """Return a lookup of the rows that may be equal, where equality is asked."""
        equality = next((c for c in said if c.operator == "=="), None)
        if equality is None:
            return None
        theirs, ours = equality.left, equality.right
        if theirs.source != other:
            theirs, ours = ours, theirs
        found: dict[Any, list[int]] = defaultdict(list)
        for n in numbers:
            for key in comparing.keys(theirs.of(self.tables[other][n])):
                found[key].append(n)

        def look_up(row: Row) -> list[int]:
            keys = comparing.keys(ours.of(row))
            return sorted({n for key in keys for n in found.get(key, ())})

        return look_up

    def _spend(self, pairs: int) -> None:
        self.left -= pairs
        if self.left < 0:
            raise TooManyPairs(
                f"the conditions compare more than {MOST_PAIRS:,} pairs of values: filter one of"
                " the two sources first"
            )
