"""
Webhooks out: signed as the standard's own library wants it, told without secrets, sent with care.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from soar.notify import post
from soar.notify.signatures import new_webhook_secret
from tests.integration.notify.stage import (
    PUBLIC_URL,
    Authority,
    Office,
    Receiver,
    receiving,
)

SECRET = new_webhook_secret()


@pytest.fixture(autouse=True)
def hook(office: Office, receiver: Receiver) -> None:
    """A channel to the receiver."""
    office.channel("tickets", "webhook", url=receiver.url, secret=SECRET)


def test_the_standards_own_library_accepts_our_signature(
    office: Office, receiver: Receiver
) -> None:
    """
    With the shared secret it verifies; with another one, or one byte changed, it does not.
    """
    office.ask()
    office.send_all()
    (got,) = receiver.got

    told = Webhook(SECRET).verify(got.body, dict(got.headers))

    assert told["type"] == "approval.opened"
    with pytest.raises(WebhookVerificationError):
        Webhook(new_webhook_secret()).verify(got.body, dict(got.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(got.body.replace(b"opened", b"closed"), dict(got.headers))


def test_a_receiver_learns_what_is_asked(office: Office, receiver: Receiver) -> None:
    """
    What, of whom, on which target, until when, under which digest, and where the page is.
    """
    question = office.approval(office.ask(dangerous=True))
    office.send_all()

    told = receiver.got[0].document["data"]

    assert told["approval"] == question["public_id"]
    assert told["asked"] == "Isolate WORKSTATION-042?"
    assert told["assignee"] == "soc_tier2"
    assert told["targets"] == ["quarantine device on crowdstrike_prod: WORKSTATION-042"]
    assert told["options"] == ["Isolate Host", "Monitor Only"]
    assert told["high_impact"] is True
    assert told["payload_digest"] == question["payload_digest"]
    assert told["due"].startswith(f"{question['due_at']:%Y-%m-%dT%H:%M}")
    assert told["url"] == f"{PUBLIC_URL}/approvals/{question['public_id']}"


def test_a_parameter_that_is_no_target_is_not_told(office: Office, receiver: Receiver) -> None:
    """
    It may be a password: only what the manifest names as target leaves the house.
    """
    office.ask(dangerous=True)
    office.send_all()

    assert b"TOP-SECRET" not in receiver.got[0].body


def test_control_characters_of_a_question_do_not_travel(office: Office, receiver: Receiver) -> None:
    """
    A name is one line, whatever a playbook put into it.
    """
    office.ask(name="a\r\nX-Evil: 1\u202e", message="line\nnext\x1b[2J")
    office.send_all()

    told = receiver.got[0].document["data"]
    assert told["name"] == "a X-Evil: 1"
    assert told["asked"] == "line\nnext [2J"


def test_a_redirect_is_not_followed(office: Office, receiver: Receiver) -> None:
    """
    It would carry the question to somebody else; the notice is tried again later.
    """
    with receiving() as elsewhere:
        receiver.will(307, Location=elsewhere.url)
        office.ask()

        office.send_all()

        assert elsewhere.got == []
    assert office.notices()[0]["error"] == "the receiver answered 307"


def test_only_the_beginning_of_a_large_answer_is_read(office: Office, receiver: Receiver) -> None:
    """
    What a receiver says is bounded; its status counts.
    """
    receiver.will(200, b"x" * (10 * 2**20))

    reply = post.post(receiver.url, b"{}", {}, ca_file="")

    assert (reply.status, len(reply.body)) == (200, post.LARGEST)


def test_a_certificate_that_is_not_trusted_gets_nothing(
    office: Office, authority: Authority
) -> None:
    """
    Without its CA the message does not leave; with it, it does.
    """
    with receiving(authority.server()) as secure:
        office.channel("tickets", "webhook", url=secure.url, secret=SECRET)
        office.ask()
        office.send_all()
        assert secure.got == []
        assert "TLS to 127.0.0.1 failed" in office.notices()[0]["error"]

        office.channel(
            "tickets", "webhook", url=secure.url, secret=SECRET, ca_file=authority.ca_file
        )
        office.wait_over()
        office.send_all()

        assert len(secure.got) == 1


def test_a_certificate_of_another_name_gets_nothing(office: Office, authority: Authority) -> None:
    """
    Trusted, but somebody else's.
    """
    with receiving(authority.server("other.example")) as secure:
        office.channel(
            "tickets", "webhook", url=secure.url, secret=SECRET, ca_file=authority.ca_file
        )
        office.ask()

        office.send_all()

        assert secure.got == []


@contextmanager
def dripping() -> Iterator[str]:
    """A server that answers one byte a second, for ever."""
    stop = threading.Event()
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            wire, _ = listener.accept()
            with wire:
                wire.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.2):
                    try:
                        wire.sendall(b"X")
                    except OSError:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        stop.set()
        thread.join(timeout=10)


def test_a_receiver_that_drips_is_cut_off(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It keeps each timeout of the socket happy; the deadline of the message ends it all the same.
    """
    monkeypatch.setattr("soar.notify.courier.MOST_SECONDS", 1.5)
    with dripping() as url:
        office.channel("tickets", "webhook", url=url, secret=SECRET)
        office.ask()

        office.send_all()

    assert "gave no whole answer" in office.notices()[0]["error"]


def test_a_server_that_is_not_there_parks_the_notice(office: Office) -> None:
    """
    Nothing listens: the reason names the host and no more.
    """
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        office.channel("tickets", "webhook", url=f"http://127.0.0.1:{port}/?q=1", secret=SECRET)
        office.ask()

        office.send_all()

    error = office.notices()[0]["error"]
    assert error == "127.0.0.1 could not be reached, or gave no whole answer"
