"""
One notice on its way: what a channel needs to carry it, and how that can end.

In: a claimed notice with its question and the channel's opened settings. Out: a reference that the
channel gave to what it carried; or why it did not, named by what becomes of the notice.
Never: a secret in a repr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from soar.domain.errors import SoarError
from soar.domain.notices import Event
from soar.domain.secret import Secret
from soar.notify.telling import Telling


class NotSent(SoarError):
    """
    A message did not get through; the notice is tried again, unless this is *final*.

    *after*: how long whoever refused it asks to wait.
    """

    def __init__(
        self, message: str, *, after: timedelta | None = None, final: bool = False
    ) -> None:
        super().__init__(message)
        self.after = after
        self.final = final


class NotYet(Exception):
    """Another notice has to be sent before; this one is looked at again soon."""


class Moot(Exception):
    """There is nothing to tell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """One notice, and all that it takes to carry it."""

    notice: Mapping[str, Any]
    question: Mapping[str, Any]
    told: Telling
    settings: Mapping[str, Any] = field(repr=False)
    first: Mapping[str, Any] | None
    """The notice that told the same channel of this question first."""
    token: Callable[[str, str], str] = field(repr=False)
    """Makes a token for a purpose and a choice, and keeps its hash."""

    @property
    def event(self) -> Event:
        """What it tells of."""
        return self.told.event

    @property
    def key(self) -> str:
        """The same text on every try: whoever gets a notice twice knows it by this."""
        return f"{self.told.approval}-{self.event}-{self.notice['id']}"


def text(settings: Mapping[str, Any], name: str) -> str:
    """Return a plain setting."""
    return str(settings.get(name) or "")


def secret(settings: Mapping[str, Any], name: str) -> Secret:
    """Return an opened secret."""
    value = settings.get(name)
    if not isinstance(value, Secret):
        raise NotSent(f"the channel has no {name}: set it with `soar channel add`", final=True)
    return value
