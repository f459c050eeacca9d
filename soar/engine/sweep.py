"""
The sweep: finds what a crash, a lost message or a due time left behind, and moves it on.

In: the clock of the database. Out: bells rung again with the same ids, calls reclaimed,
overdue questions closed, leases undone. Any number may run: each row is taken with ``skip locked``.
Never: an effect of its own; everything it sends is claimed before it acts.
"""

from __future__ import annotations

from dataclasses import dataclass

from soar import parking
from soar.bus.app import RESUME_RUN, START_RUN
from soar.bus.mark import Mark
from soar.bus.relay import Relay
from soar.domain.model import Outcome
from soar.engine import expiry, shading
from soar.engine.settling import Settling
from soar.settings import Settings
from soar.store import outbox
from soar.store.calls import messages
from soar.store.database import Database
from soar.store.effects import PARK_UNKNOWN
from soar.store.endings import end_values, ending
from soar.store.rows import Row
from soar.telemetry import log

OUTBOX_SECONDS = 3
BELL_SECONDS = 5
UNHEARD_SECONDS = 15
STUCK_SECONDS = 15
STEP = 5000
"""So many rows are changed in one transaction."""
MISCOUNTED = "the run waited for calls that had all ended: it goes on with what they left"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """One pass over everything that can be left behind."""

    database: Database
    relay: Relay
    settings: Settings
    settling: Settling
    mark: Mark

    def __call__(self) -> None:
        """Run every rule once; one that fails does not keep the others from running."""
        for rule in (
            self.send_late_messages,
            self.notice_loss,
            self.reclaim_calls,
            self.wake_calls,
            self.expire_approvals,
            self.ring_lost_bells,
            self.end_miscounted_joins,
            self.move_stuck_runs,
            self.tidy_effects,
            self.ask_people,
            self.undo_leases,
            self.answer_candidates,
            self.remind_people,
            self.send_due_notices,
            self.forget_the_past,
        ):
            try:
                rule()
            except Exception:
                log.exception("sweep_rule_failed", rule=rule.__name__)

    def send_late_messages(self) -> None:
        """Send what a commit left in the outbox and nobody sent."""
        late = outbox.late(self.database, seconds=OUTBOX_SECONDS)
        if late:
            self.relay(late)

    def notice_loss(self) -> None:
        """Ring at once for all that waits to be heard, where Redis has lost everything."""
        if not self.mark.missing():
            return
        found = [STEP]
        while max(found) == STEP:
            with self.database.begin() as work:
                found = [work.calls.ring_soon(limit=STEP), work.runs.ring_soon(limit=STEP)]
            log.warning("redis_was_empty", calls=found[0], runs=found[1])
        self.mark.keep()

    def reclaim_calls(self) -> None:
        """Take the calls of dead workers back; fail those whose workers died again and again."""
        with self.database.begin() as work:
            for body in messages(work.suspects.reclaim()):
                work.send("member", body)
                log.warning("call_reclaimed", app_run=body["app_run_id"])
            work.suspects.convict()
            poisoned = work.suspects.poisoned()
            work.calls.expired_workers()
            work.calls.landed()
            work.lanes.forget_slots()
        for row in poisoned:
            self._fail_poisoned(row)

    def _fail_poisoned(self, row: Row) -> None:
        message = "its worker died three times while it was making this call"
        if row["effect"] == "sent":
            values = {"id": row["id"], "attempt": row["attempt"], "made": 0, "message": message}
            self.database.run(PARK_UNKNOWN, values)
            return
        outcome = Outcome(
            app_run_id=row["id"],
            attempt=row["attempt"],
            succeeded=False,
            message=message,
            effect=row["effect"],
            shared=True,
            writes=row["writes"],
        )
        for remaining, run_id, join_id in self.database.run(ending(outcome), end_values(outcome)):
            if remaining <= 0:
                with self.database.begin() as work:
                    work.send_task(RESUME_RUN, run_id, join_id)

    def wake_calls(self) -> None:
        """Send calls that are due, lookups whose forerunner is over; end what is not to wait."""
        self.wake_due()
        with self.database.begin() as work:
            parking.wake_followers(work)
            parking.dismiss_shut_out(work)

    def wake_due(self) -> None:
        """Send the calls that are due, or go one at a time; looked at oftener than all else."""
        with self.database.begin() as work:
            parking.wake_due(work)
            parking.send(work, work.suspects.let_go())

    def expire_approvals(self) -> None:
        """Close overdue questions: contain nothing, and tell their runs."""
        expiry.close(self.database)

    def tidy_effects(self) -> None:
        """Close what ended unsent."""
        with self.database.begin() as work:
            for row in work.ledger.tidy():
                log.warning("effect_left", effect=row["id"], status=row["status"])

    def ask_people(self) -> None:
        """Ask people whether a write took effect of which nobody knows."""
        with self.database.begin() as work:
            self.settling.ask_people(work)

    def undo_leases(self) -> None:
        """Undo leases that are over, each by itself."""
        with self.database.begin() as work:
            self.settling.undo_overdue(work)

    def answer_candidates(self) -> None:
        """Let candidates go on with what the live runs beside them were answered."""
        with self.database.begin() as work:
            shading.hear_answers(work)

    def remind_people(self) -> None:
        """Plan reminders of questions that are still open at half of their time."""
        with self.database.begin() as work:
            work.notices.remind()

    def send_due_notices(self) -> None:
        """Send notices whose time has come and that nobody took."""
        with self.database.begin() as work:
            work.notices.ring_due()

    def forget_the_past(self) -> None:
        """Forget what came in long ago, and containments that no limit counts any more."""
        with self.database.begin() as work:
            work.channels.forget()
            work.blast.forget()

    def ring_lost_bells(self) -> None:
        """Ring again for what nobody claimed, delivered or called; end what nobody can hear."""
        with self.database.begin() as work:
            for body in messages(work.calls.unheard(seconds=UNHEARD_SECONDS)):
                work.send("member", body)
            for join in work.lanes.end_homeless(seconds=UNHEARD_SECONDS):
                if join["remaining"] <= 0:
                    work.send_task(RESUME_RUN, join["run_id"], join["id"])
            lost = work.runs.lost_bells(seconds=BELL_SECONDS)
            for run_id, join_id in [*lost, *work.functions.unheard(seconds=BELL_SECONDS)]:
                work.send_task(RESUME_RUN, run_id, join_id)

    def end_miscounted_joins(self) -> None:
        """End joins that wait for calls of which none is open, and say so in their runs."""
        with self.database.begin() as work:
            for run_id, join_id in work.overdue.end_miscounted(seconds=STUCK_SECONDS):
                log.warning("join_miscounted", run=run_id, join=join_id)
                work.runs.log(run_id, [("warning", "", MISCOUNTED)])
                work.send_task(RESUME_RUN, run_id, join_id)

    def move_stuck_runs(self) -> None:
        """Start queued runs whose bell was lost, and end runs that wait for nothing."""
        with self.database.begin() as work:
            stuck = [row["id"] for row in work.runs.stuck(seconds=STUCK_SECONDS, soon=BELL_SECONDS)]
            work.runs.touch(stuck)
            for run_id in stuck:
                work.send_task(START_RUN, run_id)
