"""What blocks write with values in it, told as dialogues."""

from __future__ import annotations

import pytest

from soar.engine.program import load
from tests.scripts.test_collecting import WHO

TWO = [{"host": "a", "ip": "10.0.0.1"}, {"host": "b"}]


@pytest.mark.parametrize(
    ("template", "parameters", "more", "text"),
    [
        ("IPs {0}.", ["artifact:*.cef.ip"], "", "IPs 10.0.0.1, None."),
        ("IPs {0}.", ["artifact:*.cef.ip"], ", drop_none=True", "IPs 10.0.0.1."),
        ("{0}", ["artifact:*.cef.host"], ", separator='|'", "a|b"),
        ("{0}", ["artifact:*.cef.host"], ", separator=None", "a,b"),
        ("{1}{0}{1}", ["container:id", "container:name"], "", "Reported mail1Reported mail"),
        ('{{"a": "{0}"}}', ["test"], "", '{"a": "test"}'),
        ("{0}-{1}-{2}", ["", 0, True], "", "-0-True"),
        ("{0}", [["x", None]], "", "x, None"),
        ("{0}", [["x", None]], ", drop_none=True", "x"),
        ("{0} {other} {", ["{1}"], "", "{1} {other} {"),
        ("nothing", [], "", "nothing"),
        ("{0}", ["artifact:*.cef.host"], ", scope=[2]", "b"),
        ("{0}", ["who:action_result.data.*.org"], "", "A, B, None"),
        ("{0}", ["who:action_results.data.*.org"], "", "None"),
        ("{0}", ["none:formatted_data"], "", ""),
        ("a\\\\nb", [], "", "a\\nb"),
    ],
)
def test_a_template_is_filled(evaluate, alert, template, parameters, more, text):
    """
    Values of a datapath are joined; literals stand as they are; what a value holds is not filled.
    """
    call = f"phantom.format(container=container, template='''{template}''', parameters={parameters}"

    found = evaluate(f"{call}{more})", container=alert(*TWO), results=WHO)

    assert found == text


def test_lines_between_two_marks_are_repeated_for_each_row(evaluate, alert):
    """
    Values go together in their rows; outside, they are joined; nothing is a line of nothing.
    """
    template = "Hosts {0}:\\n%%\\n- {0} has {1} in {2}\\n%%\\nend {1}"
    known = ["artifact:*.cef.host", "artifact:*.cef.ip", "container:id"]
    asked = f"phantom.format(template='{template}', parameters={known})"

    assert evaluate(asked, container=alert(*TWO)) == (
        "Hosts a, b:\n- a has 10.0.0.1 in 1\n- b has None in 1\nend 10.0.0.1, None"
    )
    assert evaluate(asked, container=alert()) == "Hosts :\nend "


def test_rows_without_any_value_are_dropped_with_drop_none(evaluate, alert):
    """
    In a row that has one, the missing ones are empty.
    """
    template = "%%\\n{0}/{1}\\n%%"
    paths = ["artifact:*.cef.host", "artifact:*.cef.ip"]
    asked = f"phantom.format(template='{template}', parameters={paths}, drop_none=True)"

    assert evaluate(asked, container=alert(*TWO, {})) == "a/10.0.0.1\nb/"


def test_a_format_is_read_by_its_name(evaluate, alert):
    """
    Whole, as the list of its rows, and as datapaths; in this block and in later ones.
    """
    asked = (
        "phantom.format(container=container, template='%%\\nIP {0}\\n%%\\n',"
        " parameters=['artifact:*.cef.host'], name='lines')"
    )
    for path, expected in [
        ("phantom.get_format_data(name='lines')", "IP a\nIP b\n"),
        ("phantom.get_format_data(name='lines__as_list')", ["IP a", "IP b"]),
        ("phantom.collect2(datapath=['lines:formatted_data'])", [["IP a\nIP b\n"]]),
        ("phantom.collect2(datapath=['lines:formatted_data.*'])", [["IP a"], ["IP b"]]),
        ("phantom.format(template='[{0}]', parameters=['lines:formatted_data.*'])", "[IP a, IP b]"),
        ("phantom.get_format_data(name='never')", ""),
        ("phantom.get_format_data(name='never__as_list')", []),
    ]:
        assert evaluate(path, asked, container=alert(*TWO)) == expected


def test_a_text_without_repeated_lines_is_a_list_of_itself(evaluate):
    """
    And a name that ends like a list's is a name.
    """
    before = "phantom.format(template='one', parameters=[], name='{}')"

    assert evaluate("phantom.get_format_data(name='x__as_list')", before.format("x")) == ["one"]
    named = before.format("x__as_list")
    assert evaluate("phantom.get_format_data(name='x__as_list')", named) == "one"


@pytest.mark.parametrize(
    ("template", "parameters", "why"),
    [
        ("{2}", ["x"], r"template: {2} has no value: parameters has 1"),
        ("%%\\n{1}\\n%%", ["x"], r"template: {1} has no value"),
        ("{0}", "x", "parameters: must be a list"),
    ],
)
def test_a_mistake_of_the_author_is_a_sentence(on_stage, alert, template, parameters, why):
    """
    It names the place and how many values there are.
    """
    source = (
        "import phantom.rules as phantom\n\ndef on_start(container):\n"
        f"    phantom.format(template='{template}', parameters={parameters!r})\n"
    )

    assert why in on_stage(load("tested", source), alert()).begins().error


def test_a_text_without_end_is_refused(on_stage, alert):
    """
    Before the process has no memory left.
    """
    source = (
        "import phantom.rules as phantom\n\ndef on_start(container):\n"
        "    phantom.format(template='%%\\n' + '{0}' * 1000 + '\\n%%',"
        " parameters=['artifact:*.cef.x'])\n"
    )

    stage = on_stage(load("tested", source), alert(*({"x": "x" * 1000} for _ in range(20))))

    assert "longer than 10,000,000 characters" in stage.begins().error


def test_what_is_kept_has_a_bound(on_stage, alert):
    """
    The sentence names it and its size; nothing of it is kept.
    """
    source = (
        "import phantom.rules as phantom\n\ndef on_start(container):\n"
        "    phantom.save_block_result('big', 'x' * 17_000_000)\n"
    )

    stage = on_stage(load("tested", source), alert()).begins()

    assert "result 'big' is larger than 16 MiB" in stage.error
    assert stage.asks == []


ASK = """
import phantom.rules as phantom

def on_start(container):
    phantom.format(container=container, template="%%\\n{0}\\n%%",
                   parameters=["artifact:*.cef.host"], name="hosts")
    phantom.condition(container=container, conditions=[["artifact:*.cef.ip", "!=", ""]],
                      name="known:condition_1")
    phantom.prompt2(container=container, user="soc", name="ask", callback=answered,
                    message="Block {0} ({1})?\\n{2}", respond_in_mins=5,
                    parameters=["filtered-data:known:condition_1:artifact:*.cef.ip",
                                "container:name", "hosts:formatted_data"],
                    response_types=[{"prompt": "", "options": {"type": "list",
                                                               "choices": ["Yes", "No"]}}])

def answered(action=None, success=None, container=None, results=None, handle=None):
    yes = phantom.decision(container=container, conditions=[
        ["ask:action_result.summary.responses.0", "==", "Yes"]])
    rows = phantom.collect2(datapath=["filtered-data:known:condition_1:artifact:*.cef.ip"])
    phantom.comment(comment=f"{yes} {rows} {phantom.get_format_data(name='hosts')!r}")
"""


def test_a_prompt_shows_the_values_of_its_datapaths(on_stage, alert):
    """
    A filter's, the container's and a format's; what the block kept is there when people answered.
    """
    run = on_stage(load("ask", ASK), alert(*TWO)).begins()

    (prompt,) = run.plan.prompts
    assert prompt.message == "Block 10.0.0.1 (Reported mail)?\na\nb"
    assert run.hears_answer("Yes").comments == ["True [['10.0.0.1']] 'a\\nb'"]
