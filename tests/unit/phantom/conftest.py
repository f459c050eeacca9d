"""
A playbook of a few lines on a stage: what its block returns to the test, and what it asks.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from soar.engine.program import load
from soar.testing import Dialogue, Memory
from soar.testing.shelf import Shelf
from tests.scripts.conftest import alert

__all__ = ["alert"]

FRAME = """
import json
import pathlib
import phantom.rules as phantom

def on_start(container):
    told = []
{body}
    phantom.debug(json.dumps(told))
"""


@dataclass
class Stage:
    """One run whose blocks are written in the test."""

    memory: Memory
    dialogue: Dialogue | None = None

    @property
    def shelf(self) -> Shelf:
        """What blocks look up."""
        return self.memory.records

    def says(self, body: str) -> Any:
        """Run a block; return what it told the test with ``told.append(…)``, the last line else."""
        text = FRAME.format(body=textwrap.indent(textwrap.dedent(body).strip("\n"), "    "))
        self.dialogue = Dialogue(program=load("tested", text), memory=self.memory).begins()
        if self.dialogue.error:
            return self.dialogue.error
        return json.loads(self.dialogue.asks[-1].message)

    @property
    def asks(self) -> list[Any]:
        """What the last block asked, but for what it told the test."""
        assert self.dialogue is not None
        return self.dialogue.asks[:-1]


@pytest.fixture
def stage(alert: Callable[..., dict[str, Any]]) -> Stage:
    """A run on a container with two artifacts."""
    container = alert(
        {"sourceAddress": "10.0.0.5", "destinationAddress": "203.0.113.9"},
        {"sourceAddress": "10.0.0.5", "fileHash": "a" * 32},
    )
    return Stage(Memory(container))
