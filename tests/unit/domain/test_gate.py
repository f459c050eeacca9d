"""
Digests and coverage: one text per value, and a call that is covered exactly or not at all.

In: values of every kind. Out: nothing. Never: two different values with one digest.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.domain.gate import HeldCall, canonical, covers, digest, payload

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)
CALL = HeldCall(
    action="isolate", asset="edr", app="edr", app_version="1.0", parameters={"host": "ws-1"}
)
SHOWN = payload(
    approval="abc",
    run_id=7,
    container_id=3,
    assignee="soc",
    message="?",
    options=["Yes", "No"],
    effects={"Yes": [CALL], "No": []},
    due="2030-01-01",
)


@given(values)
def test_a_digest_survives_json_and_does_not_depend_on_order(value: Any) -> None:
    """
    What comes back from a store has the digest of what was given to it.
    """
    back = json.loads(json.dumps(value))
    turned = json.loads(json.dumps(value), object_pairs_hook=lambda p: dict(reversed(p)))

    assert digest(back) == digest(value) == digest(turned)
    assert json.loads(canonical(value)) == value


@given(values, values)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    """
    Equal digests mean equal JSON.
    """
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

    assert (digest(one) == digest(other)) is same


def test_a_canonical_text_is_written_in_one_way() -> None:
    """
    Sorted keys, no blanks, UTF-8, and no number that JSON does not know.
    """
    assert canonical({"b": [1, None], "a": "ä"}) == '{"a":"ä","b":[1,null]}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))


def test_a_choice_covers_its_calls_in_its_run() -> None:
    """
    This choice, this run, this call.
    """
    assert covers(SHOWN, "Yes", [7], CALL)
    assert covers(SHOWN, "Yes", [1, 7], CALL)


@pytest.mark.parametrize(
    ("choice", "runs", "call"),
    [
        ("No", [7], CALL),
        ("yes", [7], CALL),
        ("", [7], CALL),
        ("Yes", [8], CALL),
        ("Yes", [], CALL),
        ("Yes", [7], replace(CALL, action="disable")),
        ("Yes", [7], replace(CALL, asset="edr2")),
        ("Yes", [7], replace(CALL, app="other")),
        ("Yes", [7], replace(CALL, app_version="1.1")),
        ("Yes", [7], replace(CALL, parameters={"host": "ws-2"})),
        ("Yes", [7], replace(CALL, parameters={"host": "ws-1", "all": True})),
        ("Yes", [7], replace(CALL, parameters={})),
    ],
)
def test_anything_else_is_not_covered(choice: str, runs: list[int], call: HeldCall) -> None:
    """
    One difference in any part is enough.
    """
    assert not covers(SHOWN, choice, runs, call)


def test_an_empty_question_covers_nothing() -> None:
    """
    What shows no effects allows none.
    """
    assert not covers({}, "Yes", [7], CALL)
    assert not covers({"run": 7}, "Yes", [7], CALL)
