"""
Rows out of structures: against examples, and against a reference that is slow and plain.

In: structures as JSON holds them. Out: nothing. Never: a run.
"""

from __future__ import annotations

import time
from itertools import islice, zip_longest
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from soar.domain.collecting import Kept, Part, cells, keep, narrowed, pruned, rows, value_at

RESULT: dict[str, Any] = {
    "status": "success",
    "parameter": {"ip": "1.1.1.1"},
    "summary": {"responses": ["Yes", "because"]},
    "data": [
        {"name": "a", "tags": ["x", "y"], "owner.mail": "a@x"},
        {"name": "b", "tags": []},
        {"tags": ["z"], "inner": {"list": [{"n": 1}, {"n": 2}]}},
    ],
}


def table(element: Any, *paths: str, kept: Kept | None = None) -> list[list[Any]]:
    """Return the rows of one element."""
    steps = [tuple(path.split(".")) if path else () for path in paths]
    return list(rows([Part(element, (), kept or {})], steps))


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["status"], [["success"]]),
        (["summary.responses.1"], [["because"]]),
        (["summary.responses"], [[["Yes", "because"]]]),
        (["summary.responses.9"], [[None]]),
        (["data.0.name"], [["a"]]),
        (["data.*.name"], [["a"], ["b"], [None]]),
        (["data.*.name", "status"], [["a", "success"], ["b", "success"], [None, "success"]]),
        (["data.*.tags.*"], [["x"], ["y"], [None], ["z"]]),
        (
            ["data.*.name", "data.*.tags.*"],
            [["a", "x"], ["a", "y"], ["b", None], [None, "z"]],
        ),
        (["data.*.name", "summary.responses.*"], [["a", "Yes"], ["b", "because"], [None, None]]),
        (["data.*.owner.mail"], [["a@x"], [None], [None]]),
        (["data.*.inner.list.*.n"], [[None], [None], [1], [2]]),
        (["data.*.inner.*.list.1.n"], [[None], [None], [2]]),
        (["nothing.*.x"], [[None]]),
        (["nothing.*.x", "status"], [[None, "success"]]),
        (["parameter.*"], [[{"ip": "1.1.1.1"}]]),
        (["status.length"], [[None]]),
    ],
)
def test_rows_are_what_the_paths_reach(paths: list[str], expected: list[list[Any]]) -> None:
    """
    Shared wildcards share their element; others stand side by side; the rest is repeated.
    """
    assert table(RESULT, *paths) == expected


def test_rows_never_mix_two_elements() -> None:
    """
    Lists of unequal length are filled inside their element, and not from the next one.
    """
    first, second = {"a": [1, 2], "b": [3]}, {"a": [4], "b": [5, 6]}
    found = list(rows([Part(first), Part(second)], [("a", "*"), ("b", "*")]))

    assert found == [[1, 3], [2, None], [4, 5], [None, 6]]


def test_a_name_with_dots_is_found_also_beside_a_shorter_one() -> None:
    """
    A CEF name may hold dots; what leads nowhere is not preferred.
    """
    assert value_at({"a": {"c": 1}, "a.b": {"d": 2}}, ("a", "b", "d")) == 2
    assert value_at({"a": {"b": 0}, "a.b": 2}, ("a", "b")) == 0


def test_the_front_of_a_long_list_is_taken_without_its_rest() -> None:
    """
    A million elements cost as much as the rows that are asked for.
    """
    element = Part({"data": [{"n": n} for n in range(1_000_000)]})
    start = time.monotonic()

    found = list(islice(rows([element], [("data", "*", "n")]), 2000))

    assert [found[0], found[-1]] == [[0], [1999]]
    assert time.monotonic() - start < 2.0  # seconds; milliseconds on an idle machine


def test_what_a_filter_kept_is_all_that_is_reached() -> None:
    """
    By wildcard, as a whole list, and by a second filter on top of the first.
    """
    kept: Kept = {}
    keep(kept, ("data", "0", "tags", "1"))
    keep(kept, ("data", "2"))

    assert table(RESULT, "data.*.name", "data.*.tags.*", kept=kept) == [["a", "y"], [None, "z"]]
    assert table(RESULT, "data", kept=kept) == [[pruned(RESULT, kept)["data"]]]
    assert [d.get("tags") for d in pruned(RESULT, kept)["data"]] == [["y"], ["z"]]
    again = narrowed(RESULT, kept, {"data": {"0": {}}})
    assert table(RESULT, "data.*.tags.*", "status", kept=again) == [["y", "success"]]
    other = narrowed(RESULT, kept, {"summary": {"responses": {"0": {}}}})
    assert table(RESULT, "data.*.tags.*", "summary.responses.*", kept=other) == [
        ["y", "Yes"],
        ["z", None],
    ]


def test_a_place_leads_back_to_the_value() -> None:
    """
    Also where a name holds dots.
    """
    value = {"a.b": [{"c": [5, 6]}]}
    places = [row[0].place for row in cells(Part(value), [("a", "b", "*", "c", "*")])]

    assert places == [("a.b", "0", "c", "0"), ("a.b", "0", "c", "1")]


VALUES = st.recursive(
    st.none() | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=12,
)
PATHS = st.lists(
    st.lists(st.sampled_from(["a", "b", "*", "0"]), max_size=4).map(tuple), min_size=1, max_size=4
)


def naive(value: Any, paths: dict[int, tuple[str, ...]]) -> list[dict[int, Any]]:
    """Return the rows of one element as the reference says it, step by step."""
    if "*" not in {step for path in paths.values() for step in path}:
        return [{n: plain(value, path) for n, path in paths.items()}]
    fixed = {n: plain(value, p) for n, p in paths.items() if "*" not in p}
    heads = dict.fromkeys(p[: p.index("*")] for p in paths.values() if "*" in p)
    blocks = []
    for head in heads:
        below = {
            n: p[len(head) + 1 :]
            for n, p in paths.items()
            if "*" in p and p[: p.index("*")] == head
        }
        at = plain(value, head)
        if at is None or at == []:
            blocks.append([dict.fromkeys(below)])
        elif isinstance(at, list):
            blocks.append([row for item in at for row in naive(item, below)])
        else:
            blocks.append(naive(at, below))
    return [
        {**fixed, **{n: v for part in side for n, v in (part or {}).items()}}
        for side in zip_longest(*blocks)
    ]


def plain(value: Any, path: tuple[str, ...]) -> Any:
    """Return what stands at a path of names and indexes."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


@settings(deadline=None)
@given(VALUES, PATHS)
def test_rows_are_those_of_a_plain_reference(value: Any, paths: list[tuple[str, ...]]) -> None:
    """
    Whatever the structure and the paths are.
    """
    expected = naive(value, dict(enumerate(paths)))

    found = list(rows([Part(value)], paths))

    assert found == [[row.get(n) for n in range(len(paths))] for row in expected]


@settings(deadline=None)
@example({"b": [None, 0]}, [("b", "*", "*")])
@example({"b": [{}, {"c": [1]}]}, [("b", "*", "c", "*")])
@given(VALUES, PATHS)
def test_keeping_every_place_keeps_every_row(value: Any, paths: list[tuple[str, ...]]) -> None:
    """
    A filter that lets everything pass changes nothing that the same paths read.

    Unless one of them names an index: then only that element of the list was spoken of.
    """
    paths = [tuple(step for step in path if step != "0") for path in paths]
    before = list(cells(Part(value), paths))
    kept: Kept = {}
    for row in before:
        for cell in row.values():
            keep(kept, cell.place or ())

    after = list(rows([Part(value, (), kept)], paths))

    assert after == list(rows([Part(value)], paths))


@pytest.mark.parametrize("index", ["9", "9" * 10, "9" * 5_000, "-1", "1.0", "²"])
def test_an_index_that_leads_nowhere_is_no_value(index: str) -> None:
    """
    However long it is: no number is made of it that Python would refuse to read.
    """
    assert list(rows([Part({"a": [1]})], [("a", index)])) == [[None]]
