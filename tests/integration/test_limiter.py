"""
The budget in Redis: exact, also side by side, for slow workers and after everything was lost.

In: a real Valkey and real clocks, of a second or two at most. Out: nothing.
Never: a simulated clock; random schedules on one are played in ``test_lane_model.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from structlog.testing import capture_logs

from soar.catalog import MOST_SECONDS
from soar.deadline import GRACE
from soar.domain.budget import Budget, Limit, Quota
from soar.domain.errors import RetryLater
from soar.embedded import Servers
from soar.limiter import GUARD, HOLD, LEASE, OUTAGE, Admission, Breaker, Limiter
from soar.passes import Passes
from soar.sentinel import connect

NOW = timedelta(0)
MINUTE = timedelta(minutes=1)
FOUR = Budget(limits=(Limit(calls=4, per=MINUTE),))
WINDOW = (MINUTE + FOUR.limits[0].slack).total_seconds()
"""So long a call of a minute's limit counts."""
AFTER_LOSS = WINDOW + HOLD.total_seconds()
"""A call that was granted before a loss may still stand at the door."""


def each(seconds: float, calls: int = 1) -> Budget:
    """Return a budget of so many calls in that time."""
    return Budget(limits=(Limit(calls=calls, per=timedelta(seconds=seconds)),))


def about(seconds: float) -> Any:
    """Return what equals a span a little shorter: a test takes its time."""
    return pytest.approx(timedelta(seconds=seconds - 0.5), abs=timedelta(seconds=0.51))


def eventually(condition: Callable[[], Any], *, within: float = 10.0) -> Any:
    """Return what *condition* returns once it is true; fail when it stays false for too long."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"still not true after {within:g} s")


class Past:
    """What PostgreSQL knows of the calls made of late, and how it was asked."""

    def __init__(self) -> None:
        self.calls = 0
        self.asked: list[tuple[str, int]] = []

    def __call__(self, slug: str, seconds: int) -> int:
        """Answer as the store does."""
        self.asked.append((slug, seconds))
        return self.calls


@pytest.fixture
def past() -> Past:
    """A past without calls."""
    return Past()


@pytest.fixture
def client(servers: Servers) -> redis.Redis:
    """A client of the session's Valkey."""
    return connect(servers.redis_url)


@pytest.fixture
def limiter(client: redis.Redis, past: Past) -> Limiter:
    """A limiter on it."""
    return Limiter(client, past)


@pytest.fixture
def away() -> Limiter:
    """A limiter whose Redis is away."""
    return Limiter(connect("redis://127.0.0.1:1/0"), Past())


@pytest.fixture
def slug() -> str:
    """An asset that nobody has used."""
    return f"asset-{uuid4().hex}"


def daily(calls: int) -> Quota:
    """Return a daily quota whose reset is hours away, whenever the test runs."""
    return Quota(
        calls=calls, period="day", reset=timedelta(hours=(datetime.now(UTC).hour + 12) % 24)
    )


def fail(limiter: Limiter, slug: str, times: int) -> None:
    """Report so many calls that were not answered."""
    for _ in range(times):
        limiter.no_answer(slug)


def test_a_budget_gives_exactly_its_calls_and_then_says_how_long_to_wait(
    limiter: Limiter, slug: str
) -> None:
    """
    Four of four are granted at once, the fifth waits for about a window.
    """
    granted = [limiter.take(slug, FOUR) for _ in range(4)]
    refused = limiter.take(slug, FOUR)

    assert [(one.granted, one.wait) for one in granted] == [(True, NOW)] * 4
    assert (refused.granted, refused.why) == (False, "budget")
    assert refused.wait == about(WINDOW)


def test_a_refused_call_spends_nothing(limiter: Limiter, slug: str) -> None:
    """
    Who is refused and asks again does not push its own turn away.
    """
    budget = each(0.5)
    first = limiter.take(slug, budget)
    waits = [limiter.take(slug, budget).wait for _ in range(20)]

    assert first.granted
    assert waits == sorted(waits, reverse=True)
    assert limiter.state(slug, budget).grants == 1


def test_a_call_is_granted_after_its_wait(limiter: Limiter, slug: str) -> None:
    """
    The wait that was named is enough.
    """
    budget = each(0.2)
    limiter.take(slug, budget)

    time.sleep(limiter.take(slug, budget).wait.total_seconds())

    assert limiter.take(slug, budget).granted


def test_no_window_of_any_place_holds_more_than_the_budget(limiter: Limiter, slug: str) -> None:
    """
    Five calls a tenth of a second, sent as fast as can be: never six sent within a tenth.
    """
    budget = each(0.1, calls=5)
    sent: list[float] = []
    while len(sent) < 31:
        admission = limiter.take(slug, budget)
        if admission.granted:
            time.sleep(admission.wait.total_seconds())
            sent.append(time.monotonic())
            limiter.ended(slug, budget, admission, sent=sent[-1])

    assert min(later - first for first, later in zip(sent, sent[5:], strict=False)) >= 0.1
    assert sent[-1] - sent[0] < 5


def test_several_limits_must_all_agree(limiter: Limiter, slug: str) -> None:
    """
    Two a half second and three a minute: the third call waits briefly, the fourth for long.
    """
    budget = Budget(limits=(*each(0.5, calls=2).limits, *each(60, calls=3).limits))
    waits = limiter.look(slug, budget, 4)

    assert waits[:2] == [NOW, NOW]
    assert waits[2] == about(0.51)
    assert waits[3] == about(WINDOW)


def test_looking_spends_nothing(limiter: Limiter, slug: str) -> None:
    """
    Who looks ahead sees when each call could go, and leaves them all free.
    """
    for _ in range(3):
        assert limiter.look(slug, FOUR, 4) == [NOW] * 4

    assert limiter.look(slug, FOUR, 6)[4:] == [timedelta(seconds=WINDOW)] * 2
    assert [limiter.take(slug, FOUR).granted for _ in range(4)] == [True] * 4


def test_assets_do_not_share_a_budget(limiter: Limiter, slug: str) -> None:
    """
    One that is spent leaves another alone.
    """
    for _ in range(5):
        limiter.take(slug, FOUR)

    assert limiter.take(f"{slug}-other", FOUR).granted


def test_a_smaller_budget_counts_what_the_larger_one_gave(limiter: Limiter, slug: str) -> None:
    """
    Who lowers a budget waits until enough of the old calls have left the window.
    """
    for _ in range(4):
        limiter.take(slug, FOUR)

    assert limiter.take(slug, each(60, calls=2)).wait == about(WINDOW)


def test_a_call_of_several_requests_spends_each(limiter: Limiter, slug: str) -> None:
    """
    Of four, a call of three leaves one for a call of one and none for another of three.
    """
    assert limiter.take(slug, FOUR, cost=3).granted
    assert not limiter.take(slug, FOUR, cost=3).granted
    assert limiter.take(slug, FOUR).granted
    assert not limiter.take(slug, FOUR).granted


def test_what_is_reserved_waits_for_critical_calls(limiter: Limiter, slug: str) -> None:
    """
    Half of four is kept: two calls of low rank go, the third waits, two critical ones go.
    """
    kept = Budget(limits=FOUR.limits, reserved=50)

    assert [limiter.take(slug, kept.for_rank(3)).granted for _ in range(3)] == [True, True, False]
    assert [limiter.take(slug, kept.for_rank(0)).granted for _ in range(3)] == [True, True, False]


def test_a_paced_budget_spreads_its_calls(limiter: Limiter, slug: str) -> None:
    """
    Ten in ten seconds with a burst of one: one a second from the first call on.
    """
    pace = Limit(calls=1, per=timedelta(seconds=1), pace=True)
    budget = Budget(limits=(*each(10, calls=10).limits, pace))

    assert limiter.take(slug, budget).granted
    assert limiter.take(slug, budget).wait == about(1)
    assert limiter.look(slug, budget, 3) == [about(1), about(2), about(3)]


def test_a_call_that_may_go_at_once_but_for_a_moment_holds_its_place(
    limiter: Limiter, slug: str
) -> None:
    """
    Within the hold a call is granted with its wait, and its place is taken.
    """
    budget = each(0.02)  # a slow machine may let it pass between two calls: then once more

    def held() -> Admission | None:
        name = f"{slug}-{uuid4().hex}"
        limiter.take(name, budget)
        second, third = limiter.take(name, budget), limiter.take(name, budget)
        return second if second.granted and second.wait and third.wait > second.wait else None

    second = eventually(held)

    assert NOW < second.wait <= HOLD


def test_a_quota_is_spent_until_its_reset(limiter: Limiter, slug: str) -> None:
    """
    Two a day: the third call waits until the day of the quota is over, and a guard.
    """
    quota = daily(2)
    budget = Budget(quotas=(quota,))

    assert [limiter.take(slug, budget).granted for _ in range(2)] == [True, True]
    refused = limiter.take(slug, budget)

    now = datetime.now(UTC)
    assert refused.why == "budget"
    assert refused.wait == about((quota.around(now)[1] - now + GUARD).total_seconds() + 0.5)


def test_an_empty_lane_learns_of_recent_calls_once(limiter: Limiter, past: Past, slug: str) -> None:
    """
    PostgreSQL is asked for the longest window by the first call only.
    """
    budget = Budget(limits=(*each(1, calls=10).limits, *FOUR.limits))
    for _ in range(3):
        limiter.take(slug, budget)
    limiter.look(slug, budget, 1)

    assert past.asked == [(slug, 62)]


def test_an_empty_lane_learns_of_each_quota(limiter: Limiter, past: Past, slug: str) -> None:
    """
    For a quota PostgreSQL is asked since the beginning of its period, once for each.
    """
    quotas = (daily(5), Quota(calls=9, period="month"))
    now = datetime.now(UTC)
    begun = [(now - quota.around(now)[0]).total_seconds() for quota in quotas]
    for _ in range(2):
        limiter.take(slug, Budget(limits=FOUR.limits, quotas=quotas))

    assert [name for name, _ in past.asked] == [slug] * 3
    assert [seconds for _, seconds in past.asked] == [
        62,
        *(pytest.approx(seconds + 1, abs=2) for seconds in begun),
    ]


def test_recent_calls_count_as_just_spent(limiter: Limiter, past: Past, slug: str) -> None:
    """
    Three of four are spent, the call that asks not among them: it goes, the next one waits.
    """
    past.calls = 3 + 1

    assert limiter.take(slug, FOUR).granted
    assert limiter.take(slug, FOUR).wait == about(AFTER_LOSS)


def test_recent_calls_of_a_quota_count(limiter: Limiter, past: Past, slug: str) -> None:
    """
    Of five a day four are spent, and the call that asks is known as well: one is left.
    """
    past.calls = 4 + 1
    budget = Budget(quotas=(daily(5),))

    assert [limiter.take(slug, budget).granted for _ in range(2)] == [True, False]
    assert limiter.state(slug, budget).spent == ((budget.quotas[0], 5),)


def test_who_only_looks_is_no_recent_call(limiter: Limiter, past: Past, slug: str) -> None:
    """
    An empty lane that is looked at first counts every call that PostgreSQL knows.
    """
    past.calls = 4

    assert limiter.look(slug, FOUR, 1) == [about(AFTER_LOSS)]


def test_more_recent_calls_than_the_budget_do_not_prolong_the_wait(
    limiter: Limiter, past: Past, slug: str
) -> None:
    """
    The past fills the window once, not several times.
    """
    past.calls = 1000

    assert limiter.take(slug, FOUR).wait == about(AFTER_LOSS)


def test_a_flushed_redis_gives_nothing_away(
    client: redis.Redis, limiter: Limiter, past: Past, slug: str
) -> None:
    """
    A budget that was spent stays spent over a FLUSHALL.
    """
    for _ in range(4):
        limiter.take(slug, FOUR)
    past.calls = 4 + 1  # the call that asks is known as well
    client.flushall()

    assert not limiter.take(slug, FOUR).granted
    assert limiter.look(slug, FOUR, 1) == [about(AFTER_LOSS)]


@pytest.fixture
def unhurried(client: redis.Redis, past: Past) -> Limiter:
    """A limiter for whose passes no time goes by."""
    return Limiter(client, past, passes=Passes(clock=lambda: 0.0))


def test_an_open_lane_without_limits_is_asked_once_in_a_moment(
    unhurried: Limiter, past: Past, slug: str
) -> None:
    """
    The calls that follow need not ask, PostgreSQL is never asked, and every call is counted.
    """
    answers = [unhurried.take(slug, Budget()) for _ in range(20)]
    unhurried.answered(slug)  # ends the moment
    once = unhurried.asked
    unhurried.take(slug, Budget())

    assert [(one.granted, one.wait) for one in answers] == [(True, NOW)] * 20
    assert unhurried.asked == once + 1 == 4  # the first one found the lane cold: two questions
    assert unhurried.state(slug, Budget()).grants == 21
    assert past.asked == []


def test_a_lane_that_this_process_closes_lets_nobody_through_unasked(
    unhurried: Limiter, slug: str
) -> None:
    """
    Its vendor asked to wait: the next call asks, and waits.
    """
    assert unhurried.take(slug, Budget()).granted
    unhurried.block(slug, timedelta(seconds=60))

    assert not unhurried.take(slug, Budget()).granted


def test_eight_workers_at_once_get_no_more_than_the_budget(servers: Servers, slug: str) -> None:
    """
    Of two hundred calls side by side, a cold lane grants exactly twenty.
    """
    budget = each(60, calls=20)
    limiters = [Limiter(connect(servers.redis_url), lambda *_: 0) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: limiters[n % 8].take(slug, budget), range(200)))

    granted = [one.grant for one in answers if one.granted]
    assert len(granted) == len(set(granted)) == 20


def test_a_call_that_was_late_counts_from_when_it_was_sent(limiter: Limiter, slug: str) -> None:
    """
    A call that was sent half a second after its grant keeps its place for as much longer.
    """
    budget = each(2)
    slow = limiter.take(slug, budget)
    time.sleep(0.5)
    limiter.ended(slug, budget, slow, sent=time.monotonic())

    # From the grant it would be 1.5 seconds.
    assert timedelta(seconds=1.75) < limiter.take(slug, budget).wait < timedelta(seconds=2.25)


def test_a_call_in_time_is_not_reported(limiter: Limiter, slug: str) -> None:
    """
    A call that was sent as soon as it was granted costs no word to Redis.
    """
    punctual = limiter.take(slug, FOUR)
    before = limiter.asked
    limiter.ended(slug, FOUR, punctual, sent=punctual.asked)
    limiter.flush()

    assert limiter.asked == before


def test_a_report_travels_with_the_next_call(limiter: Limiter, slug: str) -> None:
    """
    That a call was late is told by the next call of the lane, not by a question of its own.
    """
    budget = each(60, calls=2)
    slow = limiter.take(slug, budget)
    time.sleep(1)
    before = limiter.asked
    limiter.ended(slug, budget, slow, sent=time.monotonic())
    assert limiter.asked == before

    limiter.take(slug, budget)
    refused = limiter.take(slug, budget)
    limiter.flush()

    assert limiter.asked == before + 2
    assert refused.wait > timedelta(seconds=59.7)  # a window from now, not from the grant


def test_a_report_that_no_call_takes_along_is_told_within_the_window(
    limiter: Limiter, client: redis.Redis, slug: str
) -> None:
    """
    Another worker learns of a late call while it counts, also if no call follows here.
    """
    budget = each(2)
    slow = limiter.take(slug, budget)
    time.sleep(0.5)
    before = limiter.asked
    limiter.ended(slug, budget, slow, sent=time.monotonic())

    eventually(lambda: limiter.asked == before + 1, within=1.5)
    time.sleep(0.05)

    other = Limiter(client, Past())
    left = 2 + slow.asked + 0.5 - time.monotonic()
    assert other.take(slug, budget).wait.total_seconds() == pytest.approx(left, abs=0.25)


def test_a_vendor_that_asks_to_wait_closes_its_lane(limiter: Limiter, slug: str) -> None:
    """
    The lane stays closed for as long as the vendor said; a shorter wish changes nothing.
    """
    limiter.block(slug, timedelta(seconds=30))
    limiter.block(slug, timedelta(seconds=5))

    assert limiter.take(slug, Budget()).wait == about(30)
    assert limiter.state(slug, Budget()).blocked == about(30)


def test_a_blocked_lane_opens_by_itself(limiter: Limiter, slug: str) -> None:
    """
    After the time that the vendor named, calls go again.
    """
    limiter.block(slug, timedelta(seconds=0.2))
    assert limiter.take(slug, Budget()).wait <= timedelta(seconds=0.2)

    time.sleep(0.2)

    assert limiter.take(slug, Budget()).granted


def test_five_calls_without_an_answer_close_a_lane(limiter: Limiter, slug: str) -> None:
    """
    Four may be chance and calls still go, but shakily; after the fifth nobody calls.
    """
    assert [limiter.no_answer(slug) for _ in range(4)] == [False] * 4
    shaky = limiter.take(slug, FOUR)
    assert (shaky.granted, shaky.shaky) == (True, True)

    assert limiter.no_answer(slug)

    assert limiter.take(slug, FOUR).wait == about(30)


def test_an_answer_ends_the_count_of_failures(limiter: Limiter, slug: str) -> None:
    """
    Only failures in a row close a lane.
    """
    fail(limiter, slug, 4)
    limiter.answered(slug)
    fail(limiter, slug, 4)

    assert limiter.take(slug, FOUR).granted
    assert limiter.state(slug, FOUR).failures == 4


def test_failures_of_one_outage_count_once(limiter: Limiter, slug: str) -> None:
    """
    Calls that were under way when the lane closed do not close it for longer.
    """
    fail(limiter, slug, 12)
    state = limiter.state(slug, FOUR)

    assert state.failures == 5
    assert state.closed == about(30)


def test_one_probe_alone_finds_out_whether_a_vendor_is_back(client: redis.Redis, slug: str) -> None:
    """
    After the pause one call goes; others, and who looks ahead, wait for what it finds.
    """
    limiter = Limiter(client, Past(), breaker=Breaker(closed=timedelta(seconds=0.2)))
    fail(limiter, slug, 5)
    time.sleep(0.2)
    assert limiter.look(slug, FOUR, 3) == [NOW]

    probe, second = limiter.take(slug, FOUR), limiter.take(slug, FOUR)

    assert (probe.granted, probe.shaky) == (True, True)
    assert (second.granted, second.wait) == (False, about(LEASE.total_seconds()))


def test_a_probe_that_is_answered_opens_the_lane(client: redis.Redis, slug: str) -> None:
    """
    One answer is enough: all that is left of the budget may go, and nothing is shaky.
    """
    limiter = Limiter(client, Past(), breaker=Breaker(closed=timedelta(seconds=0.2)))
    fail(limiter, slug, 5)
    time.sleep(0.2)
    limiter.take(slug, FOUR)

    limiter.answered(slug)

    others = [limiter.take(slug, FOUR) for _ in range(4)]
    assert [one.granted for one in others] == [True, True, True, False]
    assert not any(one.shaky for one in others)


def test_a_probe_s_place_lasts_longer_than_any_call() -> None:
    """
    Its time limit, and until one that hangs is given up; what has no place by then is over.
    """
    assert MOST_SECONDS + GRACE < LEASE.total_seconds() < MOST_SECONDS + 2 * GRACE


def test_each_probe_that_fails_closes_for_twice_as_long(client: redis.Redis, slug: str) -> None:
    """
    The pauses grow from the first to the longest one.
    """
    breaker = Breaker(failures=2, closed=timedelta(seconds=0.4), longest=timedelta(seconds=1.2))
    limiter = Limiter(client, Past(), breaker=breaker)
    fail(limiter, slug, 2)

    for pause in (0.4, 0.8, 1.2):
        closed = limiter.state(slug, FOUR).closed
        assert timedelta(seconds=pause - 0.35) < closed <= timedelta(seconds=pause)
        time.sleep(closed.total_seconds())
        assert limiter.take(slug, FOUR).granted
        limiter.no_answer(slug)

    assert limiter.state(slug, FOUR).closed <= timedelta(seconds=1.2)


def test_the_state_of_a_lane_says_what_is_spent(limiter: Limiter, slug: str) -> None:
    """
    Of each limit and quota; a pace of our own is not shown.
    """
    pace = Limit(calls=3, per=timedelta(seconds=45), pace=True)
    budget = Budget(limits=(*FOUR.limits, pace), quotas=(daily(9),))
    limiter.take(slug, budget, call="a", cost=2)
    limiter.take(slug, budget, call="b")

    state = limiter.state(slug, budget)

    assert state.spent == ((budget.limits[0], 3), (budget.quotas[0], 3))
    assert (state.grants, state.last_minute) == (3, 3)
    assert state.asked > 2
    assert (state.failures, state.blocked, state.closed) == (0, NOW, NOW)


def test_without_redis_no_call_is_granted(away: Limiter, slug: str) -> None:
    """
    A budget that cannot be asked for is not guessed: call again in a few seconds.
    """
    questions: list[Callable[[], object]] = [
        lambda: away.take(slug, FOUR),
        lambda: away.take(slug, Budget()),
        lambda: away.look(slug, FOUR, 1),
        lambda: away.state(slug, FOUR),
    ]
    for question in questions:
        with pytest.raises(RetryLater) as refused:
            question()
        assert refused.value.after == OUTAGE


def test_without_redis_a_late_call_is_reported_later(away: Limiter, slug: str) -> None:
    """
    Its lane would count it from too early a moment for ever.
    """
    report = {"grant": 1, "cost": 1, "late": 1_000_000}
    away._reports.add(slug, report, within=0)

    away.flush()

    assert away._reports.of(slug) == [report]


def test_without_redis_news_are_only_logged(away: Limiter, slug: str) -> None:
    """
    A call that was made does not fail because its lane cannot hear of it.
    """
    slow = Admission(granted=True, wait=NOW, grant=1, asked=time.monotonic() - 30)
    with capture_logs() as lines:
        away.block(slug, MINUTE)
        away.no_answer(slug)
        away.answered(slug)
        away.ended(slug, FOUR, slow, sent=time.monotonic())
        away.flush()

    assert [(line["event"], line["log_level"], line["asset"]) for line in lines] == [
        ("lane_not_told", "warning", slug)
    ] * 4
