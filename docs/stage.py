"""
The stage of the examples: one container, and everybody who answers.

In: the text of an example. Out: what was played, and what the function has returned.
Never: a database, a vendor, or an example that is only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from inspect import isclass
from pathlib import Path
from typing import Any

from soar import catalog
from soar.domain.budget import budget_of
from soar.domain.commands import Prompt
from soar.domain.model import Asset
from soar.domain.questions import Answer
from soar.engine.planner import Member
from soar.phantom import rules
from soar.testing import Cast, Heard, Played, alert, perform
from soar.testing.shelf import Shelf

EXAMPLES = Path(__file__).resolve().parent / "examples"
ENRICH = """
import phantom.rules as phantom


def on_start(container):
    phantom.save_playbook_output_data(output={"verdict": "bad"})
"""
SHORTEN = "def shorten(text=None, **kwargs):\n    return {'short': str(text)[:4]}\n"
ENGINES = [{"engine": "first"}, {"engine": "second"}]


def example(name: str) -> str:
    """Return the text of a function's example."""
    return (EXAMPLES / f"{name}.py").read_text()


def container() -> dict[str, Any]:
    """Return the container: a reported mail with two artifacts."""
    return alert(
        {"sourceAddress": "198.51.100.7", "requestURL": "http://bad.example/login"},
        {"sourceAddress": "192.0.2.4", "destinationAddress": "10.0.0.5"},
        owner_name="ada",
    )


def records() -> Shelf:
    """Return what else there is: a list, a workbook with its template, a user."""
    return Shelf(
        lists={"allowed": [["192.0.2.4", "scanner"], ["10.0.0.0/8", "inside"]]},
        templates=[{"id": 1, "name": "Phishing"}],
        phased=[
            {"id": 11, "container": 1, "name": "Triage"},
            {"id": 12, "container": 1, "name": "Contain"},
        ],
        to_do=[{"id": 21, "container": 1, "name": "Call the reporter", "status": 0, "phase": 11}],
        users={1: "ada"},
        artifacts={artifact["id"]: artifact for artifact in container()["artifacts"]},
    )


def answer(_playbook: str, _act: str, call: Member) -> Heard:
    """Say what the vendor says: it knows what is bad, and does not know 192.0.2.250."""
    asked = str(dict(call.parameters))
    if "192.0.2.250" in asked:
        return Heard(call.asset, "", message="the vendor does not know it", failed=True)
    bad = "bad.example" in asked or "198.51.100.7" in asked
    return Heard(call.asset, "", {"malicious": 7 if bad else 0}, data=list(ENGINES))


def choose(prompt: Prompt) -> Sequence[Answer]:
    """Say yes where that is a choice."""
    return ["Yes" if "Yes" in prompt.options else "done"]


def play(name: str) -> tuple[Played, list[Any]]:
    """Play the example of a function; return what it returned each time as well."""
    asset = Asset(id=1, slug="vt_prod", app="virustotal", configuration={}, budget=budget_of({}))
    cast = Cast(
        playbooks={"tested": example(name), "enrich": ENRICH},
        functions={"shorten": SHORTEN},
        answer=answer,
        choose=choose,
        catalog=_catalog(),
        assets={"vt_prod": asset},
    )
    with _watched(name) as returned:
        return perform("tested", container(), cast, records=records()), returned


@cache
def _catalog() -> catalog.Catalog:
    return catalog.load()


@contextmanager
def _watched(name: str) -> Iterator[list[Any]]:
    function, returned = getattr(rules, name), list[Any]()

    def watched(asked: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            found = asked(*args, **kwargs)
            returned.append(found)
            return found

        return call

    call = watched(function)
    if isclass(function):
        for own in vars(function):
            if not own.startswith("_"):
                setattr(call, own, watched(getattr(function, own)))
    setattr(rules, name, call)
    try:
        yield returned
    finally:
        setattr(rules, name, function)
