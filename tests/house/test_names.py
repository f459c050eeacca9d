"""
Habits of this house that a general linter does not know.

In: the syntax trees of ``soar``, ``workers`` and ``tests``. Out: the places that break a habit.
Never: an exemption without its reason, or one that is no longer needed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "handler", "misc"}
OURS = ("soar", "workers")

SLEEPERS: Mapping[str, str] = {
    "soar/embedded/daemons.py": "waits for a server that it has started",
    "soar/demo/script.py": "a person watches; no task runs here",
    "soar/ingest/stream.py": "a loop of its own, waiting for a lost server",
    "soar/lab/simulator.py": "plays a slow vendor",
    "soar/deadline.py": "a thread of its own that looks at calls under way",
    "soar/tasks/overdue.py": "threads of its own, for calls that hang",
    "soar/drill.py": "plays a slow vendor, and a person watches",
    "soar/bus/departure.py": "the process is leaving: it takes no tasks any more",
}
READERS_OF_THE_ENVIRONMENT: Mapping[str, str] = {
    "soar/settings.py": "the one reader",
    "workers/flower.py": "hands the login on to Flower, which reads it there and not in argv",
}


def trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Return path and syntax tree of every Python file below these folders."""
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), _tree(file)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def places(breaks: Callable[[ast.AST], bool], *folders: str) -> list[tuple[str, int]]:
    """Return (path, line) of every node that breaks a habit."""
    return [
        (path, getattr(node, "lineno", 0))
        for path, tree in trees(*folders)
        for node in ast.walk(tree)
        if breaks(node)
    ]


def dotted(node: ast.AST) -> str:
    """Return the text of a name like ``time.sleep``, or nothing."""
    return ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""


def calls(node: ast.AST, *names: str) -> bool:
    """Tell whether a node is a call of one of these dotted names."""
    return isinstance(node, ast.Call) and dotted(node.func) in names


def sleeps(node: ast.AST) -> bool:
    """Tell whether a node sleeps, or imports the name to do so."""
    imported = isinstance(node, ast.ImportFrom) and node.module == "time"
    return calls(node, "time.sleep", "sleep") or (
        imported and any(a.name == "sleep" for a in node.names)  # type: ignore[attr-defined]
    )


def reads_environment(node: ast.AST) -> bool:
    """Tell whether a node reaches for the environment."""
    imported = isinstance(node, ast.ImportFrom) and node.module == "os"
    return dotted(node) in {"os.environ", "os.getenv", "os.putenv"} or (
        imported and any(a.name in {"environ", "getenv"} for a in node.names)  # type: ignore[attr-defined]
    )


def waits_for_a_result(node: ast.AST) -> bool:
    """Tell whether a node waits for the result of a task."""
    if dotted(node).rpartition(".")[2] == "AsyncResult":
        return not isinstance(getattr(node, "ctx", None), ast.Store)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    sent = node.func.value
    return (
        node.func.attr in {"get", "join", "wait", "collect"}
        and isinstance(sent, ast.Call)
        and isinstance(sent.func, ast.Attribute)
        and sent.func.attr in {"delay", "apply_async", "send_task"}
    )


def is_naive(node: ast.AST) -> bool:
    """Tell whether a node asks for a time without a zone."""
    if not isinstance(node, ast.Call):
        return False
    name = dotted(node.func)
    zoned = bool(node.args) or any(k.arg == "tz" for k in node.keywords)
    return name.endswith("utcnow") or (name.endswith("datetime.now") and not zoned)


def imports_tests(node: ast.AST) -> bool:
    """Tell whether a node imports the tests."""
    modules: list[str] = []
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = [node.module or ""]
    return any(module.partition(".")[0] in {"tests", "pytest"} for module in modules)


def test_no_module_has_an_empty_name() -> None:
    """
    A module is named for what it does: ``utils`` and ``manager`` say nothing.
    """
    found = [path for path, _ in trees(*OURS, "tests") if EMPTY_NAMES & set(Path(path).parts)]
    found += [path for path, _ in trees(*OURS, "tests") if Path(path).stem in EMPTY_NAMES]

    assert found == []


def test_every_module_says_whose_room_it_is() -> None:
    """
    Every module opens with a docstring, also in the tests; only an empty file has none.
    """
    silent = [p for p, tree in trees(*OURS, "tests") if tree.body and not ast.get_docstring(tree)]

    # Alembic reads these files; the docstring of a revision is its message.
    assert [p for p in silent if p != "soar/store/migrations/env.py"] == []


def test_every_public_function_and_class_has_a_promise() -> None:
    """
    Whoever calls something public reads in one sentence what it does.
    """
    silent = [
        (path, node.lineno, node.name)
        for path, tree in trees(*OURS)
        for node in _public(tree)
        if not ast.get_docstring(node) and "migrations/versions" not in path
    ]

    assert silent == []


def _public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    inner
                    for inner in node.body
                    if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_")
                )


def test_nothing_sleeps_but_what_waits_for_no_task() -> None:
    """
    Waiting is a row with a due time; only loops outside Celery may sleep, each for its reason.
    """
    assert {path for path, _ in places(sleeps, *OURS)} == set(SLEEPERS)


def test_only_settings_read_the_environment() -> None:
    """
    What a process is told comes through ``soar.settings``, so it can be listed and tested.
    """
    assert {path for path, _ in places(reads_environment, *OURS)} == set(READERS_OF_THE_ENVIRONMENT)


def test_nobody_waits_for_the_result_of_a_task() -> None:
    """
    A result is read from PostgreSQL when its bell has rung, never waited for.
    """
    assert places(waits_for_a_result, *OURS) == []


def test_no_time_is_without_a_zone() -> None:
    """
    Every moment knows its time zone, also in tests.
    """
    assert places(is_naive, *OURS, "tests") == []


def test_no_production_module_imports_tests() -> None:
    """
    What is shipped stands without the tests and their tools.
    """
    assert places(imports_tests, *OURS) == []
