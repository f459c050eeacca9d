"""
What an approval covers: the exact actions, parameters and targets that a person was shown.

In: the effects of each choice. Out: canonical bytes, digests, and whether a call is covered.
Never: keys or signatures (those are in ``soar.signing``), nor a clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

APPROVE = "Approve"
DENY = "Deny"
HAPPENED = "It took effect"
MISSED = "It did not"
AGAIN = "Do it again"
"""What a person may tell of a write whose answer was lost."""
BREAKER = "breaker"
"""The kind of a second approval: for a call that goes beyond the usual."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldCall:
    """One high-impact call: an action on one asset with exactly these parameters."""

    action: str
    asset: str
    app: str
    app_version: str
    parameters: Mapping[str, Any]

    def shape(self) -> dict[str, Any]:
        """The call as it is shown, stored and digested."""
        return {
            "action": self.action,
            "asset": self.asset,
            "app": self.app,
            "app_version": self.app_version,
            "parameters": dict(self.parameters),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Beyond:
    """What a second approval is about: the rules that one call trips, or several of a block."""

    app_run: int
    rules: Sequence[str]
    calls: Mapping[int, str] = field(default_factory=dict)
    """The digest of each call, by its number, where they are several."""

    def shape(self) -> dict[str, Any]:
        """What makes its payload unlike that of any first approval."""
        several = {str(number): found for number, found in self.calls.items()}
        return {
            "kind": BREAKER,
            "app_run": self.app_run,
            "rules": list(self.rules),
            **({"app_runs": several} if several else {}),
        }


def canonical(value: Any) -> bytes:
    """Return the one JSON text of a value: sorted keys, no blanks, UTF-8."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def payload(
    *,
    approval: str,
    run_id: int,
    container_id: int,
    assignee: str,
    message: str,
    options: Sequence[str],
    effects: Mapping[str, Sequence[HeldCall]],
    due: str,
    beyond: Beyond | None = None,
    policy: Mapping[str, Sequence[Mapping[str, Any]]] = MappingProxyType({}),
    questions: Sequence[Mapping[str, Any]] = (),
    assignees: Sequence[str] = (),
    again: Mapping[str, Any] | None = None,
    tenant: int = 0,
) -> dict[str, Any]:
    """
    Return exactly what is asked: who, what each choice would do, until when, on which terms.

    *assignees* are named one by one only where they are several; the *tenant* of the container
    only where it is not the Default Tenant, to which belongs what was asked before there were any.
    *again* says which question is asked once more, and how often it was.
    """
    terms = {option: [dict(term) for term in found] for option, found in policy.items()}
    return {
        **({} if beyond is None else beyond.shape()),
        **({"policy": terms} if terms else {}),
        **({"questions": list(questions)} if questions else {}),
        **({"assignees": list(assignees)} if len(assignees) > 1 else {}),
        **({"again": dict(again)} if again else {}),
        **({"tenant": tenant} if tenant else {}),
        "approval": approval,
        "run": run_id,
        "container": container_id,
        "assignee": assignee,
        "message": message,
        "options": list(options),
        "effects": {option: [c.shape() for c in calls] for option, calls in effects.items()},
        "due": due,
    }


def addressees(approval: Mapping[str, Any]) -> frozenset[str]:
    """Return the people and roles that an approval is for, by what is shown and signed."""
    shown = approval["payload"]
    one = shown if "assignee" in shown else approval
    return frozenset(shown.get("assignees") or [one["assignee"]])


def tenant_of(shown: Mapping[str, Any]) -> int:
    """Return whose container a question is about, by what is shown and signed; -1 is nobody's."""
    found = shown.get("tenant", 0)
    return found if type(found) is int else -1


def is_of(signed: Mapping[str, Any], tenant: int) -> bool:
    """Tell whether whoever signed an answer saw a tenant; who saw all of them names none."""
    return "tenants" not in signed or tenant in signed["tenants"]


def covers(shown: Mapping[str, Any], choice: str, run_ids: Sequence[int], call: HeldCall) -> bool:
    """Tell whether answering *choice* to what was shown allows exactly this call in these runs."""
    return shown.get("kind") != BREAKER and _allows(shown, choice, run_ids, call)


def goes_beyond(
    shown: Mapping[str, Any], choice: str, run_id: int, app_run: int, call: HeldCall
) -> frozenset[str]:
    """Return the rules past which a second approval lets exactly this one call go."""
    several = shown.get("app_runs")
    own = shown.get("app_run") == app_run
    named = several.get(str(app_run)) == digest(call.shape()) if several else own
    ours = shown.get("kind") == BREAKER and named
    if not ours or not _allows(shown, choice, [run_id], call):
        return frozenset()
    return frozenset(shown.get("rules", ()))


def _allows(shown: Mapping[str, Any], choice: str, run_ids: Sequence[int], call: HeldCall) -> bool:
    if shown.get("run") not in run_ids:
        return False
    wanted = digest(call.shape())
    return any(digest(dict(c)) == wanted for c in shown.get("effects", {}).get(choice, ()))
