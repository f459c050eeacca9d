"""
Notices: planned with their event, sent at least once, tried again, and at last a finding.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from soar import health, sentinel
from soar.bootstrap import House
from soar.bus.mark import Mark
from soar.cancellation import cancel
from soar.domain.errors import Conflict
from soar.domain.notices import LONGEST_WAIT, MOST_TRIES, backoff
from soar.engine.settling import Settling
from soar.engine.sweep import Sweep
from soar.notify.signatures import new_webhook_secret
from soar.store.work import Message
from tests.conftest import eventually
from tests.integration.notify.stage import Office, Receiver, Row

SECRET = new_webhook_secret()


@pytest.fixture
def hook(office: Office, receiver: Receiver) -> Row:
    """A channel to the receiver."""
    return office.channel("tickets", "webhook", url=receiver.url, secret=SECRET)


@pytest.fixture
def rung(house: House) -> list[Message]:
    """What commits send from now on."""
    sent: list[Message] = []
    house.database.publish = lambda messages: sent.extend(m for _, m in messages)
    return sent


def sweep(house: House) -> Sweep:
    """Return the sweep; what it sends stays in the outbox."""
    return Sweep(
        database=house.database,
        relay=lambda _: None,  # type: ignore[arg-type]
        settings=house.settings,
        settling=Settling(catalog=house.catalog, settings=house.settings),
        mark=Mark(sentinel.glance(house.settings.redis_url.get_secret_value())),
    )


def test_a_notice_is_planned_with_its_question_and_rung_by_id(
    office: Office, hook: Row, rung: list[Message]
) -> None:
    """
    The row and the message come from the question's own transaction; the message holds an id only.
    """
    office.ask()

    (notice,) = office.notices()
    (bell,) = [m for m in rung if m.body["name"] == "soar.notify.send"]
    assert (notice["event"], notice["status"], notice["tries"]) == ("opened", "planned", 0)
    assert bell.body == {
        "name": "soar.notify.send",
        "args": [notice["id"]],
        "queue": "notify",
        "id": f"send-{notice['id']}",
    }


def _ask_and_fail(office: Office, house: House) -> None:
    with house.database.begin() as work:
        office.ask_in(work)
        raise ZeroDivisionError


def test_a_question_that_is_rolled_back_tells_nobody(
    office: Office, house: House, hook: Row
) -> None:
    """
    What did not happen is not told.
    """
    with pytest.raises(ZeroDivisionError):
        _ask_and_fail(office, house)

    assert office.notices() == []


def test_without_channels_nothing_is_planned(office: Office) -> None:
    """
    Nobody to tell: no notice, and no reminder.
    """
    office.answer(office.ask())

    assert office.notices() == []
    assert office.rows("select * from reminder") == []


def test_a_message_that_comes_twice_is_sent_once(
    office: Office, receiver: Receiver, hook: Row
) -> None:
    """
    The second bell finds the notice sent.
    """
    office.ask()
    (notice,) = office.notices()

    office.courier.send(notice["id"])
    office.courier.send(notice["id"])

    assert len(receiver.got) == 1
    assert office.statuses() == {"opened": "sent"}


def test_each_end_of_a_question_is_told(
    office: Office, house: House, receiver: Receiver, hook: Row
) -> None:
    """
    Decided, expired and cancelled, each with its outcome.
    """
    decided, expired, cancelled = office.ask(), office.ask(), office.ask()
    office.send_all()
    office.answer(decided)
    office.do("update approval set due_at = now() where id = :id", id=expired)
    sweep(house).expire_approvals()
    with house.database.begin() as work:
        cancel(work, work.approvals.get(cancelled)["run_id"], by="ada")
    receiver.got.clear()

    office.send_all()

    told = {got.document["type"]: got.document["data"] for got in receiver.got}
    assert set(told) == {"approval.decided", "approval.expired", "approval.cancelled"}
    assert told["approval.decided"]["answer"] == "Monitor Only"
    assert told["approval.decided"]["answered_by"] == "ada"
    assert told["approval.expired"]["status"] == "expired"


def test_an_answer_that_comes_too_late_is_not_told(office: Office, hook: Row) -> None:
    """
    One decision, one notice of it, whoever tries afterwards.
    """
    question = office.ask()
    office.answer(question)

    with pytest.raises(Conflict):
        office.answer(question)

    assert [n["event"] for n in office.notices()] == ["opened", "decided"]


def test_a_question_that_was_answered_first_is_not_announced(
    office: Office, receiver: Receiver, hook: Row
) -> None:
    """
    Its first notice was late: by then there was nothing to answer any more.
    """
    office.answer(office.ask())

    office.send_all()

    assert office.statuses() == {"opened": "moot", "decided": "sent"}
    assert [got.document["type"] for got in receiver.got] == ["approval.decided"]


def test_a_question_that_is_answered_while_it_is_announced_is_not_announced_again(
    office: Office, receiver: Receiver, hook: Row
) -> None:
    """
    Its sender had claimed the notice and failed: the next try sees that nothing is asked any more.
    """
    question = office.ask()
    office.do("update notice set claimed_at = now()")
    office.answer(question)
    assert office.statuses()["opened"] == "planned"

    office.do("update notice set claimed_at = null")
    office.send_all()

    assert office.statuses() == {"opened": "moot", "decided": "sent"}
    assert [got.document["type"] for got in receiver.got] == ["approval.decided"]


def test_a_reminder_comes_once_at_half_time(office: Office, house: House, hook: Row) -> None:
    """
    Not before half of the time, and not twice.
    """
    question = office.ask(minutes=60)
    sweep(house).remind_people()
    assert office.notices("reminder") == []
    office.do("update reminder set at = at - interval '31 min'")

    sweep(house).remind_people()
    sweep(house).remind_people()

    (notice,) = office.notices("reminder")
    assert notice["approval_id"] == question


def test_the_half_of_the_time_is_reckoned_from_the_question(office: Office, hook: Row) -> None:
    """
    A question of an hour is recalled after half an hour.
    """
    question = office.approval(office.ask(minutes=60))

    (row,) = office.rows("select at from reminder")

    half = question["create_time"] + (question["due_at"] - question["create_time"]) / 2
    assert abs(row["at"] - half) < timedelta(seconds=1)


def test_nobody_is_reminded_of_what_is_decided(office: Office, house: House, hook: Row) -> None:
    """
    The reminder of a closed question is dropped.
    """
    office.answer(office.ask())
    office.do("update reminder set at = now()")

    sweep(house).remind_people()

    assert office.notices("reminder") == []
    assert office.rows("select * from reminder") == []


def test_reminders_are_bounded_per_pass(office: Office, house: House, hook: Row) -> None:
    """
    However many are due, one pass takes so many, and the next pass goes on.
    """
    for _ in range(3):
        office.ask()
    office.do("update reminder set at = now()")

    with house.database.begin() as work:
        assert work.notices.remind(limit=2) == 2
    with house.database.begin() as work:
        assert work.notices.remind(limit=2) == 1


def test_a_server_that_is_down_is_tried_again_later_under_the_same_key(
    office: Office, receiver: Receiver, hook: Row
) -> None:
    """
    The first try fails and parks the notice; the next one, when its time has come, sends it.
    """
    receiver.will(503)
    receiver.will(200)
    office.ask()

    office.send_all()
    (parked,) = office.notices()
    office.wait_over()
    office.send_all()

    assert (parked["status"], parked["tries"]) == ("planned", 1)
    assert parked["next_try_at"] > datetime.now(UTC)
    assert parked["error"] == "the receiver answered 503"
    assert office.statuses() == {"opened": "sent"}
    first, second = (got.headers["webhook-id"] for got in receiver.got)
    assert first == second


def test_a_server_that_asks_to_wait_is_given_that_time(
    office: Office, receiver: Receiver, hook: Row
) -> None:
    """
    Retry-After counts, but no longer than a quarter of an hour.
    """
    receiver.will(429, Retry_After="400")
    office.ask()

    office.send_all()

    (parked,) = office.notices()
    wait = parked["next_try_at"] - datetime.now(UTC)
    assert timedelta(seconds=390) < wait <= timedelta(seconds=400)


def test_what_fails_again_and_again_is_given_up_and_shows(
    office: Office, house: House, receiver: Receiver, hook: Row
) -> None:
    """
    After the last try the notice is failed, a finding of the doctor, and counted by the channel.
    """
    receiver.will(500)
    office.ask()

    for _ in range(MOST_TRIES + 2):
        office.wait_over()
        office.do("update channel set closed_until = now() where closed_until is not null")
        office.send_all()

    assert len(receiver.got) == MOST_TRIES
    assert office.statuses() == {"opened": "failed"}
    with house.database.begin() as work:
        (found,) = [f for f in health.findings(work, house.settings) if f.kind == "notice failed"]
        counts = work.channels.counts()[hook["id"]]
    assert found.severity == "warning"
    assert "the receiver answered 500" in found.detail
    assert (counts["failed"], counts["error"]) == (1, "the receiver answered 500")


def test_waits_grow_and_have_an_end() -> None:
    """
    Each try waits about twice as long as the one before, up to a quarter of an hour.
    """
    waits = [backoff(tries, chance=1.0) for tries in range(1, MOST_TRIES)]

    assert waits[0] == timedelta(seconds=5)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    assert backoff(3, chance=0.0) == backoff(3, chance=1.0) / 2


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(
    office: Office, receiver: Receiver, hook: Row
) -> None:
    """
    410 ends a notice at its first try.
    """
    receiver.will(410)
    office.ask()

    office.send_all()

    assert office.statuses() == {"opened": "failed"}


def test_a_sender_that_died_is_followed_by_another(
    office: Office, house: House, receiver: Receiver, hook: Row
) -> None:
    """
    It claimed the notice, perhaps sent it, and told nobody: after its lease it is sent once more,
    under the same key. What the dead one says later counts no more.
    """
    office.ask()
    with house.database.begin() as work:
        lost = work.notices.claim(office.notices()[0]["id"])
    assert lost is not None
    office.send_all()
    assert receiver.got == []

    office.do("update notice set next_try_at = now(), claimed_at = now() - interval '2 min'")
    office.send_all()
    with house.database.begin() as work:
        assert not work.notices.ended(lost["id"], lost["tries"], "failed")

    assert len(receiver.got) == 1
    assert office.statuses() == {"opened": "sent"}


def test_a_lost_bell_is_rung_again_ever_more_seldom(
    office: Office, house: House, hook: Row, rung: list[Message]
) -> None:
    """
    The sweep rings for what is due and was not taken: after five seconds, then ten, and so on.
    """
    office.ask()
    rung.clear()

    def bells_after(seconds: int) -> int:
        rung.clear()
        office.do(
            "update notice set rung_at = now() - make_interval(secs => :seconds)", seconds=seconds
        )
        sweep(house).send_due_notices()
        return len([m for m in rung if m.body["name"] == "soar.notify.send"])

    assert [bells_after(4), bells_after(6)] == [0, 1]
    assert [bells_after(6), bells_after(11)] == [0, 1]


def test_a_slow_server_holds_two_senders_and_no_more(
    office: Office, receiver: Receiver, hook: Row
) -> None:
    """
    Whoever comes third goes away at once; the two that were busy send what is left.
    """
    for _ in range(5):
        office.ask()
    receiver.hold = threading.Event()
    ids = [row["id"] for row in office.notices()]
    threads = [threading.Thread(target=office.courier.send, args=(i,)) for i in ids[:2]]
    for thread in threads:
        thread.start()
    eventually(lambda: len(receiver.got) == 2, within=10)

    office.courier.send(ids[2])
    assert len(receiver.got) == 2

    receiver.hold.set()
    for thread in threads:
        thread.join(timeout=20)
    assert len(receiver.got) == 5


def test_a_channel_may_hear_only_of_some_questions(
    office: Office, house: House, receiver: Receiver
) -> None:
    """
    Those that one role is asked, and only when they open.
    """
    office.channel("tickets", "webhook", url=receiver.url, secret=SECRET)
    office.do("update channel set assignees = '{tier3}', events = '{opened}'")

    office.answer(office.ask())
    office.ask(to="tier3")

    assert [row["event"] for row in office.notices()] == ["opened"]


def test_a_removed_channel_takes_its_notices_along(
    office: Office, house: House, receiver: Receiver, hook: Row
) -> None:
    """
    What it has not told is never told, and a bell for it does nothing.
    """
    office.ask()
    (notice,) = office.notices()
    with house.database.begin() as work:
        work.channels.delete("tickets")

    office.courier.send(notice["id"])

    assert (receiver.got, office.notices()) == ([], [])


def test_a_notice_that_waits_too_long_is_a_finding(office: Office, house: House, hook: Row) -> None:
    """
    No worker sends notices: the doctor sees what is due.
    """
    office.ask()
    office.do("update notice set next_try_at = now() - interval '5 min'")

    with house.database.begin() as work:
        found = {f.kind: f for f in health.findings(work, house.settings)}

    assert found["notice unsent"].severity == "warning"


def test_what_came_in_long_ago_is_forgotten(office: Office, house: House, hook: Row) -> None:
    """
    Far longer than a signature counts; what is younger stays, and so does a link that still leads.
    """
    office.ask()
    with house.database.begin() as work:
        (notice,) = office.notices()
        work.channels.add_link(notice, "a" * 64, purpose="page")
        work.channels.add_link(notice, "b" * 64, purpose="page")
        work.channels.receive("slack trigger", "old")
        work.channels.receive("slack trigger", "young")
    office.do("update received set time = now() - interval '2 h' where key = 'old'")
    office.do("update link set expires_at = now() - interval '2 d' where hash like 'a%'")

    sweep(house).forget_the_past()

    assert [row["key"] for row in office.rows("select key from received")] == ["young"]
    assert [row["hash"][0] for row in office.rows("select hash from link")] == ["b"]
