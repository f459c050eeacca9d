"""
What a playbook calls: actions, assets, other playbooks, custom functions, and its own callbacks.

In: a program and what this system knows. Out: findings.
Never: a guess about a name that is only known when the playbook runs.
"""

from __future__ import annotations

import ast

from soar.check.findings import ERROR, INFO, WARNING, Text, argument, constant, constants
from soar.engine import program

ASKS = ("prompt", "prompt2", "task")
STARTS = ("act", "act_together", "custom_function", "playbook", *ASKS)


def look(text: Text) -> None:
    """Add what is to be said of a program's calls."""
    asks = bool(text.calls(*ASKS))
    for call in text.calls("act"):
        _action(text, call, asks=asks)
        _assets(text, call)
    _others(text, "playbook", text.known.playbooks)
    _others(text, "custom_function", text.known.functions)
    _callbacks(text)


def _action(text: Text, call: ast.Call, *, asks: bool) -> None:
    name = constant(argument(call, "action", 0))
    if name is None:
        return
    name = " ".join(name.lower().split())
    if name not in text.known.actions:
        text.say(call, WARNING, "unknown action", f"no app offers the action {name!r}: it fails")
    elif name in text.known.high_impact and not asks and not argument(call, "reviewer"):
        sentence = f"{name!r} is of high impact and nobody is asked: the system holds it and asks"
        text.say(call, INFO, "no gate", sentence)


def _assets(text: Text, call: ast.Call) -> None:
    if text.known.assets is None:
        return
    for slug in constants(argument(call, "assets", 2)):
        if slug not in text.known.assets:
            sentence = f"there is no asset {slug!r}: add it with `soar asset add`"
            text.say(call, WARNING, "unknown asset", sentence)


def _others(text: Text, kind: str, known: frozenset[str] | None) -> None:
    """Say which playbooks or functions are called that nobody has."""
    if known is None:
        return
    for call in text.calls(kind):
        name = constant(argument(call, kind, 0))
        if name is not None and name.rpartition("/")[2] not in known:
            what = kind.replace("_", " ")
            text.say(call, WARNING, f"unknown {what}", f"there is no {what} {name!r}: it fails")


def _callbacks(text: Text) -> None:
    undefined = set(program.undefined_callbacks(text.tree))
    blocks = program.functions_of(text.tree)
    for call in text.calls(*STARTS):
        given = argument(call, "callback")
        name = given.id if isinstance(given, ast.Name) else constant(given)
        missing = name in undefined if isinstance(given, ast.Name) else name not in blocks
        if name and missing:
            text.say(call, ERROR, "callback", f"the callback {name!r} does not exist")
