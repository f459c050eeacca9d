"""
A stage for the product's own playbooks: the public one of ``soar.testing``, with its assets.

In: a playbook's name (or its program) and an alert. Out: a :class:`Dialogue`.
Never: a database, a broker or a vendor; the blocks, the plans and the results are the real ones.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from soar import library, testing
from soar.engine.program import Program, load
from soar.testing import Dialogue, Heard

ASSETS = {
    "virustotal_prod": "virustotal",
    "abuseipdb_prod": "abuseipdb",
    "maxmind_prod": "maxmind",
    "whois_prod": "whois",
    "palo_alto_prod": "palo_alto",
    "crowdstrike_prod": "crowdstrike",
    "ad_prod": "active_directory",
    "servicenow_prod": "servicenow",
    "splunk_es_prod": "splunk_es",
}


@pytest.fixture
def alert() -> Callable[..., dict[str, Any]]:
    """Return a maker of containers in Splunk's shape: one artifact per CEF mapping."""
    return testing.alert


@pytest.fixture
def on_stage() -> Callable[..., Dialogue]:
    """Return a maker of dialogues for a program; nothing has been called yet."""

    def make(program: Program, container: Mapping[str, Any]) -> Dialogue:
        return testing.on_stage(program, container, assets=ASSETS)

    return make


@pytest.fixture
def evaluate(on_stage: Callable[..., Dialogue], alert: Callable[..., Any]) -> Callable[..., Any]:
    """Return what an expression of a block comes to, after some statements, on a container."""

    def run(expression: str, before: str = "", *, on: Dialogue | None = None, **told: Any) -> Any:
        body = textwrap.indent(before, "    ")
        text = f"{HEADER}def on_start(container, results=None):\n{body}\n    say({expression})\n"
        given = told.pop("container", None) or alert({"sourceAddress": "10.0.0.5"}, {"a.b": 1}, {})
        stage = on or on_stage(load("tested", text), given)
        stage.program = load("tested", text)
        for name, value in told.items():
            setattr(stage if hasattr(stage, name) else stage.memory, name, value)
        stage.calls("on_start")
        assert stage.error == ""
        return json.loads(stage.comments[-1])

    return run


HEADER = """
import json
import phantom.rules as phantom

def say(value):
    phantom.comment(comment=json.dumps(value))

"""


@pytest.fixture
def play(on_stage: Callable[..., Dialogue]) -> Callable[..., Dialogue]:
    """Return a starter of the product's own playbooks."""
    files = {file.name: file for file in library.built_in()}

    def start(name: str, container: Mapping[str, Any]) -> Dialogue:
        return on_stage(load(name, files[name].source), container).begins()

    return start


@pytest.fixture
def found() -> Callable[..., Heard]:
    """Return a maker of answers: what an asset found about an indicator."""

    def make(asset: str, indicator: str, message: str = "", **summary: Any) -> Heard:
        return Heard(asset, indicator, summary, message)

    return make


@pytest.fixture
def engines() -> Callable[..., Heard]:
    """Return a maker of VirusTotal's answers: so many of 90 engines call it malicious."""

    def make(indicator: str, malicious: int, **summary: Any) -> Heard:
        counts = {"malicious": malicious, "positives": malicious, "total_engines": 90}
        known = {**counts, "known": True, **summary}
        return Heard("virustotal_prod", indicator, known, f"{malicious}/90 engines malicious")

    return make


@pytest.fixture
def refused() -> Callable[..., Heard]:
    """Return a maker of failed calls."""

    def make(asset: str, indicator: str, message: str = "503") -> Heard:
        return Heard(asset, indicator, message=message, failed=True)

    return make
