"""A process's lease, as the process itself knows it."""

from __future__ import annotations

import time
from typing import Any

import psycopg2
import pytest

from soar.bootstrap import House
from soar.bus.presence import Making, Presence, moment
from tests.conftest import eventually
from tests.integration.waiting import add_asset, add_calls


def test_a_lease_that_ran_out_is_not_held_since_before_even_when_it_is_renewed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever stood still for longer than the lease has lost what was claimed before, not after.
    """
    presence = Presence(house.database, "actions", seconds=60)
    now = moment()
    monkeypatch.setattr("soar.bus.presence.moment", lambda: now)
    presence.start()
    presence.stop()
    before = now
    assert presence.held_since(before)

    now += 59
    assert presence.held_since(before)
    now += 2
    assert not presence.held_since(before)

    presence._beat()
    assert not presence.held_since(before)
    assert presence.held_since(now)


def test_a_lease_that_is_renewed_in_time_is_held_since_before(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A process that beats in time keeps everything that it has claimed.
    """
    presence = Presence(house.database, "actions", seconds=60)
    now = before = moment()
    monkeypatch.setattr("soar.bus.presence.moment", lambda: now)
    presence.start()
    presence.stop()
    for _ in range(5):
        now += 50
        presence._beat()

    assert presence.held_since(before)


def test_a_lease_that_ran_out_while_its_renewal_was_on_its_way_is_not_held_since_before(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It began in time and came too late: the sweep may have taken everything back in between.
    """
    presence = Presence(house.database, "actions", seconds=60)
    now = before = moment()
    monkeypatch.setattr("soar.bus.presence.moment", lambda: now)
    presence.start()
    presence.stop()

    def slow(*given: Any) -> Any:
        nonlocal now
        now += 3
        return run(*given)

    run = house.database.run
    monkeypatch.setattr(house.database, "run", slow)
    now += 58
    presence._beat()

    assert not presence.held_since(before)
    assert presence.held_since(presence.renew())


def test_a_process_that_starts_while_the_database_is_away_has_a_lease_before_it_claims(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Its start does not fail, which its pool would not hear; it beats from then on.
    """
    presence = Presence(house.database, "actions", seconds=3)
    with monkeypatch.context() as away:

        def refuse(*_: Any) -> None:
            raise psycopg2.OperationalError

        away.setattr(house.database, "run", refuse)
        presence.start()
        assert not presence.held_since(moment())
        with pytest.raises(psycopg2.OperationalError):
            presence.renew()

    def until() -> Any:
        query = "select expires_at from worker where owner = %(owner)s"
        return house.database.run(query, {"owner": presence.owner})[0][0]

    assert presence.held_since(presence.renew())
    claimed = until()
    eventually(lambda: until() > claimed)
    presence.stop()


def test_a_lease_is_taken_by_whoever_claims_before_it_was_started(house: House) -> None:
    """
    Nobody claims for a process without a name, whose calls the sweep takes back at once.
    """
    presence = Presence(house.database, "actions", seconds=60)

    since = presence.renew()
    presence.stop()

    assert presence.owner
    assert presence.held_since(since)


def test_a_lease_is_renewed_only_when_it_has_run_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who asks before each claim pays for one beat, and has a lease from then on.
    """
    presence = Presence(house.database, "actions", seconds=60)
    now = moment()
    monkeypatch.setattr("soar.bus.presence.moment", lambda: now)
    presence.start()
    presence.stop()
    beats: list[float] = []
    beat = presence._beat
    monkeypatch.setattr(presence, "_beat", lambda: (beats.append(now), beat()))

    now += 59
    assert (presence.renew(), beats) == (now, [])
    now += 2
    assert [presence.renew(), presence.renew()] == [now, now]

    assert beats == [now]
    assert presence.held_since(now)


def test_a_lease_runs_out_while_its_machine_is_suspended(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A processor's time stands still meanwhile, the database's does not.
    """
    presence = Presence(house.database, "actions", seconds=60)
    presence.start()
    presence.stop()
    since = presence.renew()
    read = time.clock_gettime
    slept = {time.CLOCK_BOOTTIME: 61.0}

    monkeypatch.setattr(time, "clock_gettime", lambda clock: read(clock) + slept.get(clock, 0.0))

    assert not presence.held_since(since)
    assert presence.held_since(presence.renew())


def test_a_lease_ends_in_time_though_the_clock_was_set_back(house: House) -> None:
    """
    What the database's clock once said lies hours ahead; the next beat counts from what it says.
    """
    presence = Presence(house.database, "actions", seconds=60)
    presence.start()
    presence.stop()
    values = {"owner": presence.owner}
    house.database.run(
        "update worker set expires_at = now() + interval '5 hours' where owner = %(owner)s", values
    )
    presence._beat()

    left = "select extract(epoch from expires_at - now()) from worker where owner = %(owner)s"
    assert 50 < house.database.run(left, values)[0][0] <= 60


def test_a_process_lets_go_of_calls_that_it_holds_and_does_not_make(house: House) -> None:
    """
    The answer to their claim, or the word of their end, was lost with a connection.
    """
    add_asset(house)
    forgotten, made, others = add_calls(house, "high", "high", "high").calls
    making = Making()
    making.begin(made)
    presence = Presence(house.database, "actions", seconds=60, making=making)
    presence.start()
    presence.stop()
    house.database.run(
        "update app_run set status = 'running', claimed_at = now() - interval '5 s',"
        " owner = case when id = %(others)s then 'somebody' else %(owner)s end",
        {"owner": presence.owner, "others": others},
    )

    presence._beat()

    rows = house.database.run("select id, status from app_run", {})
    assert dict(rows) == {forgotten: "pending", made: "running", others: "running"}
    with house.database.begin() as work:
        assert [row["id"] for row in work.calls.unheard(seconds=15)] == [forgotten]


def test_a_call_that_came_twice_is_made_until_both_have_ended() -> None:
    """
    A repeat that finds the claim taken does not make its process forget the call.
    """
    making = Making()
    making.begin(7)
    making.begin(7)

    making.end(7)
    assert making.all() == [7]
    making.end(7)
    assert making.all() == []
