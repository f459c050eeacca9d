"""
Two tenants with one of everything, for tests of who sees what.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

from soar import tenants
from soar.bootstrap import House
from soar.domain import gate
from soar.domain.gate import HeldCall
from soar.domain.model import NewArtifact, NewContainer
from soar.store.work import Work
from tests.integration.rest.stage import Client, add_playbook, add_run, client_of, stored

ACME, GLOBEX = "Acme", "Globex"
PATHS: Mapping[str, str] = {
    "container": "/rest/container",
    "artifact": "/rest/artifact",
    "attachment": "/rest/container_attachment",
    "note": "/rest/note",
    "comment": "/rest/container/{container}/comments",
    "playbook run": "/rest/playbook_run",
    "log line": "/rest/playbook_run/{playbook run}/log",
    "action run": "/rest/action_run",
    "app run": "/rest/app_run",
    "containment": "/rest/containment",
    "approval": "/rest/approval",
    "asset": "/rest/asset",
    "tenant": "/rest/tenant",
    "pin": "/rest/container_pin",
    "indicator": "/rest/indicator",
    "evidence": "/rest/evidence",
    "user": '/rest/ph_user?_filter_username="of_{tenant}"',
    "workbook phase": "/rest/workbook_phase",
    "workbook task": "/rest/workbook_task",
}
"""Where each noun that belongs to tenants is listed."""

Made = dict[str, int]
ISOLATE = HeldCall(
    action="quarantine device",
    asset="crowdstrike_prod",
    app="crowdstrike",
    app_version="1.0.0",
    parameters={"hostname": "WORKSTATION-042"},
)


def tenant(house: House, name: str) -> int:
    """Return the number of a tenant, which is made if there is none."""

    def of(work: Work) -> int:
        row = work.tenants.find(name) or tenants.add(work, name, by="a test")
        return int(row["id"])

    return stored(house, of)


def settle(house: House, name: str) -> Made:
    """Give a tenant one of everything, under the same names as any other, and return the ids."""
    number = tenant(house, name)
    return stored(house, lambda work: _one_of_each(work, number))


def _one_of_each(work: Work, number: int) -> Made:
    new = NewArtifact(name="a link", label="url", severity="high", cef={"requestURL": "http://x/"})
    container, _ = work.containers.add(
        NewContainer(
            asset="mail",
            source_id="the same",
            name="Reported mail",
            label="phishing",
            severity="high",
            artifacts=(new,),
            tenant=str(number),
        )
    )
    run = add_run(work, container, add_playbook(work))
    ids = {"run_id": run, "container_id": container}
    join = work.runs.add_action_run(**ids, kind="act", action="block ip", name="b", remaining=1)
    work.runs.log(run, [("info", "on_start", "hello")])
    member = {"action": "block ip", "asset": "edr", "app": "sham", "task": "t", "target": "ip=x"}
    call = work.calls.add(**ids, action_run_id=join, join_id=join, severity_rank=1, member=member)
    asset = work.assets.save(slug=f"edr_{number}", app="sham", configuration={}, tenants=[number])
    artifact = int(work.containers.artifacts(container)[0]["id"])
    return {
        "tenant": number,
        "container": container,
        "artifact": artifact,
        "evidence": work.marks.add_evidence(container, "artifact", artifact, by="a") or 0,
        "indicator": _indicator(number, "http://x/"),
        "user": _user(work, number),
        "note": work.containers.add_note(container, content="n", author="a", kind="general"),
        "comment": work.containers.add_note(container, content="c", author="a"),
        "attachment": _attachment(work, container, number),
        "playbook run": run,
        "log line": int(work.reads.log_of(run)[0]["id"]),
        "action run": join,
        "app run": call,
        "containment": _effect(work, {**ids, "call": call, "target": f"ip={number}"}),
        "approval": question(work, run, container, join),
        "asset": asset,
        **_case(work, container),
    }


def _indicator(tenant: int, value: str) -> int:
    """Return the id of what was seen: it is made of the tenant and the value."""
    return int(hashlib.md5(f"{tenant}:{value}".encode()).hexdigest()[:13], 16)


def _user(work: Work, tenant: int) -> int:
    """Add somebody who sees one tenant."""
    number = work.people.save(f"of_{tenant}", ["analyst"])
    work.people._do("update person set tenants = :t where id = :id", t=[tenant], id=number)
    return number


def _case(work: Work, container: int) -> Made:
    """Give a container a pin, a phase and a task."""
    phase, task = work.workbooks.phase_for_tasks(container), work.cases.next_id("workbook_task")
    work.workbooks.add_task(container, task, {"name": "look", "phase_id": phase}, run_id=None)
    pin = work.cases.next_id("pin")
    work.pins.add(pin, container, {"message": "m"}, name="p", author="a", run_id=None)
    return {"workbook phase": phase, "workbook task": task, "pin": pin}


def question(work: Work, run: int, container: int, join: int) -> int:
    """Open a question to the role soc_tier2."""
    return work.approvals.ask(
        run_id=run,
        container_id=container,
        action_run_id=join,
        kind="action",
        name="quarantine device",
        to="soc_tier2",
        message="Isolate it?",
        options=[gate.APPROVE, gate.DENY],
        minutes=15,
        effects={gate.APPROVE: [ISOLATE], gate.DENY: []},
    )


def text_of(number: int) -> bytes:
    """Return the text of the attachment of a tenant."""
    return f"secret of {number}".encode()


def _attachment(work: Work, container: int, number: int) -> int:
    text = text_of(number)
    return int(
        work.runs._value(
            "insert into attachment (container_id, name, media_type, size, sha1, content)"
            " values (:c, 'a.json', 'application/json', :size, :sha1, :content) returning id",
            c=container,
            size=len(text),
            sha1=hashlib.sha1(text, usedforsecurity=False).hexdigest(),
            content=zlib.compress(text),
        )
    )


def _effect(work: Work, values: Mapping[str, Any]) -> int:
    return int(
        work.runs._value(
            "insert into effect (asset, action, target, intent, undo, status, app_run_id, run_id,"
            " container_id) values ('edr', 'block ip', :target, 'standing', '', 'confirmed', :call,"
            " :run_id, :container_id) returning id",
            **values,
        )
    )


def member_of(house: House, url: str, username: str, *names: str, roles: str = "") -> Client:
    """Return a client of somebody who sees these tenants only."""
    given = roles.split(",") if roles else ["analyst", "soc_tier2"]
    client = client_of(house, url, username, *given)
    for name in names:
        tenant(house, name)
    stored(house, lambda work: tenants.give_person(work, username, names, by="a test"))
    return client
