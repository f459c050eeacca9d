"""
Whom a prompt is for, once it is opened: the names that its playbook gave, or whose they are.

In: a prompt and its run. Out: names of people and roles, and a line for the run's log.
Never: a machine, or nobody: what has no owner goes to the approvers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soar.domain.commands import Prompt
from soar.domain.errors import NotFound
from soar.store.work import Work

EVENT_OWNERS = frozenset({"event owner", "container owner"})
RUN_OWNERS = frozenset({"playbook run owner", "run owner"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressees:
    """Whom a prompt is for; nobody where it cannot be asked."""

    names: tuple[str, ...]
    note: str = ""
    """What the run's log says, where it was not as the playbook wrote it."""


def resolve(work: Work, prompt: Prompt, run: Mapping[str, Any], approvers: str) -> Addressees:
    """Return whom a prompt is for: owners by name, and the approvers where nobody is named."""
    names: dict[str, None] = {}
    for name in prompt.to:
        if name.lower() in RUN_OWNERS and _kind(work, run["run_as"]) in (None, "automation"):
            note = f"prompt {prompt.name!r} was not sent: the run was not started by a person"
            return Addressees(names=(), note=note)
        names[_owner(work, name, run)] = None
    names.pop("", None)
    if names:
        return Addressees(names=tuple(names))
    why = "the container is owned by no person" if prompt.to else "it names nobody"
    note = f"prompt {prompt.name!r} went to {approvers!r}: {why}"
    return Addressees(names=(approvers,), note=note)


def _owner(work: Work, name: str, run: Mapping[str, Any]) -> str:
    if name.lower() in RUN_OWNERS:
        return str(run["run_as"])
    if name.lower() in EVENT_OWNERS:
        owner = str(work.containers.get(run["container_id"])["owner_name"] or "")
        return "" if _kind(work, owner) == "automation" else owner  # a role is of no kind
    return name


def _kind(work: Work, username: str) -> str | None:
    """Return of which kind a user is, or None where there is none who is active."""
    try:
        person = work.people.get(username)
    except NotFound:
        return None
    return str(person["kind"]) if person["active"] else None
