"""
The public stage: dialogues with functions, children and loops, and whole performances.

In: small playbooks. Out: nothing. Never: a database.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from soar import testing
from soar.domain.commands import CallFunction, CallPlaybook
from soar.testing import Cast, Heard, perform
from soar.testing.stage import NotSaid
from tests.corpus.tally import tally

CALLS = """
import phantom.rules as phantom

def on_start(container):
    phantom.custom_function("local/double", parameters=[{"n": 2}], name="twice", callback=doubled)

def doubled(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    phantom.save_run_data(key="seen", value=str(results[0]["data"]))
    phantom.playbook("child", name="helper", inputs={"ip": "192.0.2.1"}, callback=join_both)

def join_both(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    if phantom.completed(custom_function_names=["twice"], playbook_names=["helper"]):
        last(results[0]["data"][0])

def last(given):
    phantom.comment(comment=f"{phantom.get_run_data(key='seen')} {given}")

def on_finish(container, summary):
    phantom.save_playbook_output_data({"done": True})
"""
DOUBLE = "def double(n=None, **kwargs):\n    return {'value': n * 2}\n"
CHILD = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("url reputation", parameters=[{"url": "x"}], assets=["vt"], callback=known)

def known(action, success, container, results, handle):
    phantom.save_playbook_output_data({"found": results[0]["summary"]})
"""

WANTS = """
import phantom.rules as phantom

def get(*parts, **params):
    url = phantom.build_phantom_rest_url(*parts)
    return phantom.requests.get(url, params=params, verify=False).json()["data"][0]

def on_start(container):
    asset, book = {"asset": "mailbox"}, {"workbook": "NIST", "task_name": "look"}
    wanted = {"tags": "block, ip"}
    assert get("asset", _filter_name=asset["asset"])["name"] == "mailbox"
    phantom.add_workbook(container=container, workbook_id=book["workbook"])
    phantom.requests.get(phantom.build_phantom_rest_url("version"))
    assert [task["data"]["name"] for task in phantom.get_tasks(container)] == [book["task_name"]]
    found = get("playbook", _filter_tags__contains='["block", "ip"]')
    phantom.playbook(f"local/{found['name']}", container=container, callback=called)

def called(action, success, container, results, handle):
    phantom.act("look up", parameters=[{}], assets=["x"], callback=known)

def known(action, success, container, results, handle):
    row = results[0]["data"][0]
    share = row["harmless"] + row["odd"]
    assert isinstance(share, int) and isinstance(row["verdict"], str)
    assert phantom.collect(results, "action_result.summary.country") != [None]

def on_finish(container, summary):
    pass
"""


def test_a_dialogue_hears_functions_and_playbooks() -> None:
    """
    What a test says they brought, or what a function's own text brings.
    """
    run = testing.begin(CALLS, testing.alert())
    assert isinstance(run.asks[0], CallFunction)

    run.runs_function(DOUBLE)
    assert isinstance(run.asks[1], CallPlaybook)

    run.hears_playbook(outputs={"found": 1})
    assert run.comments == ["{'value': 4} {'found': 1}"]

    again = testing.begin(CALLS, testing.alert()).hears_function({"value": 0})
    assert again.run_data == {"seen": "{'value': 0}"}
    with pytest.raises(NotSaid, match="the run waits for no CallFunction"):
        again.hears_function()


def test_a_performance_plays_everybody_to_the_end() -> None:
    """
    The function runs, the child acts, the join fires once, on_finish is reached.
    """
    asked = []

    def answer(playbook: str, act: str, _call: object) -> Heard:
        asked.append((playbook, act))
        return Heard("vt", "", {"malicious": 3})

    cast = Cast(
        playbooks={"parent": CALLS, "child": CHILD},
        functions={"double": DOUBLE},
        answer=answer,
        choose=lambda _: None,
        assets=testing.on_stage(
            testing.stage.load("x", CHILD), testing.alert(), assets={"vt": "virustotal"}
        ).assets,
    )

    played = perform("parent", testing.alert(), cast)

    assert (played.loaded, played.finished, played.mistakes) == (True, True, [])
    assert asked == [("child", "url reputation")]
    assert played.joins == {"join_both": 1}
    assert played.blocks["last"] == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("1 / 0", "block 'on_start' failed: line 3: ZeroDivisionError: division by zero"),
        (
            "phantom.custom_function('local/gone', parameters=[{}], callback=on_start)",
            "it was stopped after 2,000 events",
        ),
        ("phantom.fly()", "AttributeError: phantom.fly is not known"),
    ],
)
def test_a_performance_says_what_went_wrong(body: str, sentence: str) -> None:
    """
    With the line; and it always ends.
    """
    source = f"import phantom.rules as phantom\ndef on_start(container, *_):\n    {body}\n"
    cast = Cast(playbooks={"p": source}, answer=lambda *_: Heard("", ""), choose=lambda _: None)

    played = perform("p", testing.alert(), cast)

    assert sentence in played.mistakes[-1].sentence
    assert played.stopped is ("stopped" in sentence)


def test_a_folder_of_playbooks_is_checked_played_and_counted(tmp_path: Path) -> None:
    """
    Totals and one row each: what is missing, what raised, which join fired twice.
    """
    (tmp_path / "custom_functions").mkdir()
    (tmp_path / "custom_functions" / "double.py").write_text(DOUBLE)
    (tmp_path / "parent.py").write_text(CALLS)
    (tmp_path / "child.py").write_text(CHILD)
    (tmp_path / "wrong.py").write_text(
        "import phantom.rules as phantom\ndef on_start(c):\n    for _ in 'ab': join_x()\n"
        "    phantom.fly()\ndef join_x():\n    last()\ndef last(): pass\n"
        "def on_finish(c, s): pass\n"
    )
    (tmp_path / "old.py").write_text("def on_start(c):\n    print 'of Python 2'\n")

    found = tally(tmp_path)

    assert found["totals"] | {"blocks": 0} == {
        "playbooks": 3,
        "refused": 1,
        "refused_as_python_2": 1,
        "import": 3,
        "without_missing_names": 2,
        "reached_on_finish": 2,
        "without_errors": 2,
        "stopped": 0,
        "blocks": 0,
        "joins_fired": 3,
        "joins_fired_twice": 1,
        "missing_names": {"fly": 1},
    }
    wrong = found["playbooks"][-1]
    assert (wrong["missing_names"], wrong["joins_fired_twice"]) == (["fly"], ["join_x"])
    assert wrong["check"] == ["line 4: phantom.fly is not known"]


def test_a_playbook_finds_what_its_text_names(tmp_path: Path) -> None:
    """
    Assets, workbooks with their tasks, playbooks with their tags; and in the answers of vendors
    the keys by which it takes them apart, numbers where it counts with them.
    """
    (tmp_path / "wants.py").write_text(WANTS)

    (row,) = tally(tmp_path)["playbooks"]

    assert (row["errors"], row["reached_on_finish"]) == ([], True)


def test_a_transcript_answers_before_anything_is_made_up(tmp_path: Path) -> None:
    """
    By the name of the action; the playbook that counts on it fails without.
    """
    (tmp_path / "wants.py").write_text(
        "import phantom.rules as phantom\n\ndef on_start(container):\n"
        "    phantom.act('look up', parameters=[{}], assets=['x'], callback=known)\n\n"
        "def known(action, success, container, results, handle):\n"
        "    assert results[0]['summary']['verdict'] == 'worst of all'\n"
    )
    told = tmp_path / "told.json"
    told.write_text('{"look up": {"summary": {"verdict": "worst of all"}}}')

    assert tally(tmp_path)["totals"]["without_errors"] == 0
    assert tally(tmp_path, transcript=told)["totals"]["without_errors"] == 1
