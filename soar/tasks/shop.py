"""
What the action tasks of one process share: the doors, and a pooled session per asset.

In: the parts that ``bootstrap`` gives. Out: a session, a call admitted at the vendor's door.
Never: a session that outlives an edit of its asset.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from soar.catalog import Catalog
from soar.connector import AssetConfig, VendorSession
from soar.domain.budget import Budget
from soar.domain.gate import digest
from soar.domain.model import Asset
from soar.limiter import Admission, Limiter
from soar.settings import Settings
from soar.signing import Verifier
from soar.store.database import Database
from soar.vault import Vault

STALLED = 0.25
"""Share of the shortest window: who was held up so long between grant and call asks again."""


@dataclass(kw_only=True)
class Shop:
    """What the action tasks of one process share."""

    database: Database
    catalog: Catalog
    settings: Settings
    limiter: Limiter
    vault: Vault
    verifier: Verifier
    owner: str
    chance: random.Random = field(default_factory=random.SystemRandom)
    sessions: dict[tuple[str, str], tuple[VendorSession, dict[str, Any]]] = field(
        default_factory=dict
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def session(self, asset: Asset, config: AssetConfig) -> tuple[VendorSession, dict[str, Any]]:
        """Return the pooled session and the state of an asset; an edited asset gets new ones."""
        key = (asset.slug, digest({k: str(v) for k, v in asset.configuration.items()}))
        with self.lock:
            if key not in self.sessions:
                for stale in [k for k in self.sessions if k[0] == asset.slug]:
                    del self.sessions[stale]
                session = VendorSession(ca_file=config.text("ca_file"), proxy=config.text("proxy"))
                self.sessions[key] = (session, {})
            return self.sessions[key]

    def admit(self, asset: Asset, *, rank: int, call: str, cost: int) -> Admission:
        """
        Take a call from an asset's budget, or learn how long until one is free.

        A grant for a moment from now is waited for here: that is shorter than parking takes.
        """
        budget = asset.budget.for_rank(rank)
        while True:
            admission = self.limiter.take(asset.slug, budget, call=call, cost=cost)
            if not admission.granted:
                return admission
            threading.Event().wait(admission.wait.total_seconds())
            if time.monotonic() - admission.asked < _patience(budget, admission.wait):
                return admission


def _patience(budget: Budget, wait: timedelta) -> float:
    """Return the seconds after which a grant that was not used is too old to be used."""
    windows: Mapping[str, float] = {str(x): x.per.total_seconds() for x in budget.limits}
    shortest = min(windows.values(), default=60.0)
    return max(0.05, STALLED * shortest) + wait.total_seconds()
