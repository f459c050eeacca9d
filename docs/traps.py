"""
Finds the tests that carry the mark of a trap.

In: the syntax trees of ``tests``. Out: number, source, test and promise of each.
Never: a test that has to be run, or imported, to be listed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Trap:
    """One marked test."""

    number: int
    source: str
    file: str
    test: str
    docstring: str

    @property
    def promise(self) -> str:
        """What must hold, in the test's own words."""
        return " ".join(self.docstring.partition("Source:")[0].split())


def found() -> list[Trap]:
    """Return every marked test by its number."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return sorted(trap for file in files for trap in _of(file))


def _of(file: Path) -> Iterator[Trap]:
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.trap":
                number, source = map(ast.literal_eval, mark.args)
                yield Trap(
                    number=number,
                    source=source,
                    file=file.relative_to(ROOT).as_posix(),
                    test=node.name,
                    docstring=ast.get_docstring(node) or "",
                )


def table() -> str:
    """Return the list of traps as the reference shows it."""
    rows = ["| # | what must hold | test | source |", "| --- | --- | --- | --- |"]
    for trap in found():
        test = f"`{trap.file}`<br>`{trap.test}`"
        rows.append(f"| {trap.number} | {trap.promise} | {test} | {trap.source} |")
    return "\n".join(rows)
