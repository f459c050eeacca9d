"""
What a playbook may write into a prompt: its message, its time, whom it is for.

In: arguments in Splunk's form. Out: a command.
Never: a place in the message that is left unfilled, or filled with the name of a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from soar.domain import questions
from soar.domain.commands import Prompt
from soar.domain.errors import BadInput
from soar.phantom.desk import desk
from soar.phantom.formatting import Values, listed, written
from soar.phantom.reading import Reading

LONGEST_MINUTES = 366 * 24 * 60


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
    asked = questions.read(_answerable(response_types))
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


def _answerable(response_types: object) -> object:
    """Return the questions; a list with nothing to choose from is asked in words instead."""
    if not isinstance(response_types, list | tuple):
        return response_types
    return [_in_words(each) if _is_empty_list(each) else each for each in response_types]


def _is_empty_list(question: Any) -> bool:
    options = question.get("options") if isinstance(question, Mapping) else None
    if not isinstance(options, Mapping) or options.get("type") != "list":
        return False
    return options.get("choices") in (None, [], ())


def _in_words(question: Mapping[str, Any]) -> Mapping[str, Any]:
    desk().warn("a question is a list without choices: it is asked in words")
    return {**question, "options": {**question["options"], "type": "message"}}


def filled(
    message: object,
    parameters: object,
    *,
    container: Any = None,
    separator: str = ", ",
    drop_none: bool = False,
) -> str:
    """Return a message with ``{0}``, ``{1}``, … replaced by the values of *parameters*."""
    if not parameters:
        return str(message)
    values = Values(
        Reading(container=container),
        listed(parameters),
        separator,
        drop_none=drop_none,
        field="message",
    )
    return written(str(message), values)[0]


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
