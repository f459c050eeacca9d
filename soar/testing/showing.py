"""
Commands and values as documents: what a debugger prints, and what a replay compares.

In: commands of blocks and what they hold. Out: JSON values.
Never: a number that was only reserved: it is another one each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from soar.domain import commands
from soar.domain.commands import Act, ActTogether, AddNote, CallPlaybook, Command
from soar.engine.planner import Join, Member, Plan, PlannedAct

LONGEST = 300
"""Characters of a text that is shown."""
MOST = 8
"""Items of a list or mapping that are shown."""
RESERVED = {
    "AddArtifact": ("artifact_id",),
    "AddNote": ("note_id",),
    "AddFile": ("attachment_id", "content"),
    "AddTask": ("task_id",),
    "CallPlaybook": ("run_id",),
    "CreateContainer": ("container_id",),
    "WritePin": ("pin_id",),
}
"""What is another number in each play, or a text of its own."""
WORDS: Mapping[type, str] = {
    Act: "act",
    ActTogether: "acts together",
    CallPlaybook: "playbook",
    commands.CallFunction: "custom function",
    commands.SaveOutputs: "outputs",
}


def documents(asked: Sequence[Command], plan: Plan) -> list[dict[str, Any]]:
    """Return the commands of a block; an act with the calls that it comes to."""
    joins = iter(plan.joins)
    return [_document(command, joins) for command in asked]


def _document(command: Command, joins: Iterator[Join]) -> dict[str, Any]:
    said = {"do": word(command), **_said(command)}
    if isinstance(command, Act):
        said["calls"] = _calls(next(joins).acts[0])
    if isinstance(command, ActTogether):
        acts = zip(command.acts, next(joins).acts, strict=True)
        said["acts"] = [{**_said(act), "calls": _calls(planned)} for act, planned in acts]
    return said


def word(command: Command) -> str:
    """Return what a command is called."""
    if isinstance(command, AddNote) and command.kind == "comment":
        return "comment"
    plain = re.sub(r"(?<!^)(?=[A-Z])", " ", type(command).__name__).lower()
    return WORDS.get(type(command), plain)


def _said(command: Any) -> dict[str, Any]:
    """Return the fields of a command that say more than nothing."""
    left_out = RESERVED.get(type(command).__name__, ())
    planned = ("parameters", "assets", "sources", "context", "acts")
    dropped = (*left_out, *planned) if isinstance(command, Act | ActTogether) else left_out
    return {
        f.name: as_json(getattr(command, f.name))
        for f in fields(command)
        if f.name not in dropped and getattr(command, f.name) != _default(f)
    }


def _default(field: Any) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _calls(act: PlannedAct) -> list[dict[str, Any]]:
    return [_call(member) for member in act.members] or [{"refused": act.problem}]


def _call(member: Member) -> dict[str, Any]:
    said: dict[str, Any] = {"asset": member.asset, "parameters": as_json(member.parameters)}
    if member.context:
        said["context"] = as_json(member.context)
    if member.failed:
        said["refused"] = member.failed
    if member.needs.gated:
        said["needs_consent"] = True
    return said


def as_json(value: Any) -> Any:
    """Return a value as JSON keeps it."""
    return json.loads(json.dumps(value, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in fields(value)}
    return getattr(value, "__name__", None) or str(value)


def short(value: Any, most: int = MOST, depth: int = 4) -> Any:
    """Return a value as it is shown: what is long is cut, and says so."""
    if callable(value):
        return str(getattr(value, "__name__", value))
    if isinstance(value, Mapping) and "artifacts" in value and "id" in value:
        return f"container {value['id']}"
    if depth == 0 and isinstance(value, Mapping | list | tuple | set):
        return f"({len(value)} inside)"
    if isinstance(value, Mapping):
        shown = {str(k): short(v, most, depth - 1) for k, v in list(value.items())[:most]}
        return shown | ({"…": f"{len(value) - most} more"} if len(value) > most else {})
    if isinstance(value, list | tuple | set | frozenset):
        items = [short(v, most, depth - 1) for v in list(value)[:most]]
        return items + ([f"… {len(value) - most} more"] if len(value) > most else [])
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}… ({len(value):,} characters)"
    return value if value is None or isinstance(value, bool | int | float) else str(value)
