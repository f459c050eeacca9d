"""
How two values of a condition compare: the rules, one by one.

In: values. Out: nothing. Never: a run.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.domain.comparing import (
    OPERATORS,
    Terms,
    as_number,
    equal,
    holds,
    is_empty,
    keys,
    members,
)

LOOSE = Terms(case_sensitive=False)


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        # Numbers and texts that are numbers.
        ("5", ">", 3, True), (5, ">", "3", True), ("5", "==", 5, True), (5.0, "==", "5", True),
        ("10", ">", "9", True), ("b", ">", "a", True), ("5x", ">", 3, False), ("", ">", 3, False),
        (None, ">=", 0, False), (3, "<=", 3, True), (3, "<", 3, False), ("nan", ">", 0, False),
        ("1_000", "==", 1000, False), ("5", "==", "5.0", False), (" 5 ", ">=", 5, True),
        # True and false, and their names.
        ("True", "==", True, True), ("false", "==", False, True), (True, "!=", "true", False),
        ("yes", "==", True, False), (1, "==", True, True), (None, "==", False, False),
        # "" and [] ask whether there is a value.
        (None, "==", "", True), (None, "!=", "", False), ("", "!=", "", False),
        ([], "!=", "", False), ("x", "!=", "", True), (0, "!=", "", True), (False, "!=", "", True),
        (["x"], "==", [], False), ([], "==", [], True), (None, "!=", [], False),
        ({}, "==", "", True),
        # None on the right asks for None itself.
        (None, "==", None, True), ("", "==", None, False), ("x", "!=", None, True),
        ("", "!=", None, True),
        # What is missing differs from every value.
        (None, "!=", "x", True), (None, "==", "x", False), (None, "not in", "x", True),
        # Lists.
        (["a", "b"], "==", "b", True), (["a", "b"], "!=", "b", False), ("b", "==", ["a"], False),
        (["a"], "==", ["a"], True), (["a"], "==", ["a", "b"], False), ([3, 9], ">", 8, True),
        # In: an element, a part, an address of a network.
        ("a", "in", ["a", "b"], True), ("a", "in", ["ab"], False), ("a", "in", "abc", True),
        ("x", "not in", "abc", True), ("", "in", "abc", False), (None, "in", ["x"], False),
        (5, "in", ["5"], True), (["x", "a"], "in", ["a"], True), ("a", "in", None, False),
        ("a", "in", {"a": 1}, True), (5, "in", 5, True), (5, "in", 50, False),
        ("10.1.2.3", "in", "10.0.0.0/8", True), ("11.1.2.3", "in", "10.0.0.0/8", False),
        ("10.1.2.3", "not in", "10.0.0.0/8", False), ("10.1.2.3", "in", ["x", "10.1.0.0/16"], True),
        ("2001:db8::1", "in", "2001:db8::/32", True), ("host", "in", "10.0.0.0/8", False),
        ("10.1.2.3", "in", "10.1.2.3/8", True), ("a/b", "in", "x/a/b", True),
    ],
)  # fmt: skip
def test_two_values_compare(left: Any, operator: str, right: Any, expected: bool) -> None:
    """
    Each line is a rule of the page's decisions.
    """
    assert holds(left, operator, right) is expected


@pytest.mark.parametrize(
    ("left", "operator", "right"),
    [("EVIL", "==", "evil"), ("EVIL", "in", "so evil"), ("EVIL", "in", ["evil"])],
)
def test_letters_may_be_taken_for_the_same(left: Any, operator: str, right: Any) -> None:
    """
    Only where the playbook says ``case_sensitive=False``.
    """
    assert not holds(left, operator, right)
    assert holds(left, operator, right, LOOSE)


def test_a_written_list_is_split_at_the_delimiter() -> None:
    """
    ``"a, b"`` has two members; without a delimiter it is one text.
    """
    assert members("a, b,", Terms()) == ["a", "b"]
    assert members("a;b", Terms(delimiter=";")) == ["a", "b"]
    assert members("a, b", Terms(delimiter=None)) == "a, b"
    assert members("ab", Terms()) == "ab"
    assert members(7, Terms()) == 7


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["", "5", "true", "10.0.0.0/8", "10.1.1.1", "1e400", "٣"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)  # fmt: skip


@settings(deadline=None)
@given(ANY, st.sampled_from(OPERATORS), ANY)
def test_no_value_breaks_a_comparison(left: Any, operator: str, right: Any) -> None:
    """
    Whatever the two values are, the answer is yes or no; the opposites are opposite.
    """
    found = holds(left, operator, right)

    assert isinstance(found, bool)
    opposite = {"==": "!=", "in": "not in"}.get(operator)
    if opposite:
        assert holds(left, opposite, right) is not found


@settings(deadline=None)
@given(ANY, ANY)
def test_equal_values_have_a_key_in_common(left: Any, right: Any) -> None:
    """
    So that the partner of a row is found without a look at every row.
    """
    if not is_empty(left) and not is_empty(right) and equal(left, right):
        plain = not isinstance(left, list | dict) and not isinstance(right, list | dict)
        assert not plain or set(keys(left)) & set(keys(right))


def test_two_texts_of_which_one_is_a_number_compare_as_texts() -> None:
    """
    A number and a word have no order as numbers.
    """
    assert holds("9", "<", "abc")
    assert holds("abc", ">", "9")
    assert holds("9", "<", "10")


def test_an_empty_text_in_a_list_equals_nothing() -> None:
    """
    It is no value, so it is no equal of an empty mapping either.
    """
    assert not holds(["", "x"], "==", {})
    assert not holds({}, "==", ["", "x"])


@pytest.mark.parametrize(
    ("text", "number"),
    [("9" * 400, int("9" * 400)), ("9" * 401, None), ("1e999", None), ("1_0", None), (" 7 ", 7)],
)
def test_a_text_is_a_number_within_bounds(text: str, number: int | None) -> None:
    """
    Four hundred digits are read as one; infinity is none, nor is a number with underscores.
    """
    assert as_number(text) == number


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("0.0.0.1", "10.0.0.1", True),  # a part of a text: without a slash it is no network
        ("10.9.9.9", "10.1.2.3/8", True),  # the network of an address
        ("11.9.9.9", "10.1.2.3/8", False),
        ("1.0.0.0", "11.0.0.0/8", False),  # a part of its text, and not in it
    ],
)
def test_only_a_text_with_a_slash_is_a_network(left: str, right: str, expected: bool) -> None:
    """
    It may be written with the address of a host in it.
    """
    assert holds(left, "in", right) is expected
    assert holds(left, "not in", right) is not expected
