"""
Passwords: what may be one, how it is kept, and how it is checked.

In: a password as somebody typed it. Out: an argon2 hash (RFC 9106), or yes and no.
Never: a password in clear that outlives the call, or a check that tells by its time who exists.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from soar.domain.errors import BadInput

SHORTEST = 12
LONGEST_BYTES = 1024
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""What a one-time password is made of: nothing that is read as something else."""

HASHER = PasswordHasher()
AT_ONCE = threading.BoundedSemaphore(4)
"""Each hash takes 64 MiB for a moment: so many are made at once in a process, the others wait."""


def checked(password: str, *, username: str) -> str:
    """Return a password that may be one, or say what is wrong with it."""
    if len(password) < SHORTEST:
        raise BadInput("password", f"must have at least {SHORTEST} characters")
    if len(_bytes(password)) > LONGEST_BYTES:
        raise BadInput("password", f"must have at most {LONGEST_BYTES:,} bytes")
    if username.casefold() in password.casefold() and len(password) < SHORTEST + len(username):
        raise BadInput("password", "must be more than the username with something added")
    if len(set(password)) < 5:
        raise BadInput("password", "must have at least 5 different characters")
    return password


def one_time() -> str:
    """Make a password of 100 random bits, in groups that can be read aloud."""
    groups = ["".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4)]
    return "-".join(groups)


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    with AT_ONCE:
        return HASHER.hash(_bytes(password))


def matches(kept: str, password: str) -> bool:
    """
    Tell whether a password is the one whose hash is kept.

    Where none is kept, or the password is too long to be one, it takes as long and says no.
    """
    given = _bytes(password)
    possible = bool(kept) and len(given) <= LONGEST_BYTES
    with AT_ONCE:
        try:
            return HASHER.verify(kept if possible else _nobodys(), given[:LONGEST_BYTES]) & possible
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Tell whether a hash was made with parameters that are no longer ours."""
    return HASHER.check_needs_rehash(kept)


@cache
def _nobodys() -> str:
    """Return the hash of a password that nobody knows."""
    return HASHER.hash(secrets.token_bytes(32))


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace")
