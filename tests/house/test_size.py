"""
Functions and files stay small.

In: the syntax trees of everything we write. Out: the places that are too long.
Never: an exemption without its reason, or one that is no longer needed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("soar", "workers", "tests", "docs", "deploy")
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
LONGEST_TEST_FILE = 700
"""A test file is a list of short stories: it may hold more of them than a room has lines."""
GENERATED = "soar/store/migrations/versions"
"""Migrations are lists of statements that Alembic writes and that nobody changes later."""


def sources() -> Iterator[tuple[str, str]]:
    """Return path and text of every Python file that people write."""
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if not path.startswith(GENERATED):
                yield path, file.read_text()


def _longest(path: str) -> int:
    return LONGEST_TEST_FILE if path.startswith("tests/") else LONGEST_FILE


def test_no_file_is_longer_than_400_lines() -> None:
    """
    What does not fit into a file of 400 lines is two things; tests may be longer.
    """
    long = [(path, n) for path, text in sources() if (n := len(text.splitlines())) > _longest(path)]

    assert long == []


def test_no_function_is_longer_than_60_lines() -> None:
    """
    A function fits on a screen.
    """
    long = [
        (path, node.name, n)
        for path, text in sources()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (n := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    ]

    assert long == []
