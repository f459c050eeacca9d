"""
Calls one block with a view of its run, and returns what it asked for.

In: a program, a block's name and arguments, a view. Out: commands, and what went wrong.
Never: carrying anything out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soar.domain.commands import Command
from soar.engine.program import MissingBlock, Program, explain
from soar.engine.stopwatch import BlockTooLong, within
from soar.phantom.desk import Desk, View, seated

BLOCK_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    """What one call of a block came to."""

    commands: tuple[Command, ...]
    error: str = ""


def activate(
    program: Program,
    block: str,
    positional: Sequence[Any],
    view: View,
    keywords: Mapping[str, Any] | None = None,
    *,
    seconds: float = BLOCK_SECONDS,
) -> Activation:
    """
    Run a block to its end or its first exception.

    What a block asked before it raised stays asked, as in Splunk: the act was made, the
    comment written. The error names the line. After *seconds* the block is stopped.
    """
    desk, error = Desk(view=view), ""
    try:
        with seated(desk), within(seconds):
            program.call(block, positional, keywords or {})
    except MissingBlock as missing:
        error = str(missing)
    except BlockTooLong:
        error = f"block {block!r} was stopped: it ran longer than {seconds:g} s"
    except (Exception, SystemExit) as raised:
        error = f"block {block!r} failed: {explain(raised, program.name)}"
    return Activation(commands=tuple(desk.commands), error=error)
