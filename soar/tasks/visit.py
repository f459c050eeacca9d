"""
One try to make a claimed call.

In: a claim and its asset. Out: what was admitted, and whether the vendor was called.
Never: more than one try: a call that comes back is claimed anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from soar.connector import RetryLater, VendorSession
from soar.domain.model import Asset, Claim
from soar.domain.states import Effect
from soar.limiter import Admission


class Withdrawn(Exception):
    """The call waits or belongs to another delivery: nothing is recorded here."""


class InShadow(Exception):
    """The call was about to be sent, and is only simulated now."""


@dataclass(kw_only=True)
class Visit:
    """One try to make a claimed call: what was admitted, and whether the vendor was called."""

    claim: Claim
    asset: Asset
    admission: Admission | None = None
    session: VendorSession | None = None
    beyond: frozenset[str] = frozenset()
    """The blast rules past which a second approval lets it go."""
    answered: bool = False
    """Whether its vendor has answered the action itself, if only that it must wait."""
    wait: RetryLater | None = None
    """What it was put off with, if it was."""
    leaving: bool = False
    """Whether a write was about to be sent: from then on nobody knows without asking."""
    undone: bool = False
    """Whether the vendor has said that an earlier try of a write certainly took no effect."""

    @property
    def doubtful(self) -> bool:
        """Whether a write of this call, in this try or an earlier one, may have been sent."""
        return self.leaving or self.claim.effect == Effect.SENT

    @property
    def made(self) -> int:
        """How many requests its vendor may have got."""
        return self.admission.cost if self.session and self.admission else 0
