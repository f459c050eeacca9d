"""
Splunk's filters and decisions: which values hold, and whether any do.

In: rows ``[left, operator, right]``. Out: what stays, kept under the filter's name; or yes or no.
Never: I/O, or a wrong operator that is quietly false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from soar.domain import collecting, comparing, datapath, matching
from soar.domain.collecting import Kept, Row
from soar.domain.comparing import Terms
from soar.domain.datapath import Datapath, Kind, Malformed
from soar.domain.errors import BadInput
from soar.domain.matching import Condition, Match, Operand
from soar.phantom import keeping
from soar.phantom.desk import desk
from soar.phantom.lists import rows_of
from soar.phantom.reading import ONE_VALUE, Reading, source, source_name

LIST = "custom_list:"

Matched = tuple[list[int], list[dict[str, Any]]]


def decision(
    container: Any = None,
    action_results: Any = None,
    conditions: Any = None,
    logical_operator: str = "or",
    scope: Any = None,
    filter_artifacts: Any = None,
    case_sensitive: bool = True,
    delimiter: str | None = ",",
    **_ignored: Any,
) -> bool:
    """
    Tell whether the conditions hold for any values.

    Each is ``[left, operator, right]``; a side is a datapath, ``custom_list:<name>`` or a value.
    *delimiter* splits a text that is written on the right of ``in``. *conditions_dps* says the
    same again, and *name* names the block: neither is needed.
    """
    reading = Reading(
        container=container, results=action_results, scope=scope, artifacts=filter_artifacts
    )
    asked = _Asked(reading, Terms(bool(case_sensitive), delimiter))
    return asked.match(_listed(conditions), logical_operator).holds


def condition(
    container: Any = None,
    action_results: Any = None,
    conditions: Any = None,
    logical_operator: str = "or",
    scope: Any = None,
    filter_artifacts: Any = None,
    case_sensitive: bool = True,
    delimiter: str | None = ",",
    name: str | None = None,
    **_ignored: Any,
) -> Matched:
    """
    Return the ids of the artifacts and the results for which the conditions hold.

    Both are kept under *name* (``<filter>:condition_1``) for datapaths that begin with
    ``filtered-data:``. Of a result, the elements of its lists that match are kept. The arguments
    are those of :func:`decision`.
    """
    reading = Reading(
        container=container, results=action_results, scope=scope, artifacts=filter_artifacts
    )
    asked = _Asked(reading, Terms(bool(case_sensitive), delimiter))
    found = asked.match(_listed(conditions), logical_operator)
    kept = asked.kept(found) if found.holds else {}
    if name:
        keeping.keep(keeping.FILTER, str(name), {"matched": found.holds, "sources": kept})
    return asked.returned(kept) if found.holds else ([], [])


def _listed(conditions: Any) -> list[Sequence[Any]]:
    given = list(conditions or ())
    rows = [given] if given and isinstance(given[0], str) else given
    for row in rows:
        if not isinstance(row, list | tuple) or len(row) != 3:
            raise BadInput("conditions", f"{str(row)[:80]} is not [left, operator, right]")
    return rows


@dataclass
class _Asked:
    """The conditions of one call, and the sources that they speak of."""

    reading: Reading
    terms: Terms
    paths: dict[Any, list[Datapath]] = field(default_factory=dict)
    tables: dict[Any, list[tuple[str, Row]]] = field(default_factory=dict)

    def match(self, rows: Iterable[Sequence[Any]], joined: str) -> Match:
        """Return what the conditions let stay."""
        every = str(joined or "or").strip().lower()
        if every not in ("and", "or"):
            raise BadInput("logical_operator", f"{str(joined)[:40]!r} is neither and nor or")
        said = [self._condition(row) for row in rows]
        self.tables = {s: self.reading.table(p, whole=True) for s, p in self.paths.items()}
        bare = {s: [row for _, row in table] for s, table in self.tables.items()}
        return matching.match(said, bare, every=every == "and", terms=self.terms)

    def _condition(self, row: Sequence[Any]) -> Condition:
        left, raw, right = row
        operator = " ".join(str(raw).lower().split())
        if operator not in comparing.OPERATORS:
            known = ", ".join(comparing.OPERATORS)
            raise BadInput("conditions", f"{str(raw)[:40]!r} is none of the operators {known}")
        inside = operator in ("in", "not in")
        return Condition(self._operand(left), operator, self._operand(right, listed=inside))

    def _operand(self, raw: Any, *, listed: bool = False) -> Operand:
        if isinstance(raw, str) and raw.startswith(LIST):
            return Operand(constant=_custom_list(raw.removeprefix(LIST).strip()))
        try:
            path = datapath.find(raw)
        except Malformed as problem:
            desk().warn(str(problem))
            return Operand(constant=None)
        if path is None:
            return Operand(constant=comparing.members(raw, self.terms) if listed else raw)
        if path.kind in ONE_VALUE:
            (element,) = self.reading.elements(path)
            return Operand(constant=collecting.value_at(element.value, path.steps))
        return self._column(path)

    def _column(self, path: Datapath) -> Operand:
        key = source(path)
        paths = self.paths.setdefault(key, [])
        if path not in paths:
            paths.append(path)
        return Operand(source=key, column=paths.index(path))

    def kept(self, found: Match) -> dict[str, dict[str, Kept]]:
        """Return, for each source by its name, what stays of each of its elements."""
        sources: dict[str, dict[str, Kept]] = {}
        for key, numbers in found.kept.items():
            path = self.paths[key][0]
            trees = sources.setdefault(source_name(path), {})
            trees.update(self._trees(key, path, numbers))
        return sources

    def _trees(self, key: Any, path: Datapath, numbers: Iterable[int]) -> dict[str, Kept]:
        chosen: dict[str, Kept] = {}
        for n in numbers:
            identity, row = self.tables[key][n]
            tree = chosen.setdefault(identity, {})
            for cell in row.values():
                collecting.keep(tree, cell.place or ())
        return {
            e.identity: collecting.narrowed(e.value, e.kept, chosen[e.identity])
            for e in self.reading.elements(path)
            if e.identity in chosen
        }

    def returned(self, kept: Mapping[str, Mapping[str, Kept]]) -> Matched:
        """Return the artifacts' ids and the results; one of them is not empty."""
        ids = [int(identity) for identity in kept.get(str(Kind.ARTIFACT), ())]
        results: list[dict[str, Any]] = []
        for path in {source_name(p[0]): p[0] for p in self.paths.values()}.values():
            trees = kept.get(source_name(path), {})
            if path.kind is not Kind.ARTIFACT:
                results += [
                    _result(path, collecting.pruned(e.value, trees[e.identity]))
                    for e in self.reading.elements(path)
                    if e.identity in trees
                ]
        return sorted(ids), results if ids or results else [{"matched": True}]


def _result(path: Datapath, value: Any) -> dict[str, Any]:
    if path.kind is Kind.ACTION:
        return {"name": path.block, "status": value.get("status"), "action_results": [value]}
    return {"name": path.block or str(path.kind), "value": value}


def _custom_list(name: str) -> list[Any] | None:
    """Return every cell of a custom list."""
    rows = rows_of(name)
    if rows is None:
        desk().warn(f"there is no custom list {name!r}: nothing is in it")
        return None
    return [cell for row in rows for cell in (row if isinstance(row, list | tuple) else [row])]
