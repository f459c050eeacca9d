"""
What a playbook may write into a prompt: its message, its time, whom it is for.

In: arguments in Splunk's form. Out: a command.
Never: a place in the message that is left unfilled, or filled with the name of a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from soar.domain import questions
from soar.domain.commands import Prompt
from soar.domain.errors import BadInput

LONGEST_MINUTES = 366 * 24 * 60
PLACE = re.compile(r"\{\{|\}\}|\{(\d{1,4})\}")
DATAPATH = re.compile(
    r"(artifacts?|container|finding|playbook|playbook_input|filtered-[a-z]+):\S"
    r"|\S+:(action_result|custom_function(_result)?|formatted_data(\.\*)?|playbook_output"
    r"|filtered-[a-z]+|artifact)\b"
)


def prompt(
    *,
    to: object,
    message: object,
    minutes: object,
    name: str,
    response_types: object,
    options: tuple[str, ...] = (),
    callback: str = "",
    handle: Any = None,
) -> Prompt:
    """Return the command; a single question with choices is answered by one of these options."""
    asked = questions.read(response_types)
    single = asked[0].choices if len(asked) == 1 else ()
    return Prompt(
        to=_names(to),
        message=str(message),
        name=name,
        minutes=_minutes(minutes),
        options=options or single,
        questions=asked,
        callback=callback,
        handle=handle,
    )


def filled(
    message: object, parameters: object, *, separator: str = ", ", drop_none: bool = False
) -> str:
    """Return a message with ``{0}``, ``{1}``, … replaced by the values of *parameters*."""
    template = str(message)
    if not parameters:
        return template
    if isinstance(parameters, str | Mapping) or not isinstance(parameters, Sequence):
        raise BadInput("parameters", "must be a list: its first value fills {0}")
    values = [_value(each, separator, drop_none=drop_none) for each in parameters]

    def fill(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0][0]
        if int(found[1]) >= len(values):
            raise BadInput("message", f"{found[0]} has no value: parameters has {len(values)}")
        return values[int(found[1])]

    return PLACE.sub(fill, template)


def _value(raw: object, separator: str, *, drop_none: bool) -> str:
    if isinstance(raw, str) and DATAPATH.match(raw):
        raise NotImplementedError(
            f"phantom.prompt(parameters=[{raw[:80]!r}]) is not offered by this release:"
            f" give the value itself instead of its datapath"
        )
    if isinstance(raw, list | tuple | set | frozenset):
        kept = [each for each in raw if each is not None or not drop_none]
        return separator.join(map(str, kept))
    return "" if raw is None and drop_none else str(raw)


def _names(to: object) -> tuple[str, ...]:
    if isinstance(to, str):
        return (to.strip(),) if to.strip() else ()
    if not isinstance(to, list | tuple | set | frozenset):
        raise BadInput("user", f"{str(to)[:80]!r} is no name of a user or role, nor a list of them")
    return tuple(dict.fromkeys(name for each in to for name in _names(str(each))))


def _minutes(raw: object) -> int:
    try:
        found = int(raw)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        found = 0
    if not 1 <= found <= LONGEST_MINUTES:
        raise BadInput(
            "respond_in_mins", f"{str(raw)[:40]!r} must be a number from 1 to {LONGEST_MINUTES:,}"
        )
    return int(found)
