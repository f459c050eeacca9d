"""
Custom functions and loops as blocks see them: what is asked, what raises, what goes on.

In: small programs. Out: nothing. Never: a database.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from soar.domain.commands import Act, CallFunction, CallPlaybook
from soar.domain.errors import BadInput
from soar.engine.activation import Activation, activate, evaluate
from soar.engine.program import FUNCTION, load
from soar.phantom import rules
from soar.phantom.desk import Desk, View, seated
from soar.phantom.functions import KNOWN_ONLY, REFUSED, SILENT, guarded
from soar.testing import Memory, alert

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


def view(**more: Any) -> View:
    """Return what a block sees."""
    given: dict[str, Any] = {
        "run_id": 1,
        "playbook": "tested",
        "container": alert(),
        "run_data": {},
        "inputs": {},
        "delivered": frozenset(),
        "reader": Memory(alert()),
        "now": NOON,
    }
    return View(**{**given, **more})


def block(line: str, **more: Any) -> Activation:
    """Return what a block of one line came to."""
    source = f"import phantom.rules as phantom\ndef on_start(container):\n    {line}\n"
    return activate(load("tested", source), "on_start", [alert()], view(**more))


def function(line: str, parameters: dict[str, Any] | None = None, **more: Any) -> Activation:
    """Return what a custom function of one line came to."""
    source = f"def tested(x=None, **kwargs):\n    import phantom.rules as phantom\n    {line}\n"
    return evaluate(load("tested", source, FUNCTION), "tested", parameters or {}, view(**more))


def test_a_call_of_a_function_is_a_command() -> None:
    """
    Repository and name, one mapping per call, and the block's name, which is the function's own
    where none is given.
    """
    done = block(
        "phantom.custom_function(custom_function='community/passthrough',"
        " parameters=[{'a': 1}, {'a': 2}], callback=on_start)"
    )

    assert done.commands == (
        CallFunction(
            function="community/passthrough",
            name="passthrough",
            parameters=({"a": 1}, {"a": 2}),
            callback="on_start",
        ),
    )


@pytest.mark.parametrize("parameters", ["'text'", "[1]", "5"])
def test_parameters_that_are_no_mappings_fail_the_block(parameters: str) -> None:
    """
    The sentence says what they must be.
    """
    done = block(f"phantom.custom_function('a/b', parameters={parameters})")

    assert done.commands == ()
    assert "parameters: must" in done.error


def test_a_function_gets_what_it_takes_and_gives_what_json_holds() -> None:
    """
    A dict, a list, nothing; what JSON cannot hold is a failed call that says so.
    """
    assert function("return {'v': x, 'k': kwargs}", {"x": 1, "y": 2}).value == {
        "v": 1,
        "k": {"y": 2},
    }
    assert function("return [x]", {"x": None}).value == [None]
    assert function("pass").value is None

    done = function("return {1, 2}")
    assert done.error.startswith("custom function 'tested' returned no JSON: Object of type set")


def test_an_error_in_a_function_names_its_line() -> None:
    """
    It does not leave the function.
    """
    assert function("raise RuntimeError('no')").error == (
        "custom function 'tested' failed: line 3: RuntimeError: no"
    )


def test_a_file_without_its_function_says_so() -> None:
    """
    The name of the file is the name of the function.
    """
    done = evaluate(load("other", "def tested(): pass", FUNCTION), "other", {}, view())

    assert done.error == "custom function 'other' defines no function 'other'"


def test_a_function_may_change_the_case_but_not_steer_the_playbook() -> None:
    """
    Comments and logs are commands like those of a block; an act raises and names itself.
    """
    done = function("phantom.comment(comment='x'); phantom.debug('y'); phantom.act('block ip')")

    assert len(done.commands) == 2
    assert done.error == (
        "custom function 'tested' failed: line 3: RuntimeError:"
        " phantom.act cannot be called inside a custom function (tested)"
    )


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_steers_raises_a_runtime_error_in_a_function(name: str) -> None:
    """
    Each of the names, whatever its arguments.
    """
    assert f"RuntimeError: phantom.{name} cannot" in function(f"phantom.{name}(1, 2, 3, 4)").error


def test_names_of_the_face_are_guarded_by_what_they_are() -> None:
    """
    Some return None, some raise where nothing is known; outside of a function all is as ever.
    """
    face = {"get_object": lambda key: "kept", "get_run_data": lambda key: key.strip()}
    inside = guarded(face)

    assert inside.keys() == face.keys()
    assert inside["get_object"]("a") == "kept"
    with seated(Desk(view=view(), function="tested")):
        assert inside["get_object"]("a") is None
        assert inside["get_run_data"]("a") == "a"
        with pytest.raises(ValueError, match="get_run_data: nothing is known under"):
            inside["get_run_data"](" ")
    assert not REFUSED & SILENT | REFUSED & KNOWN_ONLY


@pytest.mark.parametrize("name", sorted(SILENT))
def test_what_keeps_things_for_a_playbook_does_nothing_in_a_function(name: str) -> None:
    """
    Also where it is refused in a block.
    """
    done = function(f"return [phantom.{name}('a')]")

    assert (done.error, done.value) == ("", [None])


@pytest.mark.parametrize("name", sorted(KNOWN_ONLY))
def test_what_nobody_knows_raises_in_a_function(name: str) -> None:
    """
    In a block it is nothing, or refused.
    """
    asked = "action_name='a'" if name == "get_action_results" else "'a'"

    assert "Error: phantom." in function(f"phantom.{name}({asked})").error


def test_what_is_known_and_empty_is_returned_in_a_function() -> None:
    """
    An empty text was kept all the same.
    """
    kept = {("format", "f"): {"text": "", "list": []}}
    line = (
        "return [phantom.get_run_data('k'), phantom.get_format_data('f'),"
        " phantom.get_format_data('f__as_list')]"
    )

    assert function(line, run_data={"k": ""}, kept=kept).value == ["", "", []]


def test_completed_asks_for_functions_too() -> None:
    """
    All kinds together: every name must have been told.
    """
    line = (
        "phantom.comment(comment=str(phantom.completed(action_names=['a'],"
        " custom_function_names=['f'], playbook_names=['p'])))"
    )

    kinds = {"a": "action", "f": "custom_function", "p": "playbook"}
    told = [
        block(line, delivered=frozenset((kinds[n], n) for n in names)).commands
        for names in ("af", "afp")
    ]
    assert [c.content for (c,) in told] == ["False", "True"]  # type: ignore[union-attr]


def test_a_playbook_is_called_under_an_id_that_is_returned() -> None:
    """
    On the run's own container, or on another one.
    """
    done = block("phantom.debug(phantom.playbook('local/x', container=7, inputs={'a': [1]}))")

    call = done.commands[0]
    assert isinstance(call, CallPlaybook)
    assert (call.run_id, call.container_id, call.inputs) == (101, 7, {"a": [1]})
    assert done.commands[1].message == "101"  # type: ignore[union-attr]


STATE = {"current_iteration": 2, "max_iterations": 3, "max_ttl": 60, "delay_time": 30}


def test_an_act_in_a_loop_begins_after_its_delay() -> None:
    """
    Not in the first iteration; and not before a start time of its own.
    """
    first = {**STATE, "current_iteration": 1}
    later = NOON + timedelta(hours=1)
    for state, start, expected in [
        (STATE, None, NOON + timedelta(seconds=30)),
        (first, None, None),
        (STATE, later, later),
    ]:
        with seated(Desk(view=view())) as desk:
            rules.act("look up", parameters=[{}], loop_state=state, start_time=start)
        (act,) = desk.commands
        assert isinstance(act, Act)
        assert act.start_time == expected
        assert act.loop_state == state


@pytest.mark.parametrize(
    ("state", "goes_on"),
    [
        ({**STATE, "started": NOON.isoformat()}, True),
        ({**STATE, "current_iteration": 3}, False),
        ({**STATE, "started": (NOON - timedelta(seconds=60)).isoformat()}, False),
        ({**STATE, "conditions": [["a:action_result.status", "==", "success"]]}, False),
        ({**STATE, "conditions": [["a:action_result.status", "==", "failed"]]}, True),
        ({}, True),
        ({"current_iteration": "1000"}, False),
        ('{"max_iterations": "2"}', True),
    ],
)
def test_a_loop_ends_by_number_time_or_condition(state: Any, goes_on: bool) -> None:
    """
    Whatever comes first; one that names no number ends after a thousand.
    """
    results = [{"name": "a", "action_results": [{"status": "success", "data": []}]}]
    with seated(Desk(view=view())):
        loop = rules.LoopState(state=state)
        assert loop.should_continue(container={}, results=results) is goes_on
        before = loop.current_iteration
        loop.increment()
        assert rules.LoopState(state=loop.to_json()).current_iteration == before + 1


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("{", "loop_state: is not JSON"),
        ([1], "loop_state: must be a mapping, not list"),
        ({"delay_time": "soon"}, "loop_state.delay_time: 'soon' must be a number"),
        ({"conditions": "x"}, "loop_state.conditions: must be a list of rows"),
    ],
)
def test_a_state_that_cannot_be_read_says_why(state: Any, sentence: str) -> None:
    """
    One sentence with the field.
    """
    with seated(Desk(view=view())), pytest.raises(BadInput, match=sentence):
        rules.LoopState(state=state)
