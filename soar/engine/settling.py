"""
What becomes of effects: people are asked what nobody knows, leases are undone when they are over.

In: the ledger. Out: questions, and runs whose one call is an undo.
Never: a write that may have taken effect done again because a program thinks so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from soar import consent
from soar.catalog import Catalog
from soar.domain import gate
from soar.domain.commands import Act
from soar.domain.errors import Conflict, NotFound, SoarError
from soar.domain.states import RunStatus
from soar.engine import writing
from soar.engine.planner import Member, Situation, plan
from soar.settings import Settings
from soar.store.rows import Row
from soar.store.work import Work
from soar.telemetry import log

UNDO = '"""Undoes one containment. The engine starts it; it has no blocks."""\n'
CLOCK = "the end of its lease"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settling:
    """Settles effects, in the transactions of whoever asks for it."""

    catalog: Catalog
    settings: Settings

    def ask_people(self, work: Work) -> None:
        """Open a question for each write of which nobody knows whether it took effect."""
        work.lanes.doubt_lost()
        for call in work.ledger.unasked():
            try:
                with work.attempt():
                    work.ledger.tie(call["id"], self._ask(work, call))
            except Exception as error:
                self._not_done(work, call["run_id"], f"call {call['id']} is not asked about", error)
                work.ledger.ask_later(call["id"])

    def undo_overdue(self, work: Work) -> None:
        """Undo the leases whose time is over, each by itself; what failed is tried again later."""
        work.ledger.ended_by_vendors()
        for failed in work.ledger.not_undone():
            log.warning("undo_failed", effect=failed["id"], run=failed["run_id"])
            told = f"{_not_undone(failed)}: {failed['why']}"
            work.runs.warn_once(failed["made_by"], "", told, told)
        for effect in work.ledger.overdue():
            try:
                with work.attempt():
                    self.undo(work, effect, by=CLOCK)
            except Exception as error:
                self._not_done(work, effect["run_id"], _not_undone(effect), error)
                work.ledger.undo_later(effect["id"])

    def _not_done(self, work: Work, run_id: int, what: str, error: Exception) -> None:
        """Tell in the run's log, which the doctor reads, why one of many was left for later."""
        why = str(error) if isinstance(error, SoarError) else f"an error ({type(error).__name__})"
        log.warning("effect_not_settled", run=run_id, what=what, why=why, exc_info=True)
        work.runs.warn_once(run_id, "", f"{what}: {why}", f"{what}: {why}")

    def undo(self, work: Work, effect: Mapping[str, Any], *, by: str) -> int:
        """Start the run that takes an effect back, and return its id."""
        if not effect["undo"]:
            raise Conflict(f"{effect['action']} cannot be undone: its app names no undo")
        playbook_id, _ = work.playbooks.save(
            name="soar_undo", title="Undo", version="1", source=UNDO, details={"system": True}
        )
        run_id = work.runs.add(
            container_id=effect["container_id"],
            playbook_id=playbook_id,
            started_by=by,
            run_as="automation",
        )
        work.runs.started(run_id)
        act = Act(
            action=effect["undo"],
            name=effect["undo"],
            assets=(effect["asset"],),
            app=effect["app"],
            parameters=(self._undo_parameters(effect),),
        )
        at = self._desk(work, run_id)
        writing.write(work, plan([act], self._situation(work, at.container)), at)
        work.ledger.undoing(effect["id"], run_id)
        work.audit(by, "undo started", {"effect": effect["id"], "run": run_id})
        return run_id

    def _undo_parameters(self, effect: Mapping[str, Any]) -> dict[str, Any]:
        """Return those parameters of a call that its undo takes as well."""
        spec = self.catalog.app(effect["app"]).action(effect["undo"])
        known = {p.name for p in spec.parameters} if spec else set()
        return {name: value for name, value in effect["parameters"].items() if name in known}

    def _ask(self, work: Work, call: Row) -> int:
        at = self._desk(work, call["run_id"])
        what = ", ".join(f"{name}={value}" for name, value in call["parameters"].items())
        message = (
            f"Did it take effect? {call['action']} on {call['asset']}: {what}\n"
            f"{call['message']}. Look at the vendor's side, then answer: it is not done again"
            " unless you say so."
        )
        choices: dict[str, list[Member]] = {gate.HAPPENED: [], gate.MISSED: []}
        if at.run["status"] != RunStatus.CANCELLED:
            choices |= self._again(work, call, at)
        return writing.open_question(
            work,
            at,
            join_id=call["join_id"],
            kind="effect",
            name=call["action"],
            to=at.approvers,
            message=message,
            minutes=at.gate_minutes,
            choices=choices,
        )

    def _again(self, work: Work, call: Row, at: writing.Desk) -> dict[str, list[Member]]:
        """Offer to do it again, with what that needs; what no app offers any more cannot be."""
        try:
            spec = self.catalog.by_task(call["task"])
        except NotFound:
            return {}
        again = Member(
            action=call["action"],
            asset=call["asset"],
            app=call["app"],
            app_version=call["app_version"],
            parameters=call["parameters"],
            needs=self._situation(work, at.container).needs(spec, call["asset"], ""),
        )
        return {gate.AGAIN: [again] if again.needs.gated else []}

    def _situation(self, work: Work, container: Mapping[str, Any]) -> Situation:
        return Situation(
            catalog=self.catalog,
            assets={a.slug: a for a in work.assets.all()},
            rules=consent.rules(work),
            label=container["label"],
            severity=container["severity"],
            tenant=container["tenant_id"],
            now=datetime.now(UTC),
        )

    def _desk(self, work: Work, run_id: int) -> writing.Desk:
        run = work.runs.get(run_id)
        return writing.Desk(
            run=run,
            container=work.containers.get(run["container_id"]),
            approvers=self.settings.approvers,
            gate_minutes=self.settings.action_gate_minutes,
            rehearse=lambda *_: [],
        )


def _not_undone(effect: Mapping[str, Any]) -> str:
    return f"containment {effect['id']} is not undone"
