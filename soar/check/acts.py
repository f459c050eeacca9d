"""
What a playbook calls: actions, assets, other playbooks, custom functions, and its own callbacks.

In: a program and what this system knows. Out: findings.
Never: a guess about a name that is only known when the playbook runs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from soar.check.findings import ERROR, INFO, WARNING, Text, argument, constant, constants
from soar.engine import program

ASKS = ("prompt", "prompt2", "task")
PLACES = {"action": 0, "assets": 2, "tags": 3, "reviewer": 5, "asset_type": 9, "app": 10}
"""The arguments of an act by their places."""
Given = Mapping[str, ast.expr | None]
STARTS = ("act", "act_together", "custom_function", "playbook", *ASKS)


def look(text: Text) -> None:
    """Add what is to be said of a program's calls."""
    gated = _gated(text)
    for call in text.calls("act"):
        _act(text, call, {name: argument(call, name, n) for name, n in PLACES.items()}, gated)
    for call in text.calls("act_together"):
        for act, given in _together(text, call):
            _act(text, act, given, gated)
    _others(text, "playbook", text.known.playbooks)
    _others(text, "custom_function", text.known.functions)
    _callbacks(text)


def _act(text: Text, act: ast.expr, given: Given, gated: set[str]) -> None:
    _action(text, act, given, gated)
    _assets(text, act, given)
    _app(text, act, given)
    for choice in ("tags", "asset_type"):
        if _says_something(text.value(given.get(choice))):
            sentence = f"assets have no {choice} here: the act fails; name its assets"
            text.say(act, WARNING, choice, sentence)


def _together(text: Text, call: ast.Call) -> Iterator[tuple[ast.expr, Given]]:
    """Yield the acts of a list that stands there as such."""
    acts = text.value(argument(call, "acts", 0))
    for act in acts.elts if isinstance(acts, ast.List | ast.Tuple) else ():
        if isinstance(act, ast.Dict):
            names = [constant(key) for key in act.keys]
            yield act, {name: v for name, v in zip(names, act.values, strict=True) if name}


def _gated(text: Text) -> set[str]:
    """Return the functions that are reached from an answer: a prompt's callback, and on from it."""
    leads: dict[str, set[str]] = {f.name: set() for f in text.functions}
    answered: set[str] = set()
    for call in (node for node in text.nodes if isinstance(node, ast.Call)):
        at, to = text.around(call), _callback(call)
        if to and text.called(call) in ASKS:
            answered.add(to)
        if at is not None:
            own = call.func.id if isinstance(call.func, ast.Name) else ""
            leads[at.name] |= {name for name in (to, own) if name}
    reached: set[str] = set()
    while answered:
        reached |= answered
        answered = {to for name in answered for to in leads.get(name, ())} - reached
    return reached


def _callback(call: ast.Call) -> str:
    given = argument(call, "callback")
    return given.id if isinstance(given, ast.Name) else constant(given) or ""


def _action(text: Text, call: ast.expr, given: Given, gated: set[str]) -> None:
    name = constant(given.get("action"))
    if name is None:
        return
    name = " ".join(name.lower().split())
    if name not in text.known.actions:
        text.say(call, WARNING, "unknown action", f"no app offers the action {name!r}: it fails")
    elif name in text.known.high_impact and not given.get("reviewer"):
        function = text.around(call)
        if function is not None and function.name in gated:
            return
        sentence = f"{name!r} is of high impact and nobody is asked: the system holds it and asks"
        text.say(call, INFO, "no gate", sentence)


def _assets(text: Text, call: ast.expr, given: Given) -> None:
    if text.known.assets is None:
        return
    for slug in constants(text.value(given.get("assets"))):
        if slug not in text.known.assets:
            sentence = f"there is no asset {slug!r}: add it with `soar asset add`"
            text.say(call, WARNING, "unknown asset", sentence)


def _app(text: Text, act: ast.expr, given: Given) -> None:
    """Say which app is named that does not offer the action, and which ones do."""
    node = text.value(given.get("app"))
    if isinstance(node, ast.Dict):
        keys = [constant(key) for key in node.keys]
        node = dict(zip(keys, node.values, strict=True)).get("name")
    app, action = constant(node), constant(given.get("action"))
    if not app or action is None or text.known.offering is None:
        return
    able = tuple(text.known.offering(action))
    if able and not any(spec.is_called(app) for spec in able):
        names = ", ".join(spec.name for spec in able)
        sentence = f"no app {app!r} offers the action {action!r}: it fails; those that do: {names}"
        text.say(act, WARNING, "unknown app", sentence)


def _says_something(node: ast.expr | None) -> bool:
    """Tell whether an argument is more than None or nothing, as far as it stands there."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return bool(node.elts)
    return isinstance(node, ast.Constant) and bool(node.value)


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
        given, name = argument(call, "callback"), _callback(call)
        missing = name in undefined if isinstance(given, ast.Name) else name not in blocks
        if name and missing:
            text.say(call, ERROR, "callback", f"the callback {name!r} does not exist")
