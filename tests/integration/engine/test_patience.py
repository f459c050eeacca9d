"""
How long calls wait for a vendor that puts them off, and how their lane backs off meanwhile.

In: a vendor that names a time, names none, or does not answer. Out: nothing.
Never: a wait of real time; the longest of each is taken, and Redis forgets it.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from soar.domain.budget import budget_of
from soar.domain.errors import RetryLater
from soar.limiter import CHANNEL, OUTAGE
from soar.pump import ACTIVE
from tests.integration.test_limiter import eventually

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench, Row

LOOK_UP = (
    "import phantom.rules as phantom\n\n"
    "def on_start(container):\n"
    "    phantom.act('look up', parameters={'target': '4'}, callback='done')\n\n"
    "def done(action, success, container, results, handle):\n"
    "    phantom.comment(comment=results[0]['message'])\n"
)
LANE = "soar:lane:{sham}"


class Longest(random.Random):
    """Chance that always takes the most."""

    def uniform(self, a: float, b: float) -> float:
        """Return the upper end."""
        return max(a, b)


@pytest.fixture(autouse=True)
def unlimited(bench: Bench) -> None:
    """The asset has no limit of its own, and every wait is the longest it may be."""
    with bench.database.begin() as work:
        work.assets.save(slug="sham", app="sham", configuration={"reuse_results": False})
    bench.shop.chance = Longest()


def moods(bench: Bench, *moods: str) -> None:
    """Let the vendor answer so, in order."""
    bench.vendor.moods[("look up", "4")] = list(moods)


def forget(bench: Bench, *fields: str) -> None:
    """Let the time of a closed lane be over, and its heads go."""
    bench.house.limiter()._script.registered_client.hdel(LANE, *fields)
    bench.do("update app_run set due_at = now() where parked_for = 'schedule'")
    bench.pump.lanes.clear()
    bench.sweep()
    bench.pump.turn()
    bench.deliver_all()


def opens_in(bench: Bench) -> float:
    """Return in how many seconds the lane opens."""
    return bench.shop.limiter.look("sham", budget_of({}), 1)[0].total_seconds()


def failures(bench: Bench) -> int:
    """Return how often the vendor could not be reached, as the lane knows."""
    return bench.shop.limiter.state("sham", budget_of({})).failures


def call(bench: Bench) -> Row:
    """Return the first call."""
    return bench.calls()[0]


def test_no_time_at_all_is_no_word_of_when_to_come_back(bench: Bench) -> None:
    """
    ``Retry-After: 0`` of one action counts its tries, like no header.
    """
    moods(bench, *["at once"] * 10)
    bench.play(LOOK_UP)

    bench.settle()

    assert bench.notes() == ["the vendor is busy; gave up after 6 tries"]


@pytest.mark.parametrize("after", [None, timedelta(0)], ids=["no header", "a time that is over"])
def test_a_lane_backs_off_as_long_as_its_vendor_names_no_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, after: timedelta | None
) -> None:
    """
    The lane's wait doubles up to a minute, no call spends a try, and an answer ends it.
    """
    answer, waits = bench.vendor.answer, []

    def too_many(*_: Any) -> None:
        raise RetryLater("too many calls", after=after, all_calls=True)

    monkeypatch.setattr(bench.vendor, "answer", too_many)
    runs = [bench.play(LOOK_UP), bench.play(LOOK_UP)]
    for _ in range(8):
        waits.append(round(opens_in(bench)))
        forget(bench, "blocked")

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [row["tries"] for row in bench.calls()] == [0, 0]
    assert {row["parked_for"] for row in bench.calls()} == {"budget"}

    monkeypatch.setattr(bench.vendor, "answer", answer)
    forget(bench, "blocked")
    bench.settle()
    assert [bench.run(run_id)["status"] for run_id in runs] == ["success"] * 2

    moods(bench, "too many")
    bench.play(LOOK_UP)
    assert opens_in(bench) <= 1


def test_a_vendor_that_names_no_time_is_waited_for_as_long_as_patience_lasts(
    bench: Bench,
) -> None:
    """
    The failure says for how long it was.
    """
    moods(bench, *["too many"] * 100)
    bench.play(LOOK_UP)
    for _ in range(30):
        forget(bench, "blocked")

    assert bench.notes() == ["too many calls; gave up after 903 s"]
    assert len(bench.vendor.moods[("look up", "4")]) == 100 - 21


def test_time_behind_others_is_no_patience(bench: Bench) -> None:
    """
    Only what the vendor asked for adds up, however late the call comes to its turn.
    """
    moods(bench, "later", "later")
    bench.play(LOOK_UP)
    bench.do(
        "update app_run set parked_for = 'budget', due_at = now() - interval '20 min',"
        " lane_since = now() - interval '20 min', start_time = now() - interval '20 min'"
    )

    forget(bench, "blocked")

    assert (call(bench)["status"], call(bench)["waited"]) == ("parked", timedelta(seconds=10))
    bench.settle()
    assert bench.notes() == ["done"]


def test_a_named_time_must_fit_into_what_is_left_of_the_patience(bench: Bench) -> None:
    """
    The sentence says what was left.
    """
    moods(bench, "later", "quota")
    bench.play(LOOK_UP)
    bench.do("update app_run set waited = interval '850 s'")

    forget(bench, "blocked")

    assert bench.notes() == [
        "the quota is spent; it asks for 60 s, longer than the 50 s left of the 900 s"
        " that a call may wait"
    ]


def test_what_is_not_the_vendors_doing_uses_up_no_patience(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A call whose patience is over waits for Redis all the same, and then asks once more.
    """
    moods(bench, "later")
    bench.play(LOOK_UP)
    bench.do("update app_run set waited = interval '16 min'")

    def away(*_: Any, **__: Any) -> None:
        raise RetryLater("the budget cannot be asked for", after=timedelta(seconds=5))

    with monkeypatch.context() as patched:
        patched.setattr(bench.shop.limiter, "take", away)
        forget(bench, "blocked")
    assert (call(bench)["status"], call(bench)["waited"]) == ("parked", timedelta(minutes=16))

    bench.settle()
    assert bench.notes() == ["done"]


def test_an_outage_longer_than_the_patience_keeps_what_is_parked(bench: Bench) -> None:
    """
    While nobody answers a call's patience neither runs nor ends it.
    """
    moods(bench, *["no answer"] * 20)
    runs = [bench.play(LOOK_UP) for _ in range(6)]
    bench.do("update app_run set waited = interval '16 min'")
    bench.do("update app_run set tries = 99")
    for _ in range(3):
        forget(bench, "closed")

    assert {row["status"] for row in bench.calls()} == {"parked"}
    assert {row["waited"] for row in bench.calls()} == {timedelta(minutes=16)}

    moods(bench)
    bench.settle()
    assert {bench.run(run_id)["status"] for run_id in runs} == {"success"}


@pytest.mark.parametrize(
    ("mood", "left"), [("failed", 0), ("later", 0), ("too many", 0), ("not asked", 5)]
)
def test_the_probe_of_a_closed_lane_is_answered_by_any_answer(
    bench: Bench, mood: str, left: int
) -> None:
    """
    A "no" opens the lane as well; what was refused before the vendor was asked does not.
    """
    moods(bench, *["no answer"] * 5, mood)
    for _ in range(6):
        bench.play(LOOK_UP)
    assert failures(bench) == 5

    bench.house.limiter()._script.registered_client.hdel(LANE, "closed")
    bench.pump.turn()
    bench.deliver_all()

    assert failures(bench) == left


def test_a_vendor_that_is_lost_after_an_answer_does_not_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A call whose second request finds nobody keeps its lane closed, though the first was answered.
    """
    moods(bench, *["no answer"] * 6)
    for _ in range(6):
        bench.play(LOOK_UP)
    monkeypatch.setattr(bench.vendor, "answers", lambda *_: True)

    bench.house.limiter()._script.registered_client.hdel(LANE, "closed")
    bench.pump.turn()
    bench.deliver_all()

    assert failures(bench) == 6


def test_calls_that_are_put_off_together_make_the_lane_wait_once(bench: Bench) -> None:
    """
    The second to be told waits for the rest of the first one's time; a later one for longer.
    """
    limiter, spans = bench.shop.limiter, [timedelta(seconds=n) for n in (10, 20, 30)]
    told = []
    for _ in range(4):
        told.append(limiter.put_off("sham", spans))
        rest = limiter.put_off("sham", spans)
        assert told[-1] - timedelta(seconds=2) < rest <= told[-1]
        forget(bench, "blocked")
    assert told == [*spans, spans[-1]]

    limiter.put_off("sham", spans)
    limiter.block("sham", timedelta(0), edited=datetime.now(UTC))
    limiter.block("sham", timedelta(0), edited=datetime.now(UTC))
    assert limiter.put_off("sham", spans) == spans[0]


def test_a_lane_whose_redis_is_away_lets_the_call_come_back_soon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nobody can tell how often the vendor has put calls off.
    """
    monkeypatch.setattr(bench.shop.limiter, "_tell", lambda *_, **__: [])
    moods(bench, "too many")

    bench.play(LOOK_UP)

    assert (call(bench)["status"], call(bench)["waited"]) == ("parked", OUTAGE)


@contextmanager
def listening(bench: Bench) -> Iterator[None]:
    """Let the pump hear of lanes as it does in truth."""
    stopped = threading.Event()
    thread = threading.Thread(target=bench.pump.listen, args=(stopped,))
    thread.start()
    client = bench.house.limiter()._script.registered_client
    eventually(lambda: client.pubsub_numsub(CHANNEL)[0][1])
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def wait_in_a_lane_that_closed(bench: Bench, *, runs: int) -> None:
    """Let the calls of so many runs wait in a lane that its vendor's silence has closed."""
    for _ in range(5):
        bench.shop.limiter.no_answer("sham")
    for _ in range(runs):
        bench.play(LOOK_UP)
    assert bench.open_runs() == [*range(1, runs + 1)]
    bench.house.limiter()._script.registered_client.hdel(LANE, "closed")
    bench.pump.lanes.clear()


def look_meanwhile(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pump look once more while its vendor works on an answer."""
    answer = bench.vendor.answer

    def slowly(*words: Any) -> Any:
        threading.Event().wait(2 * ACTIVE)
        bench.pump.turn()
        return answer(*words)

    monkeypatch.setattr(bench.vendor, "answer", slowly)


def goes(bench: Bench, within: float = 5.0) -> None:
    """Let the pump turn and workers work until no run is open."""

    def ended() -> bool:
        bench.pump.turn()
        bench.deliver_all()
        return not bench.open_runs()

    eventually(ended, within=within)


def test_a_lane_goes_on_as_soon_as_its_probe_is_answered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The pump has looked meanwhile, and planned to wait for the probe.
    """
    wait_in_a_lane_that_closed(bench, runs=3)
    look_meanwhile(bench, monkeypatch)

    with listening(bench):
        goes(bench)

    assert bench.notes() == ["done"] * 3


def test_the_next_probe_is_planned_as_soon_as_one_is_not_answered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The lane is closed for a minute now: that counts, and not how long the probe might have taken.
    """
    wait_in_a_lane_that_closed(bench, runs=2)
    look_meanwhile(bench, monkeypatch)
    moods(bench, "no answer")

    def planned() -> bool:
        bench.pump.turn()
        plan = bench.pump.lanes["sham"].plan
        return bool(plan) and 58 < plan[0] - bench.pump.clock() < 60

    with listening(bench):
        bench.pump.turn()
        bench.deliver_all()
        eventually(planned)


def test_a_probe_that_ends_without_having_asked_makes_room_for_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nobody waits for a call that is over.
    """
    wait_in_a_lane_that_closed(bench, runs=3)
    look_meanwhile(bench, monkeypatch)
    moods(bench, "not asked")

    with listening(bench):
        goes(bench)

    assert bench.notes() == ["done", "done", "the parameter is no address"]


def test_a_probe_whose_worker_died_is_made_again_by_another(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Its place is its own: it does not wait for itself.
    """
    wait_in_a_lane_that_closed(bench, runs=2)
    moods(bench, "died before")
    with monkeypatch.context() as patched:
        patched.setattr(bench.shop.limiter, "unasked", lambda *_: None)  # the dead tell nobody
        patched.setattr(bench.vendor, "answers", lambda *_: False)
        bench.pump.turn()
        bench.deliver_all()
    assert opens_in(bench) > 90

    bench.sweep()
    with listening(bench):
        goes(bench)

    assert bench.notes() == ["done", "done"]
