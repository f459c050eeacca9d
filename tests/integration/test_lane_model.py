"""
The lane's script against a model of it: thousands of random schedules on a simulated clock.

In: a real Valkey that runs ``lane.lua``, and a clock that only the test moves. Out: nothing.
Never: a model that shares code with the script; it counts lists of grants and tries moments.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
import redis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from soar.domain.budget import Budget, Limit, Quota
from soar.embedded import Servers
from soar.limiter import GUARD, HOLD, Admission, LaneState, Limiter
from soar.passes import Passes
from soar.sentinel import connect
from tests.integration.lane_model import BREAKER, MICRO, Grant, Model, micros, period, window

SLUG = "modelled"
NOW = timedelta(0)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
"""When the asset was made."""

schedule_settings = settings(
    max_examples=int(os.environ.get("SCHEDULES", "2000")) // 4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> str:
        """Answer as the limiter asks: in microseconds, as text."""
        return str(self.now)


class Step(NamedTuple):
    """One step of a schedule: how time passes, and what happens then."""

    pause: int
    """Microseconds; or, if negative, until the next free moment (less a little)."""
    what: str
    n: int
    rank: int


class Schedule(NamedTuple):
    """A budget, a moment to begin at, and what happens."""

    budget: Budget
    begin: int
    steps: list[Step]


class Lane:
    """Drives the script and the model side by side, and compares them at each step."""

    def __init__(self, client: redis.Redis) -> None:
        self.clock = Clock()
        self.client = client
        never = Passes(clock=itertools.count().__next__)  # each moment is a second after the last
        self.limiter = Limiter(
            client,
            self._recent,
            breaker=BREAKER,
            clock=self.clock,
            passes=never,
        )
        self.versions = [(Budget(), BEGUN)]
        self.start(Budget(), 0)

    def start(self, budget: Budget, begin: int) -> None:
        """Begin a schedule on an empty lane."""
        self.limiter.flush()
        self.forget()
        self.history: list[Grant] = []
        self.model = Model()
        self.versions = [(budget, BEGUN)]
        self.clock.now = begin

    @property
    def budget(self) -> Budget:
        """What the asset's vendor allows now."""
        return self.versions[-1][0]

    @property
    def edited(self) -> datetime:
        """When the asset was edited last."""
        return self.versions[-1][1]

    def edit(self, budget: Budget) -> None:
        """Somebody edits the asset: the next who asks does it for the edited one."""
        self.versions.append((budget, self.edited + MICRO))

    @contextmanager
    def before_the_edit(self) -> Iterator[None]:
        """Be somebody who read the asset before it was edited last."""
        newest = self.versions.pop() if len(self.versions) > 1 else None
        yield
        if newest:
            self.versions.append(newest)

    def forget(self) -> None:
        """Lose what Redis knows of the lane."""
        key = f"soar:lane:{{{SLUG}}}"
        self.client.delete(key, f"{key}:log", f"{key}:pace")

    def _recent(self, slug: str, seconds: int) -> int:
        return self.answers.pop(0)

    def past(self) -> tuple[int, list[int]]:
        """Return what PostgreSQL knows: calls of the longest window, and of each quota's period."""
        now, kept = self.clock.now, micros(self.budget.longest + timedelta(seconds=2))
        recent = sum(g.cost for g in self.history if g.at + g.late > now - kept)
        begun = [period(quota, now)[0] for quota in self.budget.quotas]
        spent = [sum(g.cost for g in self.history if g.at >= begin) for begin in begun]
        return (recent if self.budget.limits else 0), spent

    def asks(self, *, claimed: int = 0) -> None:
        """Prepare for a question: a cold lane asks for the past first, which knows who asks."""
        self.model.note(micros(self.edited - EPOCH))
        recent, spent = self.past()
        asked = [recent, *spent] if self.budget.limits else spent
        self.answers = [known + claimed for known in asked]
        if self.model.is_cold(self.budget):
            self.model.warm(self.clock.now, self.budget, recent, spent)

    def share(self, rank: int) -> Budget:
        """Return what a call of that rank may use."""
        return self.budget.for_rank(rank)

    def cost(self, wanted: int, budget: Budget) -> int:
        """Return a cost that fits into every limit and quota of a budget."""
        limits = (limit.calls for limit in budget.limits)
        return min(wanted, *limits, *(quota.calls for quota in budget.quotas), 3)

    def take(self, wanted: int, rank: int, call: str = "") -> Grant | None:
        """Take a call from both, compare the answers and return the grant."""
        budget = self.share(rank)
        cost, call = self.cost(wanted, budget), call or str(len(self.history))
        self.asks(claimed=1)
        expected, grant = self.model.take(self.clock.now, budget, cost, call)
        answer = self.limiter.take(SLUG, budget, call=call, cost=cost, edited=self.edited)
        assert replace(answer, asked=0.0, grant=0) == expected
        if not answer.granted:
            return None
        grant.admission, grant.budget = answer, self.budget
        self.history.append(grant)
        self.check(grant)
        return grant

    def check(self, grant: Grant) -> None:
        """The vendor's view of all that was ever granted: no limit or quota is exceeded."""
        for limit in self.budget.limits:
            doors = [(g.at if limit.pace else g.at + g.late, g.cost) for g in self.history]
            inside = sum(cost for door, cost in doors if door > grant.at - window(limit))
            assert inside <= limit.calls
        for quota in self.budget.quotas:
            begin, end = period(quota, grant.at)
            assert begin + micros(GUARD) <= grant.at < end - micros(GUARD)
            assert sum(g.cost for g in self.history if begin <= g.at < end) <= quota.calls

    def ended(self, grant: Grant, late: int) -> None:
        """Report that a call is over, and that it was late by so much more than its slack."""
        assert grant.admission is not None
        grant.late = late if grant.budget.limits else 0
        if grant.late:
            number = grant.admission.grant
            report = {"grant": number, "cost": grant.cost, "late": grant.late}
            # As Limiter.ended does, which reads a clock that no test moves.
            self.limiter._reports.add(SLUG, report, within=3600)
            self.model.reports.append(grant)
        grant.admission = None

    def told(self) -> None:
        """Send the reports that wait."""
        self.limiter.flush()
        self.model.hear(self.clock.now)


def pass_time(lane: Lane, step: Step) -> None:
    """Let time pass: a while, or until a call of that rank is free or nearly so."""
    if step.pause >= 0:
        lane.clock.now += step.pause
        return
    free = lane.model.earliest(lane.clock.now, lane.share(step.rank), 1)
    lane.clock.now = max(lane.clock.now, free + 1 + step.pause)


def do_take(lane: Lane, step: Step) -> None:
    """Take a call of one to three requests."""
    lane.take(1 + step.n % 3, step.rank)


def do_end(lane: Lane, step: Step) -> None:
    """Report a call that is over, late or not; so late that the lane forgot it is no schedule."""
    kept = lane.clock.now - micros(lane.budget.longest) if lane.budget.limits else 0
    known = [g for g in lane.history if g.admission is not None and g.at > kept]
    if known:
        late = (0, 1, 700, 5_000, 40_000, 900_000, 1_500_000)[step.n % 7]
        lane.ended(known[step.n % len(known)], late)
        if step.rank % 2:
            lane.told()


def do_again(lane: Lane, step: Step) -> None:
    """A call asks again whose worker has died, or stood still since it was granted."""
    known = [g.admission.call for g in lane.history[-3:] if g.admission is not None]
    if known:
        lane.take(1, step.rank, call=known[step.n % len(known)])


def do_unasked(lane: Lane, step: Step) -> None:
    """A call ends that has not asked its vendor."""
    known = [g.admission.call for g in lane.history[-3:] if g.admission is not None]
    if known:
        call = known[step.n % len(known)]
        lane.limiter.unasked(SLUG, Admission(granted=True, wait=NOW, call=call))
        lane.model.unasked(call)


def do_block(lane: Lane, step: Step) -> None:
    """The vendor asks to wait."""
    span = (0, 1_000, 20_000, micros(HOLD), 2_000_000, 20_000_000)[step.n % 6]
    lane.limiter.block(SLUG, span * MICRO, edited=lane.edited)
    lane.model.note(micros(lane.edited - EPOCH))
    lane.model.blocked = max(lane.model.blocked, lane.clock.now + span)


def do_no_answer(lane: Lane, step: Step) -> None:
    """The vendor does not answer, once or several times."""
    for _ in range(1 + step.n % 2):
        lane.model.note(micros(lane.edited - EPOCH))
        answer = lane.limiter.no_answer(SLUG, edited=lane.edited)
        assert answer == lane.model.no_answer(lane.clock.now)


def do_answered(lane: Lane, step: Step) -> None:
    """The vendor answers."""
    lane.limiter.answered(SLUG)
    lane.model.answered()


def do_reopen(lane: Lane, step: Step) -> None:
    """Somebody edits the asset, and the budget stays."""
    lane.edit(lane.budget)


def do_edit(lane: Lane, step: Step) -> None:
    """Somebody edits the budget: one as drawn, with other rules, or what it was before."""
    first, others = lane.versions[0][0], OTHERS
    lane.edit([first, *others][step.n % (1 + len(others))])


def do_old_take(lane: Lane, step: Step) -> None:
    """A call asks that was claimed before the last edit."""
    with lane.before_the_edit():
        do_take(lane, step)


def do_look(lane: Lane, step: Step) -> None:
    """Look ahead; nothing is spent by it."""
    lane.asks()
    expected = lane.model.look(lane.clock.now, lane.share(step.rank), 1 + step.n % 6)
    assert (
        lane.limiter.look(SLUG, lane.share(step.rank), 1 + step.n % 6, edited=lane.edited)
        == expected
    )


def do_follow(lane: Lane, step: Step) -> None:
    """Look ahead and take each call at its moment: it goes, and without a wait."""
    lane.told()
    lane.asks()
    begin = lane.clock.now
    for ahead in lane.limiter.look(SLUG, lane.share(step.rank), 1 + step.n % 6, edited=lane.edited):
        lane.clock.now = begin + micros(ahead)
        grant = lane.take(1, step.rank)
        assert grant is not None
        assert grant.at == lane.clock.now
        lane.ended(grant, 0)


def do_state(lane: Lane, step: Step) -> None:
    """Ask what is spent."""
    lane.asks()
    now, model = lane.clock.now, lane.model
    state: LaneState = lane.limiter.state(SLUG, lane.budget, edited=lane.edited)
    spent: list[tuple[Limit | Quota, int]] = [
        (limit, sum(g.cost for g in model.grants if g.seen > now - window(limit)))
        for limit in lane.budget.limits
        if not limit.pace
    ]
    for quota in lane.budget.quotas:
        used = model.spent.get((quota.period, period(quota, now)[0]), 0)
        spent.append((quota, used))
    known = [(rule, min(n, rule.calls)) for rule, n in state.spent]
    assert known == [(rule, min(n, rule.calls)) for rule, n in spent]
    assert state.last_minute == model.since(now, now - 60_000_000)
    assert state.failures == model.failures
    assert state.blocked == max(0, model.blocked - now) * MICRO
    assert state.closed == max(0, model.closed - now) * MICRO


def do_flush(lane: Lane, step: Step) -> None:
    """Redis loses everything, once the calls that may go have gone; some are still under way."""
    lane.told()
    lane.forget()
    lane.clock.now = max([lane.clock.now, *(g.at + g.late for g in lane.history)])
    for grant in lane.history:
        grant.admission = None
    lane.model = Model()


DOING: dict[str, Callable[[Lane, Step], None]] = {
    "take": do_take,
    "again": do_again,
    "unasked": do_unasked,
    "end": do_end,
    "block": do_block,
    "no answer": do_no_answer,
    "answered": do_answered,
    "reopen": do_reopen,
    "edit": do_edit,
    "old take": do_old_take,
    "look": do_look,
    "follow": do_follow,
    "state": do_state,
    "flush": do_flush,
}


SPANS = [
    timedelta(milliseconds=10),
    timedelta(milliseconds=100),
    timedelta(seconds=1),
    timedelta(seconds=7),
    timedelta(minutes=1),
    timedelta(minutes=5),
]
LIMITS = [Limit(calls=calls, per=span) for span in SPANS for calls in range(1, 7)]
DAILY, MONTHLY = (
    [
        Quota(calls=calls, period=period, reset=timedelta(minutes=reset))
        for reset in (0, 330)
        for calls in range(1, 7)
    ]
    for period in ("day", "month")
)
QUOTAS = [
    (),
    *((quota,) for quota in DAILY + MONTHLY),
    *((day, month) for day in DAILY for month in MONTHLY if day.reset == month.reset),
]
SHARES = list(itertools.product((0, 1, 2, 3), (0, 0, 50, 50, 90)))
"""Bursts and what is reserved for critical calls."""
DAYS = [(2028, 2, 29), (2028, 3, 1), (2027, 1, 1), (2027, 6, 16)]
AROUND = [-90_000_000, -1_100_000, -1_020_000, -1_000_000, -1, 0, 1, 980_000, 5_000_000]
BEGINS = [
    int(datetime(*day, tzinfo=UTC).timestamp()) * 1_000_000 + around
    for day in DAYS
    for around in AROUND
]
OTHERS = [
    Budget(),
    Budget(limits=(LIMITS[12],)),
    Budget(limits=(LIMITS[26],)),
    Budget(limits=(LIMITS[13], LIMITS[33])),
    Budget(limits=(LIMITS[29], Limit(calls=1, per=timedelta(seconds=10), pace=True)), reserved=50),
    Budget(limits=(LIMITS[17],), quotas=(DAILY[5],)),
    Budget(quotas=(DAILY[8], MONTHLY[11]), reserved=50),
]
"""What an asset may be edited to: each is counted otherwise than the one before."""
AT_HOLD = -1 - micros(HOLD)
PAUSES = [
    *(0, 0, 0, 0, 0, 0, 0, 1, 9_000, 12_000, 26_000, 102_000, 400_000),
    *(1_003_000, 2_500_000, 7_021_000, 31_000_000, 60_180_000, 181_000_000),
    *(-1, -1, -1, -2, AT_HOLD, AT_HOLD - 1),
]
KINDS = {
    "spend": ["take"] * 8 + ["end", "end", "look", "state", "flush"],
    "fail": ["take"] * 5
    + ["no answer"] * 3
    + ["again", "unasked", "answered", "block", "reopen", "look", "state", "end"],
    "lose": ["take"] * 5 + ["flush", "flush", "end", "look", "state"],
    "edit": ["take"] * 6 + ["edit"] * 3 + ["old take", "end", "end", "block", "look", "state"],
    "follow": ["take"] * 4 + ["follow", "follow", "end", "block", "no answer"],
}


def step_of(kinds: list[str]) -> st.SearchStrategy[Step]:
    """Return steps of those kinds, each drawn as one number: thousands of schedules are drawn."""
    sizes = len(PAUSES), len(kinds), 2
    return st.integers(0, math.prod(sizes) * 420 - 1).map(
        lambda n: Step(
            pause=PAUSES[n % sizes[0]],
            what=kinds[n // sizes[0] % sizes[1]],
            rank=n // sizes[0] // sizes[1] % 2,
            n=n // math.prod(sizes),
        )
    )


def schedule_of(
    limits: list[Limit],
    share: tuple[int, int],
    quotas: tuple[Quota, ...],
    begin: int,
    steps: list[Step],
) -> Schedule:
    """Put a schedule together; quotas begin anew near its begin."""
    burst, reserved = share
    paced = [
        Limit(calls=burst, per=x.per * burst / x.calls, pace=True)
        for x in limits
        if 0 < burst < x.calls
    ]
    budget = Budget(
        limits=tuple(dict.fromkeys(limits + paced)),
        quotas=quotas,
        reserved=reserved,
    )
    return Schedule(budget, begin + micros(quotas[0].reset if quotas else NOW), steps)


def schedules(doing: str, *, limits: int = 3, quotas: bool = False) -> st.SearchStrategy[Schedule]:
    """Small budgets, so that a short schedule meets their ends, and steps of what *doing* names."""
    return st.builds(
        schedule_of,
        limits=st.lists(st.sampled_from(LIMITS), min_size=1 - quotas, max_size=limits),
        share=st.sampled_from(SHARES),
        quotas=st.sampled_from(QUOTAS if quotas else [()]),
        begin=st.sampled_from(BEGINS),
        steps=st.lists(step_of(KINDS[doing]), min_size=3, max_size=12),
    )


@pytest.fixture(scope="module")
def lane(servers: Servers) -> Iterator[Lane]:
    """One lane for all schedules, emptied before each."""
    made = Lane(connect(servers.redis_url))
    yield made
    made.forget()


def play(lane: Lane, schedule: Schedule) -> None:
    """Play a schedule; every step compares script and model."""
    lane.start(schedule.budget, schedule.begin)
    for step in schedule.steps:
        pass_time(lane, step)
        DOING[step.what](lane, step)


@schedule_settings
@given(schedule=schedules("spend"))
def test_limits_are_kept_in_every_sliding_window(lane: Lane, schedule: Schedule) -> None:
    """
    Limits, paced or not, with late calls and lost lanes, grant exactly when the model does.
    """
    play(lane, schedule)


@schedule_settings
@given(schedule=schedules("spend", limits=1, quotas=True))
def test_quotas_are_kept_across_their_resets(lane: Lane, schedule: Schedule) -> None:
    """
    Daily and monthly quotas near their reset grant exactly when the model does.
    """
    play(lane, schedule)


TRIED = Schedule(
    Budget(limits=(Limit(calls=6, per=timedelta(seconds=1)),)),
    BEGINS[0],
    [
        Step(0, "no answer", 1, 0),
        Step(1_003_000, "take", 0, 0),
        Step(1, "again", 0, 0),
        Step(1, "take", 0, 0),
        Step(1, "unasked", 0, 0),
        Step(1, "take", 0, 0),
        Step(1, "take", 0, 0),
    ],
)


@example(schedule=TRIED)
@schedule_settings
@given(schedule=schedules("fail", limits=1, quotas=True))
def test_outages_are_kept(lane: Lane, schedule: Schedule) -> None:
    """
    Vendors that ask to wait and vendors that are away: as the model says.
    """
    play(lane, schedule)


@schedule_settings
@given(schedule=schedules("lose", limits=1))
def test_limits_are_kept_by_a_lane_that_was_lost(lane: Lane, schedule: Schedule) -> None:
    """
    A lane that forgot its calls, again and again, lets no more go than its limits allow.
    """
    play(lane, schedule)


@schedule_settings
@given(schedule=schedules("edit", limits=2, quotas=True))
def test_an_edited_budget_counts_what_went_before(lane: Lane, schedule: Schedule) -> None:
    """
    Whatever rules come, go and come again, no window of a rule that holds has too many calls.
    """
    play(lane, schedule)


HELD = Schedule(
    Budget(limits=(Limit(calls=2, per=timedelta(seconds=1)),), reserved=50),
    BEGINS[0],
    [Step(0, "take", 0, 1), Step(AT_HOLD, "take", 0, 1), Step(0, "follow", 0, 0)],
)


@example(schedule=HELD)
@schedule_settings
@given(schedule=schedules("follow", limits=2, quotas=True))
def test_a_look_ahead_comes_true(lane: Lane, schedule: Schedule) -> None:
    """
    Who takes each call at the moment that a look ahead names gets it at that moment.
    """
    play(lane, schedule)


TWO = Budget(limits=(Limit(calls=2, per=timedelta(seconds=1)),))


def test_a_call_that_the_lane_forgot_counts_from_when_it_was_sent(lane: Lane) -> None:
    """
    A worker that stood still for longer than the lane keeps its grant still spends a call.
    """
    lane.start(TWO, BEGINS[0])
    asleep = lane.take(1, 0)
    assert asleep is not None
    lane.clock.now += 5_000_000
    assert lane.take(1, 0) is not None

    lane.ended(asleep, 5_000_000)

    assert lane.take(1, 0) is None


def test_a_call_from_before_a_flush_moves_no_other_call(lane: Lane) -> None:
    """
    A late call whose grant Redis lost counts from now, and the grants since stay where they are.
    """
    lane.start(TWO, BEGINS[0])
    lost = lane.take(1, 0)
    assert lost is not None
    lane.forget()
    lane.model = Model()
    lane.clock.now += 5_000_000
    assert lane.take(1, 0) is not None

    lane.ended(lost, 5_000_000)
    answer = lane.limiter.take(SLUG, TWO)

    assert not answer.granted
    assert answer.wait == window(TWO.limits[0]) * MICRO


def test_a_call_of_any_rank_learns_of_the_whole_past(lane: Lane) -> None:
    """
    An empty lane that a small share asks first is as full for critical calls as it was.
    """
    lane.start(replace(TWO, reserved=50), BEGINS[0])
    for _ in range(2):
        assert lane.take(1, 0) is not None
    lane.forget()
    lane.model = Model()

    assert lane.take(1, 1) is None
    assert lane.take(1, 0) is None
