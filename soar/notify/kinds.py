"""
The kinds of channels, and what each of them needs to know.

In: settings as people write them. Out: a checked configuration, its secrets sealed.
Never: a secret in clear at rest, a setting that silently does nothing, or a password, token or
question on its way without TLS (but to this machine itself).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from soar.domain.errors import BadInput
from soar.domain.notices import PUBLIC_EVENTS, Event
from soar.domain.secret import Secret
from soar.notify.signatures import webhook_key
from soar.vault import Vault, is_sealed

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SLACK_API = "https://slack.com/api"
TLS = ("starttls", "tls", "none")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What a kind of channel can be told: its settings, with their defaults (none: required)."""

    settings: Mapping[str, str | None]
    secrets: frozenset[str]
    events: tuple[Event, ...]


KINDS: Mapping[str, Kind] = {
    "email": Kind(
        settings={
            "host": None,
            "port": "587",
            "tls": "starttls",
            "username": "",
            "password": "",
            "from": None,
            "ca_file": "",
        },
        secrets=frozenset({"password"}),
        events=(Event.OPENED, Event.REMINDER, Event.ESCALATED),
    ),
    "slack": Kind(
        settings={
            "bot_token": None,
            "signing_secret": None,
            "channel": None,
            "team": None,
            "base_url": SLACK_API,
            "ca_file": "",
        },
        secrets=frozenset({"bot_token", "signing_secret"}),
        events=PUBLIC_EVENTS,
    ),
    "webhook": Kind(
        settings={"url": None, "secret": None, "ca_file": ""},
        secrets=frozenset({"secret"}),
        events=PUBLIC_EVENTS,
    ),
}


def check_name(name: str) -> None:
    """Refuse a name that cannot stand in an address."""
    if not NAME.fullmatch(name):
        raise BadInput("name", f"{name[:80]!r} must be lower case letters, digits, _ and - only")


def kind_of(name: str) -> Kind:
    """Return a kind by its name."""
    if name not in KINDS:
        raise BadInput("kind", f"{name[:40]!r} is none of {', '.join(KINDS)}")
    return KINDS[name]


def checked(kind: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return all settings of a channel, or say which one cannot be used."""
    known = kind_of(kind)
    for name in given:
        if name not in known.settings:
            expected = ", ".join(known.settings)
            raise BadInput(name[:40], f"is no setting of {kind}; it has: {expected}")
    made = {n: given.get(n, "") or (default or "") for n, default in known.settings.items()}
    for name, default in known.settings.items():
        if default is None and not made[name].strip():
            raise BadInput(name, f"is missing: a channel of the kind {kind} needs it")
        if not made[name].isprintable():
            raise BadInput(name, "must be one line of plain text")
    _CHECKS[kind](made)
    return made


def sealed(kind: str, settings: Mapping[str, Any], vault: Vault) -> dict[str, Any]:
    """Return settings as the store keeps them."""
    secret = kind_of(kind).secrets
    return {n: vault.seal(v) if n in secret and v else v for n, v in settings.items()}


def resealed(configuration: Mapping[str, Any], vault: Vault) -> dict[str, Any]:
    """Return a configuration sealed again with the newest key."""
    return {n: vault.rotate(v) if is_sealed(v) else v for n, v in configuration.items()}


def events_of(kind: str, given: Sequence[str]) -> list[str]:
    """Return the events that a channel hears of: those given, or those of its kind."""
    for event in given:
        if event not in PUBLIC_EVENTS:
            raise BadInput("event", f"{event[:40]!r} is none of {', '.join(PUBLIC_EVENTS)}")
    return [str(e) for e in dict.fromkeys(given or kind_of(kind).events)]


def recipients(given: Sequence[str]) -> dict[str, list[str]]:
    """Read ROLE=ADDRESS[,ADDRESS] as a map of addresses."""
    found: dict[str, list[str]] = {}
    for text in given:
        role, equals, addresses = text.partition("=")
        if not (role.strip() and equals and addresses.strip()):
            raise BadInput("to", f"{text[:80]!r} must be written ROLE=ADDRESS")
        each = [check_address(a) for a in addresses.split(",") if a.strip()]
        found.setdefault(role.strip(), []).extend(each)
    return found


def check_address(text: str) -> str:
    """Return an e-mail address in its one form."""
    address = text.strip()
    if not ADDRESS.fullmatch(address):
        raise BadInput("email", f"{address[:80]!r} is no e-mail address, like ada@example.com")
    return address.lower()


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine itself."""
    return host.strip("[]").lower() in LOOPBACK


def check_url(name: str, url: str) -> None:
    """Refuse an address that is neither https nor on this machine."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    safe = usable and (parts.scheme == "https" or is_loopback(parts.hostname or ""))
    if not safe or parts.scheme not in ("http", "https") or parts.username or parts.fragment:
        raise BadInput(name, "must be an https address (http only to this machine), without login")


def _check_email(settings: Mapping[str, str]) -> None:
    if settings["tls"] not in TLS:
        raise BadInput("tls", f"{settings['tls'][:40]!r} is none of {', '.join(TLS)}")
    if settings["tls"] == "none" and not is_loopback(settings["host"]):
        raise BadInput("tls", "none is for a server on this machine only: use starttls or tls")
    if not settings["port"].isdecimal() or not 0 < int(settings["port"]) < 65536:
        raise BadInput("port", f"{settings['port'][:20]!r} is no port")
    if bool(settings["username"]) != bool(settings["password"]):
        raise BadInput("password", "and username belong together: give both or none")
    check_address(settings["from"])


def _check_slack(settings: Mapping[str, str]) -> None:
    check_url("base_url", settings["base_url"])
    for name, form in (("team", r"[TE][A-Z0-9]{2,20}"), ("channel", r"[CGD][A-Z0-9]{2,20}")):
        if not re.fullmatch(form, settings[name]):
            raise BadInput(name, f"{settings[name][:40]!r} is no id of Slack's, like {name[0]}0123")


def _check_webhook(settings: Mapping[str, str]) -> None:
    check_url("url", settings["url"])
    webhook_key(Secret(settings["secret"]))


_CHECKS = {"email": _check_email, "slack": _check_slack, "webhook": _check_webhook}
