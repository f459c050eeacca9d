"""
What a check finds, and what it knows: one sentence at one line.

In: nothing. Out: values. Never: a finding without a line, or without a word on what to do.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from soar.catalog import AppSpec

ERROR, WARNING, INFO = "error", "warning", "info"
LEVELS = (ERROR, WARNING, INFO)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Finding:
    """One thing that somebody should know of a playbook."""

    file: str
    line: int
    level: str
    kind: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What a check may compare with; None where nobody knows."""

    actions: frozenset[str] = frozenset()
    high_impact: frozenset[str] = frozenset()
    assets: frozenset[str] | None = None
    playbooks: frozenset[str] | None = None
    functions: frozenset[str] | None = None
    offering: Callable[[str], Iterable[AppSpec]] | None = None
    """The apps that offer an action."""
    datapath: Callable[[str], object] | None = None
    """Reads a datapath, or raises a sentence with the position."""


@dataclass(kw_only=True)
class Text:
    """One program that is looked over, and what was found in it so far."""

    file: str
    tree: ast.Module
    known: Known
    what: str
    aliases: frozenset[str] = frozenset()
    """The names under which it has imported ``phantom.rules``."""
    found: list[Finding] = field(default_factory=list)

    def say(self, node: ast.AST | int, level: str, kind: str, sentence: str) -> None:
        """Add a finding."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        self.found.append(
            Finding(file=self.file, line=line, level=level, kind=kind, sentence=sentence)
        )

    def calls(self, *names: str) -> list[ast.Call]:
        """Return the calls of these phantom functions, in the order of their lines."""
        found = [n for n in self.nodes if isinstance(n, ast.Call) and self.called(n) in names]
        return sorted(found, key=lambda n: (n.lineno, n.col_offset))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All of its syntax, once."""
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[ast.FunctionDef]:
        """Its functions, wherever they stand."""
        return [node for node in self.nodes if isinstance(node, ast.FunctionDef)]

    def around(self, node: ast.AST) -> ast.FunctionDef | None:
        """Return the innermost function in which something stands."""
        line = getattr(node, "lineno", 0)
        inside = [f for f in self.functions if f.lineno <= line <= (f.end_lineno or 0)]
        return max(inside, key=lambda f: f.lineno, default=None)

    def value(self, node: ast.expr | None) -> ast.expr | None:
        """Return an expression; for a name, what its function assigned to it last before."""
        if not isinstance(node, ast.Name):
            return node
        function = self.around(node)
        before = [
            each
            for each in (ast.walk(function) if function else ())
            if isinstance(each, ast.Assign)
            and each.lineno < node.lineno
            and any(isinstance(t, ast.Name) and t.id == node.id for t in each.targets)
        ]
        return max(before, key=lambda each: each.lineno).value if before else node

    def called(self, call: ast.Call) -> str:
        """Return which phantom function a call is of, or nothing."""
        at = call.func
        if isinstance(at, ast.Attribute) and self.is_face(at.value):
            return at.attr
        return ""

    def is_face(self, node: ast.AST) -> bool:
        """Tell whether an expression is the module ``phantom.rules``."""
        if isinstance(node, ast.Name):
            return node.id in self.aliases
        return isinstance(node, ast.Attribute) and ast.unparse(node) in self.aliases


def argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """Return an argument of a call, by its name or its place."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and len(call.args) > position:
        return call.args[position]
    return None


def constant(node: ast.expr | None) -> str | None:
    """Return a text that stands there as such."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def constants(node: ast.expr | None) -> list[str]:
    """Return the texts of a list, or the one text."""
    nodes = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else [node]
    return [text for text in map(constant, nodes) if text is not None]
