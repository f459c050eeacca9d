"""
The operator: cancels runs, takes containments back, and compares the ledger with the vendors.

In: what the plan says becomes of alerts, and how many have ended. Out: deeds through the product's
own functions, each again until it is done, and what the vendors said.
Never: a change in the tables but one: the end of a lease is brought nearer, as a minute is long.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from soar import containment
from soar.cancellation import cancel
from soar.containment import Contained, Reconciliation
from soar.domain.errors import Conflict, NotFound
from soar.engine.settling import Settling
from soar.store.errors import UNREACHABLE
from tests.chaos.facts import UNDO, Cancel
from tests.chaos.ground import Ground
from tests.chaos.plan import LATE, SOON, Plan

BY = "tess"
SAMPLE = 8
"""So many containments are compared at once: the run does not stand still meanwhile."""
MOST = 100
"""So many, the newest, are compared when all is at rest."""

MET = """
    select c.source_id, r.id, r.status, true as queued,
      r.parent_action_run_id is not null as child,
      exists (select 1 from app_run a where a.container_id = c.id) as called,
      exists (select 1 from approval a where a.container_id = c.id) as asked,
      exists (select 1 from approval a where a.container_id = c.id and a.status = 'answered')
        as answered,
      exists (select 1 from app_run a where a.container_id = c.id and a.effect = 'sent') as sent
    from container c join playbook_run r on r.container_id = c.id
    where c.source_id = any(%s) and r.status in ('queued', 'running', 'cancelled')
"""
UNDOING = f"""
    select c.source_id, r.id, true as called,
      exists (select 1 from app_run a where a.run_id = r.id and a.effect = 'sent') as sent
    from container c join playbook_run r on r.container_id = c.id
    join playbook p on p.id = r.playbook_id
    where c.source_id = any(%s) and p.name = '{UNDO}' and r.status = 'running'
"""
SENT = "select id from app_run where run_id = any(%s) and effect <> 'none'"
STANDING = """
    select e.id from effect e join container c on c.id = e.container_id
    where c.source_id = any(%s) and e.intent = 'standing' and e.action = 'quarantine device'
    and e.status = 'confirmed' and e.ended_at is null
"""
LEASED = f"{STANDING} and e.expires_at is not null"
TIME_PASSES = f"""
    update effect set expires_at = now() where expires_at > now() and id in ({STANDING})
    returning id
"""


@dataclass(kw_only=True)
class Operator:
    """Does what people do to runs and containments while everything breaks."""

    plan: Plan
    ground: Ground
    cancelled: dict[str, Cancel] = field(default_factory=dict)
    """Alert: the cancel of its run."""
    stopped: set[int] = field(default_factory=set)
    """Runs of undos that were cancelled."""
    compared: Counter[str] = field(default_factory=Counter)
    _sent: dict[str, frozenset[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        house = self.ground.house
        self._chance = random.Random(self.plan.seed)
        self._compares = list(self.plan.compares)
        self._moments = {a.source_id: a.moment for a in self.plan.alerts if a.fate == "cancel"}
        undone = [a for a in self.plan.alerts if a.fate == "undo"]
        self._undone = [a.source_id for a in undone]
        self._stops = {a.source_id: a.moment for a in undone if a.moment}
        leases = [a for a in self.plan.alerts if a.fate == "lease"]
        self._soon = [a.source_id for a in leases if a.moment == SOON]
        self._late = [a.source_id for a in leases if a.moment == LATE]
        self._settling = Settling(catalog=house.catalog, settings=house.settings)
        self._asking = Reconciliation(
            database=house.database,
            catalog=house.catalog,
            limiter=house.limiter(),
            vault=house.vault(),
        )

    def step(self, ended: int) -> None:
        """Do what is to be done now; what cannot be done yet comes with the next step."""
        self._cancel()
        self._stop()
        self._undo()
        self._let_pass(self._soon)
        if self._compares and self._compares[0] <= ended:
            self._compares.pop(0)
            self._compare()

    def close(self) -> bool:
        """Do what is left, with all leases over; tell whether nothing is left to take back."""
        self._cancel()
        self._stop()
        self._undo()
        self._let_pass([*self._soon, *self._late])
        leased = self.ground.rows(LEASED, [*self._soon, *self._late])
        return not leased and not self._standing(self._undone)

    def waits_for(self, source_id: str) -> bool:
        """Tell whether the questions of an alert stay open, as its run is to be cancelled first."""
        return self._moments.get(source_id) == "asked" and source_id not in self.cancelled

    def _cancel(self) -> None:
        waiting = self._moments.keys() - self.cancelled.keys()
        for run in self.ground.rows(MET, sorted(waiting)):
            source, is_cancelled = run["source_id"], run["status"] == "cancelled"
            moment = self._moments[source]
            if run["child"] != (moment == "child") or not (is_cancelled or run[moment]):
                continue
            try:
                if not is_cancelled:
                    self._sent[source] = self._cancel_run(run["id"])
            except (Conflict, *UNREACHABLE):
                continue  # it has ended, or whether it is cancelled is seen with the next look
            self.cancelled[source] = Cancel(at=time.time(), sent=self._sent[source])

    def _cancel_run(self, run_id: int) -> frozenset[int]:
        """Cancel a run; return which of its writes were sent before, as none is from then on."""
        with self.ground.house.database.begin() as work:
            cancelled = cancel(work, run_id, by=BY, reason="chaos")
            return frozenset(row["id"] for row in self.ground.rows(SENT, cancelled))

    def _stop(self) -> None:
        """Cancel the runs of some first undos: a release on its way is looked at all the same."""
        for run in self.ground.rows(UNDOING, sorted(self._stops)):
            source = run["source_id"]
            if source not in self._stops or not run[self._stops[source]]:
                continue
            self.stopped.add(run["id"])
            try:
                self._cancel_run(run["id"])
            except (Conflict, *UNREACHABLE):
                continue
            del self._stops[source]

    def _undo(self) -> None:
        """Take back what stands, again with each look: only the first one may begin anything."""
        for number in self._standing(self._undone):
            try:
                with self.ground.house.database.begin() as work:
                    containment.undo(work, self._settling, number, by=BY)
            except (Conflict, NotFound, *UNREACHABLE):
                continue

    def _standing(self, sources: Iterable[str]) -> list[int]:
        return [row["id"] for row in self.ground.rows(STANDING, list(sources))]

    def _let_pass(self, sources: Iterable[str]) -> None:
        """Let the time of these leases be over."""
        self.ground.rows(TIME_PASSES, list(sources))

    def _compare(self) -> None:
        """Ask the vendors about some of what is contained, as ``soar contained reconcile`` does."""
        with suppress(*UNREACHABLE):
            standing = self._contained()
            for one in self._chance.sample(standing, min(SAMPLE, len(standing))):
                self.compared[self._asking.look(one).says] += 1

    def disagreements(self) -> list[str]:
        """Compare what is contained when all is at rest; return where a vendor says another."""
        known = [one for one in self._contained(MOST) if one.status == "confirmed"]
        findings = [self._asking.look(one) for one in known]
        return [
            f"{f.contained.action} {f.contained.target}: {f.says} {f.problem}".strip()
            for f in findings
            if f.says != "stands"
        ]

    def _contained(self, limit: int | None = None) -> list[Contained]:
        house = self.ground.house
        with house.database.begin() as work:
            return containment.contained(work, house.catalog, limit=limit)
