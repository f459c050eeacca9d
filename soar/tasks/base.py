"""
ActionTask: claim, admit (or park), open the asset, call, record.

In: the id of an app run. Out: its :class:`Outcome`, which the result backend writes and counts;
a call that waits is parked and its task ignored.
Never: an effect without a claim or in shadow, a high-impact one without a signed answer, one beyond
the usual without a second, or a second before the vendor was asked whether the first took place.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from celery import Task
from celery.exceptions import Ignore

from soar.catalog import LEASE, ActionSpec
from soar.connector import (
    ActionContext,
    ActionFailed,
    ActionFunction,
    BadCredentials,
    OutcomeUnknown,
    Output,
    Params,
    RetryLater,
    VerifyFunction,
)
from soar.domain import lookup
from soar.domain.errors import SoarError
from soar.domain.gate import digest
from soar.domain.model import Asset, Claim, Kept, Outcome
from soar.domain.states import Effect, ParkedFor
from soar.domain.verdict import judge
from soar.parking import NOTHING, park
from soar.store import effects
from soar.store.claims import CLAIM_LOOKUP, CLAIM_READ, HOMELESS, UNSHARED, claim_of
from soar.store.errors import UNREACHABLE
from soar.store.patience import patiently
from soar.store.rows import as_json
from soar.tasks import breaker, overdue, patience, permission, shadow
from soar.tasks.results import answered
from soar.tasks.shop import Shop
from soar.tasks.visit import InShadow, Visit, Withdrawn
from soar.tasks.write import Write
from soar.telemetry import log

VERIFY_AFTER = timedelta(seconds=1)
VERIFY_REQUESTS = 2
"""Most requests with which a vendor is asked whether a write took effect, before it is repeated."""
TURN = timedelta(0)


class ActionTask(Task):  # type: ignore[type-arg]
    """One SOAR action as a Celery task; ``bootstrap`` makes one subclass per action."""

    abstract = True
    acks_late = True
    ignore_result = True
    typing = False
    shop: Shop
    spec: ActionSpec
    function: ActionFunction
    verify: VerifyFunction | None = None

    def run(self, app_run_id: int) -> Outcome:
        """Make the call of one app run, or leave it to whoever holds it."""
        if not self._is_ours(app_run_id):
            log.warning("message_refused", task=self.name)
            raise Ignore
        self.shop.making.begin(app_run_id)
        try:
            return self._run(app_run_id)
        except BaseException:
            self.shop.making.end(app_run_id)
            raise

    def _run(self, app_run_id: int) -> Outcome:
        claim = self._claim(app_run_id)
        if not claim.wanted and claim.effect != Effect.SENT:  # else its vendor is asked
            return self._unwanted(claim)
        try:
            return self._reused(claim) or self._make(claim)
        except Withdrawn:
            raise Ignore from None

    def _unwanted(self, claim: Claim) -> Outcome:
        """End a call whose run was cancelled; those who follow it ask themselves (the sweep)."""
        ended = self._outcome(claim, None, failed="its run has ended: nothing was done")
        return replace(ended, shared=False)

    def _is_ours(self, app_run_id: object) -> bool:
        """Tell whether the message is one that we send: an id, and a member of its chord."""
        request = self.request
        return type(app_run_id) is int and bool(request.called_directly or request.chord)

    def _claim(self, app_run_id: int) -> Claim:
        """
        Claim the call; a repeat of a message finds the claim taken and does nothing.

        What another call is doing already is parked by the claim: it follows.
        """
        values = {"id": app_run_id, "task": self.name}
        statement = CLAIM_READ
        if self.spec.freshness:
            statement = CLAIM_LOOKUP
            values["freshness"] = max(self.spec.freshness.values())
        elif not self.spec.read_only:
            statement = effects.CLAIM_WRITE
            values.update(undo=self.spec.undo, containment=self.spec.is_containment)
        since, rows = patiently(lambda: self.shop.claim(statement, values))
        claim = claim_of(rows[0], since) if rows else None
        if claim is None or claim.follows is not None:
            raise Ignore
        return claim

    def _reused(self, claim: Claim) -> Outcome | None:
        """Return an earlier answer to the same question, if it is young enough for its verdict."""
        found = claim.fresh
        if self._is_of_former_settings(claim) or not (found and claim.reuses):
            return None
        if found["age"] > self.spec.fresh_for(judge(self.spec.name, found["summary"])):
            return None
        return Outcome(
            app_run_id=claim.id,
            attempt=claim.attempt,
            succeeded=True,
            message="",
            kept=Kept(
                message=found["message"],
                summary=as_json(found["summary"]),
                data=as_json(found["data"]),
                attachment_id=found["attachment_id"],
            ),
            shared=True,
            reused_from=found["id"],
        )

    def _is_of_former_settings(self, claim: Claim) -> bool:
        """Tell whether a lookup's asset was edited since it was asked: then nobody shares it."""
        if claim.lookup is None or claim.held is None:
            return False
        contains = {p.name: p.contains for p in self.spec.parameters}
        key = lookup.key(claim.held, self.spec.name, claim.parameters, contains=contains)
        if key == claim.lookup:
            return False
        self.shop.database.run(UNSHARED, {"id": claim.id, "attempt": claim.attempt})
        return True

    def _make(self, claim: Claim) -> Outcome:
        visit: Visit | None = None
        try:
            visit = Visit(claim=claim, asset=self._asset(claim))
            if claim.shadow:
                self._checked(claim)
                return shadow.simulated(self.spec, visit)
            if claim.behind:
                raise self._park(claim, ParkedFor.BUDGET, TURN, f"waits its turn on {claim.asset}")
            if claim.wanted:
                visit.beyond = permission.show(self.shop, self.spec, claim)
            params = self._checked(claim)
            context = self._context(visit)
            self._admit(visit)
            with overdue.bounded(self, visit):
                return self._call(visit, context, params)
        except RetryLater as wait:
            return self._later(claim, visit, wait)
        except SoarError as error:
            if isinstance(error, BadCredentials):
                self.shop.mark_broken(claim, str(error))
            return self._outcome(claim, visit, failed=str(error))
        except (Withdrawn, *UNREACHABLE):  # what was not recorded is let go, and claimed again
            raise
        except Exception as error:
            return self._bug(claim, visit, error)

    def _bug(
        self, claim: Claim, visit: Visit | None, error: Exception, *, unknown: bool = False
    ) -> Outcome:
        log.exception("action_bug", task=self.name, app_run=claim.id)
        what = f"{claim.action}: an error in the connector ({type(error).__name__})"
        return self._outcome(claim, visit, failed=what, unknown=unknown)

    def _asset(self, claim: Claim) -> Asset:
        asset = claim.held
        if asset is None:
            raise ActionFailed(f"there is no asset {claim.asset!r} any more")
        if asset.closed and asset.parks_when_closed:
            raise self._park(claim, ParkedFor.BUDGET, TURN, asset.closed)
        if asset.closed:
            raise ActionFailed(asset.closed)
        return permission.fitting(self.shop, self.spec, claim, asset)

    def _park(
        self,
        claim: Claim,
        reason: ParkedFor,
        wait: timedelta,
        why: str,
        *,
        counts: bool = False,
        costs: timedelta = NOTHING,
        made: int = 0,
        answered: bool = False,
        lost: bool = False,
    ) -> Withdrawn:
        park(
            self.shop.database,
            claim,
            reason,
            wait=wait,
            message=why,
            counts=counts,
            costs=costs,
            made=made,
            writes=not self.spec.read_only,
            answered=answered,
            unsent=self._as_unsent(answered=answered),
            lost=lost,
        )
        return Withdrawn()

    def _as_unsent(self, *, answered: bool) -> bool:
        """Tell whether a write that is put off counts as never sent: nothing can verify it."""
        return answered and type(self).verify is None

    def _checked(self, claim: Claim) -> Params:
        """Return the parameters, checked against the manifest."""
        known = {p.name for p in self.spec.parameters}
        for name in claim.parameters:
            if name not in known:
                expected = ", ".join(sorted(known)) or "none"
                raise ActionFailed(f"{claim.action} has no parameter {name!r}; it has: {expected}")
        for parameter in self.spec.parameters:
            if parameter.required and claim.parameters.get(parameter.name) in (None, ""):
                raise ActionFailed(f"{claim.action}: parameter {parameter.name!r} is missing")
        params = Params(claim.parameters)
        if not self.spec.read_only:
            self._write(claim).check(params)
        return params

    def _admit(self, visit: Visit) -> None:
        """Spend one call of the asset's budget, or park until one is free."""
        claim, asset = visit.claim, visit.asset
        again = VERIFY_REQUESTS if claim.effect == Effect.SENT else 0
        admission = self.shop.admit(
            asset, rank=claim.severity_rank, call=str(claim.id), cost=self.spec.requests + again
        )
        if not admission.granted:
            raise self._park(claim, ParkedFor.BUDGET, admission.wait, f"waits for {admission.why}")
        visit.admission = admission

    def _context(self, visit: Visit) -> ActionContext:
        claim = visit.claim
        desk = self.shop.desk(visit.asset)
        desk.session.notes.clear(self.shop.fence(claim.since))
        visit.session = desk.session
        return ActionContext(
            asset=desk.config,
            http=desk.session,
            key=self._key(claim),
            container_id=claim.container_id,
            state=desk.state,
        )

    def _key(self, claim: Claim) -> str:
        """Return the name of a call on all its deliveries; a vendor may keep that of a write."""
        key = f"soar-{claim.run_id}-{claim.id}"
        return key if self.spec.read_only else f"{key}-{digest(dict(claim.parameters))[:12]}"

    def _call(self, visit: Visit, context: ActionContext, params: Params) -> Outcome:
        claim, output, write, stands = visit.claim, None, self._write(visit.claim), False
        try:
            if not self.spec.read_only:
                output = write.standing(context, params)
                stands = output is not None
                output = output or write.already(visit, context, params)
            if output is None and not self.spec.read_only:
                visit.leaving = True
                breaker.send(self.shop, write, visit)
            output = output or self._act(visit, context, params)
        except InShadow:
            return shadow.simulated(self.spec, visit)
        except OutcomeUnknown as lost:
            if not visit.doubtful:  # it was a question whose answer was lost
                return self._outcome(claim, visit, failed=str(lost))
            return self._unknown(visit, lost)
        except RetryLater as wait:
            visit.wait = wait
            raise
        except (SoarError, Withdrawn, *UNREACHABLE):
            raise
        except Exception as error:
            return self._bug(claim, visit, error, unknown=visit.leaving)
        finally:
            patience.tell_lane(
                self.shop, visit, requests=self.spec.requests, answered=output is not None
            )
        return self._done(visit, output, params, write if stands else None)

    def _act(self, visit: Visit, context: ActionContext, params: Params) -> Output:
        try:
            return type(self).function(context, params)
        except RetryLater:
            visit.answered = True
            raise

    def _write(self, claim: Claim) -> Write:
        return Write(
            database=self.shop.database, spec=self.spec, verify=type(self).verify, claim=claim
        )

    def _done(self, visit: Visit, output: Output, params: Params, shared: Write | None) -> Outcome:
        """Return how a call ended whose vendor answered; *shared*: another run's effect stands."""
        lease = timedelta(minutes=params.number(LEASE.name, 0)) or None
        cap = self.shop.settings.result_kb * 1024
        if shared:
            output = shared.share(output, lasts=lease)
        done = answered(self.spec, visit.claim, output, made=visit.made, cap=cap)
        if shared:
            return shared.not_mine(done)
        vendor = output.lasts if isinstance(output, Output) else None
        return replace(done, lasts=vendor or lease, vendor_ends=vendor is not None)

    def _later(self, claim: Claim, visit: Visit | None, put_off: RetryLater) -> Outcome:
        """Park until the vendor can be asked again, within the limits of tries and patience."""
        wait = patience.put_off(self.shop, claim, visit, put_off)
        if wait.over:
            return self._outcome(claim, visit, failed=wait.over)
        told = visit is not None and visit.answered
        unsent = self._as_unsent(answered=told)
        values = {"id": claim.id, "attempt": claim.attempt, "unsent": unsent}
        if self.shop.database.run(HOMELESS, values):
            return self._outcome(claim, visit, failed=f"there is no asset {claim.asset!r} any more")
        raise self._park(
            claim,
            wait.reason,
            wait.delay,
            str(put_off),
            counts=wait.counts,
            costs=wait.costs,
            made=visit.made if visit else 0,
            answered=told,
        )

    def _unknown(self, visit: Visit, lost: OutcomeUnknown) -> NoReturn:
        """Park a write whose answer was lost; when it comes back the vendor is asked first."""
        claim = visit.claim
        if type(self).verify is None or claim.tries + 1 >= self.shop.settings.retry_attempts:
            self._write(claim).ask_people(visit, str(lost))
        raise self._park(
            claim,
            ParkedFor.SCHEDULE,
            VERIFY_AFTER,
            f"{lost}: will be verified",
            counts=True,
            costs=VERIFY_AFTER,
            made=visit.made,
            lost=True,
        )

    def given_up(self, visit: Visit, why: str) -> Outcome | None:
        """Return how a call ends whose thread hangs; none if it waits to be verified instead."""
        if not visit.doubtful:
            return self._outcome(visit.claim, visit, failed=why)
        try:
            return self._unknown(visit, OutcomeUnknown(why))
        except Withdrawn:
            return None

    def _outcome(
        self, claim: Claim, visit: Visit | None, *, failed: str, unknown: bool = False
    ) -> Outcome:
        settled = self.spec.read_only or (visit is not None and visit.undone)
        if unknown or (claim.effect == Effect.SENT and not settled):
            self._write(claim).ask_people(visit, failed)
        return Outcome(
            app_run_id=claim.id,
            attempt=claim.attempt,
            succeeded=False,
            message=failed,
            effect=Effect.NONE.value,
            made=visit.made if visit else 0,
            shared=bool(self.spec.freshness),
            writes=not self.spec.read_only,
        )
