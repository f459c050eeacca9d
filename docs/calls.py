"""
Reads what a function may raise or decline, itself and through what it calls in its room.

In: functions of ``soar.phantom``. Out: exceptions with their sentences, and refusals.
Never: a call; only the syntax trees are read.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any

from soar.phantom.desk import Desk, View

ROOM = "soar.phantom"
EVERY = ("NoBlock", "TooMuch")
"""What any function may raise; the index says so once."""
DOORS = ("declined", "told", "refuse")
SEATS = (Desk, View)
"""What a block sits at: it is called by the engine, not by a function."""


@dataclass
class Told:
    """What a function may say instead of doing what it was asked."""

    raised: list[tuple[str, str]] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)


def told(function: Callable[..., Any]) -> Told:
    """Return every refusal that the code of a function leads to, each once, in its order."""
    found = Told()
    for one in _reached(inspect.unwrap(function)):
        for node in ast.walk(_tree(one)):
            _note(found, node)
    found.raised = list(dict.fromkeys(found.raised))
    found.declined = list(dict.fromkeys(found.declined))
    found.warned = list(dict.fromkeys(found.warned))
    return found


def read_names(function: Callable[..., Any]) -> frozenset[str]:
    """Return the names that the body of a function reads."""
    tree = _tree(inspect.unwrap(function))
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))


def _note(found: Told, node: ast.AST) -> None:
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        kind = ast.unparse(node.exc.func)
        if kind not in EVERY:
            found.raised.append((kind, ": ".join(map(_text, node.exc.args))))
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
        return
    match node.func.id:
        case "declined":
            found.declined.append(_text(node.args[0]))
        case "told":
            found.warned.append(_text(node.args[0]))
        case "refuse":
            said = f"phantom.{_text(node.args[0])} is not offered by this release"
            found.raised.append(("NotImplementedError", said))


def _text(node: ast.AST) -> str:
    """Return a sentence of the code, with dots where a value stands."""
    match node:
        case ast.Constant():
            return str(node.value)
        case ast.JoinedStr():
            return "".join(_text(v) if isinstance(v, ast.Constant) else "…" for v in node.values)
        case ast.Call(func=ast.Name(id="_missing")):
            return "there is no custom list …"
    return "…"


def _reached(function: Any) -> Iterator[Any]:
    """Yield a function and those of its room that it calls, each once."""
    seen, waiting = set[Any](), [function]
    while waiting:
        one = waiting.pop(0)
        if one in seen:
            continue
        seen.add(one)
        yield one
        for node in ast.walk(_tree(one)):
            called = _called(one, node)
            if called is not None:
                waiting.append(called)


def _called(function: Any, node: ast.AST) -> Any:
    if not isinstance(node, ast.Call):
        return None
    names = inspect.getmodule(function).__dict__  # type: ignore[union-attr]
    match node.func:
        case ast.Name(id=name) if name not in DOORS:
            found = names.get(name)
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            room = names.get(owner)
            found = getattr(room, name, None) if isinstance(room, ModuleType) else None
        case _:
            return None
    ours = str(getattr(found, "__module__", "")).startswith(ROOM)
    known = inspect.isroutine(found) or inspect.isclass(found)
    return inspect.unwrap(found) if ours and known and found not in SEATS else None


@cache
def _tree(function: Any) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))
