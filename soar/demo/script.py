"""
The demo's script: real alerts into the stream, driven to their end, and checked.

In: a running stack with the lab. Out: the execution report of each case, and what is wrong.
Never: a shortcut: alerts go through Redis, answers through the signed gate.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from soar import access, approvals, report
from soar.bootstrap import House
from soar.demo import scene
from soar.demo.furnish import Lab
from soar.domain.errors import NotFound, SoarError
from soar.domain.model import Person
from soar.limiter import connect
from soar.store.rows import Row

Ask = Callable[[Row], str]
Show = Callable[[list["Progress"]], None]
SECONDS = 100.0
LOOK = 0.2
ISOLATES, DISABLES = ("Isolate Host", "Both"), ("Disable Account", "Both")


class DemoFailed(SoarError):
    """The demo did not come to its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far one case is, for people who watch."""

    title: str
    container_id: int
    state: str
    done: int
    total: int


@dataclass(kw_only=True)
class Script:
    """One performance: its cases, the analyst who answers, and what they answered."""

    house: House
    lab: Lab
    ask: Ask
    show: Show
    batch: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    answers: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cases = scene.cases(self.batch)
        self.redis = connect(self.house.settings.redis_url.get_secret_value())
        self.stream = self.house.settings.alert_stream
        self.dead_before = int(self.redis.xlen(f"{self.stream}:dead"))

    def perform(self) -> None:
        """Push the alerts and drive every case to its end."""
        analyst = self._analyst()
        self._push()
        deadline = time.monotonic() + SECONDS
        while not self._ended():
            deadline += self._answer_open(analyst)
            if time.monotonic() > deadline:
                raise DemoFailed(f"the cases did not end within {SECONDS:g} s: see the logs")
            time.sleep(LOOK)

    def reports(self) -> list[str]:
        """Return the execution report of each case."""
        with self.house.database.begin() as work:
            return [report.read(work, number) for number in self._containers().values() if number]

    def problems(self) -> list[str]:
        """Return what is not as it must be, comparing the reports with the lab's state."""
        state, texts, found = self.lab.state(), self.reports(), []
        for case, text in zip(self.cases, texts, strict=True):
            if f"Disposition: {case.disposition}" not in text:
                found.append(f"{case.title}: its disposition is not {case.disposition!r}")
            found += self._containment_problems(case, text, state)
        found += self._block_problems(texts, state["palo_alto"]["blocked_ips"])
        tickets = len(state["servicenow"]["tickets"])
        if tickets != sum(case.tickets for case in self.cases):
            found.append(f"ServiceNow holds {tickets} tickets")
        return found + self._intake_problems()

    def _analyst(self) -> Person:
        role = self.house.settings.approvers
        with self.house.database.begin() as work:
            token = access.create_token(work, "demo.analyst", roles=[role])
            person = access.authenticate(work, token)
            work.people.revoke("demo.analyst")
        return person

    def _push(self) -> None:
        alerts = [json.dumps(case.alert) for case in self.cases]
        alerts += [json.dumps(scene.duplicate(self.batch)), scene.MALFORMED]
        for alert in alerts:
            self.redis.xadd(self.stream, {"alert": alert})

    def _containers(self) -> dict[str, int | None]:
        with self.house.database.begin() as work:
            numbers: dict[str, int | None] = {}
            for case in self.cases:
                source = case.alert["source_data_identifier"]
                try:
                    numbers[source] = work.containers.find(case.alert["asset"], source)
                except NotFound:
                    numbers[source] = None
        return numbers

    def _ended(self) -> bool:
        """Tell whether every case has ended and is reported; show how far they are."""
        progress = []
        for case, number in zip(self.cases, self._containers().values(), strict=True):
            progress.append(self._progress(case, number))
        self.show(progress)
        return all(p.state == "reported" for p in progress)

    def _progress(self, case: scene.Case, number: int | None) -> Progress:
        if number is None:
            return Progress(
                title=case.title, container_id=0, state="in the stream", done=0, total=0
            )
        with self.house.database.begin() as work:
            runs, calls = work.reads.runs_of(number), work.reads.calls_of(number)
            written, waiting = work.reads.report(number), work.reads.approvals_of(number)
        ends = [run["end_time"] for run in runs]
        state = "running"
        if any(a["status"] == "open" for a in waiting):
            state = "waits for an analyst"
        elif runs and all(ends):
            late = written is None or written["create_time"] < max(ends)
            state = "ended" if late else "reported"
        done = sum(call["status"] in ("success", "failed") for call in calls)
        return Progress(
            title=case.title, container_id=number, state=state, done=done, total=len(calls)
        )

    def _answer_open(self, analyst: Person) -> float:
        """Answer the open questions of our cases; return the seconds a person took."""
        ours = set(self._containers().values())
        with self.house.database.begin() as work:
            waiting = [a for a in work.approvals.pending() if a["container_id"] in ours]
        before = time.monotonic()
        for approval in waiting:
            choice = self.ask(approval)
            with self.house.database.begin() as work:
                approvals.answer(
                    work,
                    approval["id"],
                    by=analyst,
                    choice=choice,
                    signer=self.house.signer(),
                    shown=approval["payload_digest"],
                    reason="demo",
                )
            self.answers[approval["container_id"]] = choice
        return time.monotonic() - before if waiting else 0.0

    def _containment_problems(
        self, case: scene.Case, text: str, state: dict[str, Any]
    ) -> list[str]:
        if not case.contained:
            return []
        number = self._containers()[case.alert["source_data_identifier"]]
        choice = self.answers.get(number or 0, "")
        status = state["crowdstrike"]["devices"].get(case.contained)
        isolated = choice in ISOLATES
        found = []
        if (status == "contained") is not isolated:
            found.append(f"{case.title}: {case.contained} is {status} after {choice!r}")
        if isolated is not (f"{case.contained} isolated" in text):
            found.append(f"{case.title}: the report and the lab disagree about {case.contained}")
        return found

    def _block_problems(self, texts: list[str], blocked: list[str]) -> list[str]:
        """Compare the firewall's state with what must be blocked and with the reports."""
        wanted = {address for case in self.cases for address in case.blocked}
        found = []
        if set(blocked) != wanted:
            found.append(f"blocked are {sorted(blocked)}, and must be {sorted(wanted)}")
        told = sum(
            "Block IP (Palo Alto) — Blocked" in line for t in texts for line in t.splitlines()
        )
        if told != len(wanted):
            found.append(
                f"the reports tell of {told} blocked addresses, the firewall of {len(blocked)}"
            )
        return found

    def _intake_problems(self) -> list[str]:
        found = []
        dead = int(self.redis.xlen(f"{self.stream}:dead")) - self.dead_before
        if dead != 1:
            found.append(f"{dead} alerts were put aside, one was malformed")
        return found
