"""
Where a value stands: ``artifact:*.cef.sourceAddress`` as a source and the steps inside it.

In: the texts that playbooks write. Out: a :class:`Datapath`, or a sentence with the position.
Never: I/O, or a guess: what is no datapath is said to be none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from soar.domain.errors import SoarError

WILDCARD = "*"
LONGEST = 2_000
MOST_STEPS = 100
MOST_WILDCARDS = 20

Steps = tuple[str, ...]


class Kind(StrEnum):
    """What a datapath reads."""

    ARTIFACT = "artifact"
    """Artifacts of the container, inside the scope."""
    ACTION = "action_result"
    """Results of a named action or prompt; without a name, those that were given."""
    FUNCTION = "custom_function_result"
    """Results of a named custom function."""
    OUTPUT = "custom_function"
    """What a code block has kept."""
    CHILD = "playbook_output"
    """Outputs of a playbook that this run has called."""
    INPUT = "playbook_input"
    """Inputs of this run."""
    FORMAT = "formatted_data"
    """The text of a format block."""
    CONTEXT = "context"
    """Artifacts from which the parameters of a named action came."""
    CONTAINER = "container"
    """The container itself."""
    RUN = "playbook"
    """The run itself: who launched it."""
    RESULT = "result"
    """The outer fields of the results that were given."""


@dataclass(frozen=True, slots=True)
class Datapath:
    """One path to values: its source, and the steps inside one element of it."""

    text: str
    kind: Kind
    block: str = ""
    """The action, function, format or playbook that is read by its name."""
    filter: str = ""
    """The filter whose set is read (``filter_1:condition_1``)."""
    steps: Steps = ()
    given: bool = False
    """Whether it reads what a filter handed to the block (Splunk 2.x)."""

    @property
    def source(self) -> tuple[Kind, str, str, bool]:
        """What it reads: paths with the same source share their elements."""
        return self.kind, self.block, self.filter, self.given


class Malformed(SoarError):
    """A datapath cannot be read; the sentence says where."""

    def __init__(self, text: str, position: int, why: str) -> None:
        shown = text if len(text) <= 200 else f"{text[:199]}…"
        super().__init__(f"datapath {shown!r}, character {position}: {why}")
        self.position = position


_FILTERED = re.compile(r"(filtered-data|filtered-artifact):([^:]+:[^:]+):(?=\S)")
_ARTIFACT = re.compile(r"(filtered-)?artifacts?:(?=\S|$)")
_BARE = re.compile(r"(container|finding|playbook_input|playbook):(?=\S|$)")
_RESULTS = re.compile(r"(filtered-)?action_result(?=[.:]|$)")
_NAMED = re.compile(
    r"([^:]+):((?:filtered-)?action_result|custom_function_result|formatted_data"
    r"|custom_function(?=:)|playbook_output(?=:)|artifacts?(?=:))(?=[.:]|$)"
)
_NEARLY = re.compile(
    r"(?:[^:\s]+:)?(?:action_results?|custom_function(?:_results?)?|playbook_outputs?|artifacts?"
    r"|formatted_data|filtered-[a-z_]+)[.:]\S*$"
)
_FILTERABLE = frozenset(
    {Kind.ARTIFACT, Kind.ACTION, Kind.FUNCTION, Kind.INPUT, Kind.CHILD, Kind.OUTPUT}
)
_FIELDS = frozenset({"action", "action_run_id", "app", "app_run_id", "asset", "message", "name"})
_PLAIN = _FIELDS | {"status", "summary", "parameter"}


@lru_cache(maxsize=4096)
def parse(text: str) -> Datapath:
    """Return what a datapath says, or raise :class:`Malformed`."""
    if len(text) > LONGEST:
        raise Malformed(text, LONGEST + 1, f"is longer than {LONGEST:,} characters")
    found = _parse(text, text, 0)
    if found is None:
        raise Malformed(text, 1, "begins with no source: see the reference for the forms")
    return found


def find(text: object) -> Datapath | None:
    """
    Return the datapath that a value is, or None where it is a literal.

    What looks like a datapath and cannot be read is :class:`Malformed`.
    """
    if not isinstance(text, str) or len(text) > LONGEST or ":" not in text:
        return parse(text) if isinstance(text, str) and _RESULTS.match(text) else None
    found = _literal_or_path(text)
    if found is None and _NEARLY.match(text):
        raise Malformed(text, _cause(text), "is no source: see the reference for the forms")
    return found


@lru_cache(maxsize=4096)
def _literal_or_path(text: str) -> Datapath | None:
    return _parse(text, text, 0)


def plain(text: str) -> Datapath | None:
    """Return the path of an outer field of a result (``status``), as Splunk 2.x wrote it."""
    first = text.partition(".")[0]
    if first not in _PLAIN:
        return None
    return Datapath(text=text, kind=Kind.RESULT, steps=_steps(text, text, 0))


def _cause(text: str) -> int:
    return text.find(":") + 2 if ":" in text else 1


def _parse(whole: str, text: str, at: int) -> Datapath | None:
    filtered = _FILTERED.match(text)
    if filtered:
        return _of_filter(whole, filtered, text, at)
    own = _ARTIFACT.match(text)
    if own:
        given = bool(own[1])
        steps = _of_artifact(whole, text[own.end() :], at + own.end())
        return Datapath(text=whole, kind=Kind.ARTIFACT, steps=steps, given=given)
    bare = _BARE.match(text)
    if bare:
        kind = Kind("container" if bare[1] == "finding" else bare[1])
        return Datapath(text=whole, kind=kind, steps=_steps(whole, text, at, bare.end()))
    unnamed = _RESULTS.match(text)
    if unnamed:
        steps = _dotted(whole, text, at, unnamed.end())
        return Datapath(text=whole, kind=Kind.ACTION, steps=steps, given=bool(unnamed[1]))
    named = _NAMED.match(text)
    return _of_block(whole, named, text, at) if named else None


def _of_filter(whole: str, found: re.Match[str], text: str, at: int) -> Datapath:
    """Return what is read from the set of a filter."""
    start = at + found.end()
    inner = (
        None
        if text.startswith("filtered-data:", found.end())
        else _parse(whole, text[found.end() :], start)
    )
    if inner is None or inner.kind not in _FILTERABLE:
        raise Malformed(whole, start + 1, "is nothing that a filter keeps")
    return Datapath(
        text=whole, kind=inner.kind, block=inner.block, filter=found[2], steps=inner.steps
    )


def _of_block(whole: str, found: re.Match[str], text: str, at: int) -> Datapath:
    """Return what is read of a block by its name."""
    block, root, end = found[1], found[2], found.end()
    given = root.startswith("filtered-")
    if root in ("artifact", "artifacts"):
        steps = _of_artifact(whole, text[end + 1 :], at + end + 1)
        return Datapath(text=whole, kind=Kind.CONTEXT, block=block, steps=steps)
    kind = Kind(root.removeprefix("filtered-"))
    if kind in (Kind.OUTPUT, Kind.CHILD):
        steps = _steps(whole, text, at, end + 1)
    else:
        steps = _dotted(whole, text, at, end)
    return Datapath(text=whole, kind=kind, block=block, steps=steps, given=given)


def _of_artifact(whole: str, rest: str, at: int) -> Steps:
    if not rest.startswith("*"):
        raise Malformed(whole, at + 1, "artifacts are read with artifact:*.")
    return _dotted(whole, rest, at, 1)


def _dotted(whole: str, text: str, at: int, start: int) -> Steps:
    """Return the steps behind a source that ends with a dot, or none."""
    if start == len(text):
        return ()
    if text[start] != ".":
        raise Malformed(whole, at + start + 1, "expected a dot")
    return _steps(whole, text, at, start + 1)


def _steps(whole: str, text: str, at: int, start: int = 0) -> Steps:
    """Return the steps of a path; one that is empty or half a wildcard is malformed."""
    steps = tuple(text[start:].split("."))
    position = at + start + 1
    for step in steps:
        if not step:
            raise Malformed(whole, position, "a step is empty")
        if WILDCARD in step and step != WILDCARD:
            raise Malformed(whole, position, f"{step!r} must be a name or *, with dots between")
        position += len(step) + 1
    if len(steps) > MOST_STEPS or steps.count(WILDCARD) > MOST_WILDCARDS:
        raise Malformed(whole, 1, f"has more than {MOST_STEPS} steps or {MOST_WILDCARDS} wildcards")
    return steps
