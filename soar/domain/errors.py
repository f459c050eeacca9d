"""
One tree of exceptions, each named by what its catcher does next.

In: raised anywhere. Out: one sentence for its reader, never a secret.
Never: branching on the text of a message.
"""

from __future__ import annotations

from datetime import timedelta


class SoarError(Exception):
    """Anything this product says went wrong, in one sentence for its reader."""


class BadInput(SoarError):
    """Something a person wrote cannot be used: names the field, the value and what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class NotFound(SoarError):
    """What was asked for does not exist."""


class NotAllowed(SoarError):
    """This person may not do this."""


class Conflict(SoarError):
    """What was asked for came too late: somebody or something decided first."""


class NotYet(Conflict):
    """What was asked for came too early: it may be asked for again *after* a while."""

    def __init__(self, message: str, *, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


class IllegalMove(SoarError):
    """A status was asked to change in a way its table does not know."""


class ActionError(SoarError):
    """An action did not bring a result; the subclass says what to do next."""


class ActionFailed(ActionError):
    """The vendor refused or cannot answer: record it and tell the playbook."""


class RetryLater(ActionError):
    """
    Not now: park the action and call again after *after* (default: exponential backoff).

    *all_calls*: the vendor asks every caller of this asset to wait, not this action alone.
    *no_answer*: it could not be reached; several in a row close the asset's lane.
    """

    def __init__(
        self,
        message: str,
        *,
        after: timedelta | None = None,
        all_calls: bool = False,
        no_answer: bool = False,
    ) -> None:
        super().__init__(message)
        self.after = after
        self.all_calls = all_calls
        self.no_answer = no_answer


class BadCredentials(ActionError):
    """The vendor refused the asset's credentials: fail, mark the asset, tell a human."""


class OutcomeUnknown(ActionError):
    """A write was sent and its answer was lost: verify by a read before anything is sent again."""
