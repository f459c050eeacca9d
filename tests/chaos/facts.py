"""
What the auditor judges: the tables of PostgreSQL and what the lab has seen.

In: a ground whose run is over. Out: plain rows and numbers. Never: a judgement.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.ground import Ground
from tests.chaos.plan import SOURCE, Alert

Row = dict[str, Any]
UNDO = "soar_undo"
"""The playbook whose runs take containments back."""

CONTAINERS = "select id, source_id from container where asset = %s"
RUNS = """
    select r.id, r.container_id, r.status, r.error, r.parent_action_run_id as parent,
      p.name as playbook, extract(epoch from r.end_time - r.create_time)::float as seconds
    from playbook_run r join playbook p on p.id = r.playbook_id
"""
JOINS = """
    select id, run_id, kind, name, callback, remaining, end_time is not null as ended,
      delivered_at is not null as delivered from action_run where join_id = id
"""
CALLS = """
    select id, join_id, run_id, container_id, action, asset, parameters, status, parked_for,
      message, effect, approval_id, attempt, crashes, reused_from,
      extract(epoch from create_time)::float as asked_at from app_run
"""
LEDGER = """
    select app_run_id, action, target, status, ended_at is not null as ended, ended_because
      from effect
"""
FLIGHTS = """
    select count(*) as n from flight f join app_run c on c.id = f.app_run_id
    where c.status in ('pending', 'running', 'parked')
"""
NOTES = "select run_id, content from note where content like '{%%'"
APPROVALS = """
    select id, run_id, container_id, kind, status, answer,
      extract(epoch from close_time)::float as at from approval
"""
STILL = f"""
    with happened (container_id, run_id, at, what) as (
      select container_id, r.id, t.at, p.name || t.what from playbook_run r
        join playbook p on p.id = r.playbook_id, lateral (values
        (r.create_time, ' queued'), (r.start_time, ' started'), (r.end_time, ' ended')) t(at, what)
      union all select container_id, run_id, t.at, name || t.what from action_run a, lateral (values
        (a.create_time, ' asked'), (a.end_time, ' joined'), (a.delivered_at, ' told')) t(at, what)
      union all select container_id, run_id, t.at, action || t.what from app_run c, lateral (values
        (c.start_time, ' first claimed'), (c.claimed_at, ' claimed'), (c.end_time, ' ended'))
        t(at, what)
      union all select container_id, run_id, close_time, 'question answered' from approval
      union all select container_id, undo_run_id, expires_at, 'lease over' from effect
        where undo_run_id is not null and undo_tries = 1),
    undos as (
      select r.id from playbook_run r join playbook p on p.id = r.playbook_id
      where p.name = '{UNDO}'),
    gaps as (
      select container_id, what as until, lag(what) over w as since,
        extract(epoch from at - lag(at) over w)::float as gap
      from happened h left join undos u on u.id = h.run_id where at is not null
      window w as (partition by container_id, u.id order by at))
    select * from gaps where gap is not null order by gap desc limit 5
"""
"""Where cases stood still longest: between which two things that happened. A run that takes a
containment back comes when it is wanted, so it is looked at by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancel:
    """The cancel of a run, as whoever did it saw it."""

    at: float
    """When it had been committed, at the latest."""
    sent: frozenset[int] = frozenset()
    """The writes of that run that had been marked as sent when it was committed."""


@dataclass(kw_only=True)
class Facts:
    """Everything that is true after a run."""

    alerts: tuple[Alert, ...]
    containers: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    joins: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    ledger: list[Row] = field(default_factory=list)
    heard: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    """(run, what a callback wrote down)."""
    approvals: list[Row] = field(default_factory=list)
    outbox: int = 0
    flights: int = 0
    dead: list[str] = field(default_factory=list)
    """Reasons of the dead alerts."""
    swallowed: list[str] = field(default_factory=list)
    """Alerts whose message was acknowledged while no container was there."""
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, target): how often it took effect at the lab."""
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, target): how often it was asked of the lab."""
    requested_at: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    """(kind, target): when it was asked of the lab."""
    turned_away: Counter[str] = field(default_factory=Counter)
    """kind: how many of those requests the lab cut off before they did anything."""
    contained_at: dict[str, float] = field(default_factory=dict)
    """host: when its isolation was asked for first."""
    still: list[Row] = field(default_factory=list)
    """Where cases stood still longest."""
    limited: list[float] = field(default_factory=list)
    """When calls of the limited asset arrived at the lab."""
    few: list[float] = field(default_factory=list)
    """When calls of the asset of few at once arrived at the lab."""
    stands: set[tuple[str, str]] = field(default_factory=set)
    """(kind, target): what is contained at the lab in the end."""
    cancelled: dict[str, Cancel] = field(default_factory=dict)
    """Alert: the cancel of its run."""
    stopped: set[int] = field(default_factory=set)
    """Runs of undos that were to be cancelled."""
    compared: Counter[str] = field(default_factory=Counter)
    """What vendors said of containments while faults went on, and how often."""
    disagreements: list[str] = field(default_factory=list)
    """Where a vendor, asked by the product in the end, says that a containment does not stand."""


KIND_OF_VENDOR = {"servicenow": "ticket", "palo_alto": "block", "crowdstrike": "contain"}


NORMAL = "normal"
ACTIONS_OF_FALCON = {"contain": "contain", "lift_containment": "release"}


def read(ground: Ground, alerts: tuple[Alert, ...], **seen: Any) -> Facts:
    """Read everything, once nothing moves any more; *seen* is what the harness itself knows."""
    facts = Facts(
        alerts=alerts,
        containers=ground.rows(CONTAINERS, SOURCE),
        runs=ground.rows(RUNS),
        joins=ground.rows(JOINS),
        calls=ground.rows(CALLS),
        ledger=ground.rows(LEDGER),
        heard=[(n["run_id"], json.loads(n["content"])) for n in ground.rows(NOTES)],
        approvals=ground.rows(APPROVALS),
        outbox=ground.rows("select count(*) as n from outbox")[0]["n"],
        flights=ground.rows(FLIGHTS)[0]["n"],
        still=ground.rows(STILL),
        dead=_dead(ground),
        **seen,
    )
    ask_the_lab(ground, facts)
    return facts


def _dead(ground: Ground) -> list[str]:
    entries: Any = ground.valkey.client().xrange(f"{ground.house.settings.alert_stream}:dead")
    return [fields[b"reason"].decode() for _, fields in entries]


def ask_the_lab(ground: Ground, facts: Facts) -> None:
    """Add what the vendors have seen and done."""
    look_at_the_lab(ground, facts)
    sensors = ground.simulator("crowdstrike").sensors
    names = {number: sensor.host.hostname for number, sensor in sensors.items()}
    for arrival in ground.lab.http.lab.log():
        found = asked(arrival, names)
        if found:
            facts.requests[found] += 1
            facts.requested_at.setdefault(found, []).append(arrival["at"])
            if found[0] == "contain":
                facts.contained_at.setdefault(found[1], arrival["at"])
        if ".limited.example" in arrival["path"]:
            facts.limited.append(arrival["at"])
        if ".few.example" in arrival["path"]:
            facts.few.append(arrival["at"])
    for fault in ground.lab.http.lab.faults:
        if fault.kind == "reset" and fault.times == 0:
            facts.turned_away[KIND_OF_VENDOR[fault.vendor]] += 1


def look_at_the_lab(ground: Ground, facts: Facts) -> None:
    """Add what stands at the vendors, and how often it was done."""
    state = ground.lab.http.lab.state()
    for ticket in state["servicenow"]["tickets"]:
        target = ticket["short_description"].removeprefix("Phishing - ")
        facts.effects["ticket", target] += 1
    for ip, count in state["palo_alto"]["registrations"].items():
        facts.effects["block", ip] = count
    falcon = state["crowdstrike"]
    for host, count in falcon["contain_calls"].items():
        facts.effects["contain", host] = count
    for host, count in falcon["lift_calls"].items():
        facts.effects["release", host] = count
    facts.stands |= {("block", ip) for ip in state["palo_alto"]["blocked_ips"]}
    facts.stands |= {("contain", h) for h, is_now in falcon["devices"].items() if is_now != NORMAL}


def asked(arrival: Row, names: Mapping[str, str]) -> tuple[str, str] | None:
    """Return which effect a request asks for, or None for one that only reads."""
    from urllib.parse import parse_qs
    from xml.etree.ElementTree import fromstring

    path, body = arrival["path"], arrival["body"]
    if arrival["vendor"] == "servicenow" and arrival["method"] == "POST":
        return "ticket", json.loads(body)["short_description"].removeprefix("Phishing - ")
    if arrival["vendor"] == "crowdstrike" and path.endswith("/devices-actions/v2"):
        kind = ACTIONS_OF_FALCON[arrival["query"]["action_name"]]
        return kind, names[json.loads(body)["ids"][0]]
    if arrival["vendor"] == "palo_alto" and "user-id" in body:
        entry = fromstring(parse_qs(body)["cmd"][0]).find("payload/register/entry")
        return ("block", entry.attrib["ip"]) if entry is not None else None
    return None
