"""
Which artifacts of its container a run works on.

In: ``all``, ``new``, or a list of ids. Out: a :class:`Scope`.
Never: an artifact that stands outside because it could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from soar.domain.errors import BadInput

Asked = str | list[int]


@dataclass(frozen=True, slots=True)
class Scope:
    """All artifacts, those that came after an id, or those of a list."""

    asked: str = "all"
    after: int = 0
    """The newest artifact that an earlier run of the playbook has seen on the container."""
    ids: frozenset[int] = frozenset()

    def holds(self, artifact_id: int) -> bool:
        """Tell whether an artifact stands inside."""
        if self.asked == "ids":
            return artifact_id in self.ids
        return self.asked == "all" or artifact_id > self.after

    def narrowed(self, asked: Any) -> Scope:
        """Return the scope that one call asks for; None is this one."""
        if asked is None:
            return self
        known = parse(asked)
        if isinstance(known, str):
            return replace(self, asked=known)
        return replace(self, asked="ids", ids=frozenset(known))


def parse(raw: Any) -> Asked:
    """Return a scope as it is kept with a run."""
    if isinstance(raw, str) and raw.lower() in ("all", "new"):
        return raw.lower()
    if isinstance(raw, int) and not isinstance(raw, bool):
        return [raw]
    if not isinstance(raw, str | bytes | dict) and isinstance(raw, Iterable):
        given = list(raw)
        if all(isinstance(each, int) and not isinstance(each, bool) for each in given):
            return given
    raise BadInput("scope", f"{str(raw)[:80]!r} is not all, new, or a list of artifact ids")


def of(asked: Any, after: int = 0) -> Scope:
    """Return the scope of a run from what is kept with it."""
    return Scope(after=after).narrowed(asked)
