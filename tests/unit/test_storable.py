"""
What PostgreSQL can hold, and that it gives back what was given.

In: values of every kind. Out: nothing. Never: a value that a statement chokes on.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.store.rows import DEEPEST, NotStorable, as_json, bound, storable

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.frozensets(st.text(), max_size=3)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(anything)
def test_a_storable_value_is_json_that_stays_as_it_is(value: Any) -> None:
    """
    No NUL, no half character, no number beyond JSON; and once is enough.
    """
    text = as_json(value)

    assert "\\u0000" not in text
    assert text.encode("utf-8")
    assert json.loads(text) == storable(value) == storable(storable(value))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (1.5, 1.5),
        (1e15, 1e15),
        (1e16, 10**16),
        (-1e22, -(10**22)),
        (-0.0, 0.0),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("a\x00b", "a\ufffdb"),
        ("\ud800", "?"),
        ({1: (2, 3)}, {"1": [2, 3]}),
        (b"GET /\xff\x00", "GET /\\xff\ufffd"),
        (datetime(2024, 5, 17, tzinfo=UTC), "2024-05-17 00:00:00+00:00"),
        (10**4000, 10**4000),
        (10**5000, hex(10**5000)),
        ({-(10**5000): None}, {hex(-(10**5000)): None}),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int | dict) else "",
)
def test_numbers_and_texts_are_kept_as_the_database_gives_them_back(given: Any, kept: Any) -> None:
    """
    So that what was digested before is digested equally afterwards.
    """
    assert storable(given) == kept
    assert json.dumps(storable(given)) == json.dumps(kept)


def nested(levels: int) -> Any:
    """Return a list in a list in a list."""
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_what_is_too_deep_or_contains_itself_is_refused_in_a_sentence() -> None:
    """
    10,000 levels and a cycle alike; the deepest value that is kept still goes through JSON.
    """
    cycle: dict[str, Any] = {}
    cycle["self"] = [cycle] * 3

    for value in (nested(DEEPEST + 1), nested(10_000), cycle):
        with pytest.raises(NotStorable, match="nested more than 100 levels deep, or contains"):
            as_json(value)
    assert json.loads(as_json(nested(DEEPEST))) == nested(DEEPEST)


def test_what_would_grow_beyond_all_bounds_is_refused_before_it_is_copied() -> None:
    """
    Thirty lists that each hold the one before ten times would be 10^30 values.
    """
    value: Any = "lol" * 1_000
    for _ in range(30):
        value = [value] * 10

    with pytest.raises(NotStorable, match="larger than 64 MiB"):
        as_json(value)


def test_texts_of_every_statement_are_made_storable() -> None:
    """
    Alone or in a list, whoever calls; bytes and numbers stay.
    """
    given = {"a": "x\x00", "b": ["\ud800", 1], "c": b"\x00", "d": 7, "e": None}

    assert bound(given) == {"a": "x\ufffd", "b": ["?", 1], "c": b"\x00", "d": 7, "e": None}
