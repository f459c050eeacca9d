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
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')  # the name of a policy may hold anything
ONE_POLICY = re.compile(r"\b(?:limit|remaining|reset)=")  # older drafts: commas part its fields
LONGEST_FIELD = 1000


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
    said.append(_policies_reset(headers))
    found = next((wait for wait in said if wait is not None), None)
    return None if found is None else min(max(found, timedelta(0)), LONGEST_WAIT)


def nothing_left(headers: Mapping[str, str], *, now: datetime | None = None) -> timedelta | None:
    """
    Read from the headers of any answer for how long nothing is left of a vendor's limit.

    Sources: ``X-RateLimit-Remaining`` and ``-Reset`` (AbuseIPDB, CrowdStrike, ServiceNow),
    ``RateLimit-Remaining`` and ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers).
    """
    names = ("X-RateLimit-Remaining", "RateLimit-Remaining")
    said = next((text for name in names if (text := headers.get(name, "").strip())), "")
    if said != "0" and (said or not any(spent for spent, _ in _policies(headers))):
        return None
    return retry_after(headers, now=now) or None


def _policies_reset(headers: Mapping[str, str]) -> timedelta | None:
    """Read when the last of the policies that are spent is reset, or the first of any."""
    told = [(spent, wait) for spent, wait in _policies(headers) if wait is not None]
    longest = max((wait for spent, wait in told if spent), default=None)
    return longest if longest is not None else min((wait for _, wait in told), default=None)


def _policies(headers: Mapping[str, str]) -> list[tuple[bool, timedelta | None]]:
    """Read of each policy of ``RateLimit`` whether nothing is left of it, and when it is reset."""
    text = QUOTED.sub("", headers.get("RateLimit", "")[:LONGEST_FIELD])
    parts = [text] if ONE_POLICY.search(text) else text.split(",")
    return [(_number(REMAINING, part) == "0", _seconds(_number(RESET, part))) for part in parts]


def _number(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _seconds(text: str) -> timedelta | None:
    """Read a number of seconds, also one with a fraction; what is no such number is nothing."""
    found = NUMBER.fullmatch(text.strip())
    return timedelta(seconds=float(found[0])) if found else None


def _date(headers: Mapping[str, str], moment: datetime) -> timedelta | None:
    """Read a date in any form of RFC 9110; one that names no zone is in UTC."""
    try:
        said = parsedate_to_datetime(headers.get("Retry-After", "")[:LONGEST_FIELD])
        return (said if said.tzinfo else said.replace(tzinfo=UTC)) - moment
    except (TypeError, ValueError, OverflowError, LookupError):
        return None


def _until(number: timedelta | None, moment: datetime) -> timedelta | None:
    """Read a reset: seconds from now (small numbers), or epoch seconds or milliseconds."""
    if number is None or number < EPOCH_FROM:
        return number
    epoch = number / 1000 if number > EPOCH_FROM * 100 else number
    return datetime(1970, 1, 1, tzinfo=UTC) + epoch - moment
