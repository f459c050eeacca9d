"""
E-mail: a real mail server takes it, over TLS that is checked, and its link decides nothing.
"""

from __future__ import annotations

import hmac
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from soar import delegation
from soar.bootstrap import House
from soar.domain.errors import BadInput
from soar.notify import courier, links
from tests.integration.notify.stage import PUBLIC_URL, Authority, Office

FROM = "soar@soar.example"


@dataclass
class Mailbox:
    """A mail server that keeps what it takes; *refuse* answers each recipient so instead."""

    port: int = 0
    got: list[tuple[list[str], bytes]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refuse: str = ""

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        """Take a recipient, or not."""
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take a message."""
        self.got.append((list(envelope.rcpt_tos), envelope.content))
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    @property
    def messages(self) -> list[EmailMessage]:
        """What was taken, read as a mail program does."""
        return [message_from_bytes(raw, policy=default) for _, raw in self.got]  # type: ignore[misc]


def _login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"soar", b"pass")
    return AuthResult(success=known, handled=False)


@contextmanager
def mail_server(
    context: ssl.SSLContext | None, *, starttls: bool = True, login: bool = True
) -> Iterator[Mailbox]:
    """A mail server on a free port of loopback."""
    mailbox = Mailbox()

    class Server(Controller):
        def factory(self) -> SMTP:
            return SMTP(
                mailbox,
                tls_context=context if starttls else None,
                require_starttls=context is not None and starttls,
                auth_required=login and starttls,
                authenticator=_login,
                enable_SMTPUTF8=True,
            )

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    wrapped = context if context is not None and not starttls else None
    server = Server(mailbox, hostname="127.0.0.1", port=port, ssl_context=wrapped)
    server.start()
    mailbox.port = port
    try:
        yield mailbox
    finally:
        server.stop()


@pytest.fixture
def mailbox(authority: Authority) -> Iterator[Mailbox]:
    """A server with STARTTLS, a login, and a certificate of the test's own CA."""
    with mail_server(authority.server()) as made:
        yield made


def set_up(office: Office, mailbox: Mailbox, authority: Authority, **more: Any) -> None:
    """Set up the channel to that server; roles and people have addresses."""
    settings = {
        "host": "127.0.0.1",
        "port": str(mailbox.port),
        "username": "soar",
        "password": "pass",
        "from_": FROM,
        "ca_file": authority.ca_file,
        **more,
    }
    if settings.get("tls") == "tls":  # this server takes a login after STARTTLS only
        settings |= {"username": "", "password": ""}
    to = settings.pop("to", ("soc_tier2=Tier2@soc.example",))
    office.channel("mail", "email", to=to, **settings)


@pytest.fixture
def mail(office: Office, mailbox: Mailbox, authority: Authority) -> Mailbox:
    """The server, with the channel set up."""
    set_up(office, mailbox, authority)
    return mailbox


def text_of(message: EmailMessage, kind: str) -> str:
    """Return one of the two parts of a message."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_a_question_arrives_over_tls_with_what_is_asked(office: Office, mail: Mailbox) -> None:
    """
    Logged in, encrypted, as text and as HTML: what, on which target, until when, and the link.
    """
    question = office.approval(office.ask(dangerous=True))

    office.send_all()

    ((recipients, _),) = mail.got
    (message,) = mail.messages
    assert (recipients, mail.encrypted) == (["tier2@soc.example"], [True])
    assert message["Subject"] == "Approval asked: contain?"
    assert message["Auto-Submitted"] == "auto-generated"
    for kind in ("plain", "html"):
        text = text_of(message, kind)
        assert "Isolate WORKSTATION-042?" in text
        assert "quarantine device on crowdstrike_prod: WORKSTATION-042" in text
        assert f"{question['due_at']:%Y-%m-%d %H:%M} UTC" in text
        assert f"{PUBLIC_URL}/approvals/{question['public_id']}?t=" in text
        assert "TOP-SECRET" not in text


def test_everybody_who_may_answer_gets_a_message_of_their_own(
    office: Office, house: House, mail: Mailbox
) -> None:
    """
    Who holds the role, who stands in for one who does, and the role's own address; no machine,
    nobody who left, nobody else.
    """
    office.person("ada", "soc_tier2", email="ada@soc.example")
    office.person("ben", "analyst", email="ben@soc.example")
    office.person("eve", "analyst", email="eve@soc.example")
    office.person("old", "soc_tier2", email="old@soc.example")
    office.person("bot", "soc_tier2", email="bot@soc.example")
    office.do("update person set active = false where username = 'old'")
    office.do("update person set kind = 'automation' where username = 'bot'")
    with house.database.begin() as work:
        delegation.give(work, giver="ada", taker="ben", lasts=timedelta(hours=1), by="ada")

    office.ask()
    office.send_all()

    sent = sorted(recipients for recipients, _ in mail.got)
    assert sent == [["ada@soc.example"], ["ben@soc.example"], ["tier2@soc.example"]]
    tokens = re.findall(r"\?t=([\w-]+)", " ".join(text_of(m, "plain") for m in mail.messages))
    assert len(set(tokens)) == 3


def test_a_question_to_one_person_goes_to_that_person(office: Office, mail: Mailbox) -> None:
    """
    The address of the role is not used.
    """
    office.person("ada", "soc_tier2", email="ada@soc.example")

    office.ask(to="ada")
    office.send_all()

    assert [recipients for recipients, _ in mail.got] == [["ada@soc.example"]]


def test_a_decision_is_not_mailed(office: Office, mail: Mailbox) -> None:
    """
    E-mail says what is to be decided; unless told to, it says no more.
    """
    question = office.ask()
    office.send_all()
    office.answer(question)
    office.send_all()

    assert len(mail.got) == 1


def _token(mail: Mailbox) -> str:
    found = re.search(r"\?t=([\w-]+)", text_of(mail.messages[0], "plain"))
    assert found is not None
    return found[1]


def test_the_token_of_a_link_names_its_reader_and_nothing_changes(
    office: Office, house: House, mail: Mailbox
) -> None:
    """
    256 random bits, of which only the hash is kept; read as often as a scanner likes.
    """
    office.person("ada", "analyst", email="ada@soc.example")
    question = office.approval(office.ask(to="ada"))
    office.send_all()
    token = _token(mail)
    before = office.rows("select * from link"), office.rows("select * from approval")

    with house.database.begin() as work:
        names = [links.addressee(work, question["public_id"], token) for _ in range(3)]

    assert names == ["ada"] * 3
    assert len(token) == 43
    assert token not in str(before)
    assert (office.rows("select * from link"), office.rows("select * from approval")) == before


def test_a_token_that_is_wrong_names_nobody(office: Office, house: House, mail: Mailbox) -> None:
    """
    Changed, empty, too long, of another question, of another purpose, or after its time.
    """
    office.person("ada", "analyst", email="ada@soc.example")
    question = office.approval(office.ask(to="ada"))["public_id"]
    office.send_all()
    token = _token(mail)

    def named(public_id: str, given: str) -> str:
        with house.database.begin() as work:
            return links.addressee(work, public_id, given)

    changed = ("A" if token[0] != "A" else "B") + token[1:]
    for wrong in (changed, "", token + "=", token * 10, "é" * 20, "\x00"):
        assert named(question, wrong) == ""
    assert named("a000000000000bad", token) == ""
    with house.database.begin() as work:
        assert links.named(work, token, links.BUTTON) is None
    office.do("update link set expires_at = now()")
    assert named(question, token) == ""


def test_a_link_is_compared_with_its_question_in_constant_time(
    office: Office, house: House, mail: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where that comparison says no, the right link names nobody.
    """
    office.person("ada", "analyst", email="ada@soc.example")
    question = office.approval(office.ask(to="ada"))["public_id"]
    office.send_all()

    monkeypatch.setattr(hmac, "compare_digest", lambda *_: False)

    with house.database.begin() as work:
        assert links.addressee(work, question, _token(mail)) == ""


@pytest.mark.parametrize(
    "name", ["a\r\nBcc: evil@evil.example", "a\nX: 1", "a\x00b", "é" * 300, "a\u2028Bcc: x"]
)
def test_a_name_cannot_add_a_header(office: Office, mail: Mailbox, name: str) -> None:
    """
    Whatever an alert is called, the message has one recipient and the headers that we gave it.
    """
    office.ask(name=name)
    office.send_all()

    ((recipients, _),) = mail.got
    (message,) = mail.messages
    assert recipients == ["tier2@soc.example"]
    assert message["Bcc"] is None
    assert set(message.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "MIME-Version",
        "Content-Type",
    }


def test_markup_of_an_alert_is_text(office: Office, mail: Mailbox) -> None:
    """
    It is shown, not obeyed.
    """
    office.ask(
        message='<img src="https://evil.example/x"><a href="https://evil.example">Log in</a>'
    )
    office.send_all()

    html = text_of(mail.messages[0], "html")
    assert "<img" not in html
    assert "&lt;img" in html
    assert re.findall(r'href="([^"]+)"', html) == re.findall(r'href="(https://soar\.[^"]+)"', html)


def test_without_a_public_address_there_is_no_link(office: Office, mail: Mailbox) -> None:
    """
    Nobody has said where pages are; no token is made either.
    """
    object.__setattr__(office.courier, "public_url", "")
    office.ask()
    office.send_all()

    assert "http" not in text_of(mail.messages[0], "plain")
    assert office.rows("select * from link") == []


def test_a_server_without_starttls_gets_no_password(office: Office, authority: Authority) -> None:
    """
    Somebody who takes STARTTLS away learns neither login nor question.
    """
    with mail_server(None, login=False) as plain:
        set_up(office, plain, authority)
        office.ask()

        office.send_all()

        assert plain.got == []
    assert "does not offer what is needed" in office.notices()[0]["error"]


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_that_is_not_trusted_gets_nothing(
    office: Office, authority: Authority, tls: str
) -> None:
    """
    Of another CA, or of another name.
    """
    with mail_server(authority.server(), starttls=tls == "starttls") as mailbox:
        set_up(office, mailbox, authority, tls=tls, ca_file="")
        office.ask()
        office.send_all()
        assert mailbox.got == []
    with mail_server(authority.server("other.example"), starttls=tls == "starttls") as mailbox:
        set_up(office, mailbox, authority, tls=tls)
        office.wait_over()
        office.send_all()
        assert mailbox.got == []
    assert office.notices()[0]["error"] == (
        "the certificate of 127.0.0.1 is not trusted: set ca_file"
    )


def test_tls_from_the_first_byte_works_as_well(office: Office, authority: Authority) -> None:
    """
    The older way, on a port of its own.
    """
    with mail_server(authority.server(), starttls=False) as mailbox:
        set_up(office, mailbox, authority, tls="tls")
        office.ask()

        office.send_all()

        assert len(mailbox.got) == 1


def test_a_wrong_password_is_told_without_it(
    office: Office, mail: Mailbox, authority: Authority
) -> None:
    """
    The notice waits for an operator who corrects the channel.
    """
    set_up(office, mail, authority, password="wrong-password")
    office.ask()

    office.send_all()

    (notice,) = office.notices()
    assert notice["error"] == "127.0.0.1 refused the login (535)"
    assert notice["status"] == "planned"


@pytest.mark.parametrize(
    ("reply", "status"), [("550 no such user", "failed"), ("450 later", "planned")]
)
def test_a_recipient_that_does_not_exist_is_given_up_at_once(
    office: Office, mail: Mailbox, reply: str, status: str
) -> None:
    """
    Refused for good; one that is only full is tried again.
    """
    mail.refuse = reply
    office.ask()

    office.send_all()

    assert office.statuses() == {"opened": status}


def test_a_server_that_was_down_gets_the_same_message_later(
    office: Office, authority: Authority
) -> None:
    """
    Nothing is lost while it is away.
    """
    with mail_server(authority.server()) as gone:
        set_up(office, gone, authority)
    office.ask()
    office.send_all()
    assert "could not be reached" in office.notices()[0]["error"]

    with mail_server(authority.server()) as mailbox:
        set_up(office, mailbox, authority)
        office.wait_over()
        office.send_all()

        (message,) = mailbox.messages
    (notice,) = office.notices()
    assert (notice["status"], notice["tries"]) == ("sent", 2)
    assert message["Message-ID"] == notice["reference"]


def test_the_operator_may_send_a_test(office: Office, house: House, mail: Mailbox) -> None:
    """
    To an address that they name.
    """
    with house.database.begin() as work:
        channel = work.channels.get("mail")

    said = courier.probe(channel, house.vault(), to="root@soc.example")

    assert said == "127.0.0.1 took a test message to root@soc.example"
    assert [recipients for recipients, _ in mail.got] == [["root@soc.example"]]
    with pytest.raises(BadInput, match="to: is missing"):
        courier.probe(channel, house.vault())


def test_the_test_server_itself_wants_tls(mail: Mailbox) -> None:
    """
    What these tests prove would be nothing if it took a login in clear.
    """
    with smtplib.SMTP("127.0.0.1", mail.port, timeout=10) as client:
        client.ehlo()
        assert "auth" not in client.esmtp_features
        assert client.mail("a@b.example")[0] == 530
