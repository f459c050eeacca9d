"""
What PostgreSQL can hold, and that it gives back what was given.

In: values of every kind. Out: nothing. Never: a value that a statement chokes on.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.store.rows import as_json, storable

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
    ],
    ids=str,
)
def test_numbers_and_texts_are_kept_as_the_database_gives_them_back(given: Any, kept: Any) -> None:
    """
    So that what was digested before is digested equally afterwards.
    """
    assert storable(given) == kept
    assert json.dumps(storable(given)) == json.dumps(kept)
