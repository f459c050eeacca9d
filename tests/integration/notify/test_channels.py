"""
``soar channel``: set up without a secret on the screen, refused where it would not be safe.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from soar import vault
from soar.bootstrap import House
from soar.domain.errors import BadInput
from soar.domain.secret import Secret
from soar.notify import kinds
from soar.notify.signatures import new_webhook_secret, webhook_key
from soar.vault import Vault
from tests.integration.conftest import Soar
from tests.integration.notify.stage import Office, Receiver

SECRET = new_webhook_secret()


def add_webhook(soar: Soar, url: str, *more: str) -> Any:
    """Add a channel by the command line, and return its document."""
    done = soar(
        "channel",
        "add",
        "tickets",
        "--kind",
        "webhook",
        f"url={url}",
        "secret=new",
        *more,
        "--json",
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_secret_is_made_and_shown_this_one_time(soar: Soar, receiver: Receiver) -> None:
    """
    Afterwards it is three stars.
    """
    made = add_webhook(soar, receiver.url)
    (listed,) = json.loads(soar("channel", "list", "--json").stdout)

    assert len(webhook_key(Secret(made["secret"]))) == 32
    assert made["configuration"]["secret"] == "***"
    assert listed["configuration"]["secret"] == "***"
    assert made["secret"] not in soar("channel", "list").output


def test_a_secret_is_asked_for_and_not_taken_from_the_command_line(soar: Soar) -> None:
    """
    It would stand in the shell's history and in the list of processes.
    """
    words = ["channel", "add", "t", "--kind", "webhook", "url=https://a.example/"]

    refused = soar(*words, f"secret={SECRET}")
    taken = soar(*words, "secret=-", given=f"{SECRET}\n")

    assert refused.exit_code == 2
    assert SECRET not in refused.output
    assert taken.exit_code == 0, taken.output
    assert SECRET not in taken.output


def test_a_test_message_shows_whether_a_channel_works(soar: Soar, receiver: Receiver) -> None:
    """
    It goes there at once; what is wrong is said in one sentence.
    """
    add_webhook(soar, receiver.url)

    good = soar("channel", "test", "tickets")
    receiver.will(500)
    bad = soar("channel", "test", "tickets")

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert receiver.got[0].document["type"] == "channel.test"
    assert "the receiver answered 500" in bad.output


def test_a_channel_is_removed_and_is_then_unknown(soar: Soar, receiver: Receiver) -> None:
    """
    Exit code 3 the second time.
    """
    add_webhook(soar, receiver.url)

    assert soar("channel", "remove", "tickets").exit_code == 0
    assert soar("channel", "remove", "tickets").exit_code == 3
    assert json.loads(soar("channel", "list", "--json").stdout) == []


def test_a_channel_hears_of_what_it_is_told_to(soar: Soar, receiver: Receiver) -> None:
    """
    Some events, some roles.
    """
    made = add_webhook(soar, receiver.url, "--event", "decided", "--for", "tier3")

    assert (made["events"], made["for"]) == (["decided"], ["tier3"])
    refused = soar(
        "channel",
        "add",
        "t",
        "--kind",
        "webhook",
        "url=https://a.example",
        "secret=new",
        "--event",
        "reply",
    )
    assert refused.exit_code == 2


def test_a_person_is_linked_explicitly(soar: Soar, office: Office) -> None:
    """
    Under one address of a kind; it can be changed and taken away.
    """
    office.person("ada", "soc_tier2")
    office.channel(
        "chat", "slack", channel="C01", team="T01", bot_token="xoxb-1", signing_secret="s" * 32
    )

    first = soar("channel", "link", "ada", "--slack", "U0ADA", "--email", "Ada@SOC.example")
    second = soar("channel", "link", "ada", "--slack", "T02/U0NEW", "--json")

    assert first.exit_code == 0, first.output
    assert json.loads(second.stdout) == {"user": "ada", "slack": "T02/U0NEW"}
    known = json.loads(soar("channel", "people", "--json").stdout)
    assert [(k["kind"], k["address"]) for k in known] == [
        ("email", "ada@soc.example"),
        ("slack", "T02/U0NEW"),
    ]
    assert soar("channel", "unlink", "ada").exit_code == 0
    assert soar("channel", "unlink", "ada").exit_code == 3


def test_an_address_belongs_to_one_person(soar: Soar, office: Office) -> None:
    """
    A second one who claims it is refused, and the first one keeps it.
    """
    office.person("ada", "soc_tier2", email="ada@soc.example")
    office.person("eve", "analyst")

    assert soar("channel", "link", "eve", "--email", "ada@soc.example").exit_code == 5
    (known,) = json.loads(soar("channel", "people", "--json").stdout)
    assert known["username"] == "ada"


@pytest.mark.parametrize(
    "words",
    [
        ("ada",),
        ("nobody", "--email", "a@b.example"),
        ("bot", "--email", "a@b.example"),
        ("ada", "--email", "a@b.example\r\nBcc: c@d.example"),
        ("ada", "--email", "a b@c.example"),
        ("ada", "--slack", "@ada"),
        ("ada", "--slack", "U0ADA"),
    ],
    ids=["nothing", "unknown", "machine", "header", "blank", "name", "team unknown"],
)
def test_a_link_that_says_too_little_is_refused(
    soar: Soar, office: Office, words: tuple[str, ...]
) -> None:
    """
    Nobody is guessed.
    """
    office.person("ada", "soc_tier2")
    office.person("bot", "soc_tier2", kind="automation")

    assert soar("channel", "link", *words).exit_code in (2, 3)
    assert office.rows("select * from person_address") == []


def test_what_is_set_stands_in_the_audit_trail_without_secrets(
    soar: Soar, office: Office, receiver: Receiver
) -> None:
    """
    Who did what; no secret, no sealed text.
    """
    office.person("ada")
    secret = add_webhook(soar, receiver.url)["secret"]
    soar("channel", "link", "ada", "--email", "ada@soc.example")
    soar("channel", "unlink", "ada")
    soar("channel", "remove", "tickets")

    trail = office.rows("select who, what, detail from audit order by number")
    assert [(row["who"], row["what"]) for row in trail] == [
        ("command line", "channel saved"),
        ("command line", "person linked"),
        ("command line", "person unlinked"),
        ("command line", "channel removed"),
    ]
    assert secret not in str(trail)
    assert "sealed" not in str(trail)


def test_a_new_vault_key_seals_channels_as_well(
    soar: Soar, house: House, receiver: Receiver
) -> None:
    """
    After the rotation the old key is of no use any more.
    """
    secret = add_webhook(soar, receiver.url)["secret"]
    assert house.settings.vault_key_file is not None
    old, new = house.settings.vault_key_file.read_text().strip(), vault.new_key()

    done = soar("vault", "rotate", SOAR_VAULT_KEYS=f"{new},{old}")

    assert done.exit_code == 0, done.output
    with house.database.begin() as work:
        sealed = work.channels.get("tickets")["configuration"]["secret"]
    assert Vault([Secret(new)]).open(sealed).reveal() == secret


GOOD: dict[str, dict[str, str]] = {
    "email": {"host": "smtp.example.com", "from": "soar@example.com"},
    "slack": {"channel": "C01", "team": "T01", "bot_token": "xoxb-1", "signing_secret": "s" * 32},
    "webhook": {"url": "https://a.example/hook", "secret": SECRET},
}
REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("email", {"tls": "none"}, "on this machine only"),
    ("email", {"tls": "off"}, "is none of"),
    ("email", {"port": "0"}, "is no port"),
    ("email", {"port": "x"}, "is no port"),
    ("email", {"username": "soar"}, "belong together"),
    ("email", {"from": "soar"}, "is no e-mail address"),
    ("email", {"from": "a@b.example\nBcc: c@d.example"}, "one line"),
    ("email", {"host": ""}, "is missing"),
    ("slack", {"team": "soc"}, "is no id of Slack's"),
    ("slack", {"channel": "#soc"}, "is no id of Slack's"),
    ("slack", {"signing_secret": " "}, "is missing"),
    ("slack", {"base_url": "http://slack.com/api"}, "must be an https address"),
    ("webhook", {"url": "http://a.example/"}, "must be an https address"),
    ("webhook", {"url": "https://user:pass@a.example/"}, "must be an https address"),
    ("webhook", {"url": "file:///etc/passwd"}, "must be an https address"),
    ("webhook", {"url": "https://"}, "must be an https address"),
    ("webhook", {"url": "http://127.0.0.1.evil.example/"}, "must be an https address"),
    ("webhook", {"secret": "whsec_c2hvcnQ="}, "random bytes"),
    ("webhook", {"secret": "x" * 44}, "random bytes"),
    ("webhook", {"color": "red"}, "is no setting of webhook"),
]


@pytest.mark.parametrize(("kind", "change", "why"), REFUSED)
def test_a_setting_that_would_not_be_safe_is_refused(
    kind: str, change: dict[str, str], why: str
) -> None:
    """
    In one sentence that names it, before anything is kept.
    """
    with pytest.raises(BadInput, match=why):
        kinds.checked(kind, {**GOOD[kind], **change})


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_channel_gets_its_defaults(kind: str) -> None:
    """
    TLS is among them.
    """
    made = kinds.checked(kind, GOOD[kind])

    assert set(made) == set(kinds.KINDS[kind].settings)
    assert made.get("tls", "starttls") == "starttls"


def test_mail_without_tls_may_go_to_this_machine() -> None:
    """
    To a relay on loopback, and http to a receiver there.
    """
    kinds.checked("email", {**GOOD["email"], "host": "localhost", "tls": "none"})
    kinds.checked("webhook", {**GOOD["webhook"], "url": "http://127.0.0.1:8000/hook"})


def test_a_channel_does_not_change_its_kind(soar: Soar, receiver: Receiver) -> None:
    """
    Its notices would be of no use to the other kind.
    """
    add_webhook(soar, receiver.url)

    done = soar(
        "channel", "add", "tickets", "--kind", "email", "host=localhost", "from=a@b.example"
    )
    assert done.exit_code == 5
