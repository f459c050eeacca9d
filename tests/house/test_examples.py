"""
Each function of ``phantom.rules`` has an example that holds, and a page that leaves nothing out.

In: the examples, played on the stage of the pages. Out: those that fail, or show something else.
Never: a database.
"""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))

import calls  # noqa: E402
import functions  # noqa: E402
import stage  # noqa: E402
from meanings import EVERYWHERE, OF  # noqa: E402

from soar.phantom import refused, rules  # noqa: E402

every_function = pytest.mark.parametrize("name", rules.__all__)


@every_function
def test_an_example_plays_to_its_end(name: str) -> None:
    """
    Nothing of it raises, each of its blocks is called, and it calls the function it is about.
    """
    played, returned = stage.play(name)
    blocks = {
        node.name
        for node in ast.walk(ast.parse(stage.example(name)))
        if isinstance(node, ast.FunctionDef)
    }

    assert (played.mistakes, played.loaded, played.stopped) == ([], True, False)
    assert blocks == set(played.blocks)
    assert returned


def test_there_is_one_example_per_function() -> None:
    """
    None is missing, and none is of a function that is no more.
    """
    assert sorted(file.stem for file in stage.EXAMPLES.glob("*.py")) == sorted(rules.__all__)


def test_an_example_that_claims_what_is_not_so_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What an example asserts is looked at, in callbacks too.
    """
    text = stage.example("collect2").replace('7, "first"', '8, "first"')
    monkeypatch.setattr(stage, "example", lambda _: text)

    played, _ = stage.play("collect2")

    assert [
        (mistake.block, "AssertionError" in mistake.sentence) for mistake in played.mistakes
    ] == [("judge", True)]


@every_function
def test_a_page_says_what_each_parameter_is_for(name: str) -> None:
    """
    Each stands in the table with a meaning; one that the code does not read says so.
    """
    parameters = inspect.signature(getattr(rules, name)).parameters.values()
    shown = functions.page(name)

    for one in parameters:
        if one.kind is not inspect.Parameter.VAR_KEYWORD:
            assert f"| `{one.name}` |" in shown
            assert functions.meaning_of(name, one.name)


def test_no_word_is_about_a_parameter_that_nobody_has() -> None:
    """
    What the pages say of parameters belongs to one that a function reads.
    """
    read = {
        (name, parameter)
        for name in rules.__all__
        for parameter in inspect.signature(getattr(rules, name)).parameters
    }

    assert [about for about in OF if about not in read] == []
    assert set(EVERYWHERE) <= {parameter for _, parameter in read}


def test_a_page_says_what_a_function_refuses() -> None:
    """
    What it raises or declines is read from the code, also where that lies in another module.
    """
    decision = calls.told(rules.decision).raised
    sensitivity = calls.told(rules.set_sensitivity).declined

    assert ("BadInput", "conditions: … is not [left, operator, right]") in decision
    assert ("BadInput", "logical_operator: … is neither and nor or") in decision
    assert sensitivity == ["sensitivity … is none of …"]


def test_a_name_that_is_not_offered_says_why() -> None:
    """
    Its place on the page and the error of its call are the same words.
    """
    said: list[Any] = [refused.why(name) for name in refused.NAMES - set(rules.__all__)]

    assert said
    assert [text for text in said if text not in functions.meaningless().replace("\\|", "|")] == []
