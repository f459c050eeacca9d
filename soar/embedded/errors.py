"""
What keeps an embedded server from starting, each in one sentence for its reader.

In: raised inside this room. Out: caught by whoever asked for the servers.
Never: a password.
"""

from __future__ import annotations

from soar.domain.errors import SoarError


class CannotStart(SoarError):
    """An embedded server did not start, or did not get ready in time."""


class WheelsMissing(CannotStart):
    """The optional wheels that carry the servers are not installed."""


class AlreadyRunning(CannotStart):
    """Another process holds this data directory."""


class WrongVersion(CannotStart):
    """The data directory was written by another major version of PostgreSQL."""
