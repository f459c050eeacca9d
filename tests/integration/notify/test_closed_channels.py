"""
A channel that fails again and again is left alone for a growing while, and opens by itself.

In: servers that refuse, and time that passes by ageing rows. Out: what reached them.
Never: another channel that waits for it, or a notice lost because its channel was closed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from soar import health
from soar.bootstrap import House
from soar.domain.notices import CLOSES_AFTER, LONGEST_CLOSED, MOST_TRIES
from soar.notify.signatures import new_webhook_secret
from tests.integration.conftest import Soar
from tests.integration.notify.stage import Office, Receiver, Row, receiving
from tests.integration.notify.test_notices import sweep

SECRET = new_webhook_secret()


@pytest.fixture
def hook(office: Office, receiver: Receiver) -> Row:
    """A channel to a receiver that is out of order."""
    receiver.will(503)
    return office.channel("tickets", "webhook", url=receiver.url, secret=SECRET)


def state(office: Office, name: str = "tickets") -> Row:
    """Return how a channel is."""
    (row,) = office.rows(
        "select failures, closed_until, extract(epoch from closed_until - now()) as seconds"
        " from channel where name = :name",
        name=name,
    )
    return row


def fail(office: Office, times: int = CLOSES_AFTER) -> None:
    """Let the first notice be tried so often, whatever it would wait for."""
    for _ in range(times):
        office.wait_over()
        office.do("update channel set closed_until = now() where closed_until is not null")
        office.courier.send(office.notices()[0]["id"])


def test_a_channel_closes_after_a_few_failures_in_a_row(
    office: Office, receiver: Receiver, hook: Row
) -> None:
    """
    Then nothing is sent there, nor rung for, until its time is over.
    """
    for _ in range(5):
        office.ask()
    fail(office, CLOSES_AFTER - 1)
    assert state(office)["closed_until"] is None

    fail(office, 1)

    assert 50 < float(state(office)["seconds"]) <= 60
    tried = len(receiver.got)
    office.wait_over()
    office.send_all()
    assert len(receiver.got) == tried == CLOSES_AFTER
    office.do("update notice set rung_at = now() - interval '1 d'")
    with office.house.database.begin() as work:
        assert work.notices.ring_due() == 0


def test_each_further_failure_doubles_the_while_up_to_the_longest(
    office: Office, hook: Row
) -> None:
    """
    One message at a time tries whether it works again.
    """
    for _ in range(3):
        office.ask()
    spans = []
    for _ in range(8):
        fail(office, CLOSES_AFTER if not spans else 1)
        office.do("update notice set tries = 0")
        spans.append(round(float(state(office)["seconds"]) / 60))

    assert spans == [1, 2, 4, 8, 16, 30, 30, 30]
    assert LONGEST_CLOSED.total_seconds() == 1800


def test_one_that_works_again_opens_and_all_is_told(
    office: Office, receiver: Receiver, hook: Row
) -> None:
    """
    The notices that waited go at once.
    """
    for _ in range(5):
        office.ask()
    fail(office)
    receiver.answers.clear()
    office.do("update channel set closed_until = now()")
    office.wait_over()

    office.courier.send(office.notices()[2]["id"])

    assert state(office)["failures"] == 0
    assert state(office)["closed_until"] is None
    assert {row["status"] for row in office.notices()} == {"sent"}


def test_after_its_time_one_message_tries_it(office: Office, receiver: Receiver, hook: Row) -> None:
    """
    Not as many as else may be under way.
    """
    for _ in range(3):
        office.ask()
    fail(office)
    office.do("update channel set closed_until = now()")
    office.wait_over()
    one, two, _ = office.notices()

    with office.house.database.begin() as work:
        assert work.notices.claim(one["id"]) is not None
        assert work.notices.claim(two["id"]) is None


def test_other_channels_go_on(office: Office, hook: Row) -> None:
    """
    A dead server costs the others nothing.
    """
    with receiving() as other:
        office.channel("chat", "webhook", url=other.url, secret=SECRET)
        office.ask()
        fail(office)
        office.ask()
        office.wait_over()
        office.send_all()

        assert len(other.got) == 2
        assert state(office, "chat")["failures"] == 0


def test_what_is_refused_for_good_is_no_failure_of_the_channel(
    office: Office, receiver: Receiver, hook: Row
) -> None:
    """
    Gone is gone: the receiver has answered.
    """
    receiver.answers.clear()
    receiver.will(410)
    office.ask()
    office.send_all()

    assert office.statuses() == {"opened": "failed"}
    assert state(office)["failures"] == 0


def test_a_notice_outlives_a_channel_that_is_closed(office: Office, hook: Row) -> None:
    """
    While it is closed no try is counted: the notice is told when it opens again.
    """
    office.ask()
    fail(office)
    for _ in range(MOST_TRIES):
        office.wait_over()
        office.send_all()

    assert office.notices()[0]["status"] == "planned"
    assert office.notices()[0]["tries"] == CLOSES_AFTER


def test_people_see_that_a_channel_is_closed(
    office: Office, house: House, hook: Row, soar: Soar
) -> None:
    """
    ``soar channel list`` and ``soar doctor`` say so, and until when; a test that works opens it.
    """
    office.ask()
    fail(office)

    (shown,) = json.loads(soar("channel", "list", "--json").stdout)
    assert shown["failures"] == CLOSES_AFTER
    assert shown["closed_until"] > f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    with house.database.begin() as work:
        found = {f.kind: f for f in health.findings(work, house.settings)}
    assert found["channel closed"].severity == "warning"
    assert "tickets, failed 3 times: it is tried again at" in found["channel closed"].detail

    assert soar("channel", "test", "tickets").exit_code != 0
    assert state(office)["failures"] == CLOSES_AFTER


def test_a_test_that_works_opens_a_channel(
    office: Office, receiver: Receiver, hook: Row, soar: Soar
) -> None:
    """
    So does setting it anew.
    """
    office.ask()
    fail(office)
    receiver.answers.clear()

    assert soar("channel", "test", "tickets").exit_code == 0
    assert state(office)["closed_until"] is None

    receiver.will(503)
    fail(office)
    office.channel("tickets", "webhook", url=receiver.url, secret=SECRET)
    assert state(office)["failures"] == 0


def test_the_sweep_rings_when_a_channel_opens(office: Office, house: House, hook: Row) -> None:
    """
    Nobody else would: its notices were rung for long ago.
    """
    office.ask()
    fail(office)
    office.wait_over()
    office.do("update notice set rung_at = now() - interval '1 h'")
    sweep(house).send_due_notices()
    assert office.notices()[0]["rings"] == 0

    office.do("update channel set closed_until = now()")
    sweep(house).send_due_notices()

    assert office.notices()[0]["rings"] == 1
