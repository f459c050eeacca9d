"""
What the action tasks of one process share: the doors, and a pooled session per asset.

In: the parts that ``bootstrap`` gives. Out: an opened asset with its session, a call admitted
at the vendor's door. Never: a session that outlives an edit of its asset.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from soar.bus.presence import Lease, Making
from soar.catalog import ActionSpec, Catalog
from soar.connector import AssetConfig, VendorSession
from soar.deadline import GRACE
from soar.domain.budget import Budget
from soar.domain.errors import RetryLater
from soar.domain.model import Asset, Claim
from soar.limiter import Admission, Limiter
from soar.parking import dismiss
from soar.settings import Settings
from soar.signing import Verifier
from soar.store.database import Database
from soar.telemetry import log
from soar.vault import Vault

AFTER_STANDSTILL = timedelta(seconds=1)
STALLED = 0.25
"""Share of the shortest window: who was held up so long between grant and call asks again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What one process keeps of an asset between calls: it opened, a session, some state."""

    sealed: Mapping[str, Any] = field(repr=False)
    config: AssetConfig
    session: VendorSession
    state: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, asset: Asset, opened: Mapping[str, Any]) -> Desk:
        """Open an asset: its pool of connections begins empty."""
        config = AssetConfig(slug=asset.slug, values=opened)
        session = VendorSession(ca_file=config.text("ca_file"), proxy=config.text("proxy"))
        return cls(sealed=asset.configuration, config=config, session=session)


@dataclass(kw_only=True)
class Shop:
    """What the action tasks of one process share."""

    database: Database
    catalog: Catalog
    settings: Settings
    limiter: Limiter
    vault: Vault
    verifier: Verifier
    lease: Lease
    chance: random.Random = field(default_factory=random.SystemRandom)
    desks: dict[str, Desk] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    making: Making = field(default_factory=Making)
    grace: float = GRACE
    """Seconds after its time limit until a call that did not end is given up."""

    def desk(self, asset: Asset) -> Desk:
        """Return what this process keeps of an asset; an edited asset gets it anew."""
        with self.lock:
            kept = self.desks.get(asset.slug)
            if kept is None or kept.sealed != asset.configuration:
                opened = self.vault.open_all(asset.configuration)
                kept = self.desks[asset.slug] = Desk.of(asset, opened)
            return kept

    def seconds_for(self, spec: ActionSpec, asset: Asset) -> float:
        """Return how long one call may take: the asset's word, else the manifest's; bounded."""
        wanted = float(asset.configuration.get("action_timeout") or spec.timeout)
        return min(wanted, self.settings.most_call_seconds)

    def claim(
        self, statement: str, values: Mapping[str, Any]
    ) -> tuple[float, list[tuple[Any, ...]]]:
        """Run a claim under a lease that lasts; return since when it must last, and the rows."""
        since = self.lease.renew()
        return since, self.database.run(statement, {**values, "owner": self.lease.owner})

    def fence(self, since: float) -> Callable[[], None]:
        """
        Return what to ask before each request; raises if the lease was lost *since* the claim.

        The call then comes back by itself if it is still ours, and a write is verified before it
        acts; if somebody else has it, nothing happens to it here.
        """

        def ask() -> None:
            if not self.lease.held_since(since):
                log.warning("request_withheld", owner=self.lease.owner)
                raise RetryLater("its worker stood still too long", after=AFTER_STANDSTILL)

        return ask

    def admit(self, asset: Asset, *, rank: int, call: str, cost: int) -> Admission:
        """
        Take a call from an asset's budget, or learn how long until one is free.

        A grant for a moment from now is waited for here: that is shorter than parking takes.
        """
        budget = asset.budget.for_rank(rank)
        while True:
            admission = self.limiter.take(
                asset.slug, budget, call=call, cost=cost, edited=asset.updated_at
            )
            if not admission.granted:
                return admission
            if not admission.wait:
                return admission
            threading.Event().wait(admission.wait.total_seconds())
            if time.monotonic() - admission.asked < _patience(budget, admission.wait):
                return admission

    def mark_broken(self, claim: Claim, reason: str) -> None:
        """
        Mark an asset for its owner, and the run for its author: it will end failed.

        Of an asset that was edited since the call was claimed its vendor has said nothing.
        """
        asset = claim.held
        error = f"{claim.action} on {claim.asset}: {reason}"
        with self.database.begin() as work:
            if asset is None or not work.assets.mark_broken(asset, reason):
                return
            if not asset.parks_when_closed:
                dismiss(work, claim.asset, f"asset {claim.asset!r} is closed: {reason}")
            work.runs.log(claim.run_id, [("error", claim.action, error)])
            work.runs.save(claim.run_id, run_data=None, outputs=None, error=error)


def _patience(budget: Budget, wait: timedelta) -> float:
    """Return the seconds after which a grant that was not used is too old to be used."""
    windows: Mapping[str, float] = {str(x): x.per.total_seconds() for x in budget.limits}
    shortest = min(windows.values(), default=60.0)
    return max(0.05, STALLED * shortest) + wait.total_seconds()
