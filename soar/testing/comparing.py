"""
What an edited playbook would do otherwise than the run that was recorded.

In: the blocks of two plays of one recording. Out: a :class:`Difference`: false where there is none.
Never: two names of one function taken for two blocks, or what a run only keeps for itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import SequenceMatcher
from typing import Any

from soar.domain.redaction import masked

NAMES = ("name", "action", "function", "playbook", "key", "title")
KEPT = frozenset({"keep", "save run data"})
"""What a block leaves for later ones: it differs in what these do with it, or not at all."""
OUTCOME = (
    "status",
    "severity",
    "label",
    "owner_name",
    "sensitivity",
    "name",
    "description",
    "tags",
    "custom_fields",
)
"""Fields of the container as the run leaves it; a verdict stands among the custom fields."""
Key = tuple[Any, ...]
Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A block or a command that is added, gone or changed, or a field that is another."""

    what: str
    """added, gone, or changed"""
    of: str
    """block, command, error, container, artifacts, outputs or answer"""
    event: str
    """After what it happens."""
    said: str
    """What it is about, in one line."""
    then: Any = None
    now: Any = None

    def __str__(self) -> str:
        at = f" {self.event}:" if self.event else ""
        if self.what != "changed":
            return f"{self.of} {self.what}:{at} {self.said}"
        return f"{self.of} changed:{at} {self.said}: {_text(self.then)} -> {_text(self.now)}"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """All that differs; it is false where an edited playbook does the same."""

    changes: tuple[Change, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Functions that have another name now and do the same: no difference."""
    notes: tuple[str, ...] = ()
    """What to know of the recording itself."""

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __str__(self) -> str:
        return "\n".join(map(str, self.changes)) or "no difference"

    def of(self, kind: str) -> list[Change]:
        """Return the changes of blocks, of commands, …"""
        return [change for change in self.changes if change.of == kind]

    def document(self) -> Document:
        """Return it as JSON."""
        return {
            "same": not self,
            "changes": [asdict(change) for change in self.changes],
            "renamed": dict(self.renamed),
            "notes": list(self.notes),
        }


def compare(then: Document, now: Document) -> Difference:
    """Compare two plays: ``blocks``, ``functions``, ``container``, ``outputs``, ``unrecorded``."""
    before, after = _by_event(then["blocks"]), _by_event(now["blocks"])
    renamed = _renamed(before, after, then["functions"], now["functions"])
    changes = [
        change
        for key in dict.fromkeys([*before, *after])
        for change in _of_event(before.get(key), after.get(key), renamed)
    ]
    changes += _of_container(then["container"], now["container"])
    changes += _fields("outputs", "", then["outputs"], now["outputs"])
    known = set(then["unrecorded"])
    changes += [
        Change(what="added", of="answer", event="", said=f"never recorded: {said}")
        for said in dict.fromkeys(now["unrecorded"])
        if said not in known
    ]
    if now["stopped"] and not then["stopped"]:
        changes.append(Change(what="added", of="error", event="", said="it has no end"))
    return Difference(changes=tuple(changes), renamed=renamed)


def _by_event(blocks: Sequence[Document]) -> dict[Key, Document]:
    """Return the blocks by what they were told of; custom functions stand in the order called."""
    found: dict[Key, Document] = {}
    for block in blocks:
        event = block["event"]
        key: Key = (*block["run"], event["kind"], event.get("name"), event.get("number"))
        n = 1
        while (*key, n) in found:
            n += 1
        found[(*key, n)] = block
    return found


def _renamed(
    before: Mapping[Key, Document],
    after: Mapping[Key, Document],
    then: Sequence[str],
    now: Sequence[str],
) -> dict[str, str]:
    """Return the functions that another one stands for, at every event that led to them."""
    pairs = {
        (before[key]["block"], after[key]["block"])
        for key in before.keys() & after.keys()
        if before[key]["block"] != after[key]["block"]
    }
    olds, news = [old for old, _ in pairs], [new for _, new in pairs]
    return {
        old: new
        for old, new in sorted(pairs)
        if olds.count(old) == news.count(new) == 1 and old not in now and new not in then
    }


def _of_event(
    then: Document | None, now: Document | None, renamed: Mapping[str, str]
) -> Iterator[Change]:
    event = _event((then or now or {})["event"])
    if then is None or now is None:
        block = then or now or {}
        what = "added" if then is None else "gone"
        yield Change(what=what, of="block", event=event, said=f"{block['block']}()")
    elif renamed.get(then["block"], then["block"]) != now["block"]:
        yield Change(
            what="changed",
            of="block",
            event=event,
            said="the function called",
            then=then["block"],
            now=now["block"],
        )
    yield from _of_commands(event, _commands(then, renamed), _commands(now, {}))
    yield from _of_errors(event, then, now)


def _event(event: Document) -> str:
    if event["kind"] in ("start", "finish"):
        return f"on_{event['kind']}"
    count = f" ({event['number']})" if event.get("number", 1) > 1 else ""
    return f"after {event['kind'].replace('_', ' ')} {event.get('name')!r}{count}"


def _commands(block: Document | None, renamed: Mapping[str, str]) -> list[Document]:
    """Return what a block does to the world, with today's names of callbacks."""
    found = []
    for command in block["commands"] if block else ():
        debug = command["do"] == "log" and command.get("level") == "debug"
        if command["do"] not in KEPT and not debug:
            callback = command.get("callback")
            changed = {"callback": renamed[callback]} if callback in renamed else {}
            found.append(masked({**command, **changed}))
    return found


def _of_commands(event: str, then: list[Document], now: list[Document]) -> Iterator[Change]:
    old, new = [list(map(_text, commands)) for commands in (then, now)]
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from _replaced(event, then[i:j], now[k:m])


def _replaced(event: str, gone: list[Document], added: list[Document]) -> Iterator[Change]:
    """Pair a command that is gone with one of its kind and name that is new."""
    for new in list(added):
        twin = next((old for old in gone if _identity(old) == _identity(new)), None)
        if twin is not None:
            gone.remove(twin)
            added.remove(new)
            yield from _fields("command", event, twin, new, prefix=f"{_line(new)} ")
    for what, commands in (("gone", gone), ("added", added)):
        for command in commands:
            yield Change(
                what=what,
                of="command",
                event=event,
                said=_line(command, whole=True),
                then=command if what == "gone" else None,
                now=command if what == "added" else None,
            )


def _identity(command: Document) -> Key:
    fields = tuple(sorted(command.get("changes") or ()))
    return (command["do"], *(str(command.get(name)) for name in NAMES), fields)


def _line(command: Document, *, whole: bool = False) -> str:
    """Say in one line what a command is."""
    named = next((command[n] for n in ("action", "name", "function", "playbook", "key")
                  if command.get(n)), "")  # fmt: skip
    changes = ", ".join(f"{k}={_text(v)}" for k, v in (command.get("changes") or {}).items())
    rest = command.get("content") or command.get("message") or ""
    if whole and command.get("calls"):
        calls = [f"{c.get('asset')} {_text(c.get('parameters') or {})}" for c in command["calls"]]
        rest = "on " + "; ".join(calls)
    said = " ".join(filter(None, (command["do"], str(named), changes if whole else "")))
    return f"{said} {rest}".rstrip() if whole else said


def _fields(
    of: str, event: str, then: Document, now: Document, prefix: str = ""
) -> Iterator[Change]:
    for name in dict.fromkeys([*then, *now]):
        if _text(then.get(name)) != _text(now.get(name)):
            yield Change(
                what="changed",
                of=of,
                event=event,
                said=f"{prefix}{name}",
                then=then.get(name),
                now=now.get(name),
            )


def _of_errors(event: str, then: Document | None, now: Document | None) -> Iterator[Change]:
    old, new = [_reason(block) for block in (then, now)]
    if old == new:
        return
    if old and new:
        yield Change(what="changed", of="error", event=event, said="", then=old, now=new)
    else:
        yield Change(what="added" if new else "gone", of="error", event=event, said=old or new)


def _reason(block: Document | None) -> str:
    """Return what went wrong, without the line and the function, which an edit moves."""
    text = str((block or {}).get("error") or "")
    return text.partition(" failed: ")[2].partition(": ")[2] or text


def _of_container(then: Document, now: Document) -> Iterator[Change]:
    old, new = [{n: shape.get(n) for n in OUTCOME} for shape in (then, now)]
    yield from _fields("container", "", masked(old), masked(new))
    counts = [len(shape.get("artifacts") or ()) for shape in (then, now)]
    if counts[0] != counts[1]:
        yield Change(
            what="changed",
            of="container",
            event="",
            said="number of artifacts",
            then=counts[0],
            now=counts[1],
        )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
