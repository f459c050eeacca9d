"""
Values as clients write them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.api import literals
from soar.domain.errors import BadInput


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a"', "a"),
        ("'a'", "a"),
        ("'it\\'s'", "it's"),
        ('"\\u00e9"', "é"),
        ('"\\x"', "x"),
        ("a\\b", "a\\b"),
        ("new", "new"),
        ("  new ", "new"),
        ("", ""),
        ("1", 1),
        ("-1.5", -1.5),
        ("1.2.3.4", "1.2.3.4"),
        ("2026-01-31", "2026-01-31"),
        ("True", True),
        ("false", False),
        ("Trueish", "Trueish"),
        ("None", None),
        ("null", None),
        ("['a','b']", ["a", "b"]),
        ('["a", 1, [2.5, None]]', ["a", 1, [2.5, None]]),
        ("('a', 'b',)", ["a", "b"]),
        ("[]", []),
        ('{"a": {"b": [1]}}', {"a": {"b": [1]}}),
        ("{'a': True}", {"a": True}),
        ("['a'", "['a'"),
        ("['a' 'b']", "['a' 'b']"),
        ("{'a'}", "{'a'}"),
        ("1 2", "1 2"),
        ("]", "]"),
        ("[" * 500, "[" * 500),
        ("__import__('os')", "__import__('os')"),
    ],
)
def test_a_text_is_read_as_what_it_stands_for(text: str, value: Any) -> None:
    """
    JSON, Python and bare words are understood; what is none of them is taken as it stands.
    """
    assert literals.read(text, "x") == value
    assert type(literals.read(text, "x")) is type(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=8) | st.integers(-(10**18), 10**18),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_all_json_is_read_as_json(value: Any) -> None:
    """
    What a client's JSON library wrote is read as the same value.
    """
    assert literals.read(json.dumps(value), "x") == value


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    """
    Any text is a value: there is nothing that cannot be read.
    """
    literals.read(text, "x")


def test_a_text_has_a_longest_length() -> None:
    """
    A value longer than any sensible one is refused before it is read.
    """
    with pytest.raises(BadInput, match="longer than"):
        literals.read("[" * 10_001, "x")


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("12", "int", 12),
        (" -3 ", "int", -3),
        (2.0, "int", 2),
        ("true", "bool", True),
        (0, "bool", False),
        ("2026-01-01T00:00:00.000000Z", "time", NEW_YEAR),
        ("2026-01-01", "time", NEW_YEAR),
        ("2026-01-01T02:00:00+02:00", "time", NEW_YEAR),
        (NEW_YEAR.timestamp(), "time", NEW_YEAR),
        (5, "text", "5"),
        (True, "text", "true"),
        (None, "int", None),
        ({"a": 1}, "json", {"a": 1}),
    ],
)
def test_a_value_takes_the_type_of_its_column(value: Any, kind: str, expected: Any) -> None:
    """
    "12" is a number where the column holds numbers, and a text where it holds texts.
    """
    assert literals.coerced(value, kind, "x") == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", "int"),
        (1.5, "int"),
        (True, "int"),
        (float("inf"), "int"),
        ("1" * 31, "int"),
        ("maybe", "bool"),
        (2, "bool"),
        ("soon", "time"),
        (1e20, "time"),
        ("0001-01-01T00:00:00+01:00", "time"),
        ([1], "int"),
        ({}, "text"),
    ],
)
def test_a_value_of_another_type_is_named(value: Any, kind: str) -> None:
    """
    The refusal says which parameter it was.
    """
    with pytest.raises(BadInput, match=r"^_filter_x: "):
        literals.coerced(value, kind, "_filter_x")
