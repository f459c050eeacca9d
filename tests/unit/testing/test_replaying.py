"""A recording is read, replayed and compared, with no database anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from soar import testing
from soar.domain.errors import BadInput
from soar.testing.replaying import complete

Document = dict[str, Any]
SOURCE = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("poll", parameters=[{"id": "7"}], assets=["vendor"], name="poll_1", callback=polled)

def polled(action, success, container, results, handle):
    if results[0]["summary"]["state"] == "busy":
        phantom.act("poll", parameters=[{"id": "7"}], assets=["vendor"], name="poll_1",
                    callback=polled)
        return
    phantom.comment(comment="state %s" % results[0]["summary"]["state"])
    phantom.set_status(container, "closed")
"""


def answer(number: int, state: str) -> Document:
    """Return one recorded answer."""
    call = {
        "id": number, "action_run_id": number, "action": "poll", "app": "theirs",
        "asset": "vendor", "parameters": {"id": "7"}, "context": {}, "status": "success",
        "message": "", "summary": {"state": state}, "data": [],
    }  # fmt: skip
    acts = [{"id": number, "name": "poll_1"}]
    return {"id": number, "kind": "act", "name": "poll_1", "acts": acts, "calls": [call]}


def recording(*states: str, source: str = SOURCE, **more: Any) -> Document:
    """Return the recording of a run that polled so often."""
    document = {
        "form": "soar recording",
        "version": 1,
        "run": {"id": 5, "playbook": "polls", "error": "", "inputs": {}, "scope": "all"},
        "container": testing.alert({"ip": "192.0.2.1"}),
        "answers": [answer(n, state) for n, state in enumerate(states, start=1)],
        "standing": [],
        "assets": [{"slug": "vendor", "app": "theirs"}],
        **more,
    }
    return complete(document, source)


def test_answers_of_one_name_come_one_after_the_other() -> None:
    """
    An app that this release does not have answers from the recording all the same.
    """
    found = recording("busy", "busy", "done")

    assert found["unlike"] == []
    assert [b["block"] for b in found["blocks"]] == ["on_start", "polled", "polled", "polled"]
    assert not testing.replay(found, SOURCE)
    edited = testing.replay(found, SOURCE.replace('== "busy"', '== "idle"'))
    assert [c.event for c in edited.of("block")] == [
        "after act 'poll_1' (2)",
        "after act 'poll_1' (3)",
    ]
    assert {c.what for c in edited.of("block")} == {"gone"}


def test_one_that_asks_without_an_end_is_stopped_and_said_to_be_so() -> None:
    """
    Its last answer is all that it hears.
    """
    difference = testing.replay(recording("busy", "done"), SOURCE.replace('== "busy"', '!= "x"'))

    assert "it has no end" in [c.said for c in difference.of("error")]


def test_a_recording_that_does_not_play_as_its_run_did_says_so() -> None:
    """
    So nobody takes what a replay says for more than it is.
    """
    found = recording("busy", "done", "done")
    assert found["unlike"] == ["'poll_1' was asked 1 times less"]
    assert "'poll_1' was asked 1 times less" in testing.replay(found, SOURCE).notes[0]
    failing = recording("busy", source="def on_start(container):\n    1 / 0\n")
    assert failing["unlike"][-1].startswith("block 'on_start' failed: line 2")


def test_an_error_that_only_moved_is_the_same_error() -> None:
    """
    Its line and its function are no difference, its reason is.
    """
    source = "def on_start(container):\n    raise ValueError('a')\n"
    found = recording(source=source)

    assert not testing.replay(found, "\n\n" + source)
    (change,) = testing.replay(found, source.replace("'a'", "'b'")).changes
    assert (change.then, change.now) == ("ValueError: a", "ValueError: b")


def test_secrets_are_not_compared() -> None:
    """
    Another password in a parameter is no difference, and in no sentence.
    """
    source = SOURCE.replace('{"id": "7"}', '{"id": "7", "password": "hunter22"}')
    found = recording("done", source=source)

    assert "hunter22" not in str(found)
    assert not testing.replay(found, source.replace("hunter22", "hunter33"))


@pytest.mark.parametrize(
    ("document", "sentence"),
    [([], "is none"), ({"form": "soar recording", "version": 9}, "version 9"),
     ({"form": "soar recording", "version": 1}, "has no 'run'")],
)  # fmt: skip
def test_what_is_no_recording_is_refused(document: Any, sentence: str) -> None:
    """
    With what it lacks.
    """
    with pytest.raises(BadInput, match=sentence):
        testing.replay(document, SOURCE)
