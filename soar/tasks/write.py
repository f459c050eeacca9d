"""
A write's dealings with the ledger: before it is sent, when it stands already, when nobody knows.

In: a claimed call of an action that writes. Out: rows of the ledger, moved.
Never: a write that is sent without its row saying so, a second one for an intent whose effect
stands or may stand, or any once it is in shadow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NoReturn

from soar.catalog import LEASE, ActionSpec
from soar.connector import (
    ActionContext,
    ActionFailed,
    Output,
    Params,
    RetryLater,
    VerifyFunction,
)
from soar.domain.model import Claim, Outcome
from soar.domain.states import Effect
from soar.store import effects
from soar.store.database import Database
from soar.store.shadow import SHADE
from soar.tasks.visit import InShadow, Visit, Withdrawn
from soar.telemetry import log

SETTLING = timedelta(seconds=2)
"""So long a call waits for another that is about to end or release what it wants."""
IN_DOUBT = timedelta(seconds=10)
"""So long after a request left without an answer a vendor's "not done" is not believed: it may
be working on it, or not have read it yet. Its "done" is, at any time."""
LONGEST_LEASE = 365 * 24 * 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Write:
    """One claimed call that may change something at its vendor."""

    database: Database
    spec: ActionSpec
    verify: VerifyFunction | None
    claim: Claim

    def check(self, params: Params) -> None:
        """Refuse a lease that is no time, and wait while the effect that stands is released."""
        if not 0 <= params.number(LEASE.name, 0) <= LONGEST_LEASE:
            raise ActionFailed(f"{LEASE.name} must be between 0 and {LONGEST_LEASE}")
        if self.claim.standing and self.claim.standing["undo_run_id"]:
            raise RetryLater("its release is under way", after=SETTLING)

    def standing(self, context: ActionContext, params: Params) -> Output | None:
        """Ask the vendor whether another run's effect still stands; if not, it is ours to make."""
        if self.claim.standing is None or not self.claim.wanted:
            return None
        run, app = self.claim.run_id, self.claim.standing["app"]
        if app != self.spec.app:
            self._take_over(f"its asset was of {app}: run {run} did it by {self.spec.app} as well")
            return None
        if self.verify is None:
            return Output(message="it was confirmed then")
        found = self.verify(context, params)
        if found is None:
            self._take_over(f"found gone by run {run}")
        return found

    def _take_over(self, why: str) -> None:
        assert self.claim.standing
        values = {**self._key, "number": self.claim.standing["id"], "why": why}
        if not self.database.run(effects.TAKE_OVER, values):
            raise RetryLater("another run is doing the same, or takes it back", after=SETTLING)

    def share(self, output: Output, *, lasts: timedelta | None) -> Output:
        """Share the effect that another run made, for as long as either wants it."""
        standing = self.claim.standing
        assert standing
        seconds = lasts.total_seconds() if lasts else None
        shared = self.database.run(effects.SHARE, {"number": standing["id"], "lasts": seconds})
        if not shared:
            raise RetryLater("its release is under way", after=SETTLING)
        since = f"{standing['confirmed_at']:.19}".replace("T", " ")
        said = f"in effect since {since} by run {standing['run_id']}: {output.message}"
        (ends,) = shared[0]
        if ends is None:
            return replace(output, message=said)
        summary = {**output.summary, "vendor_ends_at": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
        said += (
            f"; its vendor ends it at {ends:%Y-%m-%d %H:%M:%S} UTC, whatever this call asked for"
        )
        return replace(output, message=said, summary=summary)

    def not_mine(self, done: Outcome) -> Outcome:
        """Return the end of a call that did nothing, because another call's effect stands."""
        assert self.claim.standing
        return replace(
            done, effect=Effect.NONE.value, reused_from=self.claim.standing["app_run_id"]
        )

    def already(self, visit: Visit, context: ActionContext, params: Params) -> Output | None:
        """Ask the vendor whether this call, which may have been sent, took effect."""
        if self.claim.effect != Effect.SENT:
            return None
        if self.verify is None:
            self.ask_people(visit, "its answer was lost and it cannot be verified")
        found = self.verify(context, params)
        doubt = IN_DOUBT - timedelta(seconds=min(self.claim.sent_ago or 0, IN_DOUBT.seconds))
        if found is None and doubt:
            raise RetryLater("it may still be on its way: will be verified", after=doubt)
        visit.undone = found is None
        return found

    def mark_sent(self) -> None:
        """Write down that it is about to be sent; without that row it is not sent."""
        if not self.database.run_together(effects.MARK_SENT, self._key):
            self.unsent()

    def unsent(self) -> NoReturn:
        """Leave what could not be marked: in shadow, cancelled or reversed since, or not ours."""
        self.stop_in_shadow()
        self.stop_cancelled()
        if self.database.run(effects.TURNED, self._key):
            raise RetryLater("another run is doing the reverse", after=SETTLING)
        raise Withdrawn

    def stop_in_shadow(self) -> None:
        """Raise if the call is only simulated since it was claimed."""
        if self.database.run(SHADE, self._key):
            raise InShadow

    def stop_cancelled(self) -> None:
        """Raise if the run of the call was cancelled: it is not sent, or not once more."""
        if not self.database.run(effects.STOPPED, self._key):
            return
        if self.claim.effect == Effect.SENT:
            raise ActionFailed("its run was cancelled: it took no effect, and is not sent again")
        raise ActionFailed("its run was cancelled before it was sent: nothing was done")

    def ask_people(self, visit: Visit | None, why: str) -> NoReturn:
        """Park it until a person tells whether it took effect; the sweep asks them."""
        message = f"whether it took effect is unknown: {why}"
        values = {**self._key, "made": visit.made if visit else 0, "message": message}
        self.database.run(effects.PARK_UNKNOWN, values)
        log.warning("effect_unknown", app_run=self.claim.id, task=self.spec.task_name)
        raise Withdrawn

    @property
    def _key(self) -> dict[str, int]:
        return {"id": self.claim.id, "attempt": self.claim.attempt}
