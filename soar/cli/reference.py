"""
The page ``docs/reference/cli.md``, written from the commands themselves.

In: the tree of commands. Out: Markdown; ``python -m soar.cli.reference`` prints it.
Never: a command or option that the page does not name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from soar.cli.exits import MEANINGS

HEAD = """# The command line

<!-- Written by `python -m soar.cli.reference`; a test compares it with the commands. -->

`soar` reads its settings from the environment (`SOAR_…`, see `deploy/env.example`). Every command
takes `--json`: then standard output holds one JSON document and nothing else. `soar worker` is
the exception: it has no document, and `--json` makes its log JSON lines. Progress, questions and
errors go to standard error. An error is one sentence, `error: …`; with `--json` it is also
written to standard output as `{"error": "…", "field": "…"}`, where *field* names what cannot be
used, or is null; what may be asked again later adds `"after_seconds": 42`. `NO_COLOR` is respected.

| exit code | meaning |
| --- | --- |
"""


def render(app: typer.Typer) -> str:
    """Return the page."""
    root: Any = typer.main.get_command(app)
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in sorted(MEANINGS.items()))
    return HEAD + codes + "".join(_section(path, command) for path, command in commands(root))


def commands(group: Any, path: str = "soar") -> Iterator[tuple[str, Any]]:
    """Walk the tree: every command with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _section(path: str, command: Any) -> str:
    usage = " ".join([path, *(_word(p) for p in command.params if _is_argument(p)), "[OPTIONS]"])
    lines = [f"\n## `{path}`\n", f"{(command.help or '').strip()}\n", f"```\n{usage}\n```\n"]
    rows = [f"| `{_names(p)}` | {_meaning(p)} |" for p in command.params if p.name != "help"]
    if rows:
        lines.append("\n".join(["| argument or option | meaning |", "| --- | --- |", *rows, ""]))
    examples = (command.epilog or "").split("\n\n")[1:]
    if examples:
        lines.append("\n".join(["```console", *(f"$ {line}" for line in examples), "```", ""]))
    return "\n".join(lines)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _word(parameter: Any) -> str:
    name = _names(parameter)
    return name if parameter.required else f"[{name}]"


def _names(parameter: Any) -> str:
    if _is_argument(parameter):
        return str(parameter.metavar or parameter.name.upper())
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def _meaning(parameter: Any) -> str:
    text = str(parameter.help or "").strip().replace("|", "\\|")
    default = parameter.default
    if parameter.required and not _is_argument(parameter):
        return f"{text} Required."
    if default in (None, "", False, True) or callable(default) or _is_argument(parameter):
        return text
    return f"{text} Default: {default}."


if __name__ == "__main__":
    from soar.cli import app

    sys.stdout.write(render(app))
