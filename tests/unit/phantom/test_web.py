"""
``phantom.requests``, as far as the block sees it.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from soar.engine.activation import activate
from soar.engine.program import load
from soar.phantom.desk import Desk, View, seated
from soar.phantom.web import NotRehearsable, requests
from tests.unit.phantom.conftest import Stage


def test_every_verb_reaches_the_engine_with_what_it_was_given(stage: Stage) -> None:
    """
    ``uri`` is another word for the address; a session adds its headers and parameters.
    """
    stage.shelf.answers = ["a", "b", "c", "d"]

    told = stage.says("""
        told.append(phantom.requests.get("/rest/a", verify=False, params={"x": 1}))
        told.append(phantom.requests.post(uri="/rest/b", data="{}", verify=False))
        told.append(phantom.requests.delete("/rest/c"))
        with phantom.requests.Session() as session:
            session.headers["x-a"] = "1"
            session.params["y"] = 2
            told.append(session.get("/rest/d", params={"x": 1}))
    """)

    assert told == ["a", "b", "c", "d"]
    assert stage.shelf.heard == [
        ("GET", "/rest/a", {"verify": False, "params": {"x": 1}}),
        ("POST", "/rest/b", {"data": "{}", "verify": False}),
        ("DELETE", "/rest/c", {}),
        ("GET", "/rest/d", {"params": {"y": 2, "x": 1}, "headers": {"x-a": "1"}}),
    ]


def test_a_block_that_is_rehearsed_asks_nothing(stage: Stage) -> None:
    """
    A rehearsal must leave no trace; and who asks REST is not pure, so it is not even tried.
    """
    source = (
        "import phantom.rules as phantom\n\ndef on_start(c):\n    phantom.requests.get('/rest')\n"
    )
    view = View(
        run_id=1, playbook="p", container=stage.memory.shape, run_data={}, inputs={},
        delivered=frozenset(), reader=stage.memory,
    )  # fmt: skip

    done = activate(load("p", source), "on_start", [{}], replace(view, rehearsed=True))

    assert "NotRehearsable: phantom.requests asks nothing while" in done.error
    assert not load("p", source).pure
    assert not load("q", "from phantom.rules import requests").pure
    assert stage.shelf.heard == []
    with seated(Desk(view=replace(view, rehearsed=True))), pytest.raises(NotRehearsable):
        requests.request("post", "/rest/x")
