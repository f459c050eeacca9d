"""
What blocks keep under a name for later blocks of the run, and later in the same block.

In: a kind, a name, a JSON value. Out: the value as a later block gets it, and a command.
Never: a value of no bound, or one that a block could change behind the run's back.
"""

from __future__ import annotations

import json
from typing import Any

from soar.domain.commands import Keep
from soar.phantom.desk import TooMuch, desk

FORMAT = "format"
FILTER = "filter"
RESULT = "result"
LARGEST = 16 * 1024 * 1024
"""Characters of one value's JSON."""
LONGEST_NAME = 1_000


def keep(kind: str, name: str, value: Any) -> None:
    """Keep a value; it replaces what the run has kept under the same name."""
    if not name or len(name) > LONGEST_NAME:
        raise TooMuch(f"a {kind} needs a name of 1 to {LONGEST_NAME:,} characters")
    text = json.dumps(value, default=str)
    if len(text) > LARGEST:
        raise TooMuch(
            f"{kind} {name!r} is larger than {LARGEST // 2**20} MiB: keep less, or filter first"
        )
    at, copy = desk(), json.loads(text)
    at.kept[kind, name] = copy
    at.ask(Keep(kind=kind, name=name, value=copy))


def kept(kind: str, name: str) -> Any:
    """Return what this block, or an earlier one of the run, has kept; None if nothing."""
    at, key = desk(), (kind, name)
    for near in (at.kept, at.view.kept):
        if key in near:
            return near[key]
    return at.view.reader.kept(kind, name)


def save_block_result(key: str = "", value: Any = None, **_ignored: Any) -> None:
    """Keep a result of a block, as Splunk's newest editor does after each code block."""
    keep(RESULT, str(key), value)


def get_playbook_run_id_(**_ignored: Any) -> int:
    """Return the id of this run."""
    return desk().view.run_id
