"""
What a run keeps between its blocks, and what it gives to who called it.

In: keys and texts. Out: texts, and commands on the desk. Never: another run's data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from soar.domain import commands
from soar.phantom.desk import desk


def save_run_data(key: str = "", value: str = "", auto: bool = False) -> None:
    """Keep a text for later blocks of this run."""
    text = value if isinstance(value, str) else json.dumps(value)
    desk().run_data[key] = text
    desk().ask(commands.SaveRunData(key=key, value=text))


def get_run_data(key: str = "", trace: bool = False) -> str:
    """Return the text kept under a key of this run, or an empty one."""
    at = desk()
    return at.run_data.get(key, at.view.run_data.get(key, ""))


def save_playbook_output_data(output: Mapping[str, Any] | None = None) -> None:
    """Set the outputs that the calling playbook reads."""
    desk().ask(commands.SaveOutputs(values=dict(output or {})))
