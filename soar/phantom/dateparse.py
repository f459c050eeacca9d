"""
``django.utils.dateparse``, which playbooks of Splunk SOAR find installed: texts to times.

In: texts. Out: times, or None where a text has not the form of one.
Never: Django itself, or a time that is made up: what has the form but cannot be is a ValueError.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})$")
TIME = re.compile(r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,6})\d{0,6})?)?$")
ZONE = re.compile(r"(.*?)\s*(Z|[+-]\d{2}(?::?\d{2})?)?$", re.DOTALL)
SPAN = re.compile(r"(?:(-?\d+) (?:days?, )?)?(-?)(?:(\d+):)?(?:(\d+):)?(\d+)(?:[.,](\d{1,6}))?$")


def parse_date(value: str) -> date | None:
    """Return a date: ``2024-05-17``."""
    found = DATE.match(value)
    return date(*map(int, found.groups())) if found else None


def parse_time(value: str) -> time | None:
    """Return a time of day: ``09:00`` or ``09:00:01.5``."""
    found = TIME.match(value)
    if not found:
        return None
    hour, minute, second, fraction = found.groups()
    return time(int(hour), int(minute), int(second or 0), int((fraction or "0").ljust(6, "0")))


def parse_datetime(value: str) -> datetime | None:
    """Return a moment: ``2024-05-17T09:00:00.5Z``, with a zone or without."""
    day_text, _, rest = value.strip().replace("T", " ", 1).partition(" ")
    clock, zone = (ZONE.match(rest.strip()) or re.match("()()", "")).groups()  # type: ignore[union-attr]
    day, at = parse_date(day_text), parse_time(clock)
    if day is None or at is None:
        return None
    return datetime.combine(day, at, tzinfo=_zone(zone))


def parse_duration(value: str) -> timedelta | None:
    """Return a span: ``3 04:05:06.7`` or ``05:06``."""
    found = SPAN.match(value)
    if not found:
        return None
    days, sign, hours, minutes, seconds, fraction = found.groups()
    if hours is not None and minutes is None:
        hours, minutes = None, hours
    span = timedelta(
        hours=int(hours or 0),
        minutes=int(minutes or 0),
        seconds=int(seconds),
        microseconds=int((fraction or "0").ljust(6, "0")),
    )
    return timedelta(days=int(days or 0)) + (-span if sign else span)


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
