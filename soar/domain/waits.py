"""
How vendors say "wait" in the headers of their answers.

In: headers, whatever they hold. Out: for how long, or nothing.
Never: an error about a header, or a wait of more than a day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

EPOCH_FROM = timedelta(seconds=1_000_000_000)  # a smaller reset counts seconds from now
LONGEST_WAIT = timedelta(days=1)
NUMBER = re.compile(r"[0-9]{1,13}(\.[0-9]{1,9})?")
REMAINING = re.compile(r"\b(?:remaining|r)=([0-9]{1,13})")
RESET = re.compile(r"\b(?:reset|t)=([0-9]{1,13})")


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> timedelta | None:
    """
    Read how long a vendor asks us to wait: ``Retry-After`` (seconds or date) or a reset time.

    Sources: RFC 9110 section 10.2.3; ``X-RateLimit-Reset`` and ``X-RateLimit-RetryAfter``
    are epoch seconds (AbuseIPDB, CrowdStrike); draft-ietf-httpapi-ratelimit-headers.
    ``None`` where no header says anything. Never more than a day: then we ask again.
    """
    moment = now or datetime.now(UTC)
    said = [_seconds(headers.get("Retry-After", "")), _date(headers, moment)]
    for name in ("X-RateLimit-RetryAfter", "X-RateLimit-Reset", "RateLimit-Reset"):
        said.append(_until(_seconds(headers.get(name, "")), moment))
    said.append(_seconds(_field(headers, RESET)))
    found = next((wait for wait in said if wait is not None), None)
    return None if found is None else min(max(found, timedelta(0)), LONGEST_WAIT)


def nothing_left(headers: Mapping[str, str], *, now: datetime | None = None) -> timedelta | None:
    """
    Read from the headers of any answer for how long nothing is left of a vendor's limit.

    Sources: ``X-RateLimit-Remaining`` and ``-Reset`` (AbuseIPDB, CrowdStrike, ServiceNow),
    ``RateLimit-Remaining`` and ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers).
    """
    names = ("X-RateLimit-Remaining", "RateLimit-Remaining")
    remaining = [headers.get(name, "").strip() for name in names] + [_field(headers, REMAINING)]
    if next((text for text in remaining if text), "") != "0":
        return None
    return retry_after(headers, now=now) or None


def _field(headers: Mapping[str, str], pattern: re.Pattern[str]) -> str:
    found = pattern.search(headers.get("RateLimit", ""))
    return found[1] if found else ""


def _seconds(text: str) -> timedelta | None:
    """Read a number of seconds, also one with a fraction; what is no such number is nothing."""
    found = NUMBER.fullmatch(text.strip())
    return timedelta(seconds=float(found[0])) if found else None


def _date(headers: Mapping[str, str], moment: datetime) -> timedelta | None:
    try:
        return parsedate_to_datetime(headers.get("Retry-After", "")) - moment
    except (TypeError, ValueError):
        return None


def _until(number: timedelta | None, moment: datetime) -> timedelta | None:
    """Read a reset: seconds from now (small numbers), or epoch seconds or milliseconds."""
    if number is None or number < EPOCH_FROM:
        return number
    epoch = number / 1000 if number > EPOCH_FROM * 100 else number
    return datetime(1970, 1, 1, tzinfo=UTC) + epoch - moment
