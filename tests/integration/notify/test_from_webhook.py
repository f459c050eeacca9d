"""
Webhooks in: signed by the system, decided by the person whose token comes along; else refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from soar import access
from soar.bootstrap import House
from soar.notify import from_webhook
from soar.notify.signatures import new_webhook_secret
from tests.integration.notify.stage import Office, Receiver
from tests.integration.notify.test_slack import state

SECRET = new_webhook_secret()
_numbers = count(1)


@dataclass
class Sender:
    """A system that sends answers, signed by the standard's own library."""

    url: str
    token: str
    row: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, **more: Any) -> dict[str, Any]:
        """Return a good answer, with changes."""
        return {
            "approval": self.row["public_id"],
            "choice": "Monitor Only",
            "reason": "known host",
            "payload_digest": self.row["payload_digest"],
            "user": "ada",
            **more,
        }

    def send(
        self,
        document: Any = None,
        *,
        secret: str = SECRET,
        message_id: str = "",
        after: float = 0,
        change: Callable[[bytes], bytes] | None = None,
        name: str = "tickets",
        bearer: str | None = None,
        **headers: str,
    ) -> requests.Response:
        """Send an answer; *change* makes another body of the signed one."""
        body = json.dumps(self.answer() if document is None else document)
        message_id = message_id or f"msg_{next(_numbers)}"
        moment = datetime.now(UTC) + timedelta(seconds=after)
        given = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, moment, body),
            "Authorization": f"Bearer {self.token if bearer is None else bearer}",
            **{n.replace("_", "-"): value for n, value in headers.items()},
        }
        raw = body.encode()
        return requests.post(
            f"{self.url}/hooks/webhook/{name}",
            data=change(raw) if change else raw,
            headers=given,
            timeout=30,
        )


def token_of(house: House, name: str, *roles: str, kind: str = "normal", **more: Any) -> str:
    """Return a new token."""
    with house.database.begin() as work:
        return access.create_token(work, name, roles=list(roles), kind=kind, **more)


@pytest.fixture
def question(office: Office, receiver: Receiver) -> int:
    """A question on which a high-impact action depends."""
    office.channel("tickets", "webhook", url=receiver.url, secret=SECRET)
    return office.ask(dangerous=True)


@pytest.fixture
def sender(office: Office, house: House, question: int, url: str) -> Sender:
    """A system that has Ada's token."""
    return Sender(url, token_of(house, "ada", "soc_tier2"), office.approval(question))


def test_a_person_answers_through_a_system(office: Office, sender: Sender, question: int) -> None:
    """
    Signed by the system and sent with the person's token: it is that person's answer.
    """
    answer = sender.send()

    row = office.approval(question)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choice"] == "Monitor Only"
    assert (row["answer"], row["answered_by"], row["reason"]) == (
        "Monitor Only",
        "ada",
        "known host",
    )
    assert row["signed"]["channel"] == "webhook"


def refused(office: Office, send: Callable[[], requests.Response], status: int) -> str:
    """Expect that a request is refused and has changed nothing; return why."""
    before = state(office)
    answer = send()
    assert answer.status_code == status, answer.text
    assert state(office) == before
    return str(answer.json()["message"])


def test_who_signs_is_compared_with_who_decides_in_constant_time(
    office: Office, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where that comparison says no, the right person decides nothing.
    """
    never = SimpleNamespace(compare_digest=lambda *_: False)
    monkeypatch.setattr(from_webhook, "hmac", never)

    assert "the token is ada's" in refused(office, sender.send, 403)


def test_a_signature_alone_decides_nothing(office: Office, sender: Sender) -> None:
    """
    A system is no person: without a token, or with one that nobody has, it is not heard.
    """
    refused(office, lambda: sender.send(bearer=""), 401)
    refused(office, lambda: sender.send(bearer="x" * 43), 401)


def test_a_token_alone_decides_nothing(office: Office, sender: Sender) -> None:
    """
    The system must have signed.
    """
    refused(office, lambda: sender.send(secret=new_webhook_secret()), 401)
    refused(office, lambda: sender.send(webhook_signature=""), 401)


def test_a_machine_may_not_answer(office: Office, house: House, sender: Sender) -> None:
    """
    Its token opens the door, and no more.
    """
    machine = token_of(house, "bot", "soc_tier2", kind="automation")

    why = refused(office, lambda: sender.send(sender.answer(user="bot"), bearer=machine), 403)
    assert "a person must answer" in why


def test_a_person_without_the_role_may_not_answer(
    office: Office, house: House, sender: Sender
) -> None:
    """
    What they may not do elsewhere they may not do here.
    """
    eve = token_of(house, "eve", "analyst")

    refused(office, lambda: sender.send(sender.answer(user="eve"), bearer=eve), 403)


def test_the_signed_person_is_the_one_whose_token_comes(
    office: Office, house: House, sender: Sender
) -> None:
    """
    Nobody puts another token beside a message that was signed for Ada.
    """
    ben = token_of(house, "ben", "soc_tier2")

    refused(office, lambda: sender.send(bearer=ben), 403)


def test_a_token_counts_only_where_and_as_long_as_it_does(
    office: Office, house: House, sender: Sender
) -> None:
    """
    Bound to other addresses, expired, or of somebody who has left.
    """
    elsewhere = token_of(house, "ada", "soc_tier2", allowed_ips=["192.0.2.0/24"])
    refused(office, lambda: sender.send(bearer=elsewhere), 401)

    office.do("update token set expires_at = now() - interval '1 s'")
    refused(office, sender.send, 401)

    office.do("update token set expires_at = null")
    office.do("update person set active = false")
    refused(office, sender.send, 401)


def test_an_old_message_is_refused(office: Office, sender: Sender) -> None:
    """
    After 300 seconds, or as long before its time; a little earlier it is heard.
    """
    refused(office, lambda: sender.send(after=-302), 401)
    refused(office, lambda: sender.send(after=302), 401)

    assert sender.send(after=-290).status_code == 200


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda body: body[:-1],
    "longer": lambda body: body + b" ",
    "re-encoded": lambda body: json.dumps(json.loads(body), indent=1).encode(),
    "other choice": lambda body: body.replace(b"Monitor Only", b"Isolate Host"),
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_body_is_refused(
    office: Office, sender: Sender, change: Callable[[bytes], bytes]
) -> None:
    """
    The signature covers each byte as it was sent.
    """
    refused(office, lambda: sender.send(change=change), 401)


HEADERS: dict[str, dict[str, str]] = {
    "no id": {"webhook_id": ""},
    "another id": {"webhook_id": "msg_other"},
    "id with blanks": {"webhook_id": "a b"},
    "long id": {"webhook_id": "x" * 4000},
    "no time": {"webhook_timestamp": ""},
    "another time": {"webhook_timestamp": str(int(datetime.now(UTC).timestamp()) - 1)},
    "huge time": {"webhook_timestamp": "9" * 4000},
    "leading zeros": {"webhook_timestamp": "0001700000000"},
    "no version": {"webhook_signature": "A" * 44},
    "another version": {"webhook_signature": "v1a," + "A" * 44},
    "zeros": {"webhook_signature": "v1," + "A" * 43 + "="},
    "no letters": {"webhook_signature": "v1,\xe9"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_wrong_header_is_refused(office: Office, sender: Sender, headers: dict[str, str]) -> None:
    """
    Missing, of another version, or of another message.
    """
    refused(office, lambda: sender.send(**headers), 401)


def test_one_of_several_signatures_suffices(office: Office, sender: Sender) -> None:
    """
    A sender that changes its secret signs with both for a while.
    """
    message_id, moment = "msg_rotating", datetime.now(UTC)
    body = json.dumps(sender.answer())
    signatures = [Webhook(s).sign(message_id, moment, body) for s in (new_webhook_secret(), SECRET)]

    answer = sender.send(
        message_id=message_id,
        webhook_timestamp=str(int(moment.timestamp())),
        webhook_signature=" ".join(["v1a,xyz", *signatures]),
    )

    assert answer.status_code == 200, answer.text


def test_a_replayed_message_is_heard_once(office: Office, sender: Sender, question: int) -> None:
    """
    The sender is told that it was known, so that it stops; nothing happens again.
    """
    first = sender.send(message_id="msg_once")
    before = state(office)

    second = sender.send(message_id="msg_once")

    assert (first.json()["duplicate"], second.json()["duplicate"]) == (False, True)
    assert state(office) == before


def test_an_answer_that_was_refused_may_be_sent_again(
    office: Office, sender: Sender, question: int
) -> None:
    """
    Under the same id: it was not heard yet.
    """
    assert sender.send(sender.answer(choice="Maybe"), message_id="msg_a").status_code == 400

    assert sender.send(message_id="msg_a").json()["duplicate"] is False


def test_a_second_answer_comes_too_late(office: Office, sender: Sender) -> None:
    """
    Under another id it is another answer.
    """
    sender.send()

    assert "already decided: ada" in refused(office, sender.send, 409)


def test_of_many_answers_at_once_one_counts(office: Office, sender: Sender) -> None:
    """
    However they come.
    """
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: sender.send().status_code, range(16)))

    assert sorted(answers) == [200] + [409] * 15
    assert len(office.rows("select * from audit where what = 'approval answered'")) == 1


BODIES: dict[str, tuple[dict[str, Any], int]] = {
    "no digest": ({"payload_digest": ""}, 400),
    "another digest": ({"payload_digest": "0" * 64}, 409),
    "no choice": ({"choice": " "}, 400),
    "unknown choice": ({"choice": "Approve"}, 400),
    "no user": ({"user": None}, 400),
    "unknown field": ({"force": True}, 400),
    "choice is a list": ({"choice": ["Monitor Only"]}, 400),
    "unknown approval": ({"approval": "a" * 16}, 404),
    "number instead of id": ({"approval": 1}, 400),
    "id as text": ({"approval": "1"}, 404),
    "long reason": ({"reason": "x" * 5000}, 400),
}


@pytest.mark.parametrize(("change", "status"), BODIES.values(), ids=BODIES)
def test_an_answer_that_does_not_fit_is_refused(
    office: Office, sender: Sender, change: dict[str, Any], status: int
) -> None:
    """
    The digest of what was shown must come along, whatever hangs on the answer.
    """
    refused(office, lambda: sender.send(sender.answer(**change)), status)


def test_what_is_no_object_is_refused(office: Office, sender: Sender) -> None:
    """
    Signed, but of another form.
    """
    for document in ([], "x", 1):
        refused(office, lambda d=document: sender.send(d), 400)


def test_a_channel_of_another_kind_or_name_is_not_a_door(office: Office, sender: Sender) -> None:
    """
    It is refused like a wrong signature: nobody learns which channels there are.
    """
    office.channel("mail", "email", host="localhost", from_="soar@soar.example")

    why = {refused(office, lambda n=name: sender.send(name=n), 401) for name in ("mail", "nothing")}
    assert why == {refused(office, lambda: sender.send(webhook_id="x"), 401)}


def test_a_huge_body_is_refused_before_it_is_read(office: Office, sender: Sender) -> None:
    """
    10 MiB: no signature is worked out over it.
    """
    why = refused(office, lambda: sender.send(change=lambda _: b"x" * (10 * 2**20)), 413)

    assert why == "the body is larger than 64 KiB"


@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_only_a_post_is_heard(office: Office, sender: Sender, verb: str) -> None:
    """
    Everything else is refused and changes nothing.
    """
    before = state(office)

    answer = requests.request(verb, f"{sender.url}/hooks/webhook/tickets", timeout=30)

    assert answer.status_code == 405
    assert state(office) == before
