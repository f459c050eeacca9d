"""
``soar playbook debug``, ``record`` and ``replay`` on a command line, as CI calls them.

In: a run of the real engine, files of the test. Out: nothing.
Never: anything done at a vendor by a debug or a replay.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Soar
from tests.integration.conftest import soar as soar
from tests.integration.engine.conftest import Bench

SOURCE = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("look up", parameters=[{"target": "192.0.2.1"}], assets=["sham"], name="first",
                callback=decide)

def decide(action, success, container, results, handle):
    if results[0]["summary"]["target"] == "192.0.2.1":
        phantom.add_list("seen", "192.0.2.1")
        phantom.comment(comment="seen before: %s" % phantom.check_list("known", "192.0.2.1")[2])
        phantom.set_severity(container, "low")
"""


@pytest.fixture
def run(bench: Bench) -> int:
    """A run that has ended."""
    run_id = bench.play(SOURCE)
    assert bench.run(run_id)["status"] == "success"
    return run_id


def edited(folder: Path, old: str = "", new: str = "") -> Path:
    """Write the playbook, edited."""
    file = folder / "edited.py"
    file.write_text(SOURCE.replace(old, new) if old else SOURCE)
    return file


def document(soar: Soar, *words: Any, code: int = 0, **more: str) -> Any:
    """Run a command and return its document."""
    done = soar("playbook", *words, "--json", **more)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_a_run_is_recorded_and_replayed_by_whoever_has_the_file(
    soar: Soar, bench: Bench, run: int, tmp_path: Path
) -> None:
    """
    Only its owner reads the file; a replay needs no server. Exit code 0: the same, 1: it differs.
    """
    file = tmp_path / "run.json"
    told = document(soar, "record", run, "--out", file)
    assert (told["blocks"], told["unlike"]) == (2, [])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert bench.rows("select what, detail from audit") == [
        {"what": "run recorded", "detail": {"run": run, "whole": False}}
    ]

    nothing = {"SOAR_DATABASE_URL": "", "SOAR_REDIS_URL": ""}
    same = document(soar, "replay", file, "--with", edited(tmp_path), **nothing)
    assert (same["same"], same["changes"]) == (True, [])

    other = edited(tmp_path, '"low"', '"high"')
    found = document(soar, "replay", file, "--with", other, code=1, **nothing)
    assert found["said"] == [
        "command changed: after act 'first': update container changes:"
        ' {"severity": "low"} -> {"severity": "high"}',
        "container changed: severity: low -> high",
    ]
    shown = soar("playbook", "replay", file, "--with", other)
    assert shown.exit_code == 1
    assert "container changed: severity: low -> high" in shown.stdout
    assert bench.vendor.done == {("look up", "192.0.2.1"): 1}


def test_a_run_is_replayed_by_its_number(soar: Soar, run: int, tmp_path: Path) -> None:
    """
    Without a file between; one that does not exist is said to be so.
    """
    assert document(soar, "replay", run, "--with", edited(tmp_path))["same"]
    renamed = document(soar, "replay", run, "--with", edited(tmp_path, "decide", "weigh"))
    assert (renamed["same"], renamed["renamed"]) == (True, {"decide": "weigh"})
    assert (
        "no playbook run"
        in document(soar, "replay", 999, "--with", edited(tmp_path), code=3)["error"]
    )
    (tmp_path / "other.json").write_text("{}")
    refused = document(soar, "replay", tmp_path / "other.json", "--with", edited(tmp_path), code=2)
    assert refused["field"] == "recording"


def test_a_transcript_answers_what_was_never_recorded(soar: Soar, run: int, tmp_path: Path) -> None:
    """
    Without one it has failed, and either way it is a difference.
    """
    other = edited(tmp_path, '"target": "192.0.2.1"', '"target": "192.0.2.2"')
    alone = document(soar, "replay", run, "--with", other, code=1)
    assert [c["of"] for c in alone["changes"] if c["what"] == "added"] == ["error", "answer"]

    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"look up": {"summary": {"target": "192.0.2.1"}}}))
    found = document(soar, "replay", run, "--with", other, "--transcript", answers, code=1)
    assert [(c["what"], c["of"]) for c in found["changes"]] == [
        ("changed", "command"), ("added", "answer"),
    ]  # fmt: skip
    answers.write_text("[]")
    words = ("replay", run, "--with", other, "--transcript", answers)
    assert document(soar, *words, code=2)["field"] == "transcript"


def test_a_playbook_is_debugged_on_a_container_and_nothing_is_done(
    soar: Soar, bench: Bench, run: int, tmp_path: Path
) -> None:
    """
    With what the system has: its assets, its lists. Nothing is written or called.
    """
    soar_list = {"name": "known", "rows": json.dumps([["192.0.2.1"]])}
    bench.do(
        "insert into decided_list (name, content) values (:name, cast(:rows as jsonb))", **soar_list
    )
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"look up": {"summary": {"target": "192.0.2.1"}}}))
    before = bench.rows("select count(*) as n from playbook_run")
    with bench.database.begin() as work:
        elsewhere = SOURCE.replace('"sham"', '"nowhere"')
        work.playbooks.save(name="looked_at", title="", version="1", source=elsewhere)

    found = document(soar, "debug", "looked_at", "--container", 1, "--transcript", answers)
    assert [b["block"] for b in found["blocks"]] == ["on_start", "decide"]
    comments = [c for b in found["blocks"] for c in b["commands"] if c["do"] == "comment"]
    assert comments[0]["content"] == "seen before: 1"
    assert found["ends"]["severity"] == "low"
    assert bench.rows("select count(*) as n from playbook_run") == before
    assert bench.vendor.done == {("look up", "192.0.2.1"): 1}

    shown = soar("playbook", "debug", "--run", run).stdout
    assert "decide (tested:8, act first)" in shown
    assert "(recorded)" in shown


def test_a_file_is_debugged_on_an_alert_without_a_server(soar: Soar, tmp_path: Path) -> None:
    """
    An error in a block is exit code 1, and its line is shown.
    """
    alert = tmp_path / "alert.json"
    alert.write_text(json.dumps({"name": "a", "label": "odd", "artifacts": [{"cef": {"ip": "x"}}]}))
    file = tmp_path / "broken.py"
    file.write_text("def on_start(container):\n    container['label'].no_such()\n")
    done = soar("playbook", "debug", "--file", file, "--alert", alert, SOAR_DATABASE_URL="")

    assert done.exit_code == 1
    assert "error: block 'on_start' failed: line 2: AttributeError" in done.stdout
    for words in (
        ["debug"],
        ["debug", "x"],
        ["debug", "--file", file, "--container", 1, "--alert", alert],
        ["debug", "x", "--file", file, "--container", 1],
        ["debug", "--run", 1, "--container", 1],
        ["debug", "--file", file, "--alert", alert, "--inputs", "-"],
        ["debug", "--file", file, "--alert", alert, "--answer", "nothing"],
    ):
        document(soar, *words, code=2, given="[]", SOAR_DATABASE_URL="")
