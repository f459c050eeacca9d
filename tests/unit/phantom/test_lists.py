"""
Custom lists, as a block edits and reads them.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.domain import custom_list
from soar.domain.changes import ListEdit
from soar.domain.errors import BadInput
from tests.unit.phantom.conftest import Stage


def test_a_list_is_made_by_its_first_row_and_the_same_block_reads_it(stage: Stage) -> None:
    """
    Values become texts; the next block reads the same.
    """
    told = stage.says("""
        told.append(phantom.add_list("blocked", ["10.0.0.1", 7, None]))
        told.append(phantom.add_list(list_name="blocked", values="10.0.0.2"))
        told.append(phantom.get_list(list_name="blocked"))
    """)

    rows = [["10.0.0.1", "7", ""], ["10.0.0.2"]]
    assert [t[0] for t in told] == [True, True, True]
    assert told[2] == [True, "2 rows", rows]
    assert stage.shelf.lists == {"blocked": rows}
    assert stage.says("told.append(phantom.get_list('blocked')[2])") == [rows]


def test_a_list_that_is_not_there_has_no_rows_and_says_so(stage: Stage) -> None:
    """
    A loop over its rows does nothing; nothing is made by looking.
    """
    told = stage.says("""
        told.append(phantom.get_list("gone"))
        told.append(phantom.check_list("gone", "x"))
        told.append(phantom.delete_from_list("gone", "x"))
        told.append(phantom.remove_list("gone"))
        told.append(phantom.datastore_get("gone"))
    """)

    assert told[0] == [False, "there is no custom list 'gone'", []]
    assert told[1] == [False, "there is no custom list 'gone'", 0]
    assert (told[2][0], told[3][0], told[4]) == (False, False, [])
    assert stage.shelf.lists == {}
    assert [a.level for a in stage.asks] == ["error", "error"]


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("'EVIL.example'", 2),
        ("'evil.example', case_sensitive=True", 1),
        ("'evil'", 0),
        ("'evil', substring=True", 3),
        ("7", 1),
    ],
)
def test_check_list_counts_rows(stage: Stage, call: str, count: int) -> None:
    """
    Whole texts in any column, whatever their case, unless told otherwise.
    """
    stage.shelf.lists["l"] = [["evil.example", "7"], ["x", "Evil.Example"], ["devil", "x"]]

    assert stage.says(f"told.append(phantom.check_list('l', {call}))")[0][2] == count


@pytest.mark.parametrize(
    ("call", "left"),
    [
        ("'a'", [["1"], ["a", "2"], ["b", "a"]]),
        ("'a', remove_all=True", [["1"], ["2"], ["b"]]),
        ("'a', remove_row=True", [["a", "2"], ["b", "a"]]),
        ("'a', remove_all=True, remove_row=True", []),
        ("'a', column=1, remove_row=True", [["a", "1"], ["a", "2"]]),
        ("['a'], remove_row=True", [["a", "2"], ["b", "a"]]),
        ("['a', '2']", [["a", "1"], ["b", "a"]]),
        ("[['a', '2']], remove_row=True", [["a", "1"], ["b", "a"]]),
    ],
)
def test_delete_from_list_deletes_a_cell_or_its_row(stage: Stage, call: str, left: Any) -> None:
    """
    The first, or every one; a cell that is deleted becomes empty.
    """
    stage.shelf.lists["l"] = [["a", "1"], ["a", "2"], ["b", "a"]]

    assert stage.says(f"told.append(phantom.delete_from_list('l', {call}))")[0][0] is True
    full = [[c for c in row if c] for row in stage.shelf.lists["l"]]
    assert full == left


def test_a_row_of_one_cell_goes_with_its_cell(stage: Stage) -> None:
    """
    No empty row is left for whoever loops over the list.
    """
    stage.shelf.lists["l"] = [["10.0.0.1"], ["10.0.0.2"]]

    stage.says("phantom.delete_from_list(list_name='l', value='10.0.0.1', remove_row=False)")

    assert stage.shelf.lists["l"] == [["10.0.0.2"]]
    assert stage.says("told.append(phantom.delete_from_list('l', 'x'))")[0][0] is False


def test_rows_are_found_by_their_values(stage: Stage) -> None:
    """
    The third is then a mapping of matches, as in Splunk.
    """
    stage.shelf.lists["l"] = [["min", "70"], ["max", "90"], ["70", "x"]]

    told = stage.says("""
        told.append(phantom.get_list("l", values="min")[2]["matches"][0]["value"][1])
        told.append(phantom.get_list("l", values=["70"], column_index=1)[2])
        told.append(phantom.get_list("l", values="none")[2])
    """)

    match = {"location": 0, "value": ["min", "70"]}
    assert told == ["70", {"matches": [match]}, {"matches": []}]


def test_a_list_is_replaced_emptied_and_removed(stage: Stage) -> None:
    """
    ``set_list`` makes a row of each plain value.
    """
    stage.shelf.lists |= {"a": [["1"]], "b": [["1"]]}

    stage.says("""
        phantom.set_list("a", ["x", ["y", "z"]])
        phantom.remove_list("b", empty_list=True)
    """)

    assert stage.shelf.lists == {"a": [["x"], ["y", "z"]], "b": []}
    stage.says("phantom.remove_list('a')")
    assert stage.shelf.lists == {"b": []}


def test_the_names_of_1_x_mean_the_same_lists(stage: Stage) -> None:
    """
    ``datastore_*`` read and write what ``get_list`` reads.
    """
    told = stage.says("""
        phantom.datastore_set("vips", ["ada", "ben"])
        phantom.datastore_add("vips", ["eve", "ceo"])
        told.append(phantom.datastore_get("vips"))
        told.append(phantom.datastore_present("vips", ["eve", "ada"]))
        told.append(phantom.get_list("vips")[2])
        told.append(phantom.datastore_present("vips", "nobody")["present"])
    """)

    rows = [["ada"], ["ben"], ["eve", "ceo"]]
    present = {"present": True, "matches": [["ada"], ["eve", "ceo"]]}
    assert told == [rows, present, rows, False]


@pytest.mark.parametrize("name", ["", "  ", None, "x" * 201, 7])
def test_a_list_needs_a_name(name: Any) -> None:
    """
    The sentence names the argument.
    """
    with pytest.raises(BadInput, match="list_name: must be a text of 1 to 200 letters"):
        custom_list.name(name)


def test_rows_of_a_list_are_edited_by_their_places() -> None:
    """
    What REST offers; a row that is not there is refused.
    """
    rows = [["a"], ["b"], ["c"]]
    edits = custom_list.edit_of("l", {"update_rows": {"1": ["x", 2]}, "delete_rows": [0]})

    for edit in edits:
        rows = custom_list.applied(rows, edit) or []

    assert rows == [["x", "2"], ["c"]]
    with pytest.raises(BadInput, match="there is no row 3: the list has 3"):
        custom_list.applied([["a"]] * 3, custom_list.edit_of("l", {"update_rows": {"3": []}})[0])
    with pytest.raises(BadInput, match="delete_rows: 'one' is no number of a row"):
        custom_list.edit_of("l", {"delete_rows": ["one"]})


def test_a_list_is_bounded() -> None:
    """
    A million cells are enough for one row of a table.
    """
    full = ListEdit(name="l", verb="set", rows=(("x",) * (custom_list.MOST_CELLS + 1),))

    with pytest.raises(BadInput, match="would have more than 1,000,000 cells"):
        custom_list.applied(None, full)


def test_a_column_is_a_number(stage: Stage) -> None:
    """
    What is none is refused by its name.
    """
    stage.shelf.lists["l"] = [["a"]]

    error = stage.says("phantom.delete_from_list('l', 'a', column='x')")

    assert "column: must be the number of a column" in error
