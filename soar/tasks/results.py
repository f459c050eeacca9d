"""
The end of a call that its vendor has answered: its result, as the row will keep it.

In: what the connector returned. Out: an :class:`Outcome` that the backend only has to write.
Never: an answer that cannot be kept and stops anything but its own call; and no write that took
effect called failed because of its answer.
"""

from __future__ import annotations

from dataclasses import replace

from soar.catalog import ActionSpec
from soar.connector import Output
from soar.domain.model import Claim, Outcome
from soar.domain.states import Effect
from soar.store.results import keep
from soar.store.rows import NotStorable
from soar.telemetry import log


def answered(spec: ActionSpec, claim: Claim, output: Output, *, made: int, cap: int) -> Outcome:
    """Return how a call ended whose vendor answered; an unusable answer to a lookup fails it."""
    effect = Effect.NONE if spec.read_only else Effect.CONFIRMED
    outcome = Outcome(
        app_run_id=claim.id,
        attempt=claim.attempt,
        succeeded=True,
        message="",
        effect=effect.value,
        made=made,
        shared=bool(spec.freshness),
        writes=not spec.read_only,
    )
    try:
        if not isinstance(output, Output):
            raise NotStorable(f"is no Output but {type(output).__name__}")
        kept = keep(output.message, output.summary, output.data, cap=cap)
        return replace(outcome, kept=kept)
    except NotStorable as refused:
        why = str(refused)
    except Exception as error:
        log.exception("result_not_kept", app_run=claim.id)
        why = f"cannot be written as JSON ({type(error).__name__})"
    done = ":" if spec.read_only else " was done, but"
    message = f"{claim.action}{done} its result {why}: nothing of it was kept"
    return replace(outcome, succeeded=not spec.read_only, message=message)
