"""
Arguments of the playbook API that may be written in more than one way.

In: a name or a function, one text or several. Out: the one form that commands hold.
Never: an error: whatever is given has a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

Callback = Callable[..., Any] | str | None


def callback_name(callback: Callback) -> str:
    """Return the name of a block, which is all that is stored of a callback."""
    if callback is None:
        return ""
    return callback if isinstance(callback, str) else str(getattr(callback, "__name__", callback))


def texts(value: Any) -> tuple[str, ...]:
    """Return one text, or each of several, as texts."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(v) for v in value)


def names(value: Any) -> tuple[str, ...]:
    """Return one name, or each of several; None is no name."""
    several = isinstance(value, Iterable) and not isinstance(value, str | Mapping)
    return tuple(str(v) for v in (value if several else (value,)) if v is not None)


def reviewers(value: Any) -> str:
    """Return those of whom one must agree, in the form of a policy."""
    names = value.split(",") if isinstance(value, str) else texts(value)
    return "|".join(name.strip() for name in names if name.strip())


def refuse(what: str, why: str = "") -> NoReturn:
    """Say that something of Splunk's is not here, instead of doing nothing."""
    because = f": {why}" if why else ""
    raise NotImplementedError(f"phantom.{what} is not offered by this release{because}")
