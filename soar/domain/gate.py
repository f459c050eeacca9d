"""
What an approval covers: the exact actions, parameters and targets that a person was shown.

In: the effects of each choice. Out: canonical bytes, digests, and whether a call is covered.
Never: keys or signatures (those are in ``soar.signing``), nor a clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

APPROVE = "Approve"
DENY = "Deny"
HAPPENED = "It took effect"
MISSED = "It did not"
AGAIN = "Do it again"
"""What a person may tell of a write whose answer was lost."""


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
) -> dict[str, Any]:
    """Return exactly what is asked: who, what each choice would do, and until when."""
    return {
        "approval": approval,
        "run": run_id,
        "container": container_id,
        "assignee": assignee,
        "message": message,
        "options": list(options),
        "effects": {option: [c.shape() for c in calls] for option, calls in effects.items()},
        "due": due,
    }


def covers(shown: Mapping[str, Any], choice: str, run_ids: Sequence[int], call: HeldCall) -> bool:
    """Tell whether answering *choice* to what was shown allows exactly this call in these runs."""
    if shown.get("run") not in run_ids:
        return False
    wanted = digest(call.shape())
    return any(digest(dict(c)) == wanted for c in shown.get("effects", {}).get(choice, ()))
