"""
Who is asking: tokens, hashed at rest, and the person they belong to.

In: a token as a client sends it. Out: a :class:`Person`, or a refusal in one sentence.
Never: a token in clear at rest, or compared in time that tells how much of it was right.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from soar.domain.errors import BadInput, Conflict, NotAllowed
from soar.domain.model import Person
from soar.domain.reach import stretch
from soar.store.deeds import RUN_PREFIX
from soar.store.people import person_of
from soar.store.work import Work
from soar.telemetry import log

KINDS = ("normal", "automation")
USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
LIFETIME = re.compile(r"([1-9][0-9]{0,4})([hdw])")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
MOST_NETWORKS = 100


class NotAuthenticated(NotAllowed):
    """Nobody known is asking."""


class Throttled(NotAuthenticated):
    """Too many attempts: the next one counts after so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many attempts to sign in: try again in {seconds} s")
        self.seconds = seconds


def token_hash(token: str) -> str:
    """Return what is kept of a token; it is 256 random bits, so a plain hash suffices."""
    return hashlib.sha256(token.encode()).hexdigest()


def lifetime(text: str, *, field: str = "expires") -> timedelta:
    """Read for how long something counts: hours, days or weeks, like "12h", "90d" or "52w"."""
    found = LIFETIME.fullmatch(text.strip().lower())
    if found is None:
        raise BadInput(field, f"{text[:40]!r} is no span: write it like 12h, 90d or 52w")
    return int(found[1]) * UNITS[found[2]]


def networks(given: Iterable[str]) -> list[str]:
    """Read addresses and networks, and return them in their one form."""
    found = []
    for text in given:
        try:
            found.append(str(ipaddress.ip_network(text.strip(), strict=False)))
        except ValueError:
            raise BadInput(
                "allow-ip", f"{text[:60]!r} is no address or network, like 10.1.2.3 or 10.1.0.0/16"
            ) from None
    if len(found) > MOST_NETWORKS:
        raise BadInput("allow-ip", f"names {len(found)} networks; at most {MOST_NETWORKS} may be")
    return sorted(set(found))


def create_token(
    work: Work,
    username: str,
    *,
    roles: list[str],
    kind: str = "normal",
    lasts: timedelta | None = None,
    allowed_ips: Iterable[str] = (),
) -> str:
    """
    Make a token for a person (made or given these roles), and return it this one time.

    It counts for as long as it *lasts* (none: until it is revoked) and only from *allowed_ips*,
    addresses or networks (empty: from anywhere).
    """
    if not USERNAME.fullmatch(username):
        raise BadInput("user", f"{username!r} must be letters, digits and . _ @ - only")
    if kind not in KINDS:
        raise BadInput("kind", f"{kind!r} is none of {', '.join(KINDS)}")
    known = work.credentials.of(username)
    if known is not None and not known["active"]:
        raise Conflict(f"{username!r} is disabled: `soar user enable {username}` comes first")
    token = secrets.token_urlsafe(32)
    work.people.add_token(
        work.people.save(username, roles, kind),
        token_hash(token),
        seconds=lasts.total_seconds() if lasts else None,
        allowed_ips=networks(allowed_ips),
    )
    return token


def authenticate(work: Work, token: str, *, address: str | None = None) -> Person:
    """
    Return the person a token belongs to.

    *address* is where a request came from; without it (a shell on the server) a token is not
    bound to any.
    """
    if not token:
        raise NotAuthenticated("No supported auth information provided in request")
    hashed = token_hash(token)
    lent = work.deeds.bearer(hashed) if token.startswith(RUN_PREFIX) else None
    if lent is not None and hmac.compare_digest(lent["token_hash"], hashed):
        return _run(work, lent)
    row = work.people.by_token(hashed)
    if row is None or not hmac.compare_digest(row["token_hash"], hashed):
        raise NotAuthenticated("Invalid automation token")
    why = _refusal(row, address)
    if why:
        log.warning("token_refused", user=row["username"], why=why)
        raise NotAuthenticated(why)
    return person_of(row)


def _run(work: Work, row: Mapping[str, Any]) -> Person:
    """
    Return as whom a run asks: with the roles of the person that it runs as, and as a machine.

    A run that acts as no person is the automation. Never does it answer a question.
    """
    if not row["active"]:
        raise NotAuthenticated("User is inactive")
    work.deeds.be_brief()
    given = ["automation"] if row["person_id"] is None else row["roles"]
    asks = {**row, "username": row["run_as"], "roles": given, "kind": "automation"}
    asks["tenants"] = row["tenants"] or ()
    return replace(person_of(asks), run_id=row["run_id"])


def _refusal(row: Mapping[str, Any], address: str | None) -> str:
    if not row["active"]:
        return "User is inactive"
    if row["expired"]:
        return f"The token expired at {row['expires_at']:%Y-%m-%d %H:%M:%S} UTC"
    if address is not None and not _allowed(address, row["allowed_ips"]):
        return f"The token may not be used from {address}"
    return ""


def _allowed(address: str, allowed: list[str]) -> bool:
    """Tell whether an address is in one of the networks; one that cannot be read is in none."""
    if not allowed:
        return True
    asked, known = stretch(address), map(stretch, allowed)
    return asked is not None and any(network and network.meets(asked) for network in known)
