"""
What the datapaths of one call read: artifacts, results, inputs, outputs, formats.

In: datapaths, and what the call was given. Out: elements with an identity, and rows of them.
Never: an exception over a datapath: one that cannot be read is None, and the run's log says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, NamedTuple

from soar.domain import collecting, datapath
from soar.domain.collecting import Part, Row
from soar.domain.datapath import WILDCARD, Datapath, Kind, Malformed, Steps
from soar.domain.scope import Scope
from soar.phantom import keeping
from soar.phantom.containers import container_id_of, get_container
from soar.phantom.desk import desk

ONE_VALUE = frozenset({Kind.CONTAINER, Kind.RUN})
LISTS = frozenset({Kind.INPUT, Kind.OUTPUT, Kind.CHILD})
"""Where a list is one row per item."""


class Element(NamedTuple):
    """An artifact, a result or an input: what one group of rows is made of."""

    identity: str
    value: Any
    kept: Mapping[str, Any] = collecting.ALL
    """What filters have kept of it."""

    @property
    def part(self) -> Part:
        """The element as rows are made of it."""
        return Part(self.value, (), self.kept)


@dataclass
class Reading:
    """One call's way to its values."""

    container: Any = None
    results: Any = None
    scope: Any = None
    artifacts: Any = None
    """The ids that the call was narrowed to (``filter_artifacts``), or artifacts."""
    tags: Iterable[str] = ()
    _read: dict[Any, list[Element]] = field(default_factory=dict)

    def path(self, text: Any) -> Datapath | None:
        """Return what a datapath reads; None, with a line in the run's log, if it is none."""
        try:
            known = datapath.plain(str(text)) if self.results is not None else None
            return known or datapath.parse(str(text))
        except Malformed as problem:
            desk().warn(str(problem))
            return None

    def rows(self, paths: Sequence[Datapath | None]) -> Iterator[list[Any]]:
        """Return the rows of several sources side by side, the shorter filled with None."""
        columns: dict[Any, list[int]] = {}
        constant: dict[int, Any] = {}
        for n, path in enumerate(paths):
            if path is None:
                constant[n] = None
            elif path.kind in ONE_VALUE:
                (element,) = self.elements(path)
                constant[n] = collecting.value_at(element.value, path.steps)
            else:
                columns.setdefault(source(path), []).append(n)
        if len(columns) == 1 and not constant:
            yield from self._plain_rows(paths)
            return
        parts = [self._rows_of(paths, numbers) for numbers in columns.values()]
        found: Iterable[tuple[Any, ...]] = zip_longest(*parts) if parts else [()]
        for side in found:
            values = constant | {n: v for part in side if part for n, v in part.items()}
            yield [values.get(n) for n in range(len(paths))]

    def _rows_of(
        self, paths: Sequence[Datapath | None], numbers: Sequence[int]
    ) -> Iterator[dict[int, Any]]:
        for row in self._plain_rows([paths[n] for n in numbers]):
            yield dict(zip(numbers, row, strict=True))

    def _plain_rows(self, paths: Sequence[Datapath | None]) -> Iterator[list[Any]]:
        """Return the rows of one source."""
        chosen = [path for path in paths if path is not None]
        parts = (element.part for element in self.elements(chosen[0]))
        return collecting.rows(parts, [steps(path) for path in chosen])

    def table(self, paths: Sequence[Datapath], *, whole: bool = False) -> list[tuple[str, Row]]:
        """Return the rows of one source, each with the identity of its element."""
        wanted = [steps(path, whole=whole) for path in paths]
        return [
            (element.identity, row)
            for element in self.elements(paths[0])
            for row in collecting.cells(element.part, wanted)
        ]

    def elements(self, path: Datapath) -> list[Element]:
        """Return the elements of a datapath's source, read once per call."""
        key = source(path)
        if key not in self._read:
            self._read[key] = self._filtered(path) if path.filter else self._elements(path)
        return self._read[key]

    def _elements(self, path: Datapath) -> list[Element]:
        if path.kind is Kind.ARTIFACT:
            return self._artifacts(desk().view.scope.narrowed(self.scope), given=self.artifacts)
        if path.kind is Kind.CONTEXT:
            return self._artifacts(Scope(), given=_origins(self._results(path.block)))
        if path.kind is Kind.ACTION:
            return _inner(self._results(path.block, only_given=path.given))
        if path.kind is Kind.RESULT:
            return _numbered(_given(self.results))
        return _numbered(_OTHERS[path.kind](self, path))

    def _filtered(self, path: Datapath) -> list[Element]:
        """Return what a filter has kept: all of a source that it did not speak of."""
        chosen = keeping.kept(keeping.FILTER, path.filter)
        if not chosen or not chosen["matched"]:
            return []
        every = self._all(replace(path, filter=""))
        known = chosen["sources"].get(source_name(path))
        if known is None:
            return every
        return [e._replace(kept=known[e.identity]) for e in every if e.identity in known]

    def _all(self, path: Datapath) -> list[Element]:
        if path.kind is Kind.ARTIFACT:
            return self._artifacts(Scope(), given=self.artifacts)
        if path.kind is not Kind.ACTION:
            return self._elements(path)
        kept, given = _inner(_told(path.block)), _inner(self._results(path.block))
        known = {element.identity for element in kept}
        return [*kept, *(element for element in given if element.identity not in known)]

    def _results(self, name: str, *, only_given: bool = False) -> list[Mapping[str, Any]]:
        """Return the results that were given, of a name if any has it, or those of the run."""
        given = _given(self.results)
        if not name:
            return given
        named = [r for r in given if r.get("name") == name]
        return named or (given if only_given else _told(name))

    def _artifacts(self, scope: Scope, *, given: Any) -> list[Element]:
        number, at = container_id_of(self.container), desk()
        own = number == at.view.container["id"]
        found = at.view.container["artifacts"] if own else at.view.reader.artifacts(number)
        ids, tags = _ids(given), set(self.tags)
        inside = [
            artifact
            for artifact in (*found, *at.added.get(number, ()))
            if scope.holds(artifact["id"])
            and (ids is None or artifact["id"] in ids)
            and (not tags or tags.intersection(artifact.get("tags") or ()))
        ]
        return [Element(str(a["id"]), a) for a in sorted(inside, key=lambda a: int(a["id"]))]


def _told(name: str) -> list[Mapping[str, Any]]:
    view = desk().view
    return [*view.reader.action_results(name), *view.rehearsed.get(name, ())]


def _given(results: Any) -> list[Mapping[str, Any]]:
    """Return results as a list, whatever a playbook hands on."""
    if isinstance(results, Mapping):
        return [results]
    if not isinstance(results, Iterable) or isinstance(results, str | bytes):
        return []
    return [each for each in results if isinstance(each, Mapping)]


def _inner(results: Iterable[Mapping[str, Any]]) -> list[Element]:
    """Return the single results inside those of a callback, each with what names it for good."""
    found: list[Element] = []
    for result in results:
        inner = result.get("action_results")
        known = result.get("app_run_id") or f"a{result.get('action_run_id', '')}"
        for n, each in enumerate(inner if isinstance(inner, list | tuple) else [result]):
            found.append(Element(f"{known}.{n}", each))
    return found


def _numbered(values: Iterable[Any]) -> list[Element]:
    return [Element(str(n), value) for n, value in enumerate(values)]


def _origins(results: Iterable[Mapping[str, Any]]) -> set[Any]:
    """Return the ids of the artifacts from which the parameters of results came."""
    at: Steps = ("parameter", "context", "artifact_id")
    return {collecting.value_at(element.value, at) for element in _inner(results)}


def _ids(given: Any) -> set[int] | None:
    if given is None:
        return None
    each = given if isinstance(given, list | tuple | set | frozenset) else [given]
    ids = (a.get("id") if isinstance(a, Mapping) else a for a in each)
    return {int(n) for n in ids if isinstance(n, int) or (isinstance(n, str) and n.isdigit())}


def _function(_: Reading, path: Datapath) -> list[Any]:
    return list(desk().view.reader.custom_function_results(path.block))


def _child(_: Reading, path: Datapath) -> list[Any]:
    return list(desk().view.reader.playbook_outputs(path.block))


def _format(_: Reading, path: Datapath) -> list[Any]:
    found = keeping.kept(keeping.FORMAT, path.block)
    return [] if found is None else [found]


def _code(_: Reading, path: Datapath) -> list[Any]:
    """Return the one output of a code block: JSON text in the run's data, or a block's result."""
    at, key = desk(), f"{path.block}:{path.steps[0]}"
    text = at.run_data.get(key, at.view.run_data.get(key))
    if text is None:
        return [{path.steps[0]: keeping.kept(keeping.RESULT, key)}]
    try:
        return [{path.steps[0]: json.loads(text)}]
    except ValueError:
        return [{path.steps[0]: text}]


def _container(reading: Reading, _: Datapath) -> list[Any]:
    number = container_id_of(reading.container)
    return [{"url": f"{desk().view.base_url}/rest/container/{number}", **get_container(number)}]


def _run(_: Reading, __: Datapath) -> list[Any]:
    view = desk().view
    name = view.reader.launching_user()["name"]
    user = {"name": name, "username": name}
    return [{"launching_user": user, "id": view.run_id, "name": view.playbook}]


def _inputs(_: Reading, path: Datapath) -> list[Any]:
    view = desk().view
    return list(view.reader.playbook_inputs(path.block)) if path.block else [dict(view.inputs)]


_OTHERS = {
    Kind.FUNCTION: _function,
    Kind.CHILD: _child,
    Kind.FORMAT: _format,
    Kind.OUTPUT: _code,
    Kind.CONTAINER: _container,
    Kind.RUN: _run,
    Kind.INPUT: _inputs,
}


def source(path: Datapath) -> Any:
    """Return what a datapath reads; each output of a code block stands by itself."""
    return (*path.source, path.steps[0]) if path.kind is Kind.OUTPUT else path.source


def source_name(path: Datapath) -> str:
    """Return the name of a source inside the set of a filter."""
    if path.kind is Kind.OUTPUT:
        return f"{path.block}:{path.kind}:{path.steps[0]}"
    return f"{path.block}:{path.kind}" if path.block else str(path.kind)


def steps(path: Datapath, *, whole: bool = False) -> Steps:
    """Return the steps inside an element; a list is one row per item, unless taken *whole*."""
    own = path.steps
    if path.kind is Kind.FORMAT:
        return ("list", *own) if own[:1] == (WILDCARD,) else ("text", *own)
    if path.kind in LISTS and own[1:2] != (WILDCARD,) and not (whole and path.kind is Kind.OUTPUT):
        return (own[0], WILDCARD, *own[1:])
    return own
