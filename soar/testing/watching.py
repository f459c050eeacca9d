"""
Watches a block while it runs: its functions, what each asks of ``phantom``, which rows that is.

In: a program whose blocks are about to run. Out: steps, in order, each with its line.
Never: a change of what the block sees or asks for.
"""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import wraps
from itertools import islice
from types import FrameType
from typing import Any

import soar.phantom.rules as rules
from soar.domain import datapath
from soar.domain.datapath import Malformed
from soar.domain.redaction import masked
from soar.phantom import arguments
from soar.phantom.lists import rows_of
from soar.phantom.reading import Reading
from soar.testing.showing import short

ROWS = 5
READS = frozenset({"collect", "collect2"})
FILLED = frozenset({"format", "prompt", "prompt2", "task"})
ASKED = frozenset({"condition", "decision"})
LIST = "custom_list:"
WATCHED = sorted(name for name in rules.__all__ if inspect.isfunction(getattr(rules, name)))
Step = dict[str, Any]


@dataclass
class Witness:
    """What it has seen of one block of a program."""

    file: str
    rows: int = ROWS
    steps: list[Step] = field(default_factory=list)
    _inside: int = 0

    @contextmanager
    def watching(self) -> Iterator[list[Step]]:
        """Watch what runs inside."""
        own = {name: getattr(rules, name) for name in WATCHED}
        for name, function in own.items():
            setattr(rules, name, self._watched(name, function))
        sys.setprofile(self._entered)
        try:
            with redirect_stdout(_Printed(self)):
                yield self.steps
        finally:
            sys.setprofile(None)
            for name, function in own.items():
                setattr(rules, name, function)

    def _entered(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename == self.file and code.co_name[0] != "<":
            self.steps.append({"enters": code.co_name, "line": code.co_firstlineno})

    def place(self) -> Step:
        """Return the function and the line of the playbook that is running."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != self.file:
            frame = frame.f_back
        if frame is None:
            return {"block": "", "line": 0}
        return {"block": frame.f_code.co_name, "line": frame.f_lineno}

    def _watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return function(*args, **kwargs)
            self._inside += 1
            try:
                return self._seen(name, function, args, kwargs)
            finally:
                self._inside -= 1

        return call

    def _seen(self, name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        given = _given(function, args, kwargs)
        step: Step = {"calls": name, **self.place(), "given": masked(short(given))}
        paths = [] if name in READS else [self._read(p, given) for p in _paths(name, given)]
        self.steps.append(step)
        try:
            value = function(*args, **kwargs)
        except BaseException as raised:
            step["raised"] = f"{type(raised).__name__}: {raised}"
            raise
        if name in READS:
            paths = self._columns(name, given, value)
        if paths:
            step["datapaths"] = paths
        step["answer"] = masked(short(value, self.rows))
        return value

    def _read(self, path: str, given: Mapping[str, Any]) -> Step:
        """Return what a datapath of a condition or a text reads, before it is used."""
        if path.startswith(LIST):
            rows = rows_of(path.removeprefix(LIST).strip())
            return self._values(path, rows or [], "" if rows is not None else "there is none")
        try:
            known = datapath.parse(path)
            reading = Reading(
                container=given.get("container"),
                results=given.get("action_results"),
                scope=given.get("scope"),
                artifacts=given.get("filter_artifacts"),
            )
            found = [row[0] for row in islice(reading.rows([known]), 2_000)]
        except Malformed as problem:
            return self._values(path, [], str(problem))
        except Exception as raised:
            return self._values(path, [], f"{type(raised).__name__}: {raised}")
        return self._values(path, found)

    def _columns(self, name: str, given: Mapping[str, Any], value: Any) -> list[Step]:
        """Return what each datapath of a collect call has brought."""
        paths = arguments.texts(given.get("datapath"))
        flat = name == "collect" and isinstance(given.get("datapath"), str)
        rows = [[item] for item in value] if flat else value
        return [self._values(p, [row[n] for row in rows]) for n, p in enumerate(paths)]

    def _values(self, path: str, values: Sequence[Any], problem: str = "") -> Step:
        shown = [short(v) for v in values[: self.rows]]
        last = path.rpartition(".")[2]
        told = {"datapath": path, "rows": len(values), "values": masked({last: shown})[last]}
        return told | ({"problem": problem} if problem else {})


class _Printed(io.StringIO):
    """Takes what a block prints."""

    def __init__(self, witness: Witness) -> None:
        super().__init__()
        self.witness = witness

    def write(self, text: str) -> int:
        """Keep a line with its place."""
        if text.strip():
            said = masked(short(text.rstrip("\n")))
            self.witness.steps.append({"prints": said, **self.witness.place()})
        return len(text)


def _given(function: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """Return the arguments of a call by name."""
    try:
        bound = dict(inspect.signature(function).bind_partial(*args, **kwargs).arguments)
    except TypeError:
        return {**{str(n): a for n, a in enumerate(args)}, **kwargs}
    return {k: v for k, v in bound.items() if k != "_ignored"}


def _paths(name: str, given: Mapping[str, Any]) -> list[str]:
    """Return the datapaths that a call will read."""
    texts: list[Any] = []
    if name in FILLED and not isinstance(given.get("parameters"), str):
        texts = list(given.get("parameters") or ())
    if name in ASKED:
        rows = given.get("conditions") or ()
        rows = [rows] if rows and isinstance(rows[0], str) else rows
        texts = [side for row in rows if len(row) == 3 for side in (row[0], row[2])]
    return list(dict.fromkeys(t for t in texts if isinstance(t, str) and _is_path(t)))


def _is_path(text: str) -> bool:
    try:
        return text.startswith(LIST) or datapath.find(text) is not None
    except Malformed:
        return True
