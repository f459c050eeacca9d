"""
The words of shadow mode: what would have been done, and what would have been asked.

In: an action with its parameters, or a command. Out: sentences, the same in results, logs, reports.
Never: a sentence that could be read as if it had been done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SCOPES = ("all", "playbook", "asset")
PREFIX = "shadow: "
LONGEST = 200


def would_have(
    action: str, asset: str, parameters: Mapping[str, Any], *, target: Iterable[str], did: str = ""
) -> str:
    """Say what a write would have done: "would have isolated WORKSTATION-042"."""
    about = _short(_subject(parameters, tuple(target)))
    if did:
        return f"would have {did} {about}".rstrip()
    return f"would have run {action} on {asset}{': ' if about else ''}{about}"


def would_have_asked(whom: str, what: str) -> str:
    """Say whom a gate or a prompt would have asked."""
    return f"would have asked {whom}: {_short(what)}"


def would_have_changed(changes: Mapping[str, Any]) -> str:
    """Say which fields of a container would have been set."""
    said = ", ".join(f"{name} to {_short(value)}" for name, value in sorted(changes.items()))
    return f"would have set {said}"


def _subject(parameters: Mapping[str, Any], target: tuple[str, ...]) -> str:
    """Return what a call is about: its target as it was given, or all its parameters."""
    for name in target:
        if parameters.get(name) not in (None, "", []):
            return str(parameters[name])
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
