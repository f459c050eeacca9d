"""
Times as Django reads them, for playbooks that find it installed elsewhere.

In: texts. Out: nothing. Never: Django.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest

from soar.engine.program import load
from soar.phantom import dateparse

PLUS = timezone(timedelta(hours=5, minutes=30))
MINUS = timezone(-timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-05-17T09:00:00.5Z", datetime(2024, 5, 17, 9, 0, 0, 500_000, tzinfo=UTC)),
        ("2024-05-17 09:00", datetime(2024, 5, 17, 9, 0)),  # noqa: DTZ001
        ("2024-05-17T09:00:01+05:30", datetime(2024, 5, 17, 9, 0, 1, tzinfo=PLUS)),
        ("2024-05-17T09:00:01 -0530", datetime(2024, 5, 17, 9, 0, 1, tzinfo=MINUS)),
        ("2024-05-17", None),
        ("yesterday", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_moment_is_read_with_its_zone_or_without(value: str, expected: Any) -> None:
    """
    What has not the form of one is None.
    """
    assert dateparse.parse_datetime(value) == expected


def test_dates_times_and_spans_are_read() -> None:
    """
    A date that cannot be is an error, as in Django.
    """
    assert dateparse.parse_date("2024-5-7") == date(2024, 5, 7)
    assert dateparse.parse_time("09:08:07.25") == time(9, 8, 7, 250_000)
    assert dateparse.parse_time("nine") is None
    assert dateparse.parse_duration("3 04:05:06.7") == timedelta(
        days=3, hours=4, minutes=5, seconds=6.7
    )
    assert dateparse.parse_duration("05:06") == timedelta(minutes=5, seconds=6)
    assert dateparse.parse_duration("-7") == timedelta(seconds=-7)
    assert dateparse.parse_duration("long") is None
    with pytest.raises(ValueError, match="month must be in"):
        dateparse.parse_date("2024-13-01")


def test_a_playbook_finds_it_where_it_would_elsewhere() -> None:
    """
    Both ways to import it.
    """
    source = (
        "from django.utils.dateparse import parse_datetime\nimport django.utils.dateparse as d\n"
        "def on_start(c):\n    return parse_datetime is d.parse_datetime\n"
    )
    assert load("dates", source).call("on_start", [None], {}) is True
