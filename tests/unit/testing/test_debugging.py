"""A playbook is debugged: blocks, datapaths with their rows, commands, answers, errors."""

from __future__ import annotations

from typing import Any

import pytest

import soar.phantom.rules as rules
from soar import testing
from soar.domain.errors import SoarError
from soar.testing import room
from soar.testing.debugging import debug

Document = dict[str, Any]
SOURCE = """
import sys, phantom.rules as phantom

def on_start(container):
    find_1(container=container)
    print("on its way"); sys.stdout.write("by itself\\n")

def find_1(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    rows = phantom.collect2(container=container, datapath=["artifact:*.cef.ip", "artifact:*.id"])
    parameters = [{"ip": row[0], "api_key": "hunter22", "context": {"artifact_id": row[1]}}
                  for row in rows]
    phantom.act("ip reputation", parameters=parameters, assets=["nowhere"], name="find_1",
                callback=decide_1)

def decide_1(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    if phantom.decision(container=container, action_results=results, conditions=[
            ["find_1:action_result.summary.malicious", ">", 2]]):
        phantom.prompt(container=container, user="ada", message="Block {0}?", name="ask_1",
                       parameters=["artifact:*.cef.ip"], options=["Yes", "No"], callback=after)

def after(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    phantom.format(container=container, template="{0}", name="text",
                   parameters=["artifact:*.cef.ip", "artifact:*..cef"])
    phantom.debug(phantom.get_format_data(name="text"))
    phantom.set_status(container, "closed")
    raise KeyError(results[0]["summary"]["responses"][0])
"""


def played(source: str = SOURCE, *cefs: Document, **more: Any) -> Document:
    """Debug a playbook on a container with these artifacts."""
    container = testing.alert(*(cefs or ({"ip": "192.0.2.1"}, {"ip": "192.0.2.2"})))
    return debug({"playbook": "looked_at", "source": source, "container": container, **more})


BAD: Document = {"transcript": {"ip reputation": {"summary": {"malicious": 9}}},
                 "choices": {"ask_1": "Yes"}}  # fmt: skip


def test_each_block_says_what_it_read_and_asked_for() -> None:
    """
    The functions entered, each datapath with its rows, each command, with lines.
    """
    found = played(**BAD)
    first, second, third = found["blocks"]

    assert [b["block"] for b in found["blocks"]] == ["on_start", "decide_1", "after"]
    assert [s["enters"] for s in first["steps"] if "enters" in s] == ["on_start", "find_1"]
    (read,) = [s for s in first["steps"] if s.get("calls") == "collect2"]
    assert (read["block"], read["line"]) == ("find_1", 9)
    assert read["datapaths"] == [
        {"datapath": "artifact:*.cef.ip", "rows": 2, "values": ["192.0.2.1", "192.0.2.2"]},
        {"datapath": "artifact:*.id", "rows": 2, "values": [1, 2]},
    ]
    (asked,) = [s for s in second["steps"] if s.get("calls") == "decision"]
    assert asked["answer"] is True
    assert asked["datapaths"][0]["values"] == [9, 9]
    (prompt,) = second["commands"]
    assert (prompt["do"], prompt["message"]) == ("prompt", "Block 192.0.2.1, 192.0.2.2?")
    (text,) = [s for s in third["steps"] if s.get("calls") == "format"]
    assert "problem" in text["datapaths"][1]
    assert [c["do"] for c in third["commands"]] == ["log", "keep", "log", "update container"]
    (said,) = [s for s in first["steps"] if s.get("calls") == "debug"]
    assert (said["given"], said["line"]) == ({"message": "on its way"}, 6)
    assert {"prints": "by itself", "block": "on_start", "line": 6} in first["steps"]


def test_an_error_has_its_line_and_what_went_before_stands() -> None:
    """
    As in a run.
    """
    found = played(**BAD)

    assert found["errors"] == [
        {"block": "after", "line": 26, "error": "block 'after' failed: line 26: KeyError: 'Yes'"}
    ]
    assert found["ends"]["status"] == "closed"


def test_no_secret_is_shown() -> None:
    """
    Neither of a command nor of a call.
    """
    assert "hunter22" not in str(played(**BAD))
    assert "'api_key': '***'" in str(played(**BAD))


def test_every_answer_says_where_it_came_from() -> None:
    """
    A transcript, an option, or made up; an asset that is not here is said to be so.
    """
    answers = played(**BAD)["answers"]
    assert [a["from"] for a in answers] == [
        "transcript, as there is no such asset or action here", "--answer",
    ]  # fmt: skip
    known = played(assets=[{"slug": "nowhere", "app": "virustotal"}])
    assert known["answers"][0]["from"] == "made up"


def test_rows_are_bounded() -> None:
    """
    How many there are is said, and some are shown.
    """
    many = [{"ip": f"192.0.2.{n}"} for n in range(40)]
    found = played(SOURCE, *many, rows=3, **BAD)

    (read,) = [s for s in found["blocks"][0]["steps"] if s.get("calls") == "collect2"]
    assert [(d["rows"], len(d["values"])) for d in read["datapaths"]] == [(40, 3), (40, 3)]


def test_looking_changes_nothing() -> None:
    """
    The same commands as without a witness, and the functions of phantom are themselves again.
    """
    own = rules.collect2
    played(**BAD)
    assert rules.collect2 is own

    run = testing.begin(
        SOURCE, testing.alert({"ip": "192.0.2.1"}), assets={"nowhere": "virustotal"}
    )
    found = played(SOURCE, {"ip": "192.0.2.1"}, assets=[{"slug": "nowhere", "app": "virustotal"}])
    (act,) = [c for c in found["blocks"][0]["commands"] if c["do"] == "act"]
    assert run.acts[0][1][0]["ip"] == act["calls"][0]["parameters"]["ip"]


def test_what_it_calls_is_played_too() -> None:
    """
    Another playbook, with its inputs, and a custom function, with its code; their blocks say whose.
    """
    source = """
import phantom.rules as phantom

def on_start(container):
    phantom.playbook("local/other", name="kid", inputs={"who": ["ann"]}, callback=back)

def back(action, success, container, results, handle):
    phantom.custom_function("local/double", parameters=[{"n": 2}], name="twice", callback=last)

def last(action, success, container, results, handle):
    phantom.comment(comment="%s %s" % (results[0]["data"], phantom.collect2(
        datapath=["kid:playbook_output:gave"])))
"""
    other = """
import phantom.rules as phantom

def on_start(container):
    phantom.save_playbook_output_data({"gave": phantom.collect2(datapath=["playbook_input:who"])})
"""
    double = "def double(n=None, **kwargs):\n    return n * 2\n"
    found = played(source, playbooks={"other": other}, functions={"double": double})

    assert [(b["playbook"], b["block"]) for b in found["blocks"]] == [
        ("looked_at", "on_start"), ("other", "on_start"), ("looked_at", "back"),
        ("local/double", "double"), ("looked_at", "last"),
    ]  # fmt: skip
    assert found["blocks"][-1]["commands"][0]["content"] == "4 [[['ann']]]"
    assert [a["from"] for a in found["answers"]] == ["played", "its own code"]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def on_start(container)\n", "line 1"),
        ("import os\nos._exit(3)\n", "ended its process: exit code 3"),
        ("import os\nprint(dict(os.environ))\nraise ValueError(len(os.environ))\n", "ValueError"),
    ],
)
def test_a_playbook_that_cannot_be_played_says_why(source: str, sentence: str) -> None:
    """
    Also where it ends its process.
    """
    request = {"playbook": "bad", "source": source, "container": testing.alert()}
    with pytest.raises(SoarError, match=sentence):
        room.ask("debug", request)


def test_the_room_of_a_playbook_has_no_setting_and_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What this process was told, its code is not; and it does not run for ever.
    """
    monkeypatch.setenv("SOAR_DATABASE_URL", "postgresql://tell-nobody")
    source = (
        "import os\nimport phantom.rules as phantom\n\ndef on_start(container):\n"
        "    phantom.comment(comment=str(sorted(k for k in os.environ if 'SOAR' in k)))\n"
    )
    request = {"playbook": "good", "source": source, "container": testing.alert()}
    found = room.ask("debug", request)

    assert found["blocks"][0]["commands"][0]["content"] == "[]"
    with pytest.raises(room.Failed, match="ran longer than"):
        room.ask("debug", {**request, "source": "while True:\n    pass\n"}, seconds=3)
