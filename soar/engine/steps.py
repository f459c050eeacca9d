"""
The Celery steps of a run: start, resume, finish.

In: a message that names a run. Out: the next block, delivered; its plan, written and sent.
Never: two blocks of one run at once. Whoever holds the run's row delivers everything that is
ready; whoever does not get the row leaves, because the holder looks again after letting go.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from soar import consent
from soar.bus.app import REPORT_QUEUE, RESUME_RUN, START_RUN, WRITE_REPORT
from soar.catalog import Catalog
from soar.domain import scope as scopes
from soar.domain.commands import (
    Act,
    ActTogether,
    Command,
    Log,
    Prompt,
    Told,
    UpdateContainer,
    told_as,
)
from soar.domain.errors import SoarError
from soar.domain.states import RunStatus
from soar.engine import delivery, lending, limits, writing
from soar.engine.activation import Activation, activate, evaluate
from soar.engine.delivery import Event, with_container
from soar.engine.planner import Member, Situation, plan
from soar.engine.program import FUNCTION, BadPlaybook, Program, load
from soar.engine.reader import Reader, summary
from soar.phantom.desk import View
from soar.phantom.results import PromptResults
from soar.settings import Settings
from soar.store.database import Database
from soar.store.errors import REFUSED, UNREACHABLE
from soar.store.moves import Standing
from soar.store.rows import NotStorable, Row, as_json, storable
from soar.store.work import Work
from soar.telemetry import log

LONGEST_DRAIN = 60.0
"""Seconds after which a run with much to do goes on under a message of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """Delivers events to runs; one per process."""

    database: Database
    catalog: Catalog
    settings: Settings

    def start_run(self, run_id: int) -> None:
        """Start a queued run, or go on with one that was started."""
        self.drain(run_id)

    def resume_run(self, run_id: int, join_id: int) -> None:
        """Tell a run what has ended; *join_id* is a hint, the rows say what is ready."""
        self.drain(run_id)

    def drain(self, run_id: int) -> None:
        """
        Deliver everything that is ready for a run, block by block, each in a transaction.

        After a while the rest is left to a message of its own: a task has a time limit, too.
        """
        until = time.monotonic() + LONGEST_DRAIN
        while self._move(run_id):
            if time.monotonic() > until:
                with self.database.begin() as work:
                    work.send_task(START_RUN, run_id)
                return

    def _move(self, run_id: int) -> bool:
        """Deliver one event or end the run; True when, the lock let go, there is more to do."""
        with limits.Brace(self.database, run_id) as brace, self.database.begin() as work:
            held = work.moves.hold(run_id)
            if held is None or self._advance(work, *held, brace):
                return False
            work.moves.look_again(run_id)
        more = work.transaction.found
        return bool(more and more[0][0])

    def _advance(self, work: Work, run: Row, standing: Standing, brace: limits.Brace) -> bool:
        """Deliver one event, if one is due; True when the run has ended."""
        if standing.open_joins and standing.join is None and standing.function_call is None:
            return False
        if brace.take() < limits.MOST_DEATHS:
            ended = self._step(work, run, standing)
        else:
            ended = self._set_aside(work, run, standing)
        if ended or standing.join is None:  # a join's end takes the note back itself
            work.moves.relieved(run["id"])
        return ended

    def _set_aside(self, work: Work, run: Row, standing: Standing) -> bool:
        """Go on without a block that took its process with it again and again."""
        queued, join = run["status"] == RunStatus.QUEUED, standing.join
        if join is None and standing.function_call is not None:
            why = f"was set aside: it ended or broke {limits.MOST_DEATHS} processes"
            self._function_failed(work, run, standing.function_call, why)
            return False
        block = "on_start" if queued else join["callback"] if join else "on_finish"
        error = f"block {block!r} was set aside: it ended or broke {limits.MOST_DEATHS} processes"
        log.warning("block_set_aside", run=run["id"], block=block)
        work.runs.log(run["id"], [("error", block, error)])
        work.runs.save(run["id"], run_data=None, outputs=None, error=error)
        if queued:
            work.runs.started(run["id"])
        elif join:
            work.runs.delivered(run["id"], join["id"])
        else:
            return self._end(work, run)
        return False

    def _step(self, work: Work, run: Row, standing: Standing) -> bool:
        """Run the block that is due; end a run that has none left and waits for nothing."""
        if standing.join is None and standing.function_call is not None:
            self._function(work, run, standing.function_call, standing.told)
            return False
        try:
            program = load(run["playbook"], run["source"])
        except BadPlaybook as error:
            work.runs.log(run["id"], [("error", "", str(error))])
            work.runs.save(run["id"], run_data=None, outputs=None, error=str(error))
            return self._end(work, run)
        told = self._next_event(work, run, program, standing)
        opened, idle = self._call(work, run, program, told) if told else (0, False)
        waits = standing.open_joins - (standing.join is not None) + opened
        if waits and idle:
            work.lazily()
        finishing = run["status"] == RunStatus.RUNNING and standing.join is None
        last = finishing or run["finishing"] or not program.has("on_finish")
        return not waits and last and self._end(work, run)

    def _next_event(
        self, work: Work, run: Row, program: Program, standing: Standing
    ) -> Event | None:
        """Return what the run is told now, and write down that it was told."""
        if run["status"] == RunStatus.QUEUED:
            run["artifacts_from"] = work.runs.started(run["id"])
            return Event(block="on_start", positional=(), told=standing.told)
        if standing.join is not None:
            names, calls = work.runs.delivered(run["id"], standing.join["id"])
            if not standing.join["callback"]:
                return None
            return delivery.event(work, standing.join, standing.told | names, calls)
        if run["finishing"] or not program.has("on_finish"):
            return None
        work.runs.finishing(run["id"])
        text = as_json(summary(work, run))
        return Event(block="on_finish", positional=(text,), told=standing.told)

    def _call(self, work: Work, run: Row, program: Program, event: Event) -> tuple[int, bool]:
        """
        Run one block and write down everything that it asked for.

        Return what it opened, and whether it was idle: such a block may as well be called again.
        """
        seconds = self.settings.block_seconds
        with self._lent(work, run, event.step) as reader:
            view = self._view(reader, work, run, event.told)
            arguments = with_container(event, view)
            done = activate(program, event.block, arguments, view, event.keywords, seconds=seconds)
            opened, error = self._write(work, run, program, view, event.block, done)
            did = reader.records.journal.number or any(
                c for c in done.commands if type(c) is not Log
            )
        if error:
            log.warning("block_failed", run=run["id"], block=event.block)
        work.runs.save(run["id"], run_data=None, outputs=None, error=error)
        return opened, not (did or error)

    def _lent(self, work: Work, run: Row, step: str) -> AbstractContextManager[Reader]:
        return lending.lent(
            self.database, self.settings, self.catalog, work=work, run=run, step=step
        )

    def _function(self, work: Work, run: Row, call_id: int, told: frozenset[Told]) -> None:
        """Make one call of a custom function; its commands and its result are one commit."""
        call = work.functions.open_call(call_id)
        name = f"{call['repo']}/{call['name']}".lstrip("/")
        try:
            program = load(name, call["source"], FUNCTION)
        except BadPlaybook as bad:
            self._function_failed(work, run, call_id, str(bad))
            return
        with self._lent(work, run, f"function:{call_id}") as reader:
            view, seconds = self._view(reader, work, run, told), self.settings.block_seconds
            done = evaluate(program, call["name"], call["parameters"], view, seconds=seconds)
            done = _keepable(program, done)
            _, error = self._write(work, run, program, view, call["block"], done)
        data = None if error else done.value
        work.functions.ended(call_id, succeeded=not error, message=error, data=data)

    def _function_failed(self, work: Work, run: Row, call_id: int, why: str) -> None:
        """End a call of a custom function that could not be made."""
        call = work.functions.open_call(call_id)
        message = why if call["name"] in why else f"{FUNCTION} {call['name']!r} {why}"
        log.warning("function_failed", run=run["id"], function=call["name"])
        work.runs.log(run["id"], [("error", call["block"], message)])
        work.functions.ended(call_id, succeeded=False, message=message)

    def _view(self, reader: Reader, work: Work, run: Row, told: frozenset[Told]) -> View:
        container = reader.read(run["container_id"])
        if container["artifact_count"] > reader.most:
            about = f"container {container['id']} has "
            what = f"{container['artifact_count']:,} artifacts: blocks see the first"
            work.runs.warn_once(run["id"], "", about, f"{about}{what} {reader.most:,}")
        return View(
            run_id=run["id"],
            playbook=run["playbook"],
            inputs=run["inputs"],
            container=container,
            reader=reader,
            run_data=dict(run["run_data"]),
            delivered=told,
            scope=scopes.of(run["scope"], run["artifacts_from"]),
            base_url=self.settings.public_url,
        )

    def _write(
        self, work: Work, run: Row, program: Program, view: View, block: str, done: Activation
    ) -> tuple[int, str]:
        """Write what a block asked for and its log; return what it opened, and what went wrong."""
        lines = [(c.level, block, c.message) for c in done.commands if isinstance(c, Log)]
        error, opened = done.error, 0
        try:
            if len(lines) < len(done.commands):
                with work.attempt():
                    opened = self._carry_out(work, run, program, view, done)
        except UNREACHABLE:
            raise
        except Exception as refused:
            why = f"block {block!r} asked for what cannot be done: {_why(refused)}"
            error = f"{error}; {why}" if error else why
        if error:
            lines.append(("error", block, error))
        work.runs.log(run["id"], lines)
        return opened, error

    def _carry_out(
        self, work: Work, run: Row, program: Program, view: View, done: Activation
    ) -> int:
        """Write what a block asked for; return how many joins it has opened."""
        situation = self._situation(work, view, done.commands)
        made = plan(done.commands, situation)
        seen = replace(view, run_data={**view.run_data, **made.run_data}, kept=made.kept)
        at = writing.Desk(
            run=run,
            container=view.container,
            approvers=self.settings.approvers,
            gate_minutes=self.settings.action_gate_minutes,
            rehearse=lambda prompt, option: self._rehearse(
                program, prompt, option, seen, situation
            ),
        )
        writing.write(work, made, at)
        work.runs.save(run["id"], run_data=made.run_data, outputs=made.outputs, error="")
        work.state.keep(run["id"], made.kept)
        return len(made.joins) + len(made.prompts) + len(made.children) + len(made.functions)

    def _rehearse(
        self, program: Program, prompt: Prompt, option: str, view: View, situation: Situation
    ) -> list[Member]:
        """
        Return the calls that need consent to which an answer would lead: its callback, asked in
        advance.

        A block only asks, so a rehearsal does nothing. A playbook that imports what could act is
        not rehearsed: its calls are held one by one instead.
        """
        if not program.pure or not program.has(prompt.callback):
            return []
        handle = json.loads(as_json(prompt.handle))  # as the answer will bring it, and a copy
        results = PromptResults(
            name=prompt.name, message=prompt.message, responses=[option], user="", status="success"
        )
        told = view.delivered | told_as(prompt)
        view = replace(view, delivered=told, rehearsed={prompt.name: results})
        action = {
            "action_name": prompt.name,
            "name": prompt.name,
            "action": "prompt",
            "action_run_id": 0,
        }
        positional = (action, True, None, results, handle)
        event = Event(block=prompt.callback, positional=positional, told=view.delivered)
        arguments = with_container(event, view)
        seconds = self.settings.block_seconds
        done = activate(program, event.block, arguments, view, seconds=seconds)
        return [] if done.error else plan(done.commands, situation).gated

    def _situation(self, work: Work, view: View, commands: Sequence[Command]) -> Situation:
        """Return what the planner must know; assets only where a command may lead to a call."""
        calls = any(isinstance(c, Act | ActTogether | Prompt) for c in commands)
        about = dict(view.container)
        for command in commands:  # written before the calls of the same block
            if isinstance(command, UpdateContainer) and command.container_id == about["id"]:
                about |= command.changes
        return Situation(
            catalog=self.catalog,
            assets={a.slug: a for a in work.assets.all()} if calls else {},
            artifacts=view.container["artifacts"],
            rules=consent.rules(work) if any(map(self._may_write, commands)) else (),
            label=about["label"],
            severity=about["severity"],
            tenant=about["tenant"],
            now=datetime.now(UTC),
        )

    def _may_write(self, command: Command) -> bool:
        """Tell whether a command may lead to a call that needs a person's consent."""
        match command:
            case Prompt():
                return True
            case Act():
                offered = (a.action(command.action) for a in self.catalog.offering(command.action))
                return any(spec and not spec.read_only for spec in offered)
            case ActTogether():
                return any(map(self._may_write, command.acts))
        return False

    def _end(self, work: Work, run: Row) -> bool:
        """End a run; tell its parent, or have the report written."""
        error = work.runs.ended(run["id"])
        parent = run["parent_action_run_id"]
        if parent is None and run["shadow"]:
            return True
        if parent is None:
            work.send_task(WRITE_REPORT, run["container_id"], run["id"], queue=REPORT_QUEUE)
        elif work.runs.end_join(parent, succeeded=not error, message=error):
            work.send_task(RESUME_RUN, work.runs.action_run(parent)["run_id"], parent)
        return True


def _keepable(program: Program, done: Activation) -> Activation:
    """Return how a function ended, with a result that its row can hold, or the reason why not."""
    try:
        return replace(done, value=storable(done.value))
    except NotStorable as error:
        return replace(done, value=None, error=f"{program} returned no JSON: {error}")


def _why(error: Exception) -> str:
    """Say in one line what could not be done; never a statement or its values."""
    if isinstance(error, SoarError):
        return str(error)
    if isinstance(error, REFUSED):
        return f"the database refused it ({type(error.orig).__name__})"
    return f"{type(error).__name__}: {error}"
