"""
The folder ``/opt/phantom/vault/tmp`` of Splunk SOAR, which is the block's own folder here.

In: the syntax tree of a playbook or custom function. Out: the same, in which each text that
begins with that folder, inside a function, begins with the block's.
Never: a file that outlives its block.
"""

from __future__ import annotations

import ast
from typing import Any

from soar.phantom.vault import Vault

FOLDER = "/opt/phantom/vault/tmp"
CALL = "_soar_vault_tmp"


def lent(tree: ast.Module) -> tuple[ast.Module, dict[str, Any]]:
    """Return the tree to compile, and the globals that it needs."""
    if _names_it(tree):
        moving, kinds = _Moving(), (ast.FunctionDef, ast.ClassDef)
        body = [moving.visit(node) if isinstance(node, kinds) else node for node in tree.body]
        tree = ast.Module(body=body, type_ignores=[])
    return ast.fix_missing_locations(tree), {CALL: Vault.get_vault_tmp_dir}


def _names_it(tree: ast.Module) -> bool:
    return any(_is_below(node) for node in ast.walk(tree))


def _is_below(node: ast.AST) -> bool:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    return node.value == FOLDER or node.value.startswith(f"{FOLDER}/")


class _Moving(ast.NodeTransformer):
    """Puts a call in the place of the folder's name."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Move what is read when the function runs, not when it is defined."""
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """Leave a text that stands for itself: it is a docstring."""
        return node if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Split an f-string that begins with the folder into the call and what follows."""
        first = node.values[0] if node.values else None
        if isinstance(first, ast.Constant) and _is_below(first):
            rest = ast.Constant(str(first.value)[len(FOLDER) :])
            call = ast.FormattedValue(value=_call(), conversion=-1)
            node.values = [call, rest, *node.values[1:]]
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                self.generic_visit(value)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Put the call before what follows the folder's name."""
        if not _is_below(node):
            return node
        rest = ast.Constant(str(node.value)[len(FOLDER) :])
        moved = ast.BinOp(left=_call(), op=ast.Add(), right=rest)
        return ast.copy_location(moved, node)


def _call() -> ast.Call:
    return ast.Call(func=ast.Name(id=CALL, ctx=ast.Load()), args=[], keywords=[])
