"""
Texts with values in them: Splunk's ``format`` and what blocks read of it later.

In: a template with ``{0}`` and ``%%``, datapaths and literals. Out: a text, kept under a name.
Never: a place in a text that is left unfilled, or a value that is filled a second time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from soar.domain import datapath
from soar.domain.datapath import Datapath, Malformed
from soar.domain.errors import BadInput
from soar.phantom import keeping
from soar.phantom.desk import TooMuch, desk
from soar.phantom.reading import ONE_VALUE, Reading

PLACE = re.compile(r"\{\{|\}\}|\{(\d{1,4})\}")
REPEAT = "%%"
AS_LIST = "__as_list"
LONGEST = 10_000_000
"""Characters of one text."""


def format(
    container: Any = None,
    template: str = "",
    parameters: Any = None,
    name: str | None = None,
    separator: str = ", ",
    drop_none: bool = False,
    scope: Any = None,
    **_ignored: Any,
) -> str:
    """
    Fill a template, keep the text under *name* for later blocks, and return it.

    ``{0}`` is the first of *parameters*: all values of a datapath with *separator* between, or a
    literal. What stands between two lines ``%%`` is repeated for each row of its values. None is
    written as ``None`` unless *drop_none*. ``{{`` and ``}}`` are braces.
    """
    values = Values(
        Reading(container=container, scope=scope),
        listed(parameters),
        "," if separator is None else str(separator),
        drop_none=bool(drop_none),
    )
    text, rows = written(str(template), values)
    if name:
        keeping.keep(keeping.FORMAT, str(name), {"text": text, "list": rows})
    return text


def get_format_data(name: str = "", **_ignored: Any) -> Any:
    """Return the text of a format of this run; of ``<name>__as_list``, the texts of its rows."""
    found = keeping.kept(keeping.FORMAT, name)
    if found is not None:
        return found["text"]
    if name.endswith(AS_LIST):
        found = keeping.kept(keeping.FORMAT, name.removesuffix(AS_LIST))
        return [] if found is None else found["list"]
    return ""


def is_kept(name: str) -> bool:
    """Tell whether this run has made a format of that name."""
    return any(
        keeping.kept(keeping.FORMAT, one) is not None for one in (name, name.removesuffix(AS_LIST))
    )


def listed(parameters: Any) -> Sequence[Any]:
    """Return the parameters of a text, or refuse what is no list."""
    if parameters is None or parameters == "":
        return ()
    if isinstance(parameters, str | Mapping) or not isinstance(parameters, Sequence):
        raise BadInput("parameters", "must be a list: its first value fills {0}")
    return parameters


@dataclass
class Values:
    """The values of a call's parameters."""

    reading: Reading
    parameters: Sequence[Any]
    separator: str
    drop_none: bool = False
    field: str = "template"
    """What an author's mistake is said of."""

    @cached_property
    def paths(self) -> list[Datapath | None]:
        """Which parameters are datapaths."""
        return [self._path(each) for each in self.parameters]

    def _path(self, parameter: Any) -> Datapath | None:
        try:
            return datapath.find(parameter)
        except Malformed as problem:
            desk().warn(str(problem))
            self.unreadable.add(str(parameter))
            return None

    @cached_property
    def unreadable(self) -> set[str]:
        """The parameters that look like datapaths and are none: their value is None."""
        return set()

    def number(self, place: str) -> int:
        """Return which parameter a place stands for."""
        if int(place) >= len(self.parameters):
            raise BadInput(
                self.field, f"{{{place}}} has no value: parameters has {len(self.parameters)}"
            )
        return int(place)

    def joined(self, number: int) -> str:
        """Return all values of one parameter as one text."""
        path = self.paths[number]
        found = [self._literal(number)] if path is None else self._values(path)
        return self.separator.join(self._texts(found))

    def _values(self, path: Datapath) -> Iterator[Any]:
        return (row[0] for row in self.reading.rows([path]))

    def _literal(self, number: int) -> Any:
        literal = self.parameters[number]
        if isinstance(literal, str) and literal in self.unreadable:
            return None
        if isinstance(literal, list | tuple | set | frozenset):
            return self.separator.join(self._texts(literal))
        return literal

    def _texts(self, values: Any) -> Iterator[str]:
        return (str(v) for v in values if v is not None or not self.drop_none)

    def rows(self, numbers: Sequence[int]) -> Iterator[dict[int, str]]:
        """Return, for each row of these parameters, their texts; literals stand on each."""
        read = [n for n in numbers if self.paths[n] is not None]
        same = {n: self._text(self._literal(n)) for n in numbers if n not in read}
        varying = any((p := self.paths[n]) and p.kind not in ONE_VALUE for n in read)
        for row in self.reading.rows([self.paths[n] for n in read]) if read else [[]]:
            told = varying and self.drop_none and all(v is None for v in row)
            if not told:
                yield same | {n: self._text(v) for n, v in zip(read, row, strict=True)}

    def _text(self, value: Any) -> str:
        return "" if value is None and self.drop_none else str(value)


def written(template: str, values: Values) -> tuple[str, list[str]]:
    """Return a template's text, and the texts of its rows (without any, the text is the one)."""
    pieces: list[str] = []
    rows: list[str] = []
    parts, size = _parts(template), 0
    for repeated, part in parts:
        for text in _repeated(part, values) if repeated else [_once(part, values)]:
            size += len(text) + 1
            if size > LONGEST:
                raise TooMuch(f"the text of a format is longer than {LONGEST:,} characters")
            pieces.append(text)
            rows += [text] * repeated
    text = "\n".join(pieces)
    return text, rows if any(repeated for repeated, _ in parts) else [text]


def _once(part: str, values: Values) -> str:
    return _filled(part, values.number, values.joined)


def _parts(template: str) -> list[tuple[bool, str]]:
    """Return the parts of a template that stand once, and those between lines of ``%%``."""
    parts: list[tuple[bool, str]] = []
    lines: list[str] = []
    repeated = False
    for line in template.split("\n"):
        if line.strip() != REPEAT:
            lines.append(line)
            continue
        if lines:
            parts.append((repeated, "\n".join(lines)))
        lines, repeated = [], not repeated
    if lines:
        parts.append((repeated, "\n".join(lines)))
    return parts


def _repeated(part: str, values: Values) -> Iterator[str]:
    numbers = sorted({values.number(p) for p in PLACE.findall(part) if p})
    for row in values.rows(numbers):
        yield _filled(part, int, row.__getitem__)


def _filled(text: str, number: Any, value: Any) -> str:
    """Return a text with its places filled; each parameter is written once."""
    known: dict[int, str] = {}

    def fill(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0][0]
        n = number(found[1])
        if n not in known:
            known[n] = value(n)
        return known[n]

    return PLACE.sub(fill, text)
