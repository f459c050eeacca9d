"""
The demo's script: real alerts into the stream, driven to their end, and checked.

In: a running stack with the lab. Out: the execution report of each case, and what is wrong.
Never: a shortcut: alerts go through Redis, answers through the signed gate.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from soar import access, approvals, report
from soar.bootstrap import House
from soar.demo import scene
from soar.demo.furnish import Lab
from soar.domain.errors import Conflict, NotFound, SoarError
from soar.domain.model import Person
from soar.sentinel import connect
from soar.store.rows import Row
from soar.store.work import Work

Ask = Callable[[Row], str | None]
Show = Callable[[list["Progress"]], None]
ANALYST = "demo.analyst"
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
        state, found = self.lab.state(), self._intake_problems()
        numbers = [number or 0 for number in self._containers().values()]
        for case, number, text in zip(self.cases, numbers, self.reports(), strict=True):
            if f"Disposition: {case.disposition}" not in text:
                found.append(f"{case.title}: its disposition is not {case.disposition!r}")
            found += self._case_problems(case, number, text, state)
        return found + self._vendor_problems(state) + self._repeat_problems(numbers[0])

    def _analyst(self) -> Person:
        role = self.house.settings.approvers
        with self.house.database.begin() as work:
            token = access.create_token(work, ANALYST, roles=[role])
            person = access.authenticate(work, token)
            work.people.revoke(ANALYST)
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
                if choice is None:
                    done = work.approvals.get(approval["id"])
                else:
                    done = self._answer(work, approval, analyst, choice)
            self.answers[approval["container_id"]] = done["answer"]
        return time.monotonic() - before if waiting else 0.0

    def _answer(self, work: Work, approval: Row, analyst: Person, choice: str) -> Row:
        """Answer as the analyst; the browser may have been a moment faster."""
        try:
            return approvals.answer(
                work,
                approval["id"],
                by=analyst,
                choice=choice,
                signer=self.house.signer(),
                channel="demo",
                shown=approval["payload_digest"],
                reason="demo",
            )
        except Conflict:
            return work.approvals.get(approval["id"])

    def _case_problems(
        self, case: scene.Case, number: int, text: str, state: dict[str, Any]
    ) -> list[str]:
        """Compare one case's report with what is true at the vendors and with the answer."""
        choice, found = self.answers.get(number, ""), []
        told = text.count("Block IP (Palo Alto) — Blocked")
        if told != len(case.blocked):
            found.append(f"its report tells of {told} blocked addresses")
        tickets = re.findall(r"(INC\d+) created", text)
        known = {ticket["number"] for ticket in state["servicenow"]["tickets"]}
        if len(tickets) != case.tickets or not known.issuperset(tickets):
            found.append(
                f"its report tells of the tickets {tickets}, ServiceNow of {sorted(known)}"
            )
        host, account = case.contained, case.account
        if host:
            there = state["crowdstrike"]["devices"].get(host) == "contained"
            found += _differ(host, there, f"{host} isolated" in text, choice in ISOLATES)
        if account:
            there = bool(state["active_directory"].get(account, {}).get("disabled"))
            found += _differ(account, there, f"{account} disabled" in text, choice in DISABLES)
        return [f"{case.title}: {problem}" for problem in found]

    def _vendor_problems(self, state: dict[str, Any]) -> list[str]:
        """Compare the vendors' whole state with what all cases together must have led to."""
        found = []
        wanted = {address for case in self.cases for address in case.blocked}
        blocked = set(state["palo_alto"]["blocked_ips"])
        if blocked != wanted:
            found.append(f"blocked are {sorted(blocked)}, and must be {sorted(wanted)}")
        tickets = len(state["servicenow"]["tickets"])
        if tickets != sum(case.tickets for case in self.cases):
            found.append(f"ServiceNow holds {tickets} tickets")
        return found

    def _repeat_problems(self, number: int) -> list[str]:
        """Tell whether the alert that came twice was worked on twice."""
        with self.house.database.begin() as work:
            runs = [r for r in work.reads.runs_of(number) if r["parent_action_run_id"] is None]
        return [] if len(runs) == 1 else [f"the alert that came twice has {len(runs)} runs"]

    def _intake_problems(self) -> list[str]:
        found = []
        dead = int(self.redis.xlen(f"{self.stream}:dead")) - self.dead_before
        if dead != 1:
            found.append(f"{dead} alerts were put aside, one was malformed")
        return found


def _differ(name: str, there: bool, told: bool, wanted: bool) -> list[str]:
    """Say where the vendor, the report and the analyst's answer are not of one mind."""
    if there is told is wanted:
        return []
    return [f"{name}: contained at the vendor {there}, in the report {told}, answered {wanted}"]
