"""
Rows of values out of structures, one value per path.

In: elements (artifacts, results) and the steps inside one. Out: rows, lazily, in order.
Never: values of two elements on one row, or a whole list in memory for the sake of its front.

A wildcard stands for each element of a list. Paths that share the steps before it share the
element; lists of unequal length stand side by side, the shorter filled with None; what has no
wildcard is repeated on each row of its element. An empty list is one row of None.

What a filter has kept of an element is a tree of keys and indexes: rows are of those parts only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any, NamedTuple

from soar.domain.datapath import WILDCARD, Steps

Place = tuple[str, ...]
"""The keys and indexes that lead to a value, as far as its last wildcard."""
Kept = dict[str, Any]
"""A tree of the keys and indexes that are kept; an empty one keeps everything below it."""
ALL: Mapping[str, Any] = {}


class Cell(NamedTuple):
    """One value of a row, and where it was found."""

    value: Any = None
    place: Place | None = None


class Part(NamedTuple):
    """A value inside an element, where it stands, and what is kept of it."""

    value: Any
    place: Place = ()
    kept: Mapping[str, Any] = ALL

    def below(self, key: str) -> Part | None:
        """Return what stands at a key or index, or None where a filter has not kept it."""
        if isinstance(self.value, Mapping):
            return Part(self.value[key], (*self.place, key), self.kept.get(key, ALL))
        if self.kept and key not in self.kept:
            return None
        return Part(self.value[int(key)], (*self.place, key), self.kept.get(key, ALL))


NOTHING = Cell()
NOWHERE = Part(None)
Row = dict[int, Cell]
Columns = tuple[tuple[int, Steps], ...]


def rows(elements: Iterable[Part], paths: Sequence[Steps]) -> Iterator[list[Any]]:
    """Return the rows of all elements, one after the other."""
    spread = any(WILDCARD in steps for steps in paths)
    for element in elements:
        if not spread and not element.kept:
            yield [_value(element, steps) for steps in paths]
            continue
        for row in cells(element, paths):
            yield [row[n].value if n in row else None for n in range(len(paths))]


def _value(element: Part, steps: Steps) -> Any:
    straight = _straight(element.value, steps)
    return _sought(element, steps).value if straight is None else straight


def cells(element: Part, paths: Sequence[Steps]) -> Iterator[Row]:
    """Return the rows of one element with the places of their values."""
    return _expanded(element, tuple(enumerate(paths)))


def value_at(value: Any, steps: Steps) -> Any:
    """Return what stands at steps without a wildcard, or None."""
    return reached(Part(value), steps).value


def reached(part: Part, steps: Steps) -> Part:
    """Return what stands at steps without a wildcard, or nowhere."""
    straight = None if part.kept else _straight(part.value, steps)
    if straight is None:
        return _sought(part, steps)
    return Part(straight, (*part.place, *steps) if part.place else steps)


def _straight(value: Any, steps: Steps) -> Any:
    """Return what stands at steps where each is a key of a mapping, as it nearly always is."""
    for step in steps:
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return value


def _sought(part: Part, steps: Steps) -> Part:
    """Return the same where it is not found at once: names with dots, lists, what is kept."""
    if not steps:
        return part
    for taken, key in _keys(part.value, steps):
        below = part.below(key)
        found = NOWHERE if below is None else _sought(below, steps[taken:])
        if found.value is not None:
            return found
    return NOWHERE


def _keys(value: Any, steps: Steps) -> Iterator[tuple[int, str]]:
    """Return the keys that the next steps may be, and of how many: a name may hold dots."""
    if isinstance(value, Mapping):
        for taken in range(1, len(steps) + 1):
            key = ".".join(steps[:taken])
            if key in value:
                yield taken, key
    elif isinstance(value, list | tuple):
        index = steps[0]
        if index.isascii() and index.isdigit() and len(index) < 10 and int(index) < len(value):
            yield 1, str(int(index))


@lru_cache(maxsize=4096)
def _split(columns: Columns) -> tuple[Columns, tuple[tuple[Steps, Columns], ...]]:
    """Return the columns without a wildcard, and the others by the steps before it."""
    same: list[tuple[int, Steps]] = []
    wild: dict[Steps, list[tuple[int, Steps]]] = {}
    for column, steps in columns:
        if WILDCARD in steps:
            at = steps.index(WILDCARD)
            wild.setdefault(steps[:at], []).append((column, steps[at + 1 :]))
        else:
            same.append((column, steps))
    return tuple(same), tuple((head, tuple(inner)) for head, inner in wild.items())


def _expanded(part: Part, columns: Columns) -> Iterator[Row]:
    plain, wild = _split(columns)
    same: Row = {}
    for column, steps in plain:
        found = reached(part, steps)
        value = pruned(found.value, found.kept) if found.kept else found.value
        same[column] = Cell(value, part.place)
    if not wild:
        yield same
        return
    for sides in zip_longest(*(_each(part, head, inner) for head, inner in wild)):
        yield same | {column: cell for side in sides if side for column, cell in side.items()}


def _each(part: Part, head: Steps, columns: Columns) -> Iterator[Row]:
    """Return the rows of each element of the list at *head*; one value is a list of itself."""
    found = reached(part, head)
    if isinstance(found.value, list | tuple) and found.value:
        items = (found.below(str(n)) for n in range(len(found.value)))
        return chain.from_iterable(_expanded(item, columns) for item in items if item is not None)
    if found.value is None or isinstance(found.value, list | tuple):
        return iter(({column: Cell(None, part.place) for column, _ in columns},))
    return _expanded(found, columns)


def keep(tree: Kept, place: Place) -> None:
    """Note that what stands at a place is kept."""
    for key in place:
        tree = tree.setdefault(key, {})


def pruned(value: Any, kept: Mapping[str, Any]) -> Any:
    """Return a value without the elements of its lists that are not kept."""
    if not kept:
        return value
    if isinstance(value, list | tuple):
        return [pruned(each, kept[str(n)]) for n, each in enumerate(value) if str(n) in kept]
    if isinstance(value, Mapping):
        return {k: pruned(v, kept[k]) if k in kept else v for k, v in value.items()}
    return value


def narrowed(value: Any, kept: Mapping[str, Any], chosen: Mapping[str, Any]) -> Kept:
    """Return what stays of what was kept when only the *chosen* elements of lists are."""
    if not chosen or not kept:
        return dict(chosen or kept)
    if isinstance(value, list | tuple):
        return {n: narrowed(value[int(n)], kept.get(n, ALL), below) for n, below in chosen.items()}
    if not isinstance(value, Mapping):
        return dict(kept)
    both = {k: narrowed(value.get(k), kept.get(k, ALL), below) for k, below in chosen.items()}
    return {**kept, **both}
