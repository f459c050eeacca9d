"""
The end of a write that is only simulated: its run goes on as if it had succeeded.

In: a claimed call in shadow. Out: an :class:`Outcome` that says what would have been done.
Never: a request to its vendor, an effect in the ledger, or a place in a limit of the breaker.
"""

from __future__ import annotations

from soar.catalog import ActionSpec
from soar.domain.model import Outcome
from soar.domain.shadow import PREFIX, would_have
from soar.domain.states import Effect
from soar.tasks.visit import Visit
from soar.telemetry import log


def simulated(spec: ActionSpec, visit: Visit) -> Outcome:
    """Return how a call ends of which nothing was done; what it had planned in the ledger ends."""
    claim = visit.claim
    said = would_have(spec.name, claim.asset, claim.parameters, target=spec.target, did=spec.did)
    log.info("write_simulated", app_run=claim.id, task=spec.task_name)
    return Outcome(
        app_run_id=claim.id,
        attempt=claim.attempt,
        succeeded=True,
        message=f"{PREFIX}{said}",
        summary={"shadow": True, "would_have": said.removeprefix("would have ")},
        effect=Effect.NONE.value,
        made=visit.made,
        writes=True,
    )
