"""
The two ways in which a provider does not help: it is away, or its word does not count.

In: raised in this room. Out: one sentence for the person who signs in, a short reason for the log.
Never: a token, a code or a claim in a sentence.
"""

from __future__ import annotations

from soar.domain.errors import NotAllowed, SoarError


class ProviderAway(SoarError):
    """The provider cannot be reached, or answers what no provider answers."""


class Refused(NotAllowed):
    """Nobody is let in on this answer; *why* says so in a few words, for log and audit trail."""

    def __init__(self, message: str, *, why: str) -> None:
        super().__init__(message)
        self.why = why
