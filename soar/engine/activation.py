"""
Calls one block with a view of its run, and returns what it asked for.

In: a program, a block's name and arguments, a view. Out: commands, and what went wrong.
Never: carrying anything out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from soar.domain.commands import Command
from soar.engine.one_process import LeftProcess, alone
from soar.engine.program import MissingBlock, Program, explain, message_of, place
from soar.engine.stopwatch import BlockTooLong, is_interrupt, within
from soar.phantom.desk import Desk, View, seated

BLOCK_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    """What one call of a block came to."""

    commands: tuple[Command, ...]
    error: str = ""
    value: Any = None
    """What a custom function returned."""


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
    return _called(program, block, positional, keywords or {}, Desk(view=view), seconds)


def evaluate(
    program: Program,
    name: str,
    parameters: Mapping[str, Any],
    view: View,
    *,
    seconds: float = BLOCK_SECONDS,
) -> Activation:
    """Run a custom function once; it ends like a block, and what it returns must fit into JSON."""
    done = _called(program, name, (), parameters, Desk(view=view, function=name), seconds)
    if done.error:
        return done
    try:
        json.dumps(done.value)
    except Exception as error:  # whatever its class does while it is read
        return replace(done, value=None, error=f"{program} returned no JSON: {message_of(error)}")
    return done


def _called(
    program: Program,
    block: str,
    positional: Sequence[Any],
    keywords: Mapping[str, Any],
    desk: Desk,
    seconds: float,
) -> Activation:
    error, value = "", None
    what = str(program) if desk.function else f"block {block!r}"
    try:
        with seated(desk), within(seconds), alone():
            value = program.call(block, positional, keywords)
    except MissingBlock as missing:
        error = f"{program} defines no function {block!r}" if desk.function else str(missing)
    except BlockTooLong:
        error = f"{what} was stopped: it ran longer than {seconds:g} s"
    except LeftProcess as raised:
        error = f"{what} was stopped: {place(raised, program.name)}it tried to {raised}"
    except BaseException as raised:
        if is_interrupt(raised):
            raise
        error = f"{what} failed: {explain(raised, program.name)}"
    return Activation(commands=tuple(desk.commands), error=error, value=value)
