"""
What blocks keep by name, and read by datapaths: in PostgreSQL, for whichever process comes next.

In: runs on the bench, each message also twice. Out: nothing.
Never: a value that only one process knows, or one that is there twice.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from soar import triggers
from soar.domain.model import Trigger
from soar.engine.program import load
from soar.engine.queueing import queue_run
from soar.engine.steps import Engine
from tests.integration.engine.conftest import CATALOG

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

TAGS = """
import json
import phantom.rules as phantom

def say(*values):
    phantom.comment(comment=json.dumps(values))

def read(*paths, **more):
    return phantom.collect2(datapath=list(paths), **more)
"""
CHAIN = (
    TAGS
    + """
def on_start(container):
    phantom.act("look up", parameters=[{"target": "t1", "context": {"artifact_id": 1}},
                                       {"target": "t2", "context": {"artifact_id": 2}}],
                name="first", callback=second)
    phantom.act("look up", parameters=[{"target": "t9"}], name="slow", callback=third)

def second(action, success, container, results, handle):
    paths = ["first:action_result.summary.target", "first:action_result.parameter.target",
             "first:action_result.parameter.context.artifact_id"]
    phantom.condition(name="f:condition_1", conditions=[
        ["first:action_result.summary.target", "==", "t2"]])
    phantom.format(template="%%\\n<{0}>\\n%%", parameters=[paths[0]], name="lines")
    phantom.save_block_result("second:mine", {"a": [1, 2]})
    phantom.save_run_data("second:list", json.dumps(["x", "y"]))
    say(read(*paths), read("slow:action_result.status"))
    phantom.playbook("child", name="kid", inputs={"who": ["ann", "bob"]}, callback=last)

def third(action, success, container, results, handle):
    phantom.comment(comment="third " + phantom.get_format_data(name="lines__as_list")[0]
                    if phantom.get_format_data(name="lines") else "third first")

def last(action, success, container, results, handle):
    say(read("filtered-data:f:condition_1:first:action_result.parameter.target"),
        phantom.get_format_data(name="lines"), read("second:custom_function:mine"),
        read("second:custom_function:list"), read("kid:playbook_output:names"),
        [row["name"] for row in phantom.get_summary()["result"]])
"""
)
CHILD = (
    TAGS
    + """
def on_start(container):
    phantom.save_playbook_output_data({"names": [row[0] for row in read("playbook_input:who")]})
"""
)
FIRST = [[["t1", "t1", 1], ["t2", "t2", 2]], []]
LAST = [
    [["t2"]],
    "<t1>\n<t2>",
    [[{"a": [1, 2]}]],
    [["x"], ["y"]],
    [["ann"], ["bob"]],
    ["first", "slow"],
]


@pytest.fixture(autouse=True)
def unhurried(bench: Bench) -> None:
    """No call waits for the budget of its asset: these stories are of other things."""
    with bench.database.begin() as work:
        work.assets.save(slug="sham", app="sham", configuration={})


def said(bench: Bench) -> list[Any]:
    """Return what the blocks said, in their order."""
    rows = bench.rows("select content from note order by id")
    return [json.loads(row["content"]) for row in rows if row["content"].startswith("[")]


def artifact(bench: Bench, number: int) -> None:
    """Add an artifact to the first container."""
    bench.do(
        "insert into artifact (container_id, source_id, name, label, type, severity, cef)"
        " values (1, :n, 'a', 'event', '', 'low', cast(:cef as jsonb))",
        n=str(number),
        cef=json.dumps({"n": number}),
    )


def test_what_a_block_keeps_is_there_for_a_later_block_of_another_process(bench: Bench) -> None:
    """
    Formats, filters, results of blocks, of actions and of playbooks, by name.
    """
    run_id = bench.start(CHAIN, child=CHILD)
    while bench.pending:
        load.cache_clear()
        bench.engine = Engine(database=bench.database, catalog=CATALOG, settings=bench.settings)
        bench.deliver(bench.pending.pop(0))

    assert bench.run(run_id)["error"] == ""
    assert said(bench) == [FIRST, LAST]
    kept = bench.rows("select kind from run_state where kind <> 'begun' order by kind")
    assert [r["kind"] for r in kept] == ["filter", "format", "result"]


def test_a_message_that_comes_twice_doubles_nothing_that_is_read(bench: Bench) -> None:
    """
    Neither the rows of a result nor what a block kept.
    """
    bench.start(CHAIN, child=CHILD)
    while bench.pending:
        message = bench.pending.pop(0)
        bench.deliver(message, ends="twice")
        bench.deliver(message)

    assert said(bench) == [FIRST, LAST]
    assert bench.rows("select count(*) as n from run_state where kind <> 'begun'") == [{"n": 3}]


def test_results_are_there_once_the_run_was_told_of_them(bench: Bench) -> None:
    """
    An act that has ended is not read before its callback was called, in whatever order.
    """
    bench.start(CHAIN, child=CHILD)
    bench.deliver(bench.pending.pop(0))
    for message in list(bench.pending):
        bench.pending.remove(message)
        bench.deliver(message)  # every call has ended, nobody has been told
    bench.deliver_all()

    assert said(bench)[0] == FIRST


def test_what_a_run_has_kept_goes_with_it(bench: Bench) -> None:
    """
    No row of the state outlives its run, and none is another run's.
    """
    bench.play(CHAIN, child=CHILD)
    other = bench.play(TAGS + "def on_start(container):\n    say(read('lines:formatted_data'))\n")

    assert said(bench)[-1] == [[]]
    bench.do("delete from playbook_run where id <> :other", other=other)
    assert bench.rows("select run_id, kind from run_state") == [{"run_id": other, "kind": "begun"}]


def test_values_that_postgresql_cannot_hold_are_kept_in_a_sane_form(bench: Bench) -> None:
    """
    NUL, half characters, infinities and sets; a name as well.
    """
    source = TAGS + (
        "def on_start(container):\n"
        "    phantom.save_block_result('b:\\x00', {'x\\x00': ['\\ud800', float('inf'), {1}]})\n"
        "    phantom.save_block_result('b:ok', None)\n"
        "    phantom.act('look up', parameters=[{'target': 'x'}], callback=later)\n\n"
        "def later(action, success, container, results, handle):\n"
        "    say(read('b:custom_function:ok'), read('b:custom_function:\\x00'))\n"
    )

    run_id = bench.play(source)

    assert bench.run(run_id)["error"] == ""
    ok, odd = said(bench)[0]
    assert ok == [[None]]
    assert odd[0][0]["x\ufffd"][0] == "?"


def test_a_block_that_fails_later_has_kept_what_it_kept(bench: Bench) -> None:
    """
    As with everything that it asked for before.
    """
    source = TAGS + (
        "def on_start(container):\n"
        "    phantom.save_block_result('b:x', 1)\n    1 / 0\n\n"
        "def on_finish(container, summary):\n    say(read('b:custom_function:x'))\n"
    )

    bench.play(source)

    assert said(bench) == [[[[1]]]]


NEWS = TAGS + (
    "def on_start(container):\n"
    "    say(*[[row[0] for row in read('artifact:*.cef.n', **more)]\n"
    "          for more in ({}, {'scope': 'all'}, {'scope': 'new'})])\n"
)


def again(bench: Bench, scope: Any, *, name: str = "tested") -> list[Any]:
    """Run a playbook again on the first container, and return what it said."""
    with bench.database.begin() as work:
        playbook = work.playbooks.newest(name)
        queue_run(work, container_id=1, playbook=playbook, started_by="x", scope=scope)
    bench.deliver_all()
    return list(said(bench)[-1])


def test_a_run_reads_the_artifacts_of_its_scope(bench: Bench) -> None:
    """
    New are those that no earlier run of the same playbook on the container has seen.
    """
    bench.start(NEWS)
    artifact(bench, 1)
    bench.deliver_all()
    assert said(bench)[-1] == [[1], [1], [1]]

    artifact(bench, 2)
    assert again(bench, "new") == [[2], [1, 2], [2]]
    assert again(bench, "new") == [[], [1, 2], []]
    artifact(bench, 3)
    assert again(bench, "all") == [[1, 2, 3], [1, 2, 3], [3]]
    assert again(bench, [1, 3]) == [[1, 3], [1, 2, 3], []]


def test_another_playbook_has_seen_nothing_and_a_child_sees_what_its_parent_does(
    bench: Bench,
) -> None:
    """
    What is new is counted per playbook; a called one takes the scope of who calls it.
    """
    bench.start(NEWS)
    artifact(bench, 1)
    bench.deliver_all()
    parent = TAGS + "def on_start(container):\n    phantom.playbook('tested')\n"
    with bench.database.begin() as work:
        work.playbooks.save(name="parent", title="", version="1", source=parent)
        work.playbooks.save(name="other", title="", version="1", source=NEWS)

    assert again(bench, "new", name="other") == [[1], [1], [1]]
    assert again(bench, "new", name="parent") == [[1], [1], [1]]
    artifact(bench, 2)
    assert again(bench, "new", name="parent") == [[2], [1, 2], [2]]
    assert again(bench, "new", name="tested") == [[2], [1, 2], [2]]


def test_a_child_that_does_not_inherit_the_scope_sees_all(bench: Bench) -> None:
    """
    On all artifacts, as one that somebody starts; what is new to its caller is new to it.
    """
    bench.start(NEWS)
    artifact(bench, 1)
    bench.deliver_all()
    parent = "def on_start(container):\n    phantom.playbook('tested', inherit_scope=False)\n"
    with bench.database.begin() as work:
        work.playbooks.save(name="parent", title="", version="1", source=TAGS + parent)
    again(bench, "new", name="parent")
    artifact(bench, 2)

    assert again(bench, "new", name="parent") == [[1, 2], [1, 2], [2]]
    assert again(bench, [1], name="parent")[0] == [1, 2]


def test_a_trigger_starts_a_run_on_what_is_new(bench: Bench) -> None:
    """
    As Splunk's active playbooks do; the first run sees everything.
    """
    with bench.database.begin() as work:
        work.playbooks.save(name="tested", title="", version="1", source=NEWS)
        work.assets.save_trigger(
            Trigger(name="t", playbook="tested", labels=("events",), severities=())
        )
        container = bench._container(work)
        triggers.fire(work, container, label="events", severity="high")
    artifact(bench, 1)
    bench.deliver_all()

    assert bench.rows("select scope, artifacts_to from playbook_run")[0]["scope"] == "new"
    assert said(bench)[-1] == [[1], [1], [1]]


ASK = (
    TAGS
    + """
def on_start(container):
    phantom.act("look up", parameters=[{"target": "10.0.0.5"}, {"target": "10.0.0.6"}],
                name="who", callback=ask)

def ask(action, success, container, results, handle):
    phantom.condition(name="f:condition_1", conditions=[
        ["who:action_result.summary.target", "==", "10.0.0.5"]])
    phantom.format(template="because {0}", parameters=["who:action_result.summary.target"],
                   name="why")
    phantom.prompt2(user="soc_tier2", name="ask", callback=answered, respond_in_mins=5,
                    message="Isolate {0}?\\n{1}",
                    parameters=["filtered-data:f:condition_1:who:action_result.parameter.target",
                                "why:formatted_data"],
                    response_types=[{"prompt": "", "options": {"type": "list",
                                                               "choices": ["Yes", "No"]}}])

def answered(action, success, container, results, handle):
    if phantom.decision(conditions=[["ask:action_result.summary.responses.0", "==", "Yes"]]):
        rows = read("filtered-data:f:condition_1:who:action_result.parameter.target")
        phantom.act("isolate", parameters=[{"target": row[0], "note": phantom.get_format_data(
            name="why")} for row in rows], name="isolate", callback=done)

def done(action, success, container, results, handle):
    say(read("ask:action_result.summary.responses.0", "ask:action_result.data.*.user"),
        read("isolate:action_result.status"))
"""
)


def test_a_rehearsal_sees_what_the_asking_block_has_kept_and_the_answer(bench: Bench) -> None:
    """
    So one answer covers the containment of what a filter kept: nothing is asked twice.
    """
    run_id = bench.start(ASK)
    bench.deliver_all()

    (question,) = bench.questions()
    assert question["message"] == "Isolate 10.0.0.5?\nbecause 10.0.0.5, 10.0.0.6"
    (effect,) = question["payload"]["effects"]["Yes"]
    assert effect["parameters"]["target"] == "10.0.0.5"
    assert effect["parameters"]["note"] == "because 10.0.0.5, 10.0.0.6"
    bench.answer(question["id"], "Yes")
    bench.deliver_all()

    assert bench.questions() == []
    assert bench.run(run_id)["status"] == "success"
    assert said(bench) == [[[["Yes", "ada"]], [["success"]]]]


def test_a_malformed_datapath_costs_its_value_and_not_the_run(bench: Bench) -> None:
    """
    The run's log has one line with the place of the mistake.
    """
    source = TAGS + (
        "def on_start(container):\n"
        "    for _ in range(3):\n"
        "        rows = read('who:action_result.data*.x')\n"
        "    say(rows)\n"
    )

    run_id = bench.play(source)

    assert bench.run(run_id)["status"] == "success"
    assert said(bench) == [[[[None]]]]
    assert bench.log() == [
        "datapath 'who:action_result.data*.x', character 19: 'data*' must be a name or *, with"
        " dots between"
    ]
