"""
A container that has grown beyond all bounds: its runs, lists and reports stay quick.

In: the bench, and rows made by PostgreSQL itself. Out: nothing.
Never: all of them in the memory of a process.
"""

from __future__ import annotations

import json
import resource
import time
from typing import TYPE_CHECKING

import pytest

from soar import report
from soar.api import artifacts as rest
from soar.api.nouns import ARTIFACTS
from soar.domain.errors import BadInput
from soar.store.listing import Condition, Wanted, lists

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

MANY = 100_000
"""Ten times what a block is handed. With a million the same test passes, but for the minute in
which a busy machine writes them."""
GROW = """
    insert into artifact (container_id, source_id, name, label, type, severity, cef)
    select :id, 's' || n, 'artifact ' || n, 'event', '', 'low',
           jsonb_build_object('sourceAddress', '203.0.113.' || n % 256)
    from generate_series(1, :many) n
"""
PLAYBOOK = """
import phantom.rules as phantom

def on_start(container):
    seen = phantom.get_artifacts(container)
    phantom.comment(container, f"{len(container['artifacts'])} {container['artifact_count']}"
                               f" {len(seen)} {seen[0]['name']}")
    phantom.add_artifact(container, {"cef": {"note": "x"}}, name="mine")
    phantom.act("look up", {"target": "203.0.113.7"}, callback=looked_up)

def looked_up(action, success, container, results, handle):
    phantom.comment(container, f"then {container['artifact_count']}")
"""


def test_a_run_on_very_many_artifacts_sees_the_first_and_is_warned(bench: Bench) -> None:
    """
    Blocks see the oldest 10,000 and how many there are; the log says so once; nothing is slow,
    and neither run, list, place in a list nor report holds all rows.
    """
    run_id = bench.start(PLAYBOOK)
    (container,) = bench.rows("select id from container")
    bench.do(GROW, id=container["id"], many=MANY)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()

    bench.settle()
    with bench.database.begin() as work:
        report.write(work, container["id"])
        own = (Condition(field="container_id", value=container["id"]),)
        last = Wanted(conditions=own, page=MANY // 10, size=10)
        found = lists(work).page(ARTIFACTS, last, tenants=())

    took = time.monotonic() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert bench.run(run_id)["error"] == ""
    assert bench.notes() == [f"10000 {MANY} 10000 artifact 1", f"then {MANY + 1}"]
    warning = f"container 1 has {MANY:,} artifacts: blocks see the first 10,000"
    assert bench.log() == [warning]
    assert (found.count, [rest.shape(row)["name"] for row in found.rows]) == (MANY + 1, ["mine"])
    assert grown < 400_000, "kilobytes"
    assert took < 30.0  # seconds; a few on an idle machine


def test_a_list_without_pages_is_bounded(bench: Bench) -> None:
    """
    A list of more than 10,000 rows has to be asked for in pages, and the sentence says so.
    """
    bench.start(PLAYBOOK)
    bench.do(GROW, id=1, many=10_001)
    with bench.database.begin() as work:
        for size in (0, 100_000):
            with pytest.raises(BadInput, match="page_size: 10,001 rows are more than one answer"):
                lists(work).page(ARTIFACTS, Wanted(size=size), tenants=())
        both = [Wanted(size=10_000, page=n) for n in (0, 1)]
        pages = [lists(work).page(ARTIFACTS, wanted, tenants=()).rows for wanted in both]

    assert [len(rows) for rows in pages] == [10_000, 1]


def test_a_block_that_asks_for_too_much_is_told(bench: Bench) -> None:
    """
    What it asked before stands; the run ends, and says where it was stopped.
    """
    run_id = bench.play(
        "import phantom.rules as phantom\n\ndef on_start(container):\n"
        "    for number in range(1_000_000):\n        phantom.debug(number)\n"
    )

    assert bench.run(run_id)["error"] == (
        "block 'on_start' failed: line 5: TooMuch: a block may ask for at most 10,000 things"
    )
    assert len(bench.log()) == 10_001


def test_memory_that_runs_out_outside_a_block_sets_it_aside(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Results that a process cannot even read are tried three times, not for ever.
    """

    def greedy(*_: object) -> None:
        raise MemoryError

    run_id = bench.start(PLAYBOOK)
    monkeypatch.setattr(type(bench.engine), "_view", greedy)
    for _ in range(3):
        with pytest.raises(MemoryError):
            bench.engine.start_run(run_id)
    monkeypatch.undo()

    bench.settle()

    assert "block 'on_start' was set aside" in bench.run(run_id)["error"]


SPOILT = json.dumps({"text": "nul \x00 half \ud800", "deep": "\x00"})
HOSTILE = f"""
import phantom.rules as phantom

def on_start(container):
    spoilt = {SPOILT}
    text = spoilt["text"]
    phantom.save_run_data(key=text, value=text)
    phantom.save_playbook_output_data({{text: [text, b"\\xff", float("nan"), {{1, 2}}]}})
    phantom.add_note(container, note_type=text, title=text, content=text, note_format=text)
    phantom.comment(container, text)
    phantom.debug(text)
    phantom.error(text)
    phantom.set_owner(container, text)
    phantom.add_tags(container, [text])
    phantom.update(container, {{"custom_fields": {{text: text}}, "description": text}})
    phantom.add_artifact(container, {{"cef": {{text: text}}, "tags": [text]}}, label=text,
                         name=text, identifier=text, artifact_type=text)
    phantom.act("look up", {{"target": text}}, name=text, handle={{text: text}}, callback=done)

def done(action, success, container, results, handle):
    phantom.comment(container, f"done {{success}} {{len(handle)}}")
"""


def test_texts_that_postgresql_cannot_hold_come_through_a_whole_run(bench: Bench) -> None:
    """
    In run data, outputs, notes, log lines, tags, fields, artifacts, parameters and handles.
    """
    run_id = bench.play(HOSTILE)

    run = bench.run(run_id)
    assert (run["status"], run["error"]) == ("success", "")
    assert "done True 1" in bench.notes()
    assert run["run_data"] == {"nul \ufffd half ?": "nul \ufffd half ?"}
    with bench.database.begin() as work:
        assert "\x00" not in report.write(work, 1)
