"""
Datapaths: those that cannot be read, with the position.

In: a program, and the reader of datapaths. Out: findings.
Never: a value taken for a datapath: one has a colon, or stands where only datapaths stand.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from soar.check.findings import ERROR, Text, argument
from soar.domain import datapath
from soar.domain.errors import SoarError

PLACES = {
    "collect2": ("datapath", 2),
    "collect": ("datapath", 1),
    "format": ("parameters", 2),
    "prompt": ("parameters", 8),
    "prompt2": ("parameters", 8),
    "task": ("parameters", 7),
    "condition": ("conditions", 2),
    "decision": ("conditions", 2),
}
"""Where datapaths stand: as which argument, by its name and its place."""
ONLY = frozenset({"collect2", "collect"})
"""What takes nothing but datapaths."""
ROOTS = ("artifact:", "container:", "filtered-", "playbook_input:", "playbook:", "finding:")
INNER = (":action_result", ":custom_function", ":formatted_data", ":playbook_output", ":artifact:")


def look(text: Text) -> None:
    """Add what is to be said of a program's datapaths, where somebody can read them."""
    for call in text.calls(*PLACES):
        name, place = text.called(call), PLACES[text.called(call)]
        for node, path in _texts(text.value(argument(call, *place))):
            try:
                _read(text, path, only=name in ONLY)
            except SoarError as error:
                text.say(node, ERROR, "datapath", str(error))


def _read(text: Text, path: str, *, only: bool) -> None:
    if only:
        _ = datapath.plain(path) or datapath.parse(path)
    elif text.known.datapath and (path.startswith(ROOTS) or any(i in path for i in INNER)):
        text.known.datapath(path)


def _texts(node: ast.expr | None) -> Iterator[tuple[ast.AST, str]]:
    if node is None or isinstance(node, ast.Call | ast.JoinedStr | ast.BinOp | ast.Name):
        return  # known only when the playbook runs
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node, node.value
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.expr):
            yield from _texts(inner)
