"""What blocks filter and decide, told as dialogues."""

from __future__ import annotations

import json

import pytest

from soar.engine.program import load
from soar.testing.shelf import Shelf
from tests.scripts.test_collecting import WHO, call

MAIL = [
    {"host": "a", "ip": "10.0.0.1", "score": 7},
    {"host": "b", "ip": "192.0.2.9"},
    {"host": "c", "score": "9"},
]
LISTS = {"records": Shelf(lists={"hosts": [["a", "x"], ["y", "b"]], "nets": [["10.0.0.0/8"]]})}


def filtered(conditions, *paths, more=""):
    """Return statements that filter, and an expression of what stays."""
    before = (
        f"ids, kept = phantom.condition(container=container, conditions={conditions},"
        f" name='f:condition_1'{more})"
    )
    read = [f"filtered-data:f:condition_1:{path}" for path in paths]
    return f"[ids, bool(ids or kept), phantom.collect2(datapath={read})]", before


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (["artifact:*.cef.score", ">", 8], True),
        (["artifact:*.cef.score", ">", 9], False),
        (["artifact:*.cef.score", ">=", "9"], True),
        (["artifact:*.cef.host", "==", "b"], True),
        (["artifact:*.cef.host", "==", "B"], False),
        (["artifact:*.cef.missing", "==", ""], True),
        (["artifact:*.cef.missing", "!=", ""], False),
        (["artifact:*.cef.host", "!=", None], True),
        (["b", "in", "artifact:*.cef.host"], True),
        (["artifact:*.cef.ip", "in", "192.0.2.0/24"], True),
        (["artifact:*.cef.ip", "in", "172.16.0.0/12, 192.0.2.0/24"], True),
        (["artifact:*.cef.host", "in", "x, b"], True),
        (["artifact:*.cef.host", "in", "x, bc"], False),
        (["artifact:*.cef.host", "in", ["x", "c"]], True),
        (["artifact:*.cef.host", "in", "custom_list:hosts"], True),
        (["artifact:*.cef.host", "==", "custom_list:hosts"], True),
        (["custom_list:hosts", "==", "artifact:*.cef.host"], True),
        (["artifact:*.cef.ip", "in", "custom_list:nets"], True),
        (["artifact:*.cef.host", "in", "custom_list:none"], False),
        (["artifact:*.cef.host", "not in", "custom_list:none"], True),
        (["container:severity", "==", "medium"], True),
        (["container:tags", "==", []], True),
        (["who:action_result.status", "==", "failed"], True),
        (["who:action_result.data.*.org", "==", "B"], True),
        (["who:action_result.data.*.org", "==", ""], True),
        (["none:action_result.status", "!=", "failed"], False),
        (["none:action_result.status", "==", ""], True),
        (["who:action_results.status", "!=", ""], False),
        (["playbook_input:who", "!=", ""], True),
        (["playbook_input:none", "!=", ""], False),
        (["playbook_input:empty", "==", []], True),
        (["code:custom_function:list", "!=", []], True),
        (["y", "in", "code:custom_function:list"], True),
        (["z", "in", "code:custom_function:list"], False),
        (["code:custom_function:list", "==", "y"], True),
        (["code:custom_function:none", "==", None], True),
        ([True, "==", "true"], True),
    ],
)
def test_a_decision_is_true_if_it_holds_for_any_value(evaluate, alert, row, holds):
    """
    Artifacts, results, inputs, outputs of code, lists, networks and constants.
    """
    known = {
        **LISTS, "container": alert(*MAIL), "results": WHO,
        "inputs": {"who": ["ann", ""], "empty": []},
        "run_data": {"code:list": json.dumps(["x", "y"])},
    }  # fmt: skip

    found = evaluate(f"phantom.decision(container=container, conditions=[{row}])", **known)

    assert found is holds


def test_conditions_are_joined_with_or_unless_the_block_says_and(evaluate, alert):
    """
    With *and*, of one and the same artifact.
    """
    rows = [["artifact:*.cef.host", "==", "b"], ["artifact:*.cef.score", ">", 5]]
    asked = f"phantom.decision(conditions={rows}{{}})"

    assert evaluate(asked.format(""), container=alert(*MAIL)) is True
    assert evaluate(asked.format(", logical_operator='and'"), container=alert(*MAIL)) is False
    rows[0][2] = "c"
    assert (
        evaluate(
            f"phantom.decision(conditions={rows}, logical_operator='and',"
            " conditions_dps=[], name='x', scope='all')",
            container=alert(*MAIL),
        )
        is True
    )


def test_letters_and_delimiters_are_as_the_call_says(evaluate, alert):
    """
    ``case_sensitive=False``; ``delimiter=None`` leaves a text whole.
    """
    one = alert({"x": "b"})
    asked = "phantom.decision(conditions=[['artifact:*.cef.x', {}]]{})"

    assert evaluate(asked.format("'==', 'B'", ", case_sensitive=False"), container=one) is True
    assert evaluate(asked.format("'in', 'ab, cd'", ", delimiter=None"), container=one) is True
    assert evaluate(asked.format("'in', 'ab, cd'", ""), container=one) is False
    assert evaluate(asked.format("'in', 'a;b'", ", delimiter=';'"), container=one) is True


def test_a_filter_keeps_artifacts(evaluate, alert):
    """
    Their ids are returned; later datapaths read those only, whatever the scope.
    """
    expression, before = filtered([["artifact:*.cef.score", ">", 5]], "artifact:*.cef.host",
                                  "artifact:*.id")  # fmt: skip

    found = evaluate(expression, before, container=alert(*MAIL))

    assert found == [[1, 3], True, [["a", 1], ["c", 3]]]


def test_a_filter_keeps_the_elements_of_a_result_that_match(evaluate):
    """
    Not the whole result: its other rows of data are gone, its status is there.
    """
    paths = ["who:action_result.data.*.org", "who:action_result.data.*.nets.*",
             "who:action_result.status"]  # fmt: skip
    rows = [["who:action_result.data.*.nets.*", "==", "a2"]]

    expression, before = filtered(rows, *paths)
    assert evaluate(expression, before, results=WHO) == [[], True, [["A", "a2", "success"]]]

    again = f"{before}\nphantom.condition(conditions=[['filtered-data:f:condition_1:{paths[2]}', '==', 'success']], name='f:condition_1')"  # noqa: E501
    assert evaluate(expression, again, results=WHO)[2] == [["A", "a2", "success"]]


def test_what_a_filter_did_not_speak_of_passes_whole(evaluate, alert):
    """
    If its conditions hold; nothing passes where they do not, or where it never ran.
    """
    expression, before = filtered([["container:severity", "==", "medium"]], "artifact:*.id")
    assert evaluate(expression, before) == [[], True, [[1], [2], [3]]]

    expression, before = filtered([["container:severity", "==", "high"]], "artifact:*.id")
    assert evaluate(expression, before) == [[], False, []]
    never = "phantom.collect2(datapath=['filtered-data:never:condition_1:artifact:*.id'])"
    assert evaluate(never) == []


def test_a_filter_keeps_inputs_outputs_and_functions(evaluate):
    """
    The items of an input that match, and the rows of a function's data.
    """
    known = {
        "inputs": {"ip": ["10.0.0.1", "192.0.2.9"]},
        "outputs": {"pb": [{"n": [1, 5, 9]}]},
        "functions": {"cf": [{"success": True, "data": [{"x": 1}, {"x": 2}]}]},
    }
    for rows, path, expected in [
        ([["playbook_input:ip", "in", "10.0.0.0/8"]], "playbook_input:ip", [["10.0.0.1"]]),
        ([["pb:playbook_output:n", ">", 3]], "pb:playbook_output:n", [[5], [9]]),
        (
            [["cf:custom_function_result.data.*.x", "==", 2]],
            "cf:custom_function_result.data.*.x",
            [[2]],
        ),
    ]:
        expression, before = filtered(rows, path)
        assert evaluate(expression, before, **known) == [[], True, expected]


def test_a_filter_joins_artifacts_with_what_was_found_about_them(evaluate, alert):
    """
    The artifacts that have a malicious result, and the results that have an artifact.
    """
    results = [
        call(1, data=[{"hash": "h1", "bad": 9}, {"hash": "h2", "bad": 0}]),
        call(2, data=[{"hash": "h3", "bad": 9}]),
    ]
    rows = [
        ["artifact:*.cef.hash", "==", "who:action_result.data.*.hash"],
        ["who:action_result.data.*.bad", ">", 5],
    ]
    one = alert({"hash": "h1"}, {"hash": "h2"}, {})
    expression, before = filtered(rows, "artifact:*.cef.hash", more=", logical_operator='and'")
    assert evaluate(expression, before, results=results, container=one) == [[1], True, [["h1"]]]

    expression, _ = filtered(rows, "who:action_result.data.*.hash")
    assert evaluate(expression, before, results=results, container=one)[2] == [["h1"]]


def test_several_filters_of_one_block_fire_by_themselves(on_stage, alert):
    """
    Each has its own set, which the blocks behind it read, in other blocks too.
    """
    source = """
import phantom.rules as phantom

def on_start(container):
    for n, (op, score) in enumerate([(">", 5), ("==", "")], start=1):
        ids, results = phantom.condition(
            container=container, name=f"split:condition_{n}",
            conditions=[["artifact:*.cef.score", op, score]])
        if ids or results:
            phantom.act("look up", name=f"look_{n}", callback=later, handle=n)

def later(action, success, container, results, handle):
    path = f"filtered-data:split:condition_{handle}:artifact:*.cef.host"
    phantom.comment(comment=str(phantom.collect2(container=container, datapath=[path])))
"""
    run = on_stage(load("split", source), alert(*MAIL)).begins()

    assert run.calls("later", {}, False, [], 1).comments == ["[['a'], ['c']]"]
    assert run.calls("later", {}, False, [], 2).comments == ["[['b']]"]


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("conditions=[['a', '~', 'b']]", "conditions: '~' is none of the operators ==, !=,"),
        ("conditions=[['a', '==']]", "conditions: ['a', '=='] is not [left, operator, right]"),
        ("conditions=[['a', '==', 'b']], logical_operator='xor'", "logical_operator: 'xor' is"),
        ("conditions=[['a', '==', 'b']], scope='some'", None),
        ("conditions=[['artifact:*.id', '==', 'b']], scope='some'", "scope: 'some' is not all"),
    ],
)
def test_a_condition_that_is_none_is_a_sentence(on_stage, alert, call, why):
    """
    It is never quietly false.
    """
    source = (
        "import phantom.rules as phantom\n\ndef on_start(container):\n"
        f"    phantom.decision({call})\n"
    )

    error = on_stage(load("tested", source), alert()).begins().error

    assert (why in error) if why else not error


def test_a_list_that_is_not_there_is_a_line_of_the_log(evaluate, alert, on_stage):
    """
    So that a typing error in its name is found.
    """
    stage = on_stage(None, alert({"x": "b"}))

    evaluate("phantom.decision(conditions=[['b', 'in', 'custom_list:none']])", on=stage)

    assert stage.warnings == ["there is no custom list 'none': nothing is in it"]
