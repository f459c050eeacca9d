"""A process's lease, as the process itself knows it."""

from __future__ import annotations

import time

import pytest

from soar.bootstrap import House
from soar.bus.presence import Presence


def test_a_lease_that_ran_out_is_not_held_since_before_even_when_it_is_renewed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whoever stood still for longer than the lease has lost what was claimed before, not after.
    """
    presence = Presence(house.database, "actions", seconds=60)
    now = time.monotonic()
    monkeypatch.setattr("soar.bus.presence.time.monotonic", lambda: now)
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
    now = before = time.monotonic()
    monkeypatch.setattr("soar.bus.presence.time.monotonic", lambda: now)
    presence.start()
    presence.stop()
    for _ in range(5):
        now += 50
        presence._beat()

    assert presence.held_since(before)
