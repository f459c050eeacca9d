"""
Slack: what is asked is posted, a linked person's press answers, the buttons go; no other counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
import requests

from soar import sentinel
from soar.bootstrap import House
from soar.bus.mark import Mark
from soar.engine.settling import Settling
from soar.engine.sweep import Sweep
from soar.notify import courier
from soar.notify.errand import NotSent
from tests.integration.notify.stage import ISOLATE, Office, Receiver
from tests.integration.notify.workspace import CHANNEL, SECRET, TEAM, Workspace


@pytest.fixture
def slack(office: Office, receiver: Receiver, url: str) -> Workspace:
    """A workspace whose member U0ADA is Ada, who holds the role that is asked."""
    made = Workspace(receiver, url)
    made.set_up(office)
    office.person("ada", "soc_tier2", slack="U0ADA")
    return made


@pytest.fixture
def question(office: Office, slack: Workspace) -> int:
    """A question that stands in the channel, and that no high-impact action depends on."""
    number = office.ask()
    office.send_all()
    return number


def state(office: Office) -> list[Any]:
    """Return everything that a request could have changed."""
    tables = ("approval", "notice", "link", "received", "audit", "outbox", "run_log", "action_run")
    return [office.rows(f"select * from {table} order by 1") for table in tables]


def test_a_question_is_posted_with_its_choices(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    What is asked, by whom to be answered, until when; a button to the page, one for each choice.
    """
    (message,) = slack.messages.values()
    shown = json.dumps(message)

    assert message["channel"] == CHANNEL
    assert "Isolate WORKSTATION-042?" in shown
    assert f"{office.approval(question)['due_at']:%Y-%m-%d %H:%M} UTC" in shown
    assert list(slack.buttons()) == ["Open", "Isolate Host", "Monitor Only"]
    public_id = office.approval(question)["public_id"]
    assert slack.buttons()["Open"]["url"] == f"https://soar.example/approvals/{public_id}"
    (notice,) = office.notices()
    assert notice["reference"] == f"{CHANNEL}/{next(iter(slack.messages))}"


def test_the_value_of_a_button_says_nothing(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    Random, another one on each button, and only its hash is kept.
    """
    values = [b["value"] for label, b in slack.buttons().items() if label != "Open"]

    assert len(set(values)) == 2
    assert all(len(value) == 43 for value in values)
    kept = str(office.rows("select * from link"))
    assert not any(value in kept for value in values)


def test_a_high_impact_question_is_decided_on_its_page_only(
    office: Office, slack: Workspace
) -> None:
    """
    The message leads there; it has no button that answers.
    """
    office.ask(dangerous=True)
    office.send_all()

    assert list(slack.buttons()) == ["Open"]


def test_text_of_an_alert_is_no_markup(office: Office, slack: Workspace) -> None:
    """
    It mentions nobody and hides no link.
    """
    office.ask(name="<!channel> <https://evil.example|Log in>", message="<!here> *bold* :skull:")
    office.send_all()

    (message,) = slack.messages.values()
    assert "<" not in message["text"]
    texts = [b["text"] for b in message["blocks"] if "text" in b]
    assert {t["type"] for t in texts} == {"plain_text"}
    assert not any(t["emoji"] for t in texts)


def test_a_long_question_still_fits(office: Office, slack: Workspace) -> None:
    """
    Slack refuses what is longer than it allows: each part is cut before.
    """
    options = ("x" * 200, "yes")
    office.ask(name="n" * 5000, message="m" * 50_000, options=options)
    office.send_all()

    assert office.statuses() == {"opened": "sent"}
    assert len(slack.messages) == 1


def test_a_linked_person_answers_and_the_buttons_go(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    The answer is signed and in the audit trail like any other; the message says who decided.
    """
    began = time.monotonic()
    answer = slack.press("Monitor Only")
    assert time.monotonic() - began < 3.0
    office.send_all()

    row = office.approval(question)
    assert answer.status_code == 200
    assert (row["status"], row["answer"], row["answered_by"]) == ("answered", "Monitor Only", "ada")
    assert row["signed"]["channel"] == "slack"
    assert row["signature"]
    (message,) = slack.messages.values()
    assert slack.buttons(message) == {}
    assert "ada chose 'Monitor Only'" in json.dumps(message)


@pytest.mark.parametrize("how", ["expired", "cancelled"])
def test_a_question_that_ends_unanswered_loses_its_buttons(
    office: Office, house: House, slack: Workspace, question: int, how: str
) -> None:
    """
    Nobody is led to press what does nothing any more.
    """
    if how == "expired":
        office.do("update approval set due_at = now()")
        settling = Settling(catalog=house.catalog, settings=house.settings)
        Sweep(
            database=house.database,
            relay=lambda _: None,  # type: ignore[arg-type]
            settings=house.settings,
            settling=settling,
            mark=Mark(sentinel.glance(house.settings.redis_url.get_secret_value())),
        ).expire_approvals()
    else:
        with house.database.begin() as work:
            work.approvals.cancel([office.approval(question)["run_id"]])
    office.send_all()

    (message,) = slack.messages.values()
    assert slack.buttons(message) == {}
    assert how in json.dumps(message)


def test_a_reminder_is_a_reply_to_the_question(
    office: Office, house: House, slack: Workspace, question: int
) -> None:
    """
    In its thread and in the channel; the buttons stay on the question.
    """
    office.do("update reminder set at = now()")
    with house.database.begin() as work:
        work.notices.remind()
    office.send_all()

    moment, reply = next(iter(slack.messages)), list(slack.messages.values())[1]
    assert (reply["thread_ts"], reply["reply_broadcast"]) == (moment, True)
    assert "blocks" not in reply


def test_the_next_step_of_a_ladder_gets_the_question_in_its_own_channel(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    With its buttons, which go at the end; a channel that has seen it gets a reply for all to see.
    """
    slack.set_up(office, name="leads", channel="C0LEADS")
    for _ in range(2):
        with office.house.database.begin() as work:
            work.notices.plan([question], "escalated", names=["soc_lead"])
        office.wait_over()
        office.send_all()

    posted = [(m["channel"], "blocks" in m, "thread_ts" in m) for m in slack.messages.values()]
    assert posted[0] == (CHANNEL, True, False)
    assert sorted(posted[1:3]) == [("C0LEADS", True, False), (CHANNEL, False, True)]
    assert sorted(posted[3:]) == [("C0LEADS", False, True), (CHANNEL, False, True)]
    assert all(m["reply_broadcast"] for m in slack.messages.values() if "thread_ts" in m)

    office.answer(question)
    office.send_all()
    assert [slack.buttons(m) for m in slack.messages.values() if "blocks" in m] == [{}, {}]


def test_a_decision_waits_for_the_message_that_it_changes(office: Office, slack: Workspace) -> None:
    """
    The question is on its way when it is decided: first it is posted, then its buttons go.
    """
    question = office.ask()
    (first,) = office.notices()
    office.do("update notice set tries = 1, claimed_at = now(), next_try_at = now() + '1 min'")
    office.answer(question)
    office.send_all()
    assert office.statuses() == {"opened": "planned", "decided": "planned"}
    assert office.notices("decided")[0]["tries"] == 0

    office.do(
        "update notice set status = 'sent', reference = 'C0ROOM/1700000000.000000',"
        " claimed_at = null where id = :id",
        id=first["id"],
    )
    office.wait_over()
    office.send_all()

    assert office.statuses() == {"opened": "sent", "decided": "sent"}
    assert slack.methods == ["chat.update"]


def test_what_slack_refuses_is_tried_again(office: Office, slack: Workspace) -> None:
    """
    Its reason is kept for the operator, and nothing that is secret with it.
    """
    slack.failures = [{"ok": False, "error": "channel_not_found<script>"}]
    office.ask()
    office.send_all()
    assert office.notices()[0]["error"] == (
        "Slack refused chat.postMessage: channel_not_foundscript"
    )
    office.wait_over()
    office.send_all()

    assert office.statuses() == {"opened": "sent"}


def test_a_message_that_somebody_deleted_is_not_changed_for_ever(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    There is nothing to take buttons off.
    """
    office.answer(question)
    slack.failures = [{"ok": False, "error": "message_not_found"}]
    office.send_all()

    assert office.statuses()["decided"] == "moot"


def test_the_operator_may_send_a_test(office: Office, house: House, slack: Workspace) -> None:
    """
    The token must be of the team that is set.
    """
    with house.database.begin() as work:
        channel = work.channels.get("chat")
    assert courier.probe(channel, house.vault()) == f"a test message was posted to {CHANNEL}"

    slack.set_up(office, team="T0OTHER")
    with house.database.begin() as work:
        channel = work.channels.get("chat")
    with pytest.raises(NotSent, match="of team T0TEAM, not of T0OTHER"):
        courier.probe(channel, house.vault())


# Who may press.


def test_whoever_is_not_linked_decides_nothing_and_is_told(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    A name in Slack is anybody's to choose: only the link counts.
    """
    office.person("root", "soc_tier2")

    answer = slack.press("Monitor Only", user="U0EVE")
    office.send_all()

    assert answer.status_code == 200
    assert office.approval(question)["status"] == "open"
    ((user, text),) = slack.whispers
    assert user == "U0EVE"
    assert text.startswith("You are not linked: ask your administrator")


def test_a_linked_person_without_the_role_decides_nothing_and_is_told(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    Slack gives nobody more than they have.
    """
    office.person("eve", "analyst", slack="U0EVE")

    slack.press("Monitor Only", user="U0EVE")
    office.send_all()

    assert office.approval(question)["status"] == "open"
    ((_, text),) = slack.whispers
    assert "is for 'soc_tier2'; eve has the roles: analyst" in text


@pytest.mark.parametrize("change", ["active = false", "kind = 'automation'", "roles = '{}'"])
def test_what_a_person_is_now_counts(
    office: Office, slack: Workspace, question: int, change: str
) -> None:
    """
    Who has left, became a machine, or lost the role since the message was posted.
    """
    office.do(f"update person set {change}")

    slack.press("Monitor Only")

    assert office.approval(question)["status"] == "open"


def test_an_unlinked_person_is_no_longer_heard(
    office: Office, house: House, slack: Workspace, question: int
) -> None:
    """
    From the moment on in which the link is gone.
    """
    office.do("delete from person_address")

    slack.press("Monitor Only")

    assert office.approval(question)["status"] == "open"


def test_a_member_of_another_team_is_not_ours(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    In a shared channel somebody of another company presses, with the same member id.
    """
    slack.set_up(office, name="other", team="T0OTHER")
    (_, button, _) = slack.buttons().values()
    payload = slack.payload(button)
    payload["user"]["team_id"] = "T0OTHER"

    assert slack.send(payload).status_code == 401
    assert office.approval(question)["status"] == "open"


def test_a_press_of_another_team_is_refused(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    Signed with the right secret, but of a workspace that the channel is not in.
    """
    before = state(office)

    assert slack.press("Monitor Only", team="T0OTHER").status_code == 401
    assert state(office) == before


# What counts as a press.


def test_an_old_request_is_refused(office: Office, slack: Workspace, question: int) -> None:
    """
    After 300 seconds, or as long before its time.
    """
    before = state(office)
    button = slack.buttons()["Monitor Only"]
    now = time.time()

    answers = [slack.send(slack.payload(button), at=now + d).status_code for d in (-302, 302)]

    assert answers == [401, 401]
    assert state(office) == before
    assert slack.send(slack.payload(button), at=now - 290).status_code == 200
    assert office.approval(question)["status"] == "answered"


def reencoded(body: bytes) -> bytes:
    """Return the same payload, written in another way."""
    payload = json.loads(parse_qs(body.decode())["payload"][0])
    return urlencode({"payload": json.dumps(payload, indent=1)}).encode()


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda body: body[:-1],
    "longer": lambda body: body + b"&a=b",
    "re-encoded": reencoded,
    "other user": lambda body: body.replace(b"U0ADA", b"U0EVE"),
    "empty": lambda _: b"",
    "upper case escapes": lambda body: body.replace(b"%7B", b"%7b"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_body_is_refused(
    office: Office, slack: Workspace, question: int, change: Callable[[bytes], bytes]
) -> None:
    """
    The signature covers each byte as it was sent.
    """
    before = state(office)
    payload = slack.payload(slack.buttons()["Monitor Only"])

    assert slack.send(payload, change=change).status_code == 401
    assert state(office) == before


HEADERS: dict[str, dict[str, str]] = {
    "no signature": {"X-Slack-Signature": ""},
    "another scheme": {"X-Slack-Signature": "v1=" + "0" * 64},
    "zeros": {"X-Slack-Signature": "v0=" + "0" * 64},
    "no letters": {"X-Slack-Signature": "v0=\xe9"},
    "no time": {"X-Slack-Request-Timestamp": ""},
    "another time": {"X-Slack-Request-Timestamp": str(int(time.time()) - 1)},
    "time with blanks": {"X-Slack-Request-Timestamp": "1 700000000"},
    "negative": {"X-Slack-Request-Timestamp": "-1"},
    "huge": {"X-Slack-Request-Timestamp": "9" * 4000},
    "infinite": {"X-Slack-Request-Timestamp": "inf"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_wrong_header_is_refused(
    office: Office, slack: Workspace, question: int, headers: dict[str, str]
) -> None:
    """
    Missing, of another scheme, or of another time.
    """
    before = state(office)
    payload = slack.payload(slack.buttons()["Monitor Only"])

    assert slack.send(payload, headers=headers).status_code == 401
    assert state(office) == before


def test_a_wrong_secret_is_refused(office: Office, slack: Workspace, question: int) -> None:
    """
    Everything else is right.
    """
    payload = slack.payload(slack.buttons()["Monitor Only"])

    assert slack.send(payload, secret="0" * 32).status_code == 401
    assert office.approval(question)["status"] == "open"


def test_without_a_channel_every_request_is_refused(
    office: Office, url: str, receiver: Receiver
) -> None:
    """
    Nobody can have signed it with a secret that we know.
    """
    slack = Workspace(receiver, url)
    button = {"action_id": "answer-0", "value": "x"}

    assert slack.send(slack.payload(button)).status_code == 401


def test_a_replayed_request_does_nothing(office: Office, slack: Workspace, question: int) -> None:
    """
    The same request twice within its time: heard once, and nobody is told anything again.
    """
    payload = slack.payload(slack.buttons()["Monitor Only"], user="U0EVE")
    slack.send(payload)
    office.send_all()
    before = state(office)

    assert slack.send(payload).status_code == 200
    assert state(office) == before
    assert len(slack.whispers) == 1


def test_a_replay_with_another_trigger_does_nothing(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    The press itself is known as well: by its member and its moment.
    """
    payload = slack.payload(slack.buttons()["Monitor Only"], user="U0EVE")
    slack.send(payload)
    office.send_all()

    slack.send({**payload, "trigger_id": "9.9.z"})
    office.send_all()

    assert len(slack.whispers) == 1


def test_of_a_double_click_one_counts(office: Office, slack: Workspace, question: int) -> None:
    """
    Two presses of two buttons at once: one answer, and the other hears that it is decided.
    """
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(slack.press, ["Isolate Host", "Monitor Only"]))
    office.send_all()

    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(office.rows("select * from audit where what = 'approval answered'")) == 1
    ((_, text),) = slack.whispers
    assert text.startswith("already decided: ada chose")


def test_a_late_press_does_nothing_and_is_told(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    Its time was over, also if nobody has closed it yet.
    """
    office.do("update approval set due_at = now()")

    slack.press("Monitor Only")
    office.send_all()

    assert office.approval(question)["answer"] is None
    assert "a late answer does nothing" in slack.whispers[0][1]


def test_a_question_that_has_become_dangerous_is_not_decided_here(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    The button was there; what hangs on the answer now is looked at when it is pressed.
    """
    effects = json.dumps({"Isolate Host": [ISOLATE.shape()]})
    office.do(
        "update approval set payload = payload || jsonb_build_object('effects',"
        " cast(:effects as jsonb))",
        effects=effects,
    )

    slack.press("Isolate Host")
    office.send_all()

    assert office.approval(question)["status"] == "open"
    assert "decided on its page only" in slack.whispers[0][1]


def test_a_question_that_has_changed_is_not_decided(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    The button stands for what was shown beside it, and for nothing else.
    """
    office.do("update approval set payload_digest = repeat('0', 64)")

    slack.press("Monitor Only")

    assert office.approval(question)["status"] == "open"


def test_a_value_that_we_did_not_make_does_nothing(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    A guess, an id, the name of a choice.
    """
    for value in ("x" * 43, str(question), "Monitor Only", office.approval(question)["public_id"]):
        button = {"action_id": "answer-0", "value": value}
        assert slack.send(slack.payload(button)).status_code == 200

    assert office.approval(question)["status"] == "open"


def test_a_button_of_another_app_does_nothing(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    Two workspaces are connected: who holds the secret of one cannot press in the other.
    """
    slack.set_up(office, name="other", team="T0OTHER", signing_secret="0" * 32)
    office.person("eve", "soc_tier2", slack="T0OTHER/U0ADA")
    payload = slack.payload(slack.buttons()["Monitor Only"], team="T0OTHER")

    assert slack.send(payload, secret="0" * 32).status_code == 200
    assert office.approval(question)["status"] == "open"
    assert slack.send({**payload, "team": {"id": TEAM}}, secret="0" * 32).status_code == 401


def test_other_things_that_slack_tells_do_nothing(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    A press of "Open", a shortcut, a form.
    """
    before = state(office)
    opened = slack.payload(slack.buttons()["Open"])
    others = [opened, {**opened, "type": "shortcut"}, {**opened, "type": "view_submission"}]

    assert [slack.send(payload).status_code for payload in others] == [200] * 3
    assert state(office) == before


def test_what_is_no_payload_is_refused_in_a_sentence(
    office: Office, slack: Workspace, question: int
) -> None:
    """
    Signed, but of another form: nothing breaks.
    """
    good = slack.payload(slack.buttons()["Monitor Only"])
    action = good["actions"][0]
    bad: list[Any] = [
        {**good, "actions": []},
        {**good, "actions": [action, action]},
        {**good, "user": "U0ADA"},
        {**good, "user": {"id": "../x"}},
        {**good, "user": None},
        {**good, "trigger_id": None},
        {**good, "trigger_id": "x" * 5000},
        {**good, "actions": [{**action, "value": "a\x00b"}]},
        {**good, "actions": [{**action, "value": ["x"]}]},
        {**good, "team": None},
        [],
        None,
    ]

    answers = [slack.send(payload) for payload in bad]

    assert {answer.status_code for answer in answers} == {400}
    assert office.approval(question)["status"] == "open"


def test_a_huge_body_is_refused_before_it_is_read(slack: Workspace) -> None:
    """
    10 MiB: no signature is worked out over it.
    """
    answer = slack.send({"type": "x"}, change=lambda _: b"x" * (10 * 2**20))

    assert answer.status_code == 413


@pytest.mark.parametrize("verb", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_only_a_post_is_heard(office: Office, slack: Workspace, question: int, verb: str) -> None:
    """
    Whatever follows or fetches an address ahead of its reader changes nothing.
    """
    before = state(office)
    value = slack.buttons()["Monitor Only"]["value"]
    public_id = office.approval(question)["public_id"]

    for path in (
        "/hooks/slack",
        f"/hooks/slack?payload={value}",
        "/hooks/webhook/chat",
        f"/approvals/{public_id}?t={value}",
    ):
        answer = requests.request(
            verb, slack.hooks + path, headers={"Sec-Purpose": "prefetch"}, timeout=30
        )
        assert answer.status_code != 500

    assert state(office) == before


def test_secrets_stand_nowhere_in_clear(office: Office, slack: Workspace, question: int) -> None:
    """
    Not in the table of channels, not in the audit trail.
    """
    everything = str(office.rows("select * from channel")) + str(office.rows("select * from audit"))

    assert SECRET not in everything
    assert "xoxb-" not in everything
