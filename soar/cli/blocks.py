"""
Blocks, datapaths and commands as an author reads them, line by line.

In: the document of a debug or a replay. Out: text on a console.
Never: a value that was not bounded before, or a secret: the documents hold none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from soar.cli.screen import plain

LONGEST = 240
NAMED = ("action", "function", "playbook", "name")
SILENT = frozenset({"debug", "error"})
"""Calls of which the command says everything."""
Document = Mapping[str, Any]


def draw(console: Console, found: Document) -> None:
    """Show a played playbook block by block."""
    for block in found["blocks"]:
        _print(console, _heading(block), "bold")
        if block["told"] is not None:
            _print(console, f"  told: {_told(block)}", "cyan")
        for step in block["steps"]:
            for line in _step(step, block):
                _print(console, line)
        for command in block["commands"]:
            _print(console, f"  -> {_command(command)}", "green")
        if block["error"]:
            _print(console, f"  error: {block['error']}", "red")
    _print(console, f"ends: {_text(found['ends'])}", "bold")
    for said in found["unrecorded"]:
        _print(console, f"never recorded: {said}", "yellow")
    if found["waits"]:
        _print(console, f"waits for: {', '.join(found['waits'])}", "yellow")
    if found["stopped"]:
        _print(console, "it was stopped: it has no end", "red")


def draw_difference(console: Console, found: Document) -> None:
    """Show what would differ, a line each."""
    for note in found["notes"]:
        _print(console, f"note: {note}", "yellow")
    styles = {"added": "green", "gone": "red", "changed": "yellow"}
    for change, said in zip(found["changes"], found["said"], strict=True):
        _print(console, said, styles[change["what"]])
    for old, new in found["renamed"].items():
        _print(console, f"{old} is called {new} now, and does the same", "dim")
    if found["same"]:
        _print(console, "No difference.", "green")


def _print(console: Console, line: str, style: str = "") -> None:
    console.print(Text(plain(line), style=style), soft_wrap=True)


def _heading(block: Document) -> str:
    event, where = block["event"], f"{block['playbook']}:{block['starts']}"
    if not block["block"]:
        return f"{_event(event)} ended, and calls nothing"
    if not block["starts"]:
        where = block["playbook"]
    told = "" if event["kind"] in ("start", "finish") else f", {_event(event)}"
    return f"{block['block']} ({where}{told})"


def _event(event: Document) -> str:
    count = f" ({event['number']})" if event.get("number", 1) > 1 else ""
    return f"{event['kind'].replace('_', ' ')} {event['name']}{count}"


def _told(block: Document) -> str:
    told = block["told"]
    if not isinstance(told, Mapping) or "from" not in told:
        return _text(told)
    return f"{_text(told['answer'])} ({told['from']})"


def _step(step: Document, block: Document) -> Iterator[str]:
    """Tell one step; the entering of the block itself is its heading."""
    if "enters" in step:
        if step["enters"] != block["block"]:
            yield f"  {step['enters']} (line {step['line']})"
        return
    at = f"  line {step['line']}: "
    if "prints" in step:
        yield f"{at}prints {step['prints']}"
        return
    if step["calls"] in SILENT:
        return
    brought = "" if step.get("answer") is None else f" = {_text(step['answer'])}"
    raised = f" raised {step['raised']}" if "raised" in step else ""
    yield f"{at}{step['calls']}{_asked(step)}{brought}{raised}"
    for path in step.get("datapaths", ()):
        problem = f" ({path['problem']})" if "problem" in path else ""
        yield f"    {path['datapath']}: {path['rows']} rows {_text(path['values'])}{problem}"


def _asked(step: Document) -> str:
    """Return what a call is about, in brackets."""
    given = step["given"]
    named = given.get("name") or given.get("key") or given.get("conditions")
    return f"({_text(named)})" if named else ""


def _command(command: Document) -> str:
    named = [str(command[name]) for name in NAMED if command.get(name)]
    rest = {k: v for k, v in command.items() if k not in ("do", "container_id", *NAMED)}
    return " ".join([command["do"], *named, _text(rest)])


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
