"""
Joins: functions that several blocks lead to, and whether what follows can happen twice.

In: a program. Out: findings. Never: a warning about a join that the engine itself makes fire once:
what ``completed`` waits for is told to a run one by one.
"""

from __future__ import annotations

import ast

from soar.check.findings import WARNING, Text, argument, constants
from soar.engine import program

KINDS = ("action_names", "playbook_names", "custom_function_names")


def look(text: Text) -> None:
    """Add what is to be said of a program's joins."""
    for name, function in program.functions_of(text.tree).items():
        if name.startswith("join_"):
            _judge(text, name, function)


def _judge(text: Text, name: str, join: ast.FunctionDef) -> None:
    ways = _ways(text, name, join)
    if ways < 2 or _guarded(text, join):
        return
    waits = _awaited(text, join)
    if waits is None:
        sentence = (
            f"{name} does not wait: what follows happens each of the {ways} times it is led to"
        )
        text.say(join, WARNING, "join", sentence)
    elif waits < ways:
        sentence = (
            f"{name} waits for {waits} of the {ways} ways that lead to it and has no guard: what"
            " follows can happen more than once"
        )
        text.say(join, WARNING, "join", sentence)


def _ways(text: Text, name: str, join: ast.FunctionDef) -> int:
    """Return from how many places a join is called or named as a callback."""
    inside = set(ast.walk(join))
    calls = [n for n in text.nodes if isinstance(n, ast.Call) and n not in inside]
    called = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == name]
    named = [c for c in calls if _names(argument(c, "callback"), name)]
    return len(called) + len(named)


def _names(node: ast.expr | None, name: str) -> bool:
    return name in constants(node) or (isinstance(node, ast.Name) and node.id == name)


def _guarded(text: Text, join: ast.FunctionDef) -> bool:
    """Tell whether a join reads a note that it was there before, and leaves one."""
    names = {text.called(n) for n in ast.walk(join) if isinstance(n, ast.Call)}
    return {"get_run_data", "save_run_data"} <= names


def _awaited(text: Text, join: ast.FunctionDef) -> int | None:
    """Return for how many names a join waits; None where it does not wait."""
    waits = [
        call
        for call in ast.walk(join)
        if isinstance(call, ast.Call) and text.called(call) in ("completed", "actions_done")
    ]
    if not waits:
        return None
    given = [argument(call, kind, 0) for call in waits for kind in KINDS]
    return len({name for node in given for name in constants(node)})
