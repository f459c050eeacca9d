"""
What an asset's vendor allows: limits, quotas, calls at once; and how people write it.

In: the configuration of an asset. Out: a :class:`Budget`, or a sentence naming the field.
Never: a budget under which a lane would stand still for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from soar.domain.errors import BadInput

MINUTE = timedelta(minutes=1)
MAX_CALLS = 100_000
"""Most calls of one sliding limit: each is an entry in Redis for the length of its window."""
MAX_QUOTA = 1_000_000_000
MAX_CONCURRENCY = 1000
LONG = timedelta(seconds=10)
CATCH_UP = 0.97  # a pace is a little faster than its limit, or a call that is late were lost
WAY_SHARE, LONG_WAY_SHARE = 0.003, 0.005  # of a window, for the way of a call to its vendor
UNITS = {
    "second": timedelta(seconds=1),
    "minute": MINUTE,
    "hour": timedelta(hours=1),
}
PERIODS = ("day", "month")
SHORT = {"s": "second", "sec": "second", "min": "minute", "m": "minute", "h": "hour", "d": "day"}
RULE = re.compile(
    r"\s*([0-9]{1,12})\s*(?:/|per)\s*([0-9]{0,6})\s*([a-z](?![a-z])|[a-z]{3,10}?)s?\s*"
)
CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
ONCE_NONE = (("rate_limit", True), ("concurrency", 0))
ONCE_PLURAL = re.compile(r"(?<![a-z])([smhd])s(?![a-z])", re.IGNORECASE)
GRAMMAR = 'write it like "4/minute", "10/second" or "4/minute, 500/day"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """At most *calls* in any window of *per*, wherever it begins."""

    calls: int
    per: timedelta
    pace: bool = False
    """Spreads the calls of another limit; the vendor does not count it."""

    @property
    def slack(self) -> timedelta:
        """How much longer than *per* a call is counted: it may reach its vendor late."""
        if self.pace:
            return timedelta(0)
        share = LONG_WAY_SHARE if self.per >= LONG else WAY_SHARE
        return min(max(self.per * share, timedelta(milliseconds=2)), timedelta(seconds=1))

    def __str__(self) -> str:
        return f"{self.calls}/{_span(self.per)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """At most *calls* in a calendar day or month that begins at *reset* (UTC)."""

    calls: int
    period: str
    reset: timedelta = timedelta(0)

    def around(self, moment: datetime) -> tuple[datetime, datetime]:
        """Return when the period that holds *moment* began and when it ends."""
        day = (moment.astimezone(UTC) - self.reset).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        begin = day if self.period == "day" else day.replace(day=1)
        long = timedelta(days=1 if self.period == "day" else 32)
        end = begin + long if self.period == "day" else (begin + long).replace(day=1)
        return begin + self.reset, end + self.reset

    def __str__(self) -> str:
        return f"{self.calls}/{self.period}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Everything that must agree before a call is made; empty for an asset without limits."""

    limits: tuple[Limit, ...] = ()
    quotas: tuple[Quota, ...] = ()
    concurrency: int = 0
    """Most calls at once; 0 is any number (in a configuration: null, or not given)."""
    reserved: int = 0
    """Per cent of each limit and quota that only critical calls may use."""

    @property
    def untimed(self) -> bool:
        """Whether no time is counted: calls may go at any moment, if not too many at once."""
        return not (self.limits or self.quotas)

    @property
    def longest(self) -> timedelta:
        """The longest window of its limits."""
        return max((limit.per for limit in self.limits), default=timedelta(0))

    def for_rank(self, severity_rank: int) -> Budget:
        """Return what a call of that severity may use: all of it if critical (rank 0)."""
        if not self.reserved or severity_rank == 0:
            return self
        return replace(
            self,
            limits=tuple(replace(x, calls=self._open(x.calls)) for x in self.limits),
            quotas=tuple(replace(q, calls=self._open(q.calls)) for q in self.quotas),
        )

    def _open(self, calls: int) -> int:
        return max(1, calls - -(-calls * self.reserved // 100))

    def __str__(self) -> str:
        parts = [str(x) for x in (*self.limits, *self.quotas) if not getattr(x, "pace", False)]
        parts += [f"{self.concurrency} at once"] if self.concurrency else []
        return ", ".join(parts) or "no limit"


SETTINGS: Mapping[str, str] = {
    "rate_limit": 'false for none, or limits such as "4/minute, 500/day"',
    "max_requests_per_minute": "calls in any minute",
    "burst": "calls that may go at once; the others are paced evenly",
    "concurrency": "calls under way at once",
    "quota_reset": "time of day (UTC) at which daily and monthly quotas begin anew, as in 00:00",
    "reserved_for_critical": "per cent of the budget that only critical alerts may use",
}


def budget_of(configuration: Mapping[str, Any]) -> Budget:
    """Return the budget that an asset's configuration states; a wrong value is named."""
    concurrency = _number(configuration, "concurrency", 1, MAX_CONCURRENCY, none=0)
    reserved = _number(configuration, "reserved_for_critical", 0, 90, none=0)
    per_minute = _number(configuration, "max_requests_per_minute", 1, MAX_CALLS, none=0)
    burst = _number(configuration, "burst", 1, MAX_CALLS, none=0)
    reset = _reset(configuration.get("quota_reset"))
    limits, quotas = _rules(configuration.get("rate_limit"), reset)
    if configuration.get("rate_limit") is False:
        return Budget(concurrency=concurrency)
    if configuration.get("rate_limit") is True and not per_minute:
        raise BadInput(
            "configuration.rate_limit", f"true needs max_requests_per_minute; else {GRAMMAR}"
        )
    if per_minute:
        limits.append(Limit(calls=per_minute, per=MINUTE))
    paced = [_pace(limit, burst) for limit in limits if burst and burst < limit.calls]
    return Budget(
        limits=tuple(dict.fromkeys(limits + paced)),
        quotas=tuple(_smallest(quotas, period) for period in PERIODS if _has(quotas, period)),
        concurrency=concurrency,
        reserved=reserved,
    )


def kept_budget(configuration: Mapping[str, Any]) -> Budget:
    """
    Return the budget of an asset as it is kept, however it was once read.

    What was taken for no limit still is, and ``100/ms`` for a hundred a minute.
    """
    kept = {n: v for n, v in configuration.items() if (n, v) not in ONCE_NONE}
    return budget_of({**kept, "rate_limit": _singular(kept.get("rate_limit"))})


def _singular(value: Any) -> Any:
    if isinstance(value, list):
        return [_singular(text) for text in value]
    return ONCE_PLURAL.sub(r"\1", value) if isinstance(value, str) else value


def _has(quotas: list[Quota], period: str) -> bool:
    return any(quota.period == period for quota in quotas)


def _smallest(quotas: list[Quota], period: str) -> Quota:
    return min((q for q in quotas if q.period == period), key=lambda quota: quota.calls)


def _pace(limit: Limit, burst: int) -> Limit:
    """Return the limit that spreads another: *burst* calls, and then its even rate."""
    return Limit(calls=burst, per=limit.per * burst / limit.calls * CATCH_UP, pace=True)


def _rules(value: Any, reset: timedelta) -> tuple[list[Limit], list[Quota]]:
    if value is None or isinstance(value, bool):
        return [], []
    texts = value if isinstance(value, list) else _text(value).split(",")
    limits: list[Limit] = []
    quotas: list[Quota] = []
    for text in texts:
        rule = _rule(text, reset)
        (limits if isinstance(rule, Limit) else quotas).append(rule)  # type: ignore[arg-type]
    return limits, quotas


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _shown(value)


def _rule(text: Any, reset: timedelta) -> Limit | Quota:
    found = RULE.fullmatch(text.lower()) if isinstance(text, str) else None
    if not found:
        raise BadInput("configuration.rate_limit", f"{_shown(text)} is no limit: {GRAMMAR}")
    calls, times, unit = int(found[1]), int(found[2] or 1), SHORT.get(found[3], found[3])
    most = MAX_QUOTA if unit in PERIODS else MAX_CALLS
    if not 1 <= calls <= most:
        raise BadInput("configuration.rate_limit", f"{text!r}: calls must be from 1 to {most}")
    if unit in PERIODS and times == 1:
        return Quota(calls=calls, period=unit, reset=reset)
    if unit not in UNITS or not 1 <= times <= 1440 or UNITS[unit] * times > timedelta(days=1):
        raise BadInput("configuration.rate_limit", f"{text!r} is no limit: {GRAMMAR}")
    return Limit(calls=calls, per=UNITS[unit] * times)


def _number(
    configuration: Mapping[str, Any], name: str, least: int, most: int, *, none: int
) -> int:
    value = configuration.get(name)
    if value is None:
        return none
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadInput(
            f"configuration.{name}",
            f"{_shown(value)} must be a whole number from {least} to {most}, or null for none",
        )
    return value


def _reset(value: Any) -> timedelta:
    if value is None:
        return timedelta(0)
    found = CLOCK.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise BadInput(
            "configuration.quota_reset", f"{_shown(value)} must be a time of day as in 00:00"
        )
    return timedelta(hours=int(found[1]), minutes=int(found[2]))


def _shown(value: Any) -> str:
    """Return a value as its author wrote it, or its beginning."""
    try:
        return repr(value)[:80]
    except ValueError:  # a number of more digits than Python shows
        return "this number"


def _span(per: timedelta) -> str:
    for name, unit in reversed(UNITS.items()):
        times, rest = divmod(per, unit)
        if times and not rest:
            return name if times == 1 else f"{times} {name}s"
    return f"{per.total_seconds():g} s"


def rules(budget: Budget) -> Iterator[Limit | Quota]:
    """Return the limits and quotas that a vendor counts, shortest first."""
    yield from sorted((x for x in budget.limits if not x.pace), key=lambda x: x.per)
    yield from budget.quotas
