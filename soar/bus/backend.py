"""
The result backend that joins chords in PostgreSQL: Celery's official extension point.

In: the end of a header task, with its :class:`Outcome`. Out: the result and the count in one
statement, once per distinct member; whoever counts last sends the body. A lookup that others
follow ends them as well, and sends the bodies of their chords.
Never: a result in Redis. What does not end with an outcome (a killed process, a parked call)
is not counted here: its row says what is true, and the sweep acts on it.
"""

from __future__ import annotations

from typing import Any

from celery.backends.base import BaseBackend

from soar.bus.app import resume_signature
from soar.domain.model import Outcome
from soar.store.endings import end_values, ending
from soar.store.patience import patiently
from soar.telemetry import log


class JoinBackend(BaseBackend):
    """Keeps results where the truth is and counts each member once."""

    app: Any
    supports_native_join = True

    def store_result(
        self,
        task_id: str,
        result: Any,
        state: str,
        traceback: Any = None,
        request: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Keep nothing: the result is written together with the count."""
        return None

    def apply_chord(self, header_result_args: Any, body: Any, **kwargs: Any) -> None:
        """Prepare nothing: the members are rows, committed before the header is sent."""

    def ensure_chords_allowed(self) -> None:
        """Chords are what this backend is for."""

    def get_task_meta(self, task_id: str, cache: bool = True) -> dict[str, Any]:
        """Say that nothing is known: nobody waits for results of a task."""
        return {"status": "PENDING", "result": None}

    def on_chord_part_return(self, request: Any, state: Any, result: Any, **kwargs: Any) -> None:
        """Write the outcome and count it; the last one of its chord sends the body."""
        if not isinstance(result, Outcome):
            log.warning("member_without_outcome", task=request.task, task_id=request.id)
            return
        for remaining, run_id, join_id in self._record(result):
            if remaining <= 0:
                resume_signature(self.app, run_id, join_id).apply_async()

    def _record(self, outcome: Outcome) -> list[tuple[Any, ...]]:
        """Write the outcome; written or in vain, the process makes the call no more."""
        statement, values = ending(outcome), end_values(outcome)
        try:
            return patiently(lambda: self.app.soar_database.run(statement, values))
        finally:
            self.app.soar_ended(outcome.app_run_id)
