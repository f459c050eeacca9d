"""
Datapaths: those that cannot be read, with the position.

In: a program, and the reader of datapaths. Out: findings.
Never: a value taken for a datapath: one has a colon, or stands where only datapaths stand.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from soar.check.findings import ERROR, Text, argument
from soar.domain.errors import SoarError

PLACES = {
    "collect2": "datapath",
    "collect": "datapath",
    "format": "parameters",
    "prompt": "parameters",
    "prompt2": "parameters",
    "condition": "conditions",
    "decision": "conditions",
}
ROOTS = ("artifact:", "container:", "filtered-", "playbook_input:", "playbook:", "finding:")
INNER = (":action_result", ":custom_function", ":formatted_data", ":playbook_output", ":artifact:")


def look(text: Text) -> None:
    """Add what is to be said of a program's datapaths, where somebody can read them."""
    read = text.known.datapath
    if read is None:
        return
    for call in text.calls(*PLACES):
        name = text.called(call)
        for node, path in _texts(argument(call, PLACES[name])):
            if not (path.startswith(ROOTS) or any(inner in path for inner in INNER)):
                continue
            try:
                read(path)
            except SoarError as error:
                text.say(node, ERROR, "datapath", str(error))


def _texts(node: ast.expr | None) -> Iterator[tuple[ast.AST, str]]:
    if node is None:
        return
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner, inner.value
