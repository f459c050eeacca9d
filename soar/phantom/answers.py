"""
How a function answers that could not do what it was asked for.

In: a sentence. Out: Splunk's (success, message), and the sentence in the run's log.
Never: a refusal that only a playbook which looks at the answer would notice.
"""

from __future__ import annotations

from soar.domain.commands import Log
from soar.phantom.desk import desk

Done = tuple[bool, str]


def declined(message: str) -> Done:
    """Say in the run's log why something was not done, and return that it was not."""
    desk().ask(Log(level="error", message=message))
    return False, message


def told(message: str) -> None:
    """Say something in the run's log that its author should know."""
    desk().ask(Log(level="warning", message=message))
