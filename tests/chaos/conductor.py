"""
Conducts a chaos run: sends alerts, answers questions, strikes, restarts, until all is at rest.

In: a plan and a running ground. Out: facts for the auditor, and how long recoveries took.
Never: a fault by the clock: the script follows what has ended, on a slow machine as well.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from soar import approvals
from soar.domain.errors import Conflict
from soar.domain.gate import HAPPENED, MISSED
from soar.domain.model import Person
from soar.store.errors import UNREACHABLE
from tests.chaos import facts
from tests.chaos.audit import WRITES, target_of
from tests.chaos.facts import Facts
from tests.chaos.ground import Ground
from tests.chaos.monkey import Done, Monkey
from tests.chaos.operator import Operator
from tests.chaos.plan import SOURCE, Alert, Plan
from tests.chaos.sender import Sender

OPEN_AT_ONCE = 32
"""So many alerts may be under way before the next one is sent."""
SILENCE = 240.0
"""After so many seconds without any progress the run is given up."""
BEAT = 0.15
TESS = Person(username="tess", roles=("soc_tier2",), kind="normal")

UNDER_WAY = """
    select c.source_id, bool_and(r.status in ('success', 'failed', 'cancelled')) as ended
    from container c join playbook_run r on r.container_id = c.id where c.asset = %s group by 1
"""
ASKED = """
    select a.id, a.kind, a.options, a.payload_digest, c.source_id, x.action, x.parameters
    from approval a left join app_run x on x.approval_id = a.id and x.effect = 'unknown'
    join container c on c.id = a.container_id where a.status = 'open'
"""
MOVED = """
    select (select count(*) from container) + (select count(*) from app_run
      where end_time is not null) + (select count(*) from action_run where delivered_at is not null)
      + (select count(*) from playbook_run where end_time is not null)
"""
RESTING = """
    select (select count(*) from outbox) + (select count(*) from flight)
      + (select count(*) from app_run where status in ('pending', 'running', 'parked'))
      + (select count(*) from playbook_run where status in ('queued', 'running')) as n
"""

WAITING = """
    select concat_ws(' ', action, status, parked_for, 'effect ' || effect, 'rings ' || rings,
      'due in ' || round(extract(epoch from due_at - now())) || ' s',
      'rung ' || round(extract(epoch from now() - rung_at)) || ' s ago', message)
      as call from app_run where status in ('pending', 'running', 'parked') order by id limit 5
"""

Told = Callable[[int, int, list[Done]], None]


class Pulse:
    """Looks some times a second whether anything moves, in a thread of its own."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="pulse", daemon=True)
        self.beats: list[float] = [time.monotonic()]
        self._thread.start()

    def _look(self) -> None:
        connection: Any = None
        seen = -1
        while not self._stopped.wait(BEAT):
            try:
                connection = connection or self._ground.postgres.connect()
                connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute(MOVED)
                    moved = cursor.fetchone()[0]
            except psycopg2.Error:
                connection = None
                continue
            if moved != seen:
                seen = moved
                self.beats.append(time.monotonic())

    def stop(self) -> None:
        """Stop looking."""
        self._stopped.set()
        self._thread.join()

    def quiet(self) -> float:
        """Return for how long nothing has moved."""
        return time.monotonic() - self.beats[-1]

    def after(self, at: float) -> float | None:
        """Return how long after a moment the next thing moved."""
        return next((beat - at for beat in self.beats if beat > at), None)


@dataclass(kw_only=True)
class Ended:
    """A chaos run that is over."""

    facts: Facts
    done: list[Done]
    recoveries: list[float | None]
    """For each fault, how long after it the next thing moved."""
    longest_quiet: float
    witnessed: list[str]
    """The calls that were open in a long silence, in the longest one."""
    seconds: float
    repeats: int
    restarts: dict[str, int]


@dataclass(kw_only=True)
class Conductor:
    """Drives one run to its end."""

    plan: Plan
    ground: Ground
    tell: Told = lambda accepted, ended, done: None
    at_once: int = OPEN_AT_ONCE
    silence: float = SILENCE
    accepted: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    _witnessed: tuple[float, list[str]] = (10.0, [])

    def __post_init__(self) -> None:
        self._sender = Sender(self.ground)
        self._monkey = Monkey(self.ground, random.Random(self.plan.seed))
        self._operator = Operator(plan=self.plan, ground=self.ground)
        self._alerts = {a.source_id: a for a in self.plan.alerts}

    def run(self) -> Ended:
        """Send everything, break everything, and wait until nothing moves any more."""
        began, pulse = time.monotonic(), Pulse(self.ground)
        try:
            left, script = list(self.plan.alerts), list(self.plan.strikes)
            while (left or script or len(self.ended) < len(self._alerts)) and self._alive(pulse):
                self._step(left)
                self._witness(pulse.quiet())
                if script and script[0].after <= len(self.ended):
                    self._monkey.strike(script.pop(0))
                self.tell(len(self.accepted), len(self.ended), self._monkey.done)
            self._settle(pulse)
        finally:
            self._monkey.rest()
            pulse.stop()
        seconds = time.monotonic() - began
        return self._over(pulse, seconds)

    def _alive(self, pulse: Pulse) -> bool:
        return pulse.quiet() < self.silence

    def _step(self, left: list[Alert]) -> None:
        """Do once everything that is to be done again and again."""
        self.ground.tend()
        self._monkey.tick()
        self._look()
        self._sender.look(self.accepted)
        sent = len(self._alerts) - len(left)
        for alert in left[: max(0, self.at_once - (sent - len(self.ended)))]:
            self._sender.send(alert)
            left.remove(alert)
        self._operator.step(len(self.ended))
        self._answer()
        time.sleep(BEAT)

    def _look(self) -> None:
        for row in self.ground.rows(UNDER_WAY, SOURCE):
            self.accepted.add(row["source_id"])
            if row["ended"]:
                self.ended.add(row["source_id"])

    def _answer(self) -> None:
        """Answer as an analyst what the product asks, through its front door."""
        for asked in self.ground.rows(ASKED):
            if asked["kind"] == "effect" and asked["action"] is None:
                continue  # its call has moved on meanwhile
            if asked["kind"] != "effect" and self._operator.waits_for(asked["source_id"]):
                continue
            if asked["kind"] == "effect":
                choice = self._seen(asked["action"], asked["parameters"])
            else:
                choice = self._alerts[asked["source_id"]].answer(asked["options"])
            try:
                with self.ground.house.database.begin() as work:
                    approvals.answer(
                        work,
                        asked["id"],
                        by=TESS,
                        choice=choice,
                        signer=self.ground.house.signer(),
                        channel="test",
                        shown=asked["payload_digest"],
                    )
            except (Conflict, *UNREACHABLE):
                continue  # answered, or asked again with the next look

    def _seen(self, action: str, parameters: Mapping[str, str]) -> str:
        """Look at the vendor, as whoever is asked what became of a write does."""
        kind, name = WRITES[action]
        seen = Facts(alerts=())
        facts.look_at_the_lab(self.ground, seen)
        return HAPPENED if seen.effects[kind, target_of(parameters[name])] else MISSED

    def _witness(self, quiet: float) -> None:
        """Remember what was open when nothing moved for long."""
        if quiet > self._witnessed[0]:
            rows = self.ground.rows(WAITING)
            self._witnessed = (quiet + 3.0, [row["call"] for row in rows])

    def _settle(self, pulse: Pulse) -> None:
        """Wait until what follows the ends of runs has ended as well."""
        self._monkey.rest()
        while self._is_at_work() and self._alive(pulse):
            self.ground.tend()
            self._answer()
            self._witness(pulse.quiet())
            time.sleep(BEAT)

    def _is_at_work(self) -> bool:
        """Tell whether anything goes on, or is left for the operator to end."""
        busy = bool(self.ground.rows(RESTING)[0]["n"])
        return not self._operator.close() or busy

    def _over(self, pulse: Pulse, seconds: float) -> Ended:
        done, beats = self._monkey.done, pulse.beats
        return Ended(
            facts=facts.read(
                self.ground,
                self.plan.alerts,
                swallowed=self._sender.swallowed,
                cancelled=self._operator.cancelled,
                stopped=self._operator.stopped,
                compared=self._operator.compared,
                disagreements=self._operator.disagreements(),
            ),
            done=done,
            recoveries=[pulse.after(d.at) for d in done],
            longest_quiet=max((b - a for a, b in itertools.pairwise(beats)), default=0.0),
            witnessed=self._witnessed[1],
            seconds=seconds,
            repeats=self._sender.repeats,
            restarts=self.ground.restarts,
        )
