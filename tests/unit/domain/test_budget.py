"""
Budgets as people write them: every form that is understood, and every wrong value by its name.

In: configurations of assets. Out: nothing.
Never: Redis or a clock; what a lane makes of a budget is tested with the lane.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soar.domain.budget import (
    CATCH_UP,
    MAX_CALLS,
    MAX_CONCURRENCY,
    MAX_QUOTA,
    MINUTE,
    SETTINGS,
    Budget,
    Limit,
    Quota,
    budget_of,
    kept_budget,
    rules,
)
from soar.domain.errors import BadInput

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FOUR = Limit(calls=4, per=MINUTE)


def at(text: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def limited(value: Any) -> Budget:
    """Return the budget of an asset whose limits are written like that."""
    return budget_of({"rate_limit": value})


def test_an_asset_without_settings_has_no_limit() -> None:
    """
    Nothing written means that nothing is counted.
    """
    budget = budget_of({})

    assert budget == Budget()
    assert budget.untimed
    assert budget.longest == timedelta(0)


def test_settings_without_a_value_say_nothing() -> None:
    """
    A setting that is null is as good as one that is not there.
    """
    assert budget_of(dict.fromkeys(SETTINGS)) == Budget()


def test_other_settings_of_an_asset_are_nobodys_budget() -> None:
    """
    Only the settings of budgets are read.
    """
    assert budget_of({"base_url": "https://a.example", "timeout": -1}) == Budget()


def test_the_seed_form_is_calls_of_any_minute() -> None:
    """
    The user's own files say that there is a limit, and how many calls a minute it gives.
    """
    budget = budget_of({"rate_limit": True, "max_requests_per_minute": 4})

    assert budget == Budget(limits=(FOUR,))
    assert not budget.untimed


def test_calls_of_a_minute_need_no_other_word() -> None:
    """
    The number alone is a limit; saying it twice is one limit.
    """
    assert budget_of({"max_requests_per_minute": 4}).limits == (FOUR,)
    assert budget_of({"rate_limit": "4/minute", "max_requests_per_minute": 4}).limits == (FOUR,)


def test_no_rate_limit_is_none_but_calls_at_once_stay_counted() -> None:
    """
    Who switches limits off keeps only the bound of calls under way.
    """
    written = {"rate_limit": False, "max_requests_per_minute": 4, "burst": 2}

    assert budget_of(written) == Budget()
    assert budget_of(written | {"concurrency": 3}) == Budget(concurrency=3)


def test_a_limit_that_is_switched_off_must_still_be_written_well() -> None:
    """
    A wrong number is named also where it does not matter yet.
    """
    with pytest.raises(BadInput, match="max_requests_per_minute"):
        budget_of({"rate_limit": False, "max_requests_per_minute": 0})


@pytest.mark.parametrize(
    ("text", "calls", "per"),
    [
        ("4/minute", 4, MINUTE),
        ("10/second", 10, SECOND),
        ("30 per 5 minutes", 30, 5 * MINUTE),
        ("30per5minutes", 30, 5 * MINUTE),
        ("  7 / 90 sec ", 7, 90 * SECOND),
        ("1/1s", 1, SECOND),
        ("2/m", 2, MINUTE),
        ("2/min", 2, MINUTE),
        ("2/mins", 2, MINUTE),
        ("2/HOUR", 2, HOUR),
        ("2/h", 2, HOUR),
        ("9/24 hours", 9, DAY),
        ("9/1440 minutes", 9, DAY),
        ("0004/minute", 4, MINUTE),
        (f"{MAX_CALLS}/hour", MAX_CALLS, HOUR),
    ],
)
def test_a_limit_is_read_as_people_write_it(text: str, calls: int, per: timedelta) -> None:
    """
    Slash or "per", short or long units, several units at once, any case and any spaces.
    """
    assert limited(text) == Budget(limits=(Limit(calls=calls, per=per),))


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("500/day", Quota(calls=500, period="day")),
        ("500/d", Quota(calls=500, period="day")),
        ("500 per 1 day", Quota(calls=500, period="day")),
        ("15500 per month", Quota(calls=15500, period="month")),
        ("3/months", Quota(calls=3, period="month")),
        (f"{MAX_QUOTA}/month", Quota(calls=MAX_QUOTA, period="month")),
    ],
)
def test_days_and_months_are_quotas_of_the_calendar(text: str, quota: Quota) -> None:
    """
    A vendor counts days and months from a fixed moment, so they are no sliding windows.
    """
    assert limited(text) == Budget(quotas=(quota,))


@pytest.mark.parametrize("value", ["4/minute, 500/day", ["4/minute", "500/day"]])
def test_several_limits_hold_at_once(value: Any) -> None:
    """
    A text with commas and a list say the same.
    """
    expected = Budget(limits=(FOUR,), quotas=(Quota(calls=500, period="day"),))

    assert limited(value) == expected


def test_all_settings_work_together() -> None:
    """
    Limits of both settings, the quotas with their reset, and the bounds of one asset.
    """
    budget = budget_of(
        {
            "rate_limit": ["10/second", "15500/month", "500/day"],
            "max_requests_per_minute": 4,
            "concurrency": 2,
            "quota_reset": "05:30",
            "reserved_for_critical": 20,
        }
    )

    reset = timedelta(hours=5, minutes=30)
    assert budget == Budget(
        limits=(Limit(calls=10, per=SECOND), FOUR),
        quotas=(
            Quota(calls=500, period="day", reset=reset),
            Quota(calls=15500, period="month", reset=reset),
        ),
        concurrency=2,
        reserved=20,
    )
    assert budget.longest == MINUTE


def test_of_two_quotas_of_one_period_the_smaller_counts() -> None:
    """
    Who writes two daily quotas gets the one that keeps both.
    """
    assert limited("500/day, 300/day, 400/day").quotas == (Quota(calls=300, period="day"),)


def test_an_empty_list_is_no_limit() -> None:
    """
    A list without rules counts nothing.
    """
    assert limited([]) == Budget()


def test_only_calls_at_once_is_a_budget() -> None:
    """
    An asset may be bound by its calls under way alone.
    """
    budget = budget_of({"concurrency": MAX_CONCURRENCY})

    assert budget == Budget(concurrency=MAX_CONCURRENCY)
    assert budget.untimed


def test_a_burst_paces_the_calls_of_a_limit() -> None:
    """
    Four a minute with a burst of two: two at once, and then two each half minute.
    """
    budget = budget_of({"max_requests_per_minute": 4, "burst": 2})

    pace = Limit(calls=2, per=MINUTE / 2 * CATCH_UP, pace=True)
    assert budget.limits == (FOUR, pace)
    assert budget.longest == MINUTE


def test_a_burst_paces_only_limits_that_are_larger() -> None:
    """
    A limit that gives no more than the burst needs no pace, and a quota is never paced.
    """
    budget = budget_of({"rate_limit": "5/second, 60/minute, 500/day", "burst": 5})

    paces = [limit for limit in budget.limits if limit.pace]
    assert paces == [Limit(calls=5, per=5 * SECOND * CATCH_UP, pace=True)]


def test_a_vendor_does_not_count_a_pace() -> None:
    """
    The rules of a budget are what the vendor counts: shortest first, paces left out.
    """
    budget = budget_of({"rate_limit": "500/day, 60/minute, 5/second", "burst": 1})

    assert [str(rule) for rule in rules(budget)] == ["5/second", "60/minute", "500/day"]


@pytest.mark.parametrize(
    ("limit", "slack"),
    [
        (Limit(calls=1, per=timedelta(milliseconds=10)), timedelta(milliseconds=2)),
        (Limit(calls=1, per=SECOND), timedelta(milliseconds=3)),
        (FOUR, timedelta(milliseconds=300)),
        (Limit(calls=1, per=HOUR), SECOND),
        (Limit(calls=1, per=MINUTE, pace=True), timedelta(0)),
    ],
)
def test_a_call_is_counted_a_little_longer_than_its_window(limit: Limit, slack: timedelta) -> None:
    """
    A share of the window, within bounds; a pace of our own needs none.
    """
    assert limit.slack == slack


@pytest.mark.parametrize(
    ("reset", "moment", "begin", "end"),
    [
        ("00:00", "2026-11-25T12:00", "2026-11-25T00:00", "2026-11-26T00:00"),
        ("00:00", "2026-11-25T00:00", "2026-11-25T00:00", "2026-11-26T00:00"),
        ("00:00", "2026-11-24T23:59:59.999999", "2026-11-24T00:00", "2026-11-25T00:00"),
        ("05:30", "2026-11-25T05:29:59.999999", "2026-11-24T05:30", "2026-11-25T05:30"),
        ("05:30", "2026-11-25T05:30", "2026-11-25T05:30", "2026-11-26T05:30"),
        ("23:59", "2026-01-01T00:00", "2025-12-31T23:59", "2026-01-01T23:59"),
        ("00:00", "2028-02-28T23:00", "2028-02-28T00:00", "2028-02-29T00:00"),
        ("00:00", "2028-02-29T23:00", "2028-02-29T00:00", "2028-03-01T00:00"),
        ("00:00", "2027-02-28T23:00", "2027-02-28T00:00", "2027-03-01T00:00"),
    ],
)
def test_a_daily_quota_begins_at_its_reset(reset: str, moment: str, begin: str, end: str) -> None:
    """
    The moment of the reset belongs to the new day, the microsecond before it to the old one.
    """
    quota = budget_of({"rate_limit": "5/day", "quota_reset": reset}).quotas[0]

    assert quota.around(at(moment)) == (at(begin), at(end))


@pytest.mark.parametrize(
    ("reset", "moment", "begin", "end"),
    [
        ("00:00", "2026-11-25T12:00", "2026-11-01T00:00", "2026-12-01T00:00"),
        ("00:00", "2026-12-01T00:00", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("00:00", "2026-12-31T23:59:59.999999", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("00:00", "2027-01-01T00:00", "2027-01-01T00:00", "2027-02-01T00:00"),
        ("05:30", "2027-01-01T05:29:59.999999", "2026-12-01T05:30", "2027-01-01T05:30"),
        ("05:30", "2027-01-01T05:30", "2027-01-01T05:30", "2027-02-01T05:30"),
        ("00:00", "2027-01-31T12:00", "2027-01-01T00:00", "2027-02-01T00:00"),
        ("00:00", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("05:30", "2028-03-01T05:00", "2028-02-01T05:30", "2028-03-01T05:30"),
        ("00:00", "2027-02-28T12:00", "2027-02-01T00:00", "2027-03-01T00:00"),
    ],
)
def test_a_monthly_quota_begins_at_its_reset(reset: str, moment: str, begin: str, end: str) -> None:
    """
    Months of every length begin on their first day at the reset, also in leap years.
    """
    quota = budget_of({"rate_limit": "5/month", "quota_reset": reset}).quotas[0]

    assert quota.around(at(moment)) == (at(begin), at(end))


def test_a_quota_is_of_the_calendar_of_utc() -> None:
    """
    A moment of another zone is counted on the day that UTC has then.
    """
    quota = Quota(calls=1, period="day")
    late = datetime(2026, 11, 25, 23, 30, tzinfo=timezone(timedelta(hours=-2)))

    assert quota.around(late) == (at("2026-11-26T00:00"), at("2026-11-27T00:00"))


@given(
    moment=st.datetimes(
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    period=st.sampled_from(["day", "month"]),
    reset=st.integers(0, 24 * 60 - 1),
)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_every_moment_lies_in_one_period(moment: datetime, period: str, reset: int) -> None:
    """
    A period holds its moment, and the next begins where it ends.
    """
    quota = Quota(calls=1, period=period, reset=timedelta(minutes=reset))

    begin, end = quota.around(moment)

    assert begin <= moment < end
    assert quota.around(begin) == (begin, end)
    assert quota.around(end)[0] == end
    assert quota.around(end - timedelta(microseconds=1)) == (begin, end)


def test_what_is_reserved_is_only_for_critical_calls() -> None:
    """
    A fifth of each limit and quota stays; calls at once are not shared out.
    """
    budget = budget_of(
        {"rate_limit": "10/minute, 500/day", "concurrency": 4, "reserved_for_critical": 20}
    )

    assert budget.for_rank(0) is budget
    for rank in (1, 2, 5):
        share = budget.for_rank(rank)
        assert [x.calls for x in share.limits] == [8]
        assert [x.calls for x in share.quotas] == [400]
        assert share.concurrency == 4
        assert [x.per for x in share.limits] == [x.per for x in budget.limits]


def test_nothing_reserved_is_one_budget_for_all() -> None:
    """
    Without a reserve every rank may use all of it.
    """
    budget = limited("4/minute")

    assert budget.for_rank(3) is budget


@pytest.mark.parametrize(
    ("calls", "reserved", "left"),
    [(10, 25, 7), (3, 1, 2), (1, 90, 1), (2, 90, 1), (100, 90, 10), (4, 0, 4)],
)
def test_a_reserve_is_rounded_up_but_leaves_a_call(calls: int, reserved: int, left: int) -> None:
    """
    Critical calls get at least their share, and nobody's lane stands still for it.
    """
    budget = budget_of(
        {"max_requests_per_minute": calls, "reserved_for_critical": reserved}
    ).for_rank(1)

    assert budget.limits[0].calls == left


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ({}, "no limit"),
        ({"rate_limit": True, "max_requests_per_minute": 4}, "4/minute"),
        ({"rate_limit": "4/minute, 500/day"}, "4/minute, 500/day"),
        ({"rate_limit": "30 per 5 minutes, 9/90 s"}, "30/5 minutes, 9/90 seconds"),
        ({"rate_limit": "30 per 120 s"}, "30/2 minutes"),
        ({"rate_limit": "30/60 minutes", "concurrency": 2}, "30/hour, 2 at once"),
        ({"rate_limit": "7/month", "burst": 1}, "7/month"),
        ({"max_requests_per_minute": 4, "burst": 1}, "4/minute"),
        ({"rate_limit": False, "concurrency": 1}, "1 at once"),
    ],
)
def test_a_budget_reads_as_people_write_it(configuration: dict[str, Any], text: str) -> None:
    """
    In the largest unit that fits, quotas and calls at once included, paces left out.
    """
    assert str(budget_of(configuration)) == text


def test_a_window_of_no_whole_unit_is_shown_in_seconds() -> None:
    """
    Windows that only a program makes have a text as well.
    """
    assert str(Limit(calls=5, per=timedelta(milliseconds=250))) == "5/0.25 s"


@pytest.mark.parametrize("value", ["4/minute", "30 per 5 minutes", "500/day", "1/month"])
def test_what_a_budget_says_of_itself_can_be_written_again(value: str) -> None:
    """
    The text of a budget is a budget.
    """
    assert limited(str(limited(value))) == limited(value)


NO_RULES = [
    *("abc", "", " ", "4", "4/", "/minute", "4 minute", "minute/4", "4//minute", "4/minute/2"),
    *("100/ms", "4/ss", "4/hs", "4/ds", "4/mi"),
    *("0/minute", "-4/minute", "1.5/minute", "1e9", "1e9/minute", "٤/minute", "4/minute;5/day"),
    *("4/fortnight", "4/week", "4/year", "4/0minutes", "4/0 days", "4/2 days", "4/2 months"),
    *("4/1441 minutes", "4/25 hours", "4/86400 seconds", "4/minute,", ",4/minute", "true", "no"),
    *(f"{MAX_CALLS + 1}/minute", f"{MAX_QUOTA + 1}/day", "0/day", "0/month"),
    *(0, 4, 1e9, -1, 4.5, {}, {"4/minute": 1}, ("4/minute",), b"4/minute"),
    *([4], [True], [None], [[]], ["4/minute", ""], ["4/minute, 500/day"]),
]


@pytest.mark.parametrize("value", NO_RULES, ids=repr)
def test_what_is_no_limit_is_refused(value: Any) -> None:
    """
    Of whatever is no limit the field is named, and how one is written or how large it may be.
    """
    with pytest.raises(BadInput) as refused:
        limited(value)

    assert refused.value.field == "configuration.rate_limit"
    assert str(refused.value).startswith("configuration.rate_limit: ")
    assert "like" in str(refused.value) or "calls must be" in str(refused.value)


NO_NUMBERS = [True, False, 1e9, 4.0, "4", "", [], {}, -1, 10**9]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize(
    "name", ["max_requests_per_minute", "burst", "concurrency", "reserved_for_critical"]
)
def test_what_is_no_number_is_refused(name: str, value: Any) -> None:
    """
    Numbers are whole numbers within bounds: no text, no truth, nothing negative or huge.
    """
    with pytest.raises(BadInput, match="must be a whole number from") as refused:
        budget_of({name: value})

    assert refused.value.field == f"configuration.{name}"


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("max_requests_per_minute", 1, MAX_CALLS),
        ("burst", 1, MAX_CALLS),
        ("concurrency", 1, MAX_CONCURRENCY),
        ("reserved_for_critical", 0, 90),
    ],
)
def test_the_bounds_of_a_number_are_allowed_and_no_more(name: str, least: int, most: int) -> None:
    """
    The least and the most are fine; one below and one above are refused.
    """
    budget_of({name: least})
    budget_of({name: most})

    for value in (least - 1, most + 1, 95 if name == "reserved_for_critical" else most + 5):
        with pytest.raises(BadInput) as refused:
            budget_of({name: value})
        assert refused.value.field == f"configuration.{name}"


def test_no_calls_at_once_is_refused_in_one_sentence() -> None:
    """
    A lane of none would stand still; who wants no limit says null, or nothing.
    """
    with pytest.raises(BadInput) as refused:
        budget_of({"concurrency": 0})

    expected = (
        "configuration.concurrency: 0 must be a whole number from 1 to 1000, or null for none"
    )
    assert str(refused.value) == expected
    assert budget_of({"concurrency": None}) == budget_of({}) == Budget()


@pytest.mark.parametrize("more", [{}, {"max_requests_per_minute": None}, {"concurrency": 2}])
def test_a_limit_that_is_switched_on_must_say_which(more: dict[str, Any]) -> None:
    """
    True alone would be no limit at all; with calls of a minute it is those.
    """
    with pytest.raises(BadInput, match="max_requests_per_minute") as refused:
        budget_of({"rate_limit": True, **more})

    assert refused.value.field == "configuration.rate_limit"
    assert budget_of({"rate_limit": True, "max_requests_per_minute": 4}).limits == (FOUR,)


def test_what_was_kept_as_no_limit_still_is_none() -> None:
    """
    An asset of an earlier release is read, whatever would be refused of it today.
    """
    assert kept_budget({"rate_limit": True, "concurrency": 0}) == Budget()
    kept = {"rate_limit": True, "max_requests_per_minute": 4, "concurrency": 1, "base_url": "x"}
    assert kept_budget(kept) == budget_of(kept)
    with pytest.raises(BadInput):
        kept_budget({"rate_limit": "often"})


@pytest.mark.parametrize("value", ["4/ms, 9/2 HS", ["4/ms", "9/2hs"]])
def test_what_was_kept_under_a_unit_that_is_none_is_read_as_it_was(value: object) -> None:
    """
    A vendor sees no more calls after an upgrade, and no less.
    """
    assert kept_budget({"rate_limit": value}) == limited("4/m, 9/2 h")
    assert kept_budget({"rate_limit": "4/2 minutes"}) == limited("4/2 minutes")


@pytest.mark.parametrize(
    "value",
    ["25:00", "24:00", "12:60", "5:30", "0530", "05:30:00", "noon", "", " 05:30", 530, 0, True, []],
    ids=repr,
)
def test_what_is_no_time_of_day_is_refused(value: Any) -> None:
    """
    A reset is hours and minutes, also where no quota needs it.
    """
    with pytest.raises(BadInput, match="time of day") as refused:
        budget_of({"quota_reset": value})

    assert refused.value.field == "configuration.quota_reset"


DIGITS = "9" * 5000  # more than Python makes a number of


@pytest.mark.parametrize("text", [f"{DIGITS}/minute", f"4/{DIGITS} minutes", f"{DIGITS}/day"])
def test_a_number_of_thousands_of_digits_is_no_limit(text: str) -> None:
    """
    A text that Python refuses to read as a number is refused as any other.
    """
    with pytest.raises(BadInput):
        limited(text)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_number_that_cannot_be_shown_is_refused_all_the_same(name: str) -> None:
    """
    A number of thousands of digits, which has no text, is refused with a sentence.
    """
    with pytest.raises(BadInput) as refused:
        budget_of({name: 10**5000})

    assert refused.value.field == f"configuration.{name}"
    assert len(str(refused.value)) < 300


NUMBERS = st.integers(-1, 12) | st.sampled_from([90, 91, MAX_CALLS, MAX_CALLS + 1, 10**30])
RULES = st.builds(
    "{}{}{}{}".format,
    NUMBERS,
    st.sampled_from(["/", " per ", " / ", ""]),
    st.sampled_from(["", "0", "1", "5 ", "1440", "99999"]),
    st.sampled_from(["second", "s", "m", "minutes", "hours", "day", "d", "months", "week", ""]),
)
ANYTHING = (
    st.none()
    | st.booleans()
    | NUMBERS
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | RULES
    | st.lists(RULES | st.text(max_size=3), max_size=3)
    | st.lists(RULES, max_size=3).map(", ".join)
    | st.builds("{:02}:{:02}".format, st.integers(0, 26), st.integers(0, 62))
    | st.dictionaries(st.text(max_size=2), st.none(), max_size=1)
)


def made_of(configuration: dict[str, Any]) -> Budget | BadInput:
    """Return the budget of a configuration, or why there is none."""
    try:
        return budget_of(configuration)
    except BadInput as refused:
        return refused


@given(configuration=st.dictionaries(st.sampled_from(sorted(SETTINGS)), ANYTHING))
@settings(deadline=None, derandomize=True, max_examples=3000)
def test_whatever_comes_in_is_a_budget_or_refused(configuration: dict[str, Any]) -> None:
    """
    A configuration gives a budget under which every lane moves, or one sentence and its field.
    """
    budget = made_of(configuration)

    if isinstance(budget, BadInput):
        assert budget.field in {f"configuration.{name}" for name in SETTINGS}
        return
    assert str(budget)
    for each in (budget, budget.for_rank(1)):
        assert all(1 <= x.calls <= MAX_CALLS and x.per > timedelta(0) for x in each.limits)
        assert all(1 <= x.calls <= MAX_QUOTA for x in each.quotas)
        assert len({x.period for x in each.quotas}) == len(each.quotas)
        assert each.longest <= DAY
        assert each.untimed == (not list(rules(each)))
