"""What blocks collect by datapaths, told as dialogues."""

from __future__ import annotations

import json

import pytest

from soar.domain.scope import Scope
from soar.phantom.results import PromptResults, of_calls


def call(number, *, status="success", action="look up", name="who", data=(), artifact=None, **more):
    """Return one result of an act, as the engine gives it."""
    row = {
        "id": number, "action_run_id": 7, "action": action, "action_name": name, "app": "sham",
        "asset": "sham", "status": status, "message": "done", "summary": {"total": len(data)},
        "parameters": {"ip": f"1.1.1.{number}"}, "context": {"artifact_id": artifact},
        "data": list(data), **more,
    }  # fmt: skip
    return of_calls([row])[0]


WHO = [
    call(1, data=[{"org": "A", "nets": ["a1", "a2"]}, {"org": "B", "nets": []}], artifact=2),
    call(2, data=[], status="failed", artifact=1),
]


def test_a_row_per_artifact_with_none_where_a_value_is_missing(evaluate):
    """
    In the order of ids; a CEF name may hold a dot; the id stands beside.
    """
    paths = ["artifact:*.cef.sourceAddress", "artifact:*.id", "artifact:*.cef.a.b"]

    rows = evaluate(f"phantom.collect2(container=container, datapath={paths})")

    assert rows == [["10.0.0.5", 1, None], [None, 2, 1], [None, 3, None]]


def test_no_artifacts_are_no_rows(evaluate, alert):
    """
    And so is a datapath of nothing.
    """
    assert evaluate("phantom.collect2(datapath=['artifact:*.id'])", container=alert()) == []
    assert evaluate("phantom.collect2(container=container)") == []


def test_scalars_of_a_result_are_repeated_over_its_data(evaluate):
    """
    Results follow each other; empty data is a row with None.
    """
    paths = [
        "who:action_result.parameter.ip", "who:action_result.data.*.org",
        "who:action_result.data.*.nets.*", "who:action_result.status",
        "who:action_result.parameter.context.artifact_id",
    ]  # fmt: skip

    rows = evaluate(f"phantom.collect2(container=container, datapath={paths})", results=WHO)

    assert rows == [
        ["1.1.1.1", "A", "a1", "success", 2],
        ["1.1.1.1", "A", "a2", "success", 2],
        ["1.1.1.1", "B", None, "success", 2],
        ["1.1.1.2", None, None, "failed", 1],
    ]


def test_results_that_are_given_are_read_where_they_have_the_name(evaluate):
    """
    A name that they do not have is read from the run; an act that ran twice has both its rows.
    """
    given = "phantom.collect2(action_results=[r for r in phantom.get_action_results(flatten=False) if r['app_run_id'] == 2], datapath=['{}'])"  # noqa: E501

    assert evaluate(given.format("who:action_result.status"), results=WHO) == [["failed"]]
    assert evaluate(given.format("action_result.status"), results=WHO) == [["failed"]]
    assert evaluate(given.format("status"), results=WHO) == [["failed"]]
    other = [call(3, name="other"), *WHO]
    assert evaluate(given.format("other:action_result.status"), results=other) == [["success"]]
    both = "phantom.collect2(datapath=['who:action_result.status'])"
    assert evaluate(both, results=WHO) == [["success"], ["failed"]]


def test_what_a_filter_of_splunk_2_handed_on_is_read_from_there(evaluate):
    """
    ``filtered-action_result`` and ``filtered-artifact`` read the arguments and not the run.
    """
    before = (
        "_, kept = phantom.condition(conditions=[['who:action_result.status', '==', 'failed']])"
    )
    path = "who:filtered-action_result.parameter.ip"
    rows = f"phantom.collect2(datapath=['{path}'], action_results=kept)"
    assert evaluate(rows, before, results=WHO) == [["1.1.1.2"]]

    path = "filtered-artifact:*.id"
    assert evaluate(f"phantom.collect2(datapath=['{path}'], filter_artifacts=[1, 3])") == [[1], [3]]


def test_a_prompt_is_read_like_an_action(evaluate):
    """
    Its answers in order, the whole list, the status and who gave them.
    """
    answers = PromptResults(
        name="ask", action_run_id=3, message="?", responses=["Yes", "why"], user="ada",
        status="success",
    )  # fmt: skip
    tails = ["summary.responses.0", "summary.responses.1", "summary.responses", "status",
             "data.*.user", "summary.response", "parameter.message"]  # fmt: skip
    paths = [f"ask:action_result.{tail}" for tail in tails]

    rows = evaluate(f"phantom.collect2(datapath={paths})", results=answers)

    assert rows == [["Yes", "why", ["Yes", "why"], "success", "ada", "Yes", "?"]]


def test_functions_outputs_inputs_and_run_data_are_read_by_name(evaluate):
    """
    A list is a row per item; a block that never ran has no value.
    """
    known = {
        "functions": {"cf": [{"success": True, "message": "", "data": [{"x": 1}, {"x": 2}],
                              "parameter": {}}]},
        "outputs": {"pb": [{"found": ["a", "b"], "one": {"sub": 3}}]},
        "inputs": {"user": ["ann", "bob"], "why": "because"},
        "run_data": {"code:list": json.dumps([{"n": 1}, {"n": 2}]), "code:text": "no json"},
    }  # fmt: skip
    expected = {
        "cf:custom_function_result.data.*.x": [[1], [2]],
        "cf:custom_function_result.success": [[True]],
        "none:custom_function_result.data.*.x": [],
        "pb:playbook_output:found": [["a"], ["b"]],
        "pb:playbook_output:one.sub": [[3]],
        "none:playbook_output:found": [],
        "playbook_input:user": [["ann"], ["bob"]],
        "playbook_input:why": [["because"]],
        "playbook_input:missing": [[None]],
        "code:custom_function:list": [[{"n": 1}], [{"n": 2}]],
        "code:custom_function:list.n": [[1], [2]],
        "code:custom_function:list.*.n": [[1], [2]],
        "code:custom_function:text": [["no json"]],
        "code:custom_function:never": [[None]],
        "none:formatted_data": [],
        "who:artifact:*.id": [[1], [2]],
        "container:name": [["Reported mail"]],
        "finding:severity": [["medium"]],
        "container:url": [["https://soar.example/rest/container/1"]],
        "playbook:launching_user.name": [["ada"]],
    }  # fmt: skip

    found = {
        path: evaluate(f"phantom.collect2(datapath=['{path}'])", results=WHO, **known)
        for path in expected
    }

    assert found == expected


def test_sources_stand_side_by_side_and_what_has_one_value_is_repeated(evaluate):
    """
    Two sources are no cross product: the shorter is filled with None.
    """
    paths = ["artifact:*.id", "who:action_result.status", "container:id"]

    rows = evaluate(f"phantom.collect2(datapath={paths})", results=WHO)

    assert rows == [[1, "success", 1], [2, "failed", 1], [3, None, 1]]


def test_a_scope_says_which_artifacts_are_read(evaluate):
    """
    The run's, unless the call asks for all, the new ones or a list of ids.
    """
    ids = "[row[0] for row in phantom.collect2(datapath=['artifact:*.id']{})]"

    assert evaluate(ids.format("")) == [1, 2, 3]
    new = {"scope": Scope(asked="new", after=1)}
    assert evaluate(ids.format(""), **new) == [2, 3]
    assert evaluate(ids.format(", scope='all'"), **new) == [1, 2, 3]
    assert evaluate(ids.format(", scope=[3]"), **new) == [3]
    assert evaluate(ids.format(", scope='new'"), scope=Scope(after=2)) == [3]
    assert evaluate(ids.format(", filter_artifacts=[2, 3, 9]")) == [2, 3]
    assert evaluate(ids.format(", tags=['x']")) == []


def test_an_artifact_of_the_same_block_is_read_at_once(evaluate):
    """
    It stands behind those that were there.
    """
    before = "phantom.add_artifact(container, {'cef': {'x': 1}}, name='mine')"
    path = "artifact:*.cef.x"

    assert evaluate(f"phantom.collect2(datapath=['{path}'])", before)[-1] == [1]


def test_rows_end_at_a_limit_and_the_log_says_so(evaluate, alert, on_stage):
    """
    2,000 where none is given or None; the block is told once that there are more.
    """
    many = alert(*({"n": n} for n in range(2001)))
    count = "len(phantom.collect2(container=container, datapath=['artifact:*.cef.n']{}))"

    stage = on_stage(None, many)
    assert evaluate(count.format(""), on=stage) == 2000
    assert stage.warnings == ["a datapath has more than 2,000 rows: they are cut there; see limit="]
    assert evaluate(count.format(", limit=None"), on=stage) == 2000
    assert evaluate(count.format(", limit=5"), on=stage) == 5
    assert evaluate(count.format(", limit=3000"), on=stage) == 2001
    assert stage.warnings == []


@pytest.mark.parametrize("path", ["who:action_results.data.*.x", "artifact:*.cef.", "data*.x"])
def test_a_malformed_datapath_is_none_and_one_line_of_the_log(evaluate, alert, on_stage, path):
    """
    The block goes on; the line says where the mistake is.
    """
    stage = on_stage(None, alert({"a": 1}, {"a": 2}))
    twice = f"[phantom.collect2(datapath=['{path}', 'artifact:*.id']) for _ in range(2)][0]"

    assert evaluate(twice, on=stage) == [[None, 1], [None, 2]]
    (warning,) = stage.warnings
    assert warning.startswith(f"datapath {path!r}, character ")
    assert evaluate(f"phantom.collect2(datapath=['{path}'])", on=stage) == [[None]]


def test_collect_gives_one_flat_list_or_rows(evaluate):
    """
    Of a container or of results; missing values are None, so that two lists go together.
    """
    assert evaluate("phantom.collect(container, 'artifact:*.cef.sourceAddress', scope='all')") == [
        "10.0.0.5", None, None,
    ]  # fmt: skip
    told = "phantom.collect(phantom.get_action_results(flatten=False), {})"
    assert evaluate(told.format("'action_result.status'"), results=WHO) == ["success", "failed"]
    rows = told.format("['action_result.data.*.org', 'action_result.parameter.ip']{}")
    assert evaluate(rows.format(""), results=WHO)[2] == [None, "1.1.1.2"]
    assert len(evaluate(rows.format(", none_if_first=True"), results=WHO)) == 2
    whole = evaluate("phantom.collect(container, 'artifacts:*')")
    assert [artifact["id"] for artifact in whole] == [1, 2, 3]


def test_results_are_found_by_name_and_by_id(evaluate):
    """
    Flat, as callbacks get them, or without their data.
    """
    flat = evaluate("phantom.get_action_results(action_name='who')", results=WHO)
    assert [(r["app_run_id"], r["status"], len(r["data"])) for r in flat] == [
        (1, "success", 2),
        (2, "failed", 0),
    ]
    assert "action_results" not in flat[0]
    asked = "phantom.get_action_results(action_run_id=7, result_data=False, flatten=False)"
    bare = evaluate(asked, results=WHO)
    assert [r["action"] for r in bare] == ["look up", "look up"]
    assert "data" not in bare[0]
    assert "data" not in bare[0]["action_results"][0]
    assert evaluate("phantom.get_action_results(app_run_id=99)", results=WHO) == []


def test_results_are_taken_apart_by_how_they_ended(evaluate):
    """
    The data of what succeeded, the messages of what failed.
    """
    told = "phantom.{}(phantom.get_action_results(flatten=False))"

    found = evaluate(told.format("parse_success"), results=WHO)
    assert [row["org"] for row in found] == ["A", "B"]
    errors = evaluate(told.format("parse_errors"), results=WHO)
    assert [(e["status"], e["message"]) for e in errors] == [("failed", "done")]
    assert len(evaluate(told.format("parse_results"), results=WHO)) == 2
    (one,) = evaluate(told.format("get_successful_action_results_v2"), results=WHO)
    assert one["data"][0]["org"] == "A"
    assert evaluate("phantom.parse_success(None)") == []


def test_a_summary_has_each_action_with_its_calls(evaluate):
    """
    As on_finish reads it: name, message, parameters and summaries.
    """
    ((one),) = evaluate("phantom.get_summary()", results=WHO)["result"]

    assert (one["action_run_id"], one["name"], one["status"]) == (7, "who", "success")
    assert [(r["app_run_id"], r["parameter"]["ip"]) for r in one["app_runs"]] == [
        (1, "1.1.1.1"),
        (2, "1.1.1.2"),
    ]


def test_raw_data_is_a_text_of_what_the_source_sent(evaluate, alert):
    """
    JSON, which playbooks parse.
    """
    text = evaluate("phantom.get_raw_data(container)", container=alert(data={"key": "SEC-1"}))

    assert json.loads(text) == {"key": "SEC-1"}


def test_lists_become_one(evaluate):
    """
    A single value counts as a list of itself; *dedup* keeps the first of equal values.
    """
    assert evaluate("phantom.concatenate([1, None], 'x', (2,), [])") == [1, None, "x", 2]
    assert evaluate("phantom.concatenate([1, True, {'a': 1}], [1, {'a': 1}], dedup=True)") == [
        1, True, {"a": 1},
    ]  # fmt: skip


def test_a_block_result_is_read_as_the_output_of_its_block(evaluate):
    """
    In the same block, and in a later one; the run knows its own id.
    """
    before = "phantom.save_block_result(key='code:found', value=['a', 'b'])"
    rows = "phantom.collect2(datapath=['code:custom_function:found'])"

    assert evaluate(rows, before) == [["a"], ["b"]]
    assert evaluate(rows, state={("result", "code:found"): ["c"]}) == [["c"]]
    assert evaluate("phantom.get_playbook_run_id_()") == 1
