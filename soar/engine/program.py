"""
Loads a playbook, names its blocks, and lends it the ``phantom`` alias (this process only).

In: the text of one version. Out: a :class:`Program` whose blocks can be called by name.
Never: I/O of ours; what the playbook's own module level does is its author's.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import json
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import soar.phantom.rules as rules
from soar.domain.errors import SoarError
from soar.engine import vault_paths
from soar.engine.one_process import LeftProcess, alone
from soar.engine.stopwatch import BlockTooLong, is_interrupt, within
from soar.phantom import checks, dateparse, vault
from soar.phantom.desk import NoBlock

PURE_MODULES = frozenset(
    {
        "phantom",
        "soar.domain",
        "json",
        "datetime",
        "re",
        "math",
        "itertools",
        "collections",
        "urllib.parse",
        "ipaddress",
        "base64",
        "hashlib",
        "string",
        "textwrap",
        "operator",
        "functools",
        "typing",
        "dataclasses",
        "enum",
        "copy",
        "__future__",
    }
)
IMMUTABLE = (
    ast.Constant,
    ast.Tuple,
    ast.Name,
    ast.Attribute,
    ast.UnaryOp,
    ast.BinOp,
    ast.operator,
    ast.unaryop,
    ast.expr_context,
)
"""What a module-level value is made of that no block can change."""
LONGEST_MESSAGE = 10_000
LOAD_SECONDS = 20.0
"""So long the module level of a playbook may run."""
PLAYBOOK, FUNCTION = "playbook", "custom function"
IMPURE_NAMES = frozenset({"open", "exec", "eval", "compile", "__import__", "input", "breakpoint"})


class BadPlaybook(SoarError):
    """A playbook cannot be loaded; the sentence names the line."""


class MissingBlock(SoarError):
    """A callback names a function that the playbook does not have."""


@dataclass(frozen=True, slots=True)
class Undefined:
    """Stands for a name used as ``callback=`` that the playbook never defines."""

    __name__: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """One loaded version of a playbook."""

    name: str
    namespace: Mapping[str, Any]
    pure: bool
    """Whether its blocks can only ask: they import nothing that acts, so they may be rehearsed."""
    what: str = PLAYBOOK
    keeps_state: bool = False
    """Whether a block could leave something behind in its globals: each gets them anew."""
    loaded: Callable[[], Mapping[str, Any]] = dict
    """Loads it anew."""

    def __str__(self) -> str:
        return f"{self.what} {self.name!r}"

    def has(self, block: str) -> bool:
        """Tell whether the playbook has a block of that name."""
        return inspect.isfunction(self.namespace.get(block))

    def call(self, block: str, positional: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """
        Call a block with as many positionals as it takes and the keywords it accepts.

        What one block leaves in a global, no other block and no other run finds.
        """
        if not self.has(block):
            raise MissingBlock(
                f"callback {block!r} does not exist in playbook {self.name!r}: define a function"
                f" of that name, or remove the callback"
            )
        namespace = self.loaded() if self.keeps_state else self.namespace
        function = namespace[block]
        return function(*_fitting(function, positional), **_accepted(function, keywords))


def _fitting(function: Callable[..., Any], positional: Sequence[Any]) -> list[Any]:
    code = _code(function)
    if code.co_flags & inspect.CO_VARARGS:
        return list(positional)
    return list(positional[: code.co_argcount])


def _accepted(function: Callable[..., Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    code = _code(function)
    if not keywords or code.co_flags & inspect.CO_VARKEYWORDS:
        return dict(keywords)
    named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return {name: value for name, value in keywords.items() if name in named}


def _code(function: Callable[..., Any]) -> types.CodeType:
    """Return the code whose parameters a block has, also where something is wrapped around it."""
    code: types.CodeType = inspect.unwrap(function).__code__
    return code


def lend_alias() -> None:
    """Make ``import phantom.rules`` find our face in this process."""
    package = types.ModuleType("phantom")
    package.__path__ = []
    sys.modules["phantom"] = package
    for name, module in {"rules": rules, "utils": checks, "vault": vault}.items():
        setattr(package, name, module)
        sys.modules[f"phantom.{name}"] = module
    if "django" not in sys.modules and find_spec("django") is None:
        _lend_django()
    if "simplejson" not in sys.modules and find_spec("simplejson") is None:
        sys.modules["simplejson"] = json


def _lend_django() -> None:
    """Lend the one part of Django that playbooks use, where there is no Django."""
    django, utils = types.ModuleType("django"), types.ModuleType("django.utils")
    django.__path__, utils.__path__ = [], []
    django.utils, utils.dateparse = utils, dateparse  # type: ignore[attr-defined]
    sys.modules |= {
        "django": django,
        "django.utils": utils,
        "django.utils.dateparse": dateparse,
    }


def parse(name: str, source: str, what: str = PLAYBOOK) -> ast.Module:
    """Return the syntax tree, or say which line cannot be read."""
    try:
        return _tree(name, source)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise BadPlaybook(f"{what} {name!r}{where}: {error.msg}") from None
    except ValueError as error:
        raise BadPlaybook(f"{what} {name!r}: {error}") from None
    except (RecursionError, MemoryError):
        raise BadPlaybook(f"{what} {name!r}: is nested too deeply") from None


def _tree(name: str, source: str) -> ast.Module:
    """Return the syntax tree; tabs among spaces reach to the next eighth column, as in Python 2."""
    try:
        return ast.parse(source, filename=f"{name}.py")
    except TabError:
        lines = source.splitlines(keepends=True)
        bare = [line.lstrip(" \t") for line in lines]
        indents = [line[: len(line) - len(b)].expandtabs(8) for line, b in zip(lines, bare)]  # noqa: B905
        return ast.parse("".join(map("".join, zip(indents, bare))), filename=f"{name}.py")  # noqa: B905


@lru_cache(maxsize=256)
def load(name: str, source: str, what: str = PLAYBOOK) -> Program:
    """Compile and run the module level of a playbook or function once per process."""
    tree = parse(name, source, what)
    if "phantom" not in sys.modules or not hasattr(sys.modules["phantom"], "rules"):
        lend_alias()
    pure, keeps_state = _is_pure(tree), _keeps_state(tree)
    seed: dict[str, Any] = {
        "__name__": f"playbook.{name}",
        "__builtins__": builtins,
        "print": print_to_log,
        "container": None,  # Splunk lends one: def f(container=container) is read at import
    }
    seed.update({missing: Undefined(missing) for missing in undefined_callbacks(tree)})
    moved, folder = vault_paths.lent(tree)
    seed |= folder
    try:
        code = compile(moved, f"{name}.py", "exec")
        with within(LOAD_SECONDS), alone():
            namespace = _run(code, seed)
    except BlockTooLong:
        why = f"it ran longer than {LOAD_SECONDS:g} s while it was read"
        raise BadPlaybook(f"{what} {name!r} was stopped: {why}") from None
    except LeftProcess as left:
        why = f"{place(left, name)}it tried to {left} while it was read"
        raise BadPlaybook(f"{what} {name!r} was stopped: {why}") from None
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise BadPlaybook(f"{what} {name!r} cannot be loaded: {explain(error, name)}") from error
    return Program(
        name=name,
        namespace=namespace,
        pure=pure,
        what=what,
        keeps_state=keeps_state,
        loaded=lambda: _run(code, seed),
    )


def print_to_log(*values: Any, sep: str | None = None, file: Any = None, **how: Any) -> None:
    """Write what a block prints into the log of its run, and what it prints into a file there."""
    if file in (None, sys.stdout, sys.stderr):
        with suppress(NoBlock):  # a playbook is loaded once, for all its runs
            rules.debug((" " if sep is None else sep).join(map(str, values)))
    else:
        print(*values, sep=sep, file=file, **how)


def _run(code: types.CodeType, seed: Mapping[str, Any]) -> dict[str, Any]:
    namespace = dict(seed)
    exec(code, namespace)  # noqa: S102 - a playbook is code
    return namespace


def functions_of(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """Return the functions of a module by name: its blocks."""
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def globals_of(tree: ast.Module) -> list[ast.Global]:
    """Return the statements with which functions change globals."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Global)]


def _keeps_state(tree: ast.Module) -> bool:
    """Tell whether a block could leave something behind in the globals of its module."""
    if globals_of(tree):
        return True
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    defaults = [d for f in functions for d in (*f.args.defaults, *f.args.kw_defaults) if d]
    kept = [n.value for n in tree.body if isinstance(n, ast.Assign | ast.AnnAssign) and n.value]
    return any(isinstance(n, ast.ClassDef) for n in tree.body) or not all(
        isinstance(n, IMMUTABLE) for value in (*defaults, *kept) for n in ast.walk(value)
    )


def undefined_callbacks(tree: ast.Module) -> list[str]:
    """Return the names given as ``callback=`` that nothing in the playbook binds."""
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not _is_load(n)}
    bound |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    bound |= {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)}
    bound |= {
        (alias.asname or alias.name).partition(".")[0]
        for n in ast.walk(tree)
        if isinstance(n, ast.Import | ast.ImportFrom)
        for alias in n.names
    }
    used = [
        k.value.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Call)
        for k in n.keywords
        if k.arg == "callback" and isinstance(k.value, ast.Name)
    ]
    return [
        name for name in dict.fromkeys(used) if name not in bound and not hasattr(builtins, name)
    ]


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _is_pure(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        if not all(_is_pure_module(module) for module in modules):
            return False
        if isinstance(node, ast.Name) and node.id in IMPURE_NAMES:
            return False
        if isinstance(node, ast.Attribute) and node.attr == "requests":
            return False
        if any(module.endswith(".requests") for module in modules):
            return False
    return True


def _is_pure_module(module: str) -> bool:
    """Tell whether a module can only compute: it or its package is in the list."""
    parts = module.split(".")
    return any(".".join(parts[: n + 1]) in PURE_MODULES for n in range(len(parts)))


def explain(error: BaseException, name: str) -> str:
    """Say in one line what went wrong and where in the playbook."""
    return f"{place(error, name)}{type(error).__name__}: {message_of(error)}"


def message_of(error: BaseException) -> str:
    """Return the message of an error, cut; a number may be too long for one, or a value broken."""
    try:
        return str(error)[:LONGEST_MESSAGE]
    except Exception:
        return "(its message cannot be written)"


def place(error: BaseException, name: str) -> str:
    """Return in which line of the playbook an error was raised, as a sentence begins with it."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == f"{name}.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line}: " if line else ""
