"""
What a playbook may write into a prompt, and what its callback reads.

In: arguments in Splunk's form. Out: nothing. Never: a run.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.domain.errors import BadInput
from soar.phantom.prompts import filled, prompt
from soar.phantom.results import PromptResults

YES_NO = {"prompt": "Block it?", "options": {"type": "list", "choices": ["Yes", "No"]}}
WHY = {"prompt": "Why?", "options": {"type": "message"}}
GIVEN: dict[str, Any] = {"to": "soc", "message": "?", "minutes": 30, "name": "ask"}


@pytest.mark.parametrize(
    ("template", "parameters", "text"),
    [
        ("IP {0} of {1}", ["10.0.0.5", "WS-1"], "IP 10.0.0.5 of WS-1"),
        ("{1}{0}{1}", ["a", "b"], "bab"),
        ("{0}", [["a", "b", None]], "a, b, None"),
        ("{0}", [7], "7"),
        ("{0}", ["{1}", "x"], "{1}"),
        ("{{0}} {0}", ["x"], "{0} x"),
        ("{0} {name} {", ["x"], "x {name} {"),
        ("{0}", ["https://evil.example/a"], "https://evil.example/a"),
        ("{0}", ["10.0.0.5:443"], "10.0.0.5:443"),
        ("{0} stays", None, "{0} stays"),
        ("{0} stays", [], "{0} stays"),
    ],
)
def test_parameters_fill_the_places_of_a_message(template: str, parameters: Any, text: str) -> None:
    """
    Values and lists of values; what a value itself holds is never filled.
    """
    assert filled(template, parameters) == text


def test_lists_are_joined_as_the_playbook_says() -> None:
    """
    Splunk's ``separator`` and ``drop_none``.
    """
    assert filled("{0}", [["a", None, "b"]], separator="\n", drop_none=True) == "a\nb"
    assert filled("[{0}]", [None], drop_none=True) == "[]"


def test_a_place_without_a_value_is_an_error_of_the_author() -> None:
    """
    It names the place and how many values there are.
    """
    with pytest.raises(BadInput, match=r"message: \{2\} has no value: parameters has 1"):
        filled("{0} {2}", ["x"])
    with pytest.raises(BadInput, match="parameters: must be a list"):
        filled("{0}", "x")


@pytest.mark.parametrize(
    ("to", "names"),
    [
        ("soc", ("soc",)),
        (["ann", "bob", "ann"], ("ann", "bob")),
        (("ann", ""), ("ann",)),
        ("", ()),
    ],
)
def test_a_prompt_is_for_one_name_or_for_several(to: Any, names: tuple[str, ...]) -> None:
    """
    Each once, in their order.
    """
    assert prompt(**{**GIVEN, "to": to}, response_types=None).to == names


@pytest.mark.parametrize("minutes", [0, -5, 10**12, "soon", None, 527_041])
def test_a_time_that_is_none_is_refused(minutes: Any) -> None:
    """
    From a minute to a leap year.
    """
    with pytest.raises(BadInput, match=r"respond_in_mins: .* must be a number from 1 to 527,040"):
        prompt(**{**GIVEN, "minutes": minutes}, response_types=None)
    with pytest.raises(BadInput, match="user: '7' is no name"):
        prompt(**{**GIVEN, "to": 7}, response_types=None)


def test_only_a_single_list_offers_options_that_can_be_rehearsed() -> None:
    """
    Several questions, or one in words, have no choice that is the whole answer.
    """
    single = prompt(**GIVEN, response_types=[YES_NO])
    several = prompt(**GIVEN, response_types=[YES_NO, YES_NO])
    words = prompt(**GIVEN, response_types=[WHY])

    assert (single.options, len(single.questions)) == (("Yes", "No"), 1)
    assert (several.options, len(several.questions)) == ((), 2)
    assert (words.options, len(words.questions)) == ((), 1)


def test_a_callback_reads_answers_in_every_form_that_playbooks_use() -> None:
    """
    ``summary.responses.N``, ``summary.response``, ``parameter.message``, ``data.*.user``.
    """
    results = PromptResults(
        message="Block?", responses=["Yes", "because", 7], user="ada", status="success"
    )

    (result,) = results
    (inner,) = result["action_results"]
    for place in (result, inner):
        assert place["status"] == "success"
        assert place["summary"]["responses"] == ["Yes", "because", 7]
        assert place["summary"]["response"] == "Yes"
        assert place["parameter"]["message"] == "Block?"
        assert place["data"][0]["user"] == "ada"
    assert result["data"][0]["summary"]["responses"][2] == 7
    assert (results.get("response"), results.get("user")) == ("Yes", "ada")
    assert results.get("responses") == ["Yes", "because", 7]


def test_without_an_answer_a_result_is_failed_and_says_why() -> None:
    """
    No response is there, and whoever asks for the list gets an empty one.
    """
    results = PromptResults(
        message="Block?", responses=(), user="", status="failed", problem="nobody answered"
    )

    (result,) = results
    assert (result["status"], result["message"]) == ("failed", "nobody answered")
    assert result["data"][0]["summary"]["responses"] == []
    assert result["action_results"][0]["data"] == []
    assert result["parameter"]["message"] == "Block?"
    assert results.get("response", "none") == "none"
