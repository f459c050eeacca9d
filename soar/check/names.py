"""
Names: what of ``phantom`` is not offered, what cannot be imported, which globals do not last.

In: a program. Out: findings. Never: the program run.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.util import find_spec

from soar.check.findings import ERROR, WARNING, Text
from soar.engine import program
from soar.phantom import refused, rules
from soar.phantom.functions import REFUSED, SILENT

FACE = "phantom.rules"


def look(text: Text) -> None:
    """Add what is to be said of a program's names."""
    program.lend_alias()
    text.aliases = frozenset(_aliases(text.tree))
    _names(text)
    _imports(text)
    if text.what == program.FUNCTION:
        _refused(text)
    for node in program.globals_of(text.tree):
        names = ", ".join(node.names)
        text.say(
            node,
            WARNING,
            "global",
            f"global {names}: no other block finds what this one leaves there; use save_run_data",
        )


def _aliases(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == FACE:
                    yield alias.asname or FACE
        elif isinstance(node, ast.ImportFrom) and node.module == "phantom":
            yield from (a.asname or a.name for a in node.names if a.name == "rules")


def _names(text: Text) -> None:
    for node in text.nodes:
        if isinstance(node, ast.Attribute) and text.is_face(node.value):
            _offered(text, node, node.attr)
        elif isinstance(node, ast.ImportFrom) and node.module == FACE:
            for alias in node.names:
                if alias.name != "*":
                    _offered(text, node, alias.name)


def _offered(text: Text, node: ast.AST, name: str) -> None:
    if name not in vars(rules) and not (text.what == program.FUNCTION and name in SILENT):
        said = f"phantom.{name} is not offered by this release"
        if name not in refused.NAMES:
            said = str(refused.unknown(name, rules.__all__))
        text.say(node, ERROR, "unknown name", said)


def _refused(text: Text) -> None:
    for call in text.calls(*REFUSED):
        sentence = f"phantom.{text.called(call)} raises inside a custom function"
        text.say(call, ERROR, "not in a function", sentence)


def _imports(text: Text) -> None:
    for node in text.nodes:
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module]
        for module in modules:
            if not _importable(module):
                text.say(node, ERROR, "import", f"the module {module!r} is not installed here")


def _importable(module: str) -> bool:
    root = module.partition(".")[0]
    if root == "phantom":
        return module in sys.modules
    try:
        return root in sys.modules or find_spec(root) is not None
    except (ImportError, ValueError):
        return False
