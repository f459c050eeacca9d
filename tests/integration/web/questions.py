"""
Questions to answer on pages: containers with evidence, and what is asked about them.

In: a house with an empty database. Out: rows as playbooks and the breaker write them.
Never: a worker; what is let go here stays where it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from soar.bootstrap import House
from soar.domain import gate
from soar.domain.gate import Beyond, HeldCall
from soar.domain.model import NewArtifact, NewContainer
from soar.store.rows import Row
from soar.store.work import Work
from tests.integration.web.stage import Browser


@dataclass(frozen=True)
class Case:
    """A container, and a run that works on it."""

    container: int
    run: int


def case(house: House, name: str = "Reported mail", **artifact: str) -> Case:
    """Open a container with one artifact, and start a run on it."""
    fields = artifact or {"requestURL": "http://login.evil.example/"}
    with house.database.begin() as work:
        new = NewArtifact(name="a link", label="url", severity="high", cef=fields)
        container, _ = work.containers.add(
            NewContainer(
                asset="mail",
                source_id=uuid4().hex,
                name=name,
                label="phishing",
                severity="high",
                artifacts=(new,),
            )
        )
        playbook, _ = work.playbooks.save(
            name="triage", title="Phishing Triage", version="2.3", source="pass"
        )
        run = work.runs.add(
            container_id=container, playbook_id=playbook, started_by="trigger", run_as="bot"
        )
        work.runs.started(run)
    return Case(container=container, run=run)


def isolate(target: str = "WORKSTATION-042", asset: str = "crowdstrike_prod") -> HeldCall:
    """Return the call that isolates a host."""
    return HeldCall(
        action="quarantine device",
        asset=asset,
        app="crowdstrike",
        app_version="1.0.0",
        parameters={"hostname": target},
    )


def ask(house: House, about: Case, *calls: HeldCall, kind: str = "action", **more: Any) -> int:
    """Open a question whose first choice lets these calls go, and return its number."""
    given: dict[str, Any] = {
        "message": "Isolate it?",
        "options": [gate.APPROVE, gate.DENY],
        "to": "soc_tier2",
        "minutes": 15,
        "name": "quarantine device",
        **more,
    }
    options: Sequence[str] = given["options"]
    effects = {options[0]: list(calls or [isolate()])} if options else {}
    with house.database.begin() as work:
        return work.approvals.ask(
            run_id=about.run,
            container_id=about.container,
            action_run_id=_act(work, about, "prompt" if kind == "prompt" else "act", given["name"]),
            kind=kind,
            effects=effects,
            **given,
        )


def ask_again(house: House, about: Case, call: HeldCall, *rules: str) -> int:
    """Open a second approval: for one call beyond the usual."""
    beyond = Beyond(app_run=1, rules=rules)
    return ask(house, about, call, kind=gate.BREAKER, beyond=beyond, message="Beyond the usual")


def _act(work: Work, about: Case, kind: str, name: str) -> int:
    return work.runs.add_action_run(
        run_id=about.run,
        container_id=about.container,
        kind=kind,
        action=name,
        name=name,
        remaining=1,
    )


def looked_up(house: House, about: Case, malicious: int, url: str, status: str = "success") -> None:
    """Write down what a lookup of a URL has brought."""
    with house.database.begin() as work:
        join = _act(work, about, "act", "url reputation")
        number = work.calls.add(
            action_run_id=join,
            join_id=join,
            run_id=about.run,
            container_id=about.container,
            severity_rank=1,
            member={
                "action": "url reputation",
                "asset": "virustotal_prod",
                "app": "virustotal",
                "task": "t",
                "parameters": {"url": url},
            },
        )
        work.calls._do(
            "update app_run set status = :status, message = :message, end_time = now(),"
            " summary = cast(:summary as jsonb) where id = :id",
            id=number,
            status=status,
            message=f"{malicious}/90 engines malicious",
            summary=json.dumps({"malicious": malicious, "known": True}),
        )


def passed(house: House, about: Case, count: int, asset: str = "crowdstrike_prod") -> None:
    """Let so many isolations have been sent within the last hour."""
    with house.database.begin() as work:
        for _ in range(count):
            join = _act(work, about, "act", "quarantine device")
            number = work.calls.add(
                action_run_id=join,
                join_id=join,
                run_id=about.run,
                container_id=about.container,
                severity_rank=1,
                member={"action": "quarantine device", "asset": asset, "task": "t"},
            )
            work.calls._do(
                "insert into blast_pass (app_run_id, action, asset, playbook)"
                " values (:id, 'quarantine device', :asset, 'triage')",
                id=number,
                asset=asset,
            )


def row(house: House, number: int) -> Row:
    """Return a question as it is kept."""
    with house.database.begin() as work:
        return work.approvals.get(number)


def run_sql(house: House, sql: str, **values: Any) -> None:
    """Change something behind the house's back."""
    with house.database.begin() as work:
        work.calls._do(sql, **values)


def at(house: House, number: int) -> str:
    """Return the address of a question."""
    return f"/approvals/{row(house, number)['public_id']}"


@pytest.fixture
def about(house: House) -> Case:
    """A container and its run."""
    return case(house)


@pytest.fixture
def mine(ada: str, browser: Callable[[], Browser]) -> Browser:
    """The browser of somebody who may answer."""
    opened = browser()
    opened.sign_in(ada)
    return opened
