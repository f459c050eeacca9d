"""
How vendors say "wait": policies, and whatever else a header may hold.

In: headers. Out: nothing. Never: a vendor; what one says on the wire is in ``test_teaching``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.domain.waits import LONGEST_WAIT, nothing_left, retry_after

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("policies", "left", "wait"),
    [
        ('"burst";r=10;t=5, "daily";r=0;t=3600', 3600, 3600),
        ('"daily";r=0;t=3600, "burst";r=10;t=5', 3600, 3600),
        ('"burst";r=0;t=5,"daily";r=0;t=3600', 3600, 3600),
        ('"burst";r=0;t=5, "daily";r=7;t=3600', 5, 5),
        ('"burst";r=10;t=5, "daily";r=9;t=3600', None, 5),
        ('"daily";r=0, "burst";r=1;t=5', 5, 5),
        ('"daily";r=0', None, None),
        ('"a,b;r=0;t=9";r=3;t=60', None, 60),
        ('"a \\"b\\";r=0";r=3;t=60', None, 60),
        ("limit=100, remaining=0, reset=50", 50, 50),
        ("limit=100, remaining=3, reset=50", None, 50),
        ("daily;r=0;t=90", 90, 90),
        ("", None, None),
        (", ,", None, None),
    ],
)
def test_all_policies_of_a_vendor_must_have_something_left(
    policies: str, left: int | None, wait: int | None
) -> None:
    """
    The one that is spent longest says how long; with none spent, the first to be reset.
    """
    headers = {"RateLimit": policies}

    assert nothing_left(headers, now=NOON) == (left and timedelta(seconds=left))
    assert retry_after(headers, now=NOON) == (wait and timedelta(seconds=wait))


def test_a_single_number_goes_before_the_policies() -> None:
    """
    Where a vendor says both, the plain header is what it counts for this caller.
    """
    spent = {"RateLimit": '"daily";r=0;t=60'}

    assert nothing_left({**spent, "X-RateLimit-Remaining": "3"}, now=NOON) is None
    assert nothing_left({**spent, "RateLimit-Remaining": "0"}, now=NOON) == timedelta(minutes=1)


NAMES = (
    "Retry-After",
    "X-RateLimit-RetryAfter",
    "X-RateLimit-Reset",
    "X-RateLimit-Remaining",
    "RateLimit-Reset",
    "RateLimit-Remaining",
    "RateLimit",
)
DIGITS = st.integers(0, 10**20).map(str) | st.text("0123456789.-+", max_size=30)
DAYS = st.sampled_from(["", "Sun, ", "Sunday, ", "Sun Mar "])
MONTHS = st.sampled_from(["Jan", "Jan", "March", "x"])
FEW = st.sampled_from(["1", "01", "12"]) | DIGITS
ZONES = st.sampled_from(["GMT", "", "-0000", "EST", "+2460"]) | DIGITS.map("+{}".format)
DATES = st.builds("{}{} {} {} {}:{}:{} {}".format, DAYS, FEW, MONTHS, DIGITS, FEW, FEW, FEW, ZONES)
POLICIES = st.lists(
    st.builds("{};r={};t={}".format, st.text('"\\,;=rt0', max_size=6), DIGITS, DIGITS), max_size=4
).map(", ".join)
TEXTS = st.text() | DIGITS | DATES | POLICIES | st.text('()<>"\\,;:. +-aJn01', max_size=40)


@given(headers=st.dictionaries(st.sampled_from(NAMES), TEXTS), now=st.datetimes())
@settings(deadline=None, derandomize=True, max_examples=1000)
def test_no_text_in_any_header_is_an_error(headers: dict[str, str], now: datetime) -> None:
    """
    Whatever a vendor writes there is a wait of at most a day, or nothing.
    """
    for read in (retry_after, nothing_left):
        wait = read(headers, now=now.replace(tzinfo=UTC))
        assert wait is None or timedelta(0) <= wait <= LONGEST_WAIT


@pytest.mark.parametrize("text", ['"' + '\\"' * 32_000, '",' * 32_000, "(" * 65_000, "9" * 65_000])
@pytest.mark.parametrize("name", NAMES)
def test_a_header_of_the_greatest_length_takes_no_time(name: str, text: str) -> None:
    """
    What no date and no policy is so long as is not read to its end.
    """
    assert retry_after({name: text}, now=NOON) is None
    assert nothing_left({name: text}, now=NOON) is None
