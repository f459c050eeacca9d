"""
Hours of a week in a time zone: when a policy counts.

In: a text such as "mon-fri 08:00-18:00 Europe/Berlin", or "not" before it. Out: whether it holds.
Never: a clock of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from soar.domain.errors import BadInput

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(DAYS)
_FORM = re.compile(
    rf"(not )?({_DAY})(?:-({_DAY}))? (\d\d):(\d\d)-(\d\d):(\d\d) ([A-Za-z0-9_+/-]+)", re.IGNORECASE
)
GRAMMAR = 'write it like "mon-fri 08:00-18:00 Europe/Berlin" or "not mon-fri 08:00-18:00 UTC"'
DAY_MINUTES = 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """The same hours on some days of the week, or all other time."""

    others: bool
    days: frozenset[int]
    first: int
    last: int
    """Minutes of the day; the last is not part of it."""
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read hours; an end that is not after its start is refused."""
        found = _FORM.fullmatch(" ".join(text.split()))
        if found is None:
            raise BadInput("hours", f"{text[:80]!r} cannot be read: {GRAMMAR}")
        first, last = _minutes(found[4], found[5], text), _minutes(found[6], found[7], text)
        if first >= last:
            raise BadInput("hours", f"{text[:80]!r} ends before it begins: {GRAMMAR}")
        begin = DAYS.index(found[2].lower())
        end = DAYS.index((found[3] or found[2]).lower())
        days = frozenset((begin + n) % 7 for n in range((end - begin) % 7 + 1))
        return cls(others=bool(found[1]), days=days, first=first, last=last, zone=_zone(found[8]))

    def holds(self, at: datetime) -> bool:
        """Tell whether a moment lies within."""
        there = at.astimezone(self.zone)
        minute = there.hour * 60 + there.minute
        inside = there.weekday() in self.days and self.first <= minute < self.last
        return inside is not self.others


def _minutes(hour: str, minute: str, text: str) -> int:
    total = int(hour) * 60 + int(minute)
    if int(minute) >= 60 or total > DAY_MINUTES:
        raise BadInput("hours", f"{text[:80]!r} names no time of day: {GRAMMAR}")
    return total


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput("hours", f"{name[:80]!r} is no time zone, like Europe/Berlin") from None
