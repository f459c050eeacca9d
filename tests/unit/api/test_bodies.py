"""
Bodies, without a server.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.api import bodies
from soar.domain.errors import BadInput


def test_nesting_has_a_limit() -> None:
    """
    Fifty levels are read; fifty-one are refused, however deep they go on.
    """
    assert bodies.parse(b"[" * 50 + b"]" * 50)
    for depth in (52, 900, 200_000):
        with pytest.raises(BadInput, match="body"):
            bodies.parse(b"[" * depth + b"]" * depth)


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b"-1e400", b"nul", b"", b'"\xff"'])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    """
    Numbers that no JSON has are refused with the rest.
    """
    with pytest.raises(BadInput, match="is not JSON"):
        bodies.parse(text)


def test_what_postgresql_cannot_hold_is_replaced() -> None:
    """
    NUL and half characters become replacement characters, in keys too.
    """
    assert bodies.parse(b'{"a\\u0000": ["\\ud800"]}') == {"a\ufffd": ["?"]}


@pytest.mark.parametrize("value", [7, "7"])
def test_a_whole_number_may_be_quoted(value: Any) -> None:
    """
    The first name that is there counts.
    """
    assert bodies.number({"container": value}, "container_id", "container") == 7


@pytest.mark.parametrize("value", [None, True, -1, 2**63, "x", "1" * 30, "²", 1.0, [1]])
def test_what_is_no_whole_number_is_named(value: Any) -> None:
    """
    400 with the field's name, never a number that no id can be.
    """
    with pytest.raises(BadInput, match=r"^container_id: "):
        bodies.number({"container_id": value}, "container_id")


def test_what_is_sent_back_as_it_was_shown_is_no_change() -> None:
    """
    Clients read, change and send the whole; a field that would silently do nothing is refused.
    """
    shown = {"id": 1, "name": "a", "create_time": "t"}

    bodies.only({**shown, "name": "b"}, ("name",), shown)

    for wrong in ({"id": 2}, {"other": None}):
        with pytest.raises(BadInput, match="is not a field that can be written; known: name"):
            bodies.only(wrong, ("name",), shown)
