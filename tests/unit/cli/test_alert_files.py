"""Which alerts a file holds, and where it is no JSON."""

from __future__ import annotations

import pytest

from soar.cli.alerts import split, split_as_is
from soar.domain.errors import BadInput


def test_one_object_is_one_alert_as_it_was_written():
    """
    A file with one object is sent as it stands.
    """
    text = '{"name":  "a"}\n'

    assert split(text) == [("", text)]


def test_a_list_is_one_alert_each():
    """
    Each member of a list is an alert, and an error can name which.
    """
    assert split('[{"a": 1}, {"a": 2}]') == [("[0]", '{"a": 1}'), ("[1]", '{"a": 2}')]


def test_json_lines_are_one_alert_each():
    """
    Blank lines do not count, but line numbers are those of the file.
    """
    assert split('{"a": 1}\n\n{"a": 2}\n') == [("line 1", '{"a": 1}'), ("line 3", '{"a": 2}')]


def test_a_bad_line_is_named():
    """
    In JSON lines the first line that is no JSON is named by its number.
    """
    with pytest.raises(BadInput) as raised:
        split('{"a": 1}\n{"a": \n')

    assert raised.value.field == "line 2"


@pytest.mark.parametrize("text", ["", "{", '{\n  "a": 1,\n', "[]", "not json\nnot json"])
def test_a_file_that_holds_no_alert_is_refused(text):
    """
    Nothing, half an object or an empty list is no alert.
    """
    with pytest.raises(BadInput) as raised:
        split(text)

    assert raised.value.field == "alert"


def test_unchecked_text_goes_as_it_is():
    """
    With --no-check even what is no JSON is sent: whole, or line by line.
    """
    assert split_as_is("{ broken") == [("", "{ broken")]
    assert [text for _, text in split_as_is('{"a": 1}\n{ broken')] == ['{"a": 1}', "{ broken"]
