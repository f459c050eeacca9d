"""
Carries notices by e-mail: one message per recipient, with a link that identifies and no more.

In: an errand. Out: one message to one address, over verified TLS.
Never: a text of an alert in a header as more than one line, or in HTML as markup; a login or a
message without TLS but to this machine itself; a link that decides.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from soar.deadline import cut_at_end, shut
from soar.domain.errors import BadInput
from soar.notify.errand import Errand, Moot, NotSent, secret, text
from soar.notify.kinds import check_address
from soar.notify.links import PAGE
from soar.notify.telling import Telling, one_line

SECONDS = 10.0
"""Longest silence of a mail server; the whole message has a deadline besides."""
NOT_NOW = 500
"""Codes below ask to try later; a recipient refused with one above is refused for good."""


def carry(errand: Errand) -> str:
    """Send a notice to its one recipient; the id of the message is the same on every try."""
    if not errand.notice["recipient"]:
        raise Moot
    link = errand.told.url and f"{errand.told.url}?t={errand.token(PAGE, '')}"
    message = _message(
        errand.settings,
        to=errand.notice["recipient"],
        subject=errand.told.headline,
        key=errand.key,
        plain=_page("question.txt", errand.told, link),
        html=_page("question.html", errand.told, link),
    )
    _send(errand.settings, message)
    return str(message["Message-ID"])


def probe(settings: Mapping[str, Any], to: str) -> str:
    """Send a test message to an address."""
    if not to:
        raise BadInput("to", "is missing: say to which address the test goes")
    said = "This is a test: e-mail about approvals arrives here."
    message = _message(
        settings, to=check_address(to), subject="Test", key="test", plain=said, html=""
    )
    del message["Message-ID"]  # each test is a message of its own
    _send(settings, message)
    return f"{text(settings, 'host')} took a test message to {to}"


@cache
def _pages() -> Environment:
    return Environment(
        loader=PackageLoader("soar.notify", "templates"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _page(template: str, told: Telling, link: str) -> str:
    return _pages().get_template(template).render(told=told, link=link)


def _message(
    settings: Mapping[str, Any], *, to: str, subject: str, key: str, plain: str, html: str
) -> EmailMessage:
    sender = text(settings, "from")
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = one_line(subject, 200)
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{key}@{_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(plain)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _send(settings: Mapping[str, Any], message: EmailMessage) -> None:
    host = text(settings, "host")
    try:
        with _connected(settings) as client:
            client.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code = max((code for code, _ in error.recipients.values()), default=0)
        raise NotSent(f"{host} refused the recipient ({code})", final=code >= NOT_NOW) from None
    except smtplib.SMTPAuthenticationError as error:
        raise NotSent(f"{host} refused the login ({error.smtp_code})") from None
    except smtplib.SMTPNotSupportedError:
        raise NotSent(f"{host} does not offer what is needed: STARTTLS or a login") from None
    except ssl.SSLCertVerificationError:
        raise NotSent(f"the certificate of {host} is not trusted: set ca_file") from None
    except smtplib.SMTPResponseException as error:
        raise NotSent(f"{host} refused the message ({error.smtp_code})") from None
    except (smtplib.SMTPException, OSError):
        raise NotSent(f"{host} could not be reached, or gave no whole answer") from None


@contextmanager
def _connected(settings: Mapping[str, Any]) -> Iterator[smtplib.SMTP]:
    """Lend a connection that is encrypted and logged in; cut when its time is up."""
    context = _context(text(settings, "ca_file"))
    client = _client(settings, context)
    with cut_at_end(lambda: shut(client.sock)):
        try:
            client.connect(text(settings, "host"), int(text(settings, "port")))
            if text(settings, "tls") == "starttls":
                client.starttls(context=context)
            if text(settings, "username"):
                client.login(text(settings, "username"), secret(settings, "password").reveal())
            yield client
        finally:
            _leave(client)


def _context(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError:  # also what is no certificate
        raise NotSent("the channel's ca_file cannot be read") from None


def _client(settings: Mapping[str, Any], context: ssl.SSLContext) -> smtplib.SMTP:
    """Make a client that has not connected yet, so that connecting can be cut as well."""
    name = _domain(text(settings, "from"))
    if text(settings, "tls") == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            timeout=SECONDS, local_hostname=name, context=context
        )
    else:
        client = smtplib.SMTP(timeout=SECONDS, local_hostname=name)
    client._host = text(settings, "host")  # type: ignore[attr-defined]  # TLS checks this name
    return client


def _leave(client: smtplib.SMTP) -> None:
    """Say goodbye; the message has been taken, or its failure is on its way to be told."""
    with suppress(smtplib.SMTPException, OSError):
        client.quit()
    client.close()
