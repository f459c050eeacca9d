"""
What a row keeps of a result: within its cap, and nothing lost.

In: results of every kind and size. Out: nothing. Never: a database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.connector import Output
from soar.domain.model import Kept, Whole
from soar.store.attachments import pieces
from soar.store.endings import end_values
from soar.store.results import LEAST_CAP, LONGEST_MESSAGE, NOTE_ROOM, keep, plain, size_text
from soar.store.rows import NotStorable, storable
from soar.tasks.results import answered
from tests.integration.engine.conftest import CATALOG

long = st.text(min_size=1, max_size=4).map(lambda text: text * 100)
scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | long
anything = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
summaries = st.dictionaries(st.text(max_size=20), anything, max_size=6)
rows = st.lists(st.dictionaries(st.text(max_size=5), anything, max_size=6), max_size=30)


def whole_of(kept: Kept) -> Any:
    """Return the document that an attachment would hold."""
    assert kept.whole
    text = b"".join(pieces(kept.whole.content))
    assert len(text) == kept.whole.size
    assert hashlib.sha1(text, usedforsecurity=False).hexdigest() == kept.whole.sha1
    assert hashlib.sha256(text).hexdigest() == kept.whole.sha256
    return json.loads(text)


def kept_size(kept: Kept) -> int:
    """Return the bytes of a row."""
    return sum(len(text.encode()) for text in (kept.message, kept.summary, kept.data))


@given(st.text(), summaries, rows, st.integers(LEAST_CAP, 3 * LEAST_CAP))
def test_a_result_is_kept_within_its_cap_and_whole_beside_it(
    message: str, summary: dict[str, Any], data: list[Any], cap: int
) -> None:
    """
    Any value in: valid JSON within the cap out, rows whole and from the front, and the
    attachment says everything. What fits is not truncated.
    """
    kept = keep(message, summary, data, cap=cap)
    front = json.loads(kept.data)

    assert kept_size(kept) + (NOTE_ROOM if kept.whole else 0) <= cap
    assert front == storable(data)[: len(front)]
    assert json.loads(kept.summary).items() <= storable(summary).items()
    if kept.whole is None:
        assert (kept.message, len(front)) == (storable(message), len(data))
        assert json.loads(kept.summary) == storable(summary)
    else:
        everything = {"message": message, "summary": summary, "data": data}
        assert whole_of(kept) == storable(everything)


@given(st.text(max_size=100), summaries, rows, st.integers(LEAST_CAP, 3 * LEAST_CAP))
def test_what_was_truncated_once_fits(
    message: str, summary: dict[str, Any], data: list[Any], cap: int
) -> None:
    """
    Keeping what was kept changes nothing.
    """
    once = keep(message, summary, data, cap=cap)
    again = keep(once.message, json.loads(once.summary), json.loads(once.data), cap=cap)

    assert (again.message, again.summary, again.data) == (once.message, once.summary, once.data)
    assert again.whole is None


def test_a_summary_that_is_too_large_alone_keeps_its_short_members() -> None:
    """
    What a playbook decides on is short; a list of everything is not.
    """
    summary = {"everything": ["x" * 50] * 10_000, "malicious": 3, "verdict": "bad"}

    kept = keep("3 engines", summary, [{"n": 1}], cap=4096)

    assert json.loads(kept.summary) == {"malicious": 3, "verdict": "bad"}
    assert json.loads(kept.data) == [{"n": 1}]
    assert kept.message == "3 engines"


def test_a_summary_that_fits_is_kept_whole_before_any_row() -> None:
    """
    Rows fill what is left, and the first that does not fit ends them.
    """
    summary = {"list": ["x" * 50] * 50}

    kept = keep("", summary, [{"a": "x" * 500}, {"b": "x" * 4000}, {"c": 1}], cap=4096)

    assert json.loads(kept.summary) == summary
    assert [list(row) for row in json.loads(kept.data)] == [["a"]]


def test_a_long_message_alone_makes_a_result_truncated() -> None:
    """
    A message is a line; a text is kept as an attachment.
    """
    kept = keep("x" * (LONGEST_MESSAGE + 1), {}, [], cap=1024 * 1024)

    assert len(kept.message) == 200
    assert whole_of(kept)["message"] == "x" * (LONGEST_MESSAGE + 1)
    assert plain("x" * (LONGEST_MESSAGE + 1), {}, []).message.endswith("x…")


def endless() -> Iterator[dict[str, str]]:
    """Return rows without end."""
    while True:
        yield {"row": "x" * 10_000}


def test_fifty_mebibytes_are_kept_and_more_than_the_ceiling_is_refused() -> None:
    """
    The row is within its cap, the attachment has all 50 MiB; rows without end are given up.
    """
    kept = keep("many", {"total": 500}, [{"text": "é" * 52_500}] * 500, cap=1024 * 1024)

    assert kept.whole
    assert kept.whole.size > 50 * 2**20
    assert len(whole_of(kept)["data"]) == 500
    assert kept_size(kept) < 1024 * 1024
    for too_much in (endless(), [{"text": "é" * 2**20}] * 33):
        with pytest.raises(NotStorable, match="is larger than 64 MiB"):
            keep("", {}, too_much, cap=1024 * 1024)


@pytest.mark.parametrize(
    ("data", "kept"),
    [(None, []), ({"one": 1}, [{"one": 1}]), ("text", ["text"]), (7, [7]), ((1, 2), [1, 2])],
    ids=repr,
)
def test_data_of_any_kind_becomes_rows(data: Any, kept: list[Any]) -> None:
    """
    Callbacks read a list, whatever a connector returned.
    """
    assert json.loads(keep("", None, data, cap=LEAST_CAP).data) == kept


class Hostile:
    """An object that cannot even be shown."""

    def __str__(self) -> str:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("summary", "why"),
    [
        ({"deep": "cycle"}, "is nested more than 100 levels deep, or contains itself"),
        (["a list"], "has a summary that is no object but list"),
        ({"hostile": Hostile()}, "cannot be written as JSON (ZeroDivisionError)"),
    ],
    ids=["cycle", "list", "hostile"],
)
def test_an_unusable_answer_fails_a_lookup_but_no_write(summary: Any, why: str) -> None:
    """
    What was done at the vendor stays done, and its effect confirmed; both say why.
    """
    if "deep" in summary:
        summary["deep"] = summary
    look_up, block = (a for a in CATALOG.actions if a.name in ("look up", "block"))
    output = Output(message="m", summary=summary)
    claim: Any = type("Claimed", (), {"id": 7, "attempt": 1, "action": "it"})()

    read = answered(look_up, claim, output, made=1, cap=LEAST_CAP)
    written = answered(block, claim, output, made=1, cap=LEAST_CAP)

    assert (read.succeeded, read.effect) == (False, "none")
    assert read.message == f"it: its result {why}: nothing of it was kept"
    assert (written.succeeded, written.effect) == (True, "confirmed")
    assert written.message == f"it was done, but its result {why}: nothing of it was kept"
    assert end_values(read)["data"] == "[]"


def test_sizes_are_said_as_people_say_them() -> None:
    """
    Tenths of KiB or MiB.
    """
    assert (size_text(2048), size_text(52_533_862)) == ("2.0 KiB", "50.1 MiB")
    assert "content" not in repr(Whole(content=b"x", size=1, sha1="", sha256=""))
