"""
`soar list`: custom lists, kept by an operator.

In: command lines against a real database. Out: documents, rows, CSV, audit entries.
Never: a row that is lost between an export and an import.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from soar.bootstrap import House
from tests.integration.conftest import Soar


def document(soar: Soar, *words: str, **more: Any) -> Any:
    """Return the document of a command that succeeds."""
    done = soar("list", *words, "--json", **more)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def content(soar: Soar, name: str = "allowed") -> Any:
    """Return the rows of a list."""
    return document(soar, "show", name)["content"]


def test_a_list_is_made_changed_and_removed(house: House, soar: Soar) -> None:
    """
    By its first row; each step is on the record.
    """
    document(soar, "append", "allowed", "192.0.2.9", "printer")
    document(soar, "append", "allowed", "192.0.2.10")
    document(soar, "set", "allowed", "1", "2", "new")
    assert content(soar) == [["192.0.2.9", "printer"], ["192.0.2.10", "", "new"]]

    assert document(soar, "remove", "allowed", "0")["rows"] == 1
    (listed,) = document(soar, "list")
    assert (listed["name"], listed["rows"], listed["version"]) == ("allowed", 1, 4)
    document(soar, "delete", "allowed")

    assert document(soar, "list") == []
    entries = house.database.run("select who, what from audit order by id", {})
    assert [what for _, what in entries] == [
        "custom list added",
        *["custom list changed"] * 3,
        "custom list removed",
    ]
    assert {who for who, _ in entries} == {"command line"}


def test_what_is_exported_can_be_imported(soar: Soar, tmp_path: Path) -> None:
    """
    Commas, quotes and lines in cells come back as they were; --append keeps what is there.
    """
    file = tmp_path / "rows.csv"
    rows = [["a,b", 'say "hi"', "two\nlines"], ["é", "", "x"]]
    for row in rows:
        document(soar, "append", "allowed", *row)

    document(soar, "export", "allowed", str(file))
    document(soar, "import", "copy", str(file))
    document(soar, "import", "copy", str(file), "--append")
    document(soar, "import", "allowed", str(file))

    assert content(soar, "copy") == [*rows, *rows]
    assert content(soar) == rows
    assert soar("list", "export", "allowed").stdout == file.read_text()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "gone"], 3, "there is no custom list 'gone': see `soar list list`"),
        (["delete", "gone"], 3, "there is no custom list 'gone'"),
        (["export", "gone"], 3, "there is no custom list 'gone'"),
        (["set", "allowed", "7", "0", "x"], 3, "the list 'allowed' has no row 7: it has 1"),
        (["remove", "allowed", "0", "7"], 3, "the list 'allowed' has no row 7: it has 1"),
        (["append", " ", "x"], 2, "list_name: must be a text of 1 to 200 letters"),
        (["import", "allowed", "no-such-file.csv"], 2, "no-such-file.csv cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said(soar: Soar, words: list[str], code: int, said: str) -> None:
    """
    In one sentence, with the exit code for it; the list stays as it was.
    """
    document(soar, "append", "allowed", "192.0.2.9")

    done = soar("list", *words)

    assert done.exit_code == code
    assert said in done.output
    assert content(soar) == [["192.0.2.9"]]


def test_a_file_that_is_no_csv_changes_nothing(soar: Soar, tmp_path: Path) -> None:
    """
    It is refused as a whole.
    """
    file = tmp_path / "rows.csv"
    file.write_text('a,"b\n')
    document(soar, "append", "allowed", "192.0.2.9")

    done = soar("list", "import", "allowed", str(file))

    assert done.exit_code == 2
    assert "is not CSV" in done.output
    assert content(soar) == [["192.0.2.9"]]
