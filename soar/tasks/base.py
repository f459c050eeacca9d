"""
ActionTask: claim, admit (or park), open the asset, call, record.

In: the id of an app run. Out: its :class:`Outcome`, which the result backend writes and counts;
a call that waits is parked and its task ignored.
Never: an effect without a claim, a high-impact one without a signed answer, or a second one
before the vendor was asked whether the first took effect.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import Task
from celery.exceptions import Ignore

from soar.catalog import ActionSpec, Catalog
from soar.connector import (
    ActionContext,
    ActionFailed,
    ActionFunction,
    AssetConfig,
    BadCredentials,
    OutcomeUnknown,
    Output,
    Params,
    RetryLater,
    VendorSession,
    VerifyFunction,
)
from soar.domain.errors import NotFound, SoarError
from soar.domain.gate import HeldCall, covers, digest
from soar.domain.model import Asset, Claim, Outcome
from soar.domain.states import Effect, ParkedFor
from soar.limiter import Limiter
from soar.parking import backoff, park
from soar.settings import Settings
from soar.signing import Verifier
from soar.store.calls import CLAIM, MARK_SENT, claim_of
from soar.store.database import Database
from soar.telemetry import log
from soar.vault import Vault

VERIFY_AFTER = timedelta(seconds=1)


class Withdrawn(Exception):
    """The call waits or belongs to another delivery: nothing is recorded here."""


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
        claim = self._claim(app_run_id)
        try:
            return self._make(claim)
        except Withdrawn:
            raise Ignore from None

    def _is_ours(self, app_run_id: object) -> bool:
        """Tell whether the message is one that we send: an id, and a member of its chord."""
        request = self.request
        return type(app_run_id) is int and bool(request.called_directly or request.chord)

    def _claim(self, app_run_id: int) -> Claim:
        """Claim the call; a repeat of a message finds the claim taken and does nothing."""
        rows = self.shop.database.run(
            CLAIM, {"id": app_run_id, "owner": self.shop.owner, "task": self.name}
        )
        if not rows:
            raise Ignore
        return claim_of(rows[0])

    def _make(self, claim: Claim) -> Outcome:
        try:
            asset = self._asset(claim)
            if self.spec.high_impact:
                self._show_permission(claim)
            params = self._checked(claim)
            self._take_budget(claim, asset)
            return self._call(claim, self._context(claim, asset), params)
        except RetryLater as wait:
            return self._later(claim, wait)
        except SoarError as error:
            if isinstance(error, BadCredentials):
                self._mark_broken(claim, str(error))
            return self._outcome(claim, failed=str(error))
        except Withdrawn:
            raise
        except Exception as error:
            return self._bug(claim, error)

    def _bug(self, claim: Claim, error: Exception, *, unknown: bool = False) -> Outcome:
        log.exception("action_bug", task=self.name, app_run=claim.id)
        what = f"{claim.action}: an error in the connector ({type(error).__name__})"
        return self._outcome(claim, failed=what, unknown=unknown)

    def _asset(self, claim: Claim) -> Asset:
        with self.shop.database.begin() as work:
            asset = work.assets.get(claim.asset)
        if asset.disabled:
            raise ActionFailed(f"asset {asset.slug!r} is disabled")
        if self.shop.catalog.app(asset.app).slug != self.spec.app:
            raise ActionFailed(f"asset {asset.slug!r} is of {asset.app}, not of this action's app")
        return asset

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
        return Params(claim.parameters)

    def _show_permission(self, claim: Claim) -> None:
        """Refuse a high-impact call unless a signed, fresh answer covers exactly this call."""
        if claim.approval_id is None:
            raise ActionFailed(f"{claim.action} was refused: no person has approved it")
        with self.shop.database.begin() as work:
            try:
                row = work.approvals.get(claim.approval_id)
            except NotFound:
                raise ActionFailed(f"{claim.action} was refused: its approval is gone") from None
        reason = self._objection(claim, row)
        if reason:
            log.warning("permission_refused", app_run=claim.id, approval=claim.approval_id)
            raise ActionFailed(f"{claim.action} was refused: {reason}")

    def _objection(self, claim: Claim, row: Mapping[str, Any]) -> str:
        signed = row["signed"]
        call = HeldCall(
            action=self.spec.name,
            asset=claim.asset,
            app=self.spec.app,
            app_version=self.shop.catalog.app(self.spec.app).version,
            parameters=claim.parameters,
        )
        if row["status"] != "answered":
            return "its approval was not granted"
        if not self.shop.verifier.verify(signed, row["signature"], row["key_id"]):
            return "the signature of its approval is not valid"
        if signed.get("payload_digest") != digest(row["payload"]):
            return "the approval was given for something else"
        if signed.get("approval") != row["payload"].get("approval"):
            return "the answer belongs to another approval"
        if not covers(row["payload"], str(signed.get("choice", "")), [claim.run_id], call):
            return "the approval does not cover this action with these parameters"
        age = datetime.now(UTC) - datetime.fromisoformat(signed["answered_at"])
        if (
            age > timedelta(minutes=self.shop.settings.grant_minutes)
            and claim.effect == Effect.NONE
        ):
            return f"the approval is older than {self.shop.settings.grant_minutes} minutes"
        return ""

    def _take_budget(self, claim: Claim, asset: Asset) -> None:
        """Spend one call of the asset's budget, or park until one is free."""
        if asset.budget is None:
            return
        wait = self.shop.limiter.take(asset.slug, asset.budget)
        if wait:
            park(self.shop.database, claim, ParkedFor.BUDGET, wait=wait, message="waits for budget")
            raise Withdrawn

    def _context(self, claim: Claim, asset: Asset) -> ActionContext:
        config = AssetConfig(slug=asset.slug, values=self.shop.vault.open_all(asset.configuration))
        session, state = self.shop.session(asset, config)
        key = f"soar-{claim.run_id}-{claim.id}-{digest(dict(claim.parameters))[:12]}"
        return ActionContext(
            asset=config, http=session, key=key, container_id=claim.container_id, state=state
        )

    def _call(self, claim: Claim, context: ActionContext, params: Params) -> Outcome:
        try:
            output = self._already(claim, context, params)
            if output is None:
                self._mark_sent(claim)
                output = type(self).function(context, params)
        except RetryLater as wait:
            return self._later(claim, wait)
        except OutcomeUnknown as lost:
            return self._unknown(claim, lost)
        except (SoarError, Withdrawn):
            raise
        except Exception as error:  # a write may have been sent before it
            return self._bug(claim, error, unknown=not self.spec.read_only)
        effect = Effect.NONE if self.spec.read_only else Effect.CONFIRMED
        return Outcome(
            app_run_id=claim.id,
            attempt=claim.attempt,
            succeeded=True,
            message=output.message,
            summary=output.summary,
            data=output.data,
            effect=effect.value,
        )

    def _already(self, claim: Claim, context: ActionContext, params: Params) -> Output | None:
        """Ask the vendor whether a write that may have been sent took effect."""
        if self.spec.read_only or claim.effect != Effect.SENT:
            return None
        verify = type(self).verify
        if verify is None:
            raise ActionFailed(
                f"{claim.action} may have been done: its answer was lost and it cannot be verified"
            )
        return verify(context, params)

    def _mark_sent(self, claim: Claim) -> None:
        """Write down that a write is about to be sent; without that row it is not sent."""
        if self.spec.read_only:
            return
        marked = self.shop.database.run(MARK_SENT, {"id": claim.id, "attempt": claim.attempt})
        if not marked:
            raise Withdrawn

    def _later(self, claim: Claim, wait: RetryLater) -> Outcome:
        """Park until the vendor can be asked again, within the limits of tries and patience."""
        settings = self.shop.settings
        waited = datetime.now(UTC) - claim.waited_since if claim.waited_since else timedelta(0)
        if waited > timedelta(seconds=settings.retry_patience_seconds):
            return self._outcome(
                claim, failed=f"{wait}; gave up after {int(waited.total_seconds())} s"
            )
        if wait.after and wait.after > timedelta(seconds=settings.retry_patience_seconds) - waited:
            return self._outcome(
                claim,
                failed=f"{wait}; it asks for {int(wait.after.total_seconds())} s, longer than the"
                f" {settings.retry_patience_seconds} s that a call may wait",
            )
        if wait.after is None and claim.tries + 1 >= settings.retry_attempts:
            return self._outcome(claim, failed=f"{wait}; gave up after {claim.tries + 1} tries")
        delay = backoff(claim.tries, chance=self.shop.chance) if wait.after is None else wait.after
        park(
            self.shop.database,
            claim,
            ParkedFor.SCHEDULE,
            wait=delay,
            message=str(wait),
            counts=wait.after is None,
        )
        raise Withdrawn

    def _unknown(self, claim: Claim, lost: OutcomeUnknown) -> Outcome:
        """Park a write whose answer was lost; when it comes back the vendor is asked first."""
        if type(self).verify is None or claim.tries + 1 >= self.shop.settings.retry_attempts:
            return self._outcome(claim, failed=f"{lost}: its outcome is unknown", unknown=True)
        park(
            self.shop.database,
            claim,
            ParkedFor.SCHEDULE,
            wait=VERIFY_AFTER,
            message=f"{lost}: will be verified",
            counts=True,
        )
        raise Withdrawn

    def _outcome(self, claim: Claim, *, failed: str, unknown: bool = False) -> Outcome:
        maybe = unknown or (claim.effect == Effect.SENT and not self.spec.read_only)
        return Outcome(
            app_run_id=claim.id,
            attempt=claim.attempt,
            succeeded=False,
            message=failed,
            effect=Effect.UNKNOWN.value if maybe else Effect.NONE.value,
        )

    def _mark_broken(self, claim: Claim, reason: str) -> None:
        """Mark the asset for its owner, and the run for its author: it will end failed."""
        error = f"{claim.action} on {claim.asset}: {reason}"
        with self.shop.database.begin() as work:
            work.assets.mark_broken(claim.asset, reason)
            work.runs.log(claim.run_id, [("error", claim.action, error)])
            work.runs.save(claim.run_id, run_data=None, outputs=None, error=error)


def probe(asset: Asset, vault: Vault, function: ActionFunction) -> Output:
    """Run an asset's connectivity test at once, outside any run."""
    config = AssetConfig(slug=asset.slug, values=vault.open_all(asset.configuration))
    session = VendorSession(ca_file=config.text("ca_file"), proxy=config.text("proxy"))
    context = ActionContext(asset=config, http=session, key=f"soar-test-{asset.slug}")
    return function(context, Params({}))
