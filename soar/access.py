"""
Who is asking: tokens, hashed at rest, and the person they belong to.

In: a token as a client sends it. Out: a :class:`Person`, or a refusal in one sentence.
Never: a token in clear at rest, or compared in time that tells how much of it was right.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from soar.domain.errors import BadInput, NotAllowed
from soar.domain.model import Person
from soar.store.work import Work

KINDS = ("normal", "automation")
USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


class NotAuthenticated(NotAllowed):
    """Nobody known is asking."""


def token_hash(token: str) -> str:
    """Return what is kept of a token; it is 256 random bits, so a plain hash suffices."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_token(work: Work, username: str, *, roles: list[str], kind: str = "normal") -> str:
    """Make a token for a person (made or given these roles), and return it this one time."""
    if not USERNAME.fullmatch(username):
        raise BadInput("user", f"{username!r} must be letters, digits and . _ @ - only")
    if kind not in KINDS:
        raise BadInput("kind", f"{kind!r} is none of {', '.join(KINDS)}")
    token = secrets.token_urlsafe(32)
    work.people.add_token(work.people.save(username, roles, kind), token_hash(token))
    return token


def authenticate(work: Work, token: str) -> Person:
    """Return the person a token belongs to."""
    if not token:
        raise NotAuthenticated("No supported auth information provided in request")
    hashed = token_hash(token)
    row = work.people.by_token(hashed)
    if row is None or not hmac.compare_digest(row["token_hash"], hashed):
        raise NotAuthenticated("Invalid automation token")
    if not row["active"]:
        raise NotAuthenticated("User is inactive")
    return Person(username=row["username"], roles=tuple(row["roles"]), kind=row["kind"])
