"""
Which rows stay when several conditions are said of several sources.

In: small tables. Out: nothing. Never: a run.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.domain import matching
from soar.domain.collecting import Cell, Row
from soar.domain.comparing import Terms, holds, is_empty
from soar.domain.matching import Condition, Match, Operand, TooManyPairs, match


def of(source: str, column: int = 0) -> Operand:
    """Return a column of a source."""
    return Operand(source=source, column=column)


def is_(constant: Any) -> Operand:
    """Return a constant."""
    return Operand(constant=constant)


def tables(**sources: list[Any]) -> dict[Any, list[Row]]:
    """Return tables; a row is a tuple, or one value."""
    return {
        name: [
            {n: Cell(v) for n, v in enumerate(row if isinstance(row, tuple) else (row,))}
            for row in rows
        ]
        for name, rows in sources.items()
    }


def matched(said: list[Condition], every: bool = True, **sources: list[Any]) -> Match:
    """Return what stays."""
    return match(said, tables(**sources), every=every, terms=Terms())


def test_what_is_said_of_a_source_holds_for_one_and_the_same_row() -> None:
    """
    An artifact of the right kind and another of the right severity are not one.
    """
    said = [Condition(of("a"), "==", is_("x")), Condition(of("a", 1), "==", is_("high"))]

    assert matched(said, a=[("x", "low"), ("y", "high")]) == Match(False)
    assert matched(said, a=[("x", "low"), ("x", "high")]) == Match(True, {"a": [1]})
    found = matched(said, every=False, a=[("x", "low"), ("y", "high"), ("z", "low")])
    assert found == Match(True, {"a": [0, 1]})


def test_two_sources_each_have_to_hold_with_and() -> None:
    """
    They are independent: each keeps its own rows, and none where one has none.
    """
    said = [Condition(of("a"), "==", is_("x")), Condition(of("b"), ">", is_(5))]

    assert matched(said, a=["x", "y"], b=[1, 9, 7]) == Match(True, {"a": [0], "b": [1, 2]})
    assert matched(said, a=["x"], b=[1]) == Match(False)


def test_two_sources_that_are_compared_keep_the_rows_that_fit() -> None:
    """
    Missing values fit nothing, not even each other.
    """
    said = [Condition(of("a"), "==", of("b"))]

    found = matched(said, a=["h1", None, "h2", ""], b=["h2", None, "h3", "h2", ""])
    assert found == Match(True, {"a": [2], "b": [0, 3]})
    assert matched(said, a=[None], b=[None]) == Match(False)


def test_what_is_said_of_a_pair_holds_for_one_and_the_same_pair() -> None:
    """
    Equal hashes of one partner and a high score of another are not one.
    """
    said = [Condition(of("a"), "==", of("b")), Condition(of("b", 1), ">", of("a", 1))]

    assert not matched(said, a=[("h", 5)], b=[("h", 1), ("g", 9)]).holds
    assert matched(said, a=[("h", 5)], b=[("h", 1), ("h", 9)]).kept == {"a": [0], "b": [1]}


def test_not_in_another_source_means_in_none_of_its_rows() -> None:
    """
    And in nothing, if it has none.
    """
    said = [Condition(of("a"), "not in", of("b"))]

    assert matched(said, a=["x", "y"], b=["y", "z"]).kept == {"a": [0], "b": [0, 1]}
    assert matched(said, a=["x"], b=[]) == Match(True, {"a": [0], "b": []})
    assert not matched(said, a=["x"], b=["x", "y"]).holds


@pytest.mark.parametrize(
    ("operator", "constant", "expected"),
    [("==", "", True), ("==", None, True), ("==", [], True), ("!=", "", False), ("!=", "x", False),
     ("==", "x", False), ("not in", "x", False), ("<", 5, False)],
)  # fmt: skip
def test_a_source_without_rows_has_no_value(operator: str, constant: Any, expected: bool) -> None:
    """
    Only a question for no value is answered with yes.
    """
    assert matched([Condition(of("a"), operator, is_(constant))], a=[]).holds is expected


def test_constants_are_compared_as_well() -> None:
    """
    With nothing to keep; and no condition at all does not hold.
    """
    assert matched([Condition(is_(1), "==", is_("1"))]) == Match(True, {})
    assert matched([Condition(is_(1), "==", is_(2)), Condition(of("a"), "!=", is_(""))], a=[1]) == (
        Match(False)
    )
    assert matched([]) == Match(False)


def test_pairs_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Equality finds its partners by key, other operators look at each pair, within a bound.
    """
    many = [str(n) for n in range(20_000)]
    assert len(matched([Condition(of("a"), "==", of("b"))], a=many, b=many).kept["a"]) == 20_000

    with pytest.raises(TooManyPairs, match="more than 2,000,000 pairs"):
        matched([Condition(of("a"), "!=", of("b"))], a=many, b=many)
    assert matching.MOST_PAIRS == 2_000_000


VALUES = st.sampled_from([None, "", "a", "b", 1, "1", True])


@settings(deadline=None)
@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4),
       st.sampled_from(["==", "!=", "<", "in"]))  # fmt: skip
def test_pairs_are_those_of_a_plain_reference(a: list[Any], b: list[Any], operator: str) -> None:
    """
    Every row that has a partner stays, and no other.
    """

    def fits(x: Any, y: Any) -> bool:
        return holds(x, operator, y) and not (operator == "==" and is_empty(x))

    found = matched([Condition(of("a"), operator, of("b"))], a=a, b=b)

    ours = [n for n, x in enumerate(a) if any(fits(x, y) for y in b)]
    theirs = [n for n, y in enumerate(b) if any(fits(x, y) for x in a)]
    assert found == (Match(True, {"a": ours, "b": theirs}) if ours else Match(False))


def test_the_order_in_which_conditions_are_written_makes_no_difference() -> None:
    """
    A row stays only if the one that it fits stays: what is said of one source is asked first.
    """
    pair = Condition(of("a"), "==", of("b"))
    alone = Condition(of("a", 1), "==", is_("high"))
    rows: dict[str, list[Any]] = {"a": [("x", "low"), ("y", "high")], "b": ["x", "y"]}

    expected = Match(True, {"a": [1], "b": [1]})
    assert matched([alone, pair], **rows) == expected
    assert matched([pair, alone], **rows) == expected
