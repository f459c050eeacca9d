"""
Links in messages: which question they lead to, and whom they were sent to.

In: a claimed notice; later, what stands in an address. Out: a token, of which only the hash is
kept; a name to fill into a login form.
Never: a permission. Whoever holds a link still has to log in, and reading it changes nothing.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from soar.access import token_hash
from soar.store.rows import Row
from soar.store.work import Work

PAGE, BUTTON = "page", "button"
LONGEST = 100


def new_token(
    work: Work,
    notice: Mapping[str, Any],
    purpose: str,
    *,
    choice: str = "",
    payload_digest: str = "",
) -> str:
    """Make a token of 256 random bits for a message, and keep its hash."""
    token = secrets.token_urlsafe(32)
    work.channels.add_link(
        notice, token_hash(token), purpose=purpose, choice=choice, payload_digest=payload_digest
    )
    return token


def addressee(work: Work, public_id: str, token: str) -> str:
    """
    Return whose login name to fill in on the page of a question; nothing if nobody's is known.

    It reads, so a mail scanner that follows the link changes nothing.
    """
    found = named(work, token, PAGE)
    if found is None or found["expired"] or not hmac.compare_digest(found["public_id"], public_id):
        return ""
    return str(found["person"])


def named(work: Work, token: str, purpose: str) -> Row | None:
    """Return the question, choice and addressee that a token names, if there is one."""
    if not token or len(token) > LONGEST or not token.isascii():
        return None
    return work.channels.link(token_hash(token), purpose)
