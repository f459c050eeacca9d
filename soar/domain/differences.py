"""
What is asked now against what was asked before: field by field.

In: the payloads of two questions. Out: the fields that differ, each then and now.
Never: I/O; or a call compared with one of another action or asset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soar.domain.gate import digest

Payload = Mapping[str, Any]
Call = Mapping[str, Any]
HEAD = {"assignee": "asked of", "message": "question", "options": "choices", "run": "run"}
NOTHING = "—"


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One field that is not what it was."""

    field: str
    then: str
    now: str


def differences(then: Payload, now: Payload) -> list[Difference]:
    """Return what differs between two questions."""
    return [*_heads(then, now), *_effects(then, now)]


def likeness(then: Payload, now: Payload) -> int:
    """Tell how much two questions are about the same: their calls count, exact ones most."""
    before, after = _every(then), _every(now)
    same = {digest(dict(call)) for call in before} & {digest(dict(call)) for call in after}
    pairs = {_pair(call) for call in before} & {_pair(call) for call in after}
    return 10 * len(same) + len(pairs)


def _every(payload: Payload) -> list[Call]:
    return [call for option in payload.get("options", ()) for call in _calls(payload, option)]


def _calls(payload: Payload, option: str) -> list[Call]:
    return list((payload.get("effects") or {}).get(option, ()))


def _pair(call: Call) -> tuple[str, str]:
    return str(call.get("action")), str(call.get("asset"))


def _heads(then: Payload, now: Payload) -> Iterator[Difference]:
    for name, field in HEAD.items():
        if then.get(name) != now.get(name):
            yield Difference(field=field, then=_said(then.get(name)), now=_said(now.get(name)))


def _effects(then: Payload, now: Payload) -> Iterator[Difference]:
    options = dict.fromkeys([*then.get("options", ()), *now.get("options", ())])
    for option in options:
        yield from _of_option(option, _calls(then, option), _calls(now, option))


def _of_option(option: str, then: Sequence[Call], now: Sequence[Call]) -> Iterator[Difference]:
    """Set aside what is the same; compare what is left, an action on an asset with its like."""
    before, after = _without(then, now), _without(now, then)
    for call in after:
        twin = next((b for b in before if _pair(b) == _pair(call)), None)
        where = f"{option}: {call.get('action')} on {call.get('asset')}"
        if twin is None:
            yield Difference(field=where, then=NOTHING, now=sentence(call))
            continue
        before.remove(twin)
        yield from _of_call(where, twin, call)
    for call in before:
        where = f"{option}: {call.get('action')} on {call.get('asset')}"
        yield Difference(field=where, then=sentence(call), now=NOTHING)


def _without(calls: Sequence[Call], others: Sequence[Call]) -> list[Call]:
    left = [digest(dict(call)) for call in others]
    kept = []
    for call in calls:
        mark = digest(dict(call))
        if mark in left:
            left.remove(mark)
        else:
            kept.append(call)
    return kept


def _of_call(where: str, then: Call, now: Call) -> Iterator[Difference]:
    for name in ("app", "app_version"):
        if then.get(name) != now.get(name):
            field = f"{where}: {name.replace('_', ' ')}"
            yield Difference(field=field, then=_said(then.get(name)), now=_said(now.get(name)))
    before, after = then.get("parameters") or {}, now.get("parameters") or {}
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            old, new = _said(before.get(name)), _said(after.get(name))
            yield Difference(field=f"{where}: {name}", then=old, now=new)


def sentence(call: Call) -> str:
    """Say what a call is given, in one line."""
    return ", ".join(f"{n}={_said(v)}" for n, v in (call.get("parameters") or {}).items())


def _said(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, list | tuple):
        return ", ".join(_said(item) for item in value)
    return str(value)
