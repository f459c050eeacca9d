"""
What is older than it should be, and who will move it on: the sweep, or a person.

In: rows that have aged, and what PostgreSQL and Redis say of themselves. Out: findings, the worst
first. Never: a change; who looks moves nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from soar import sentinel
from soar.domain.errors import BadInput
from soar.domain.shapes import Shape
from soar.engine import sweep
from soar.oidc import client as clients
from soar.oidc.errors import ProviderAway
from soar.oidc.provider import Provider
from soar.settings import ALERT_GROUP, Settings
from soar.store import migrate
from soar.store.claims import CALL_SECONDS
from soar.store.election import SILENT_SECONDS
from soar.store.work import Work

MOST = 50
"""So many findings of one kind are listed; there may be more."""
SLACK = 3.0
"""Seconds that the sweep has beyond its own threshold: it comes each second."""
SKEW = 2.0
NOTICE_SECONDS = 30.0
"""A notice that is due is sent at once, where a worker is free."""
UNREAD_SECONDS = 60.0
"""A dead process's alerts are read by another after 30 s."""
CRITICAL, WARNING, NOTICE = "critical", "warning", "notice"
SEVERITIES = (CRITICAL, WARNING, NOTICE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """How old a kind may be, and what happens to what is older."""

    allowed: float
    then: str
    severity: str = NOTICE
    """A notice is the sweep's: it becomes a warning when the sweep has not done it in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is not as it should be."""

    kind: str
    id: int
    age: float
    allowed: float
    detail: str
    then: str
    severity: str


RULES: Mapping[str, Rule] = {
    "message unsent": Rule(allowed=sweep.OUTBOX_SECONDS, then="the sweep sends it"),
    "call unclaimed": Rule(
        allowed=sweep.UNHEARD_SECONDS,
        then="the sweep rings for it again; each ring waits twice as long, to 16 minutes",
    ),
    "worker died": Rule(allowed=0, then="the sweep gives the call to another worker"),
    "call too long": Rule(allowed=CALL_SECONDS, then="the sweep gives the call to another worker"),
    "call due": Rule(allowed=1, then="the sweep sends it"),
    "follower left": Rule(allowed=1, then="the sweep sends it by itself"),
    "approval overdue": Rule(allowed=1, then="the sweep closes it: nothing is contained"),
    "join undelivered": Rule(allowed=sweep.BELL_SECONDS, then="the sweep rings for its run again"),
    "join miscounted": Rule(
        allowed=sweep.STUCK_SECONDS, then="the sweep ends the join with what its calls have left"
    ),
    "run unheard": Rule(allowed=sweep.STUCK_SECONDS, then="the sweep starts it again"),
    "run stuck": Rule(allowed=sweep.STUCK_SECONDS, then="the sweep brings it back to its engine"),
    "effect unknown": Rule(
        allowed=0,
        then="look at the vendor; answer its approval if one is open, else say"
        " `soar contained settle ID --happened` or `--missed`",
        severity=CRITICAL,
    ),
    "lease overdue": Rule(
        allowed=60, then="it is undone again and again; see why that fails", severity=WARNING
    ),
    "call suspected": Rule(
        allowed=60, then="the sweep lets one at a time go, to find which of them kills its workers"
    ),
    "call poisoned": Rule(
        allowed=0, then="look at the worker's log; it is not tried again", severity=WARNING
    ),
    "block set aside": Rule(
        allowed=0, then="correct the playbook; its run goes on without the block", severity=WARNING
    ),
    "asset closed": Rule(allowed=0, then="correct it, then `soar asset enable`", severity=WARNING),
    "asset gone": Rule(
        allowed=0, then="add an asset of that name, or cancel its run", severity=WARNING
    ),
    "notice unsent": Rule(
        allowed=NOTICE_SECONDS, then="the sweep rings for it again; `soar worker actions` sends it"
    ),
    "notice failed": Rule(
        allowed=0, then="see `soar channel list`, then `soar channel test`", severity=WARNING
    ),
    "channel closed": Rule(
        allowed=0,
        then="it opens by itself once a message gets through; `soar channel test` tries it now",
        severity=WARNING,
    ),
    "no worker": Rule(
        allowed=sweep.UNHEARD_SECONDS, then="start `soar worker actions`", severity=CRITICAL
    ),
}


def findings(work: Work, settings: Settings) -> list[Finding]:
    """Return what is not as it should be, the worst and oldest first; at most 50 of a kind."""
    found = list(_schema(work))
    if not found:
        found += _left_behind(work)
        found += _servers(work, settings)
    return sorted(found, key=lambda f: (SEVERITIES.index(f.severity), -f.age, f.kind, f.id))


def needs_person(found: Sequence[Finding]) -> bool:
    """Tell whether the sweep alone will not do."""
    return any(finding.severity != NOTICE for finding in found)


def counts(found: Sequence[Finding]) -> dict[str, int]:
    """Return how many findings there are of every kind, the missing ones too."""
    counted = Counter(finding.kind for finding in found)
    return {kind: counted[kind] for kind in sorted({*RULES, *SERVER_KINDS, *counted})}


def shape(finding: Finding) -> Shape:
    """Return a finding as a document."""
    return {
        "kind": finding.kind,
        "id": finding.id or None,
        "age_seconds": round(finding.age, 1),
        "allowed_seconds": finding.allowed,
        "severity": finding.severity,
        "detail": finding.detail,
        "then": finding.then,
    }


def _left_behind(work: Work) -> Iterator[Finding]:
    for kind, rule in RULES.items():
        slack = SLACK if rule.severity == NOTICE else 0.0
        for row in work.overdue.of(kind, allowed=rule.allowed, count=MOST):
            age = float(row["age"])
            late = rule.severity == NOTICE and age > 2 * rule.allowed + 10 * slack
            yield Finding(
                kind=kind,
                id=int(row["id"]),
                age=age,
                allowed=rule.allowed,
                detail=row["detail"],
                then=rule.then + (": it is late, see to beat and engine" if late else ""),
                severity=WARNING if late else rule.severity,
            )


SERVER_KINDS = (
    "alert refused",
    "alert unread",
    "clocks differ",
    "no clock",
    "postgresql full",
    "provider away",
    "redis away",
    "redis evicts",
    "schema old",
)


def _of_server(kind: str, detail: str, then: str, severity: str = CRITICAL) -> Finding:
    return Finding(
        kind=kind, id=0, age=0.0, allowed=0.0, detail=detail, then=then, severity=severity
    )


def _schema(work: Work) -> Iterator[Finding]:
    head = migrate.pending(work.overdue.revision())
    if head:
        yield _of_server("schema old", f"this release needs {head}", "run `soar migrate`")


def _servers(work: Work, settings: Settings) -> Iterator[Finding]:
    silent = work.overdue.silent_clock()
    if silent is None or silent > SILENT_SECONDS:
        still = f": the elected one stands still for {silent:.0f} s" if silent else ""
        yield _of_server(
            "no clock",
            f"no process sweeps or pumps{still}",
            "start `soar worker beat`; it recovers all",
        )
    used, most = work.overdue.connections()
    if used > 0.9 * most:
        detail = f"{used} of {most} connections are taken"
        yield _of_server("postgresql full", detail, "raise max_connections", WARNING)
    yield from _skewed("PostgreSQL", work.overdue.clock())
    yield from _redis(settings)
    yield from _provider(settings)


def _skewed(server: str, its_time: float) -> Iterator[Finding]:
    apart = its_time - time.time()
    if abs(apart) > SKEW:
        detail = f"{server} is {apart:+.1f} s from this machine"
        yield _of_server("clocks differ", detail, "set both by NTP", WARNING)


def _provider(settings: Settings) -> Iterator[Finding]:
    """Look whether people can sign in through their provider, where one is set."""
    then = "nobody signs in through it until it is reached; see docs/howto/sign-in.md"
    try:
        client = clients.of(settings.model_copy(update={"oidc_client_secret_file": None}))
        if client is not None:
            provider = Provider(client)
            provider.addresses()
            provider.keys()
    except (BadInput, ProviderAway) as error:
        yield _of_server("provider away", str(error), then, WARNING)


def _unread(client: Any, stream: str, now: float) -> Iterator[Finding]:
    """Look for the oldest alert that nobody reads, and the oldest that nobody has kept."""
    groups = client.xinfo_groups(stream) if client.exists(stream) else []
    ours = [group for group in groups if group["name"] == ALERT_GROUP.encode()]
    after = b"(" + ours[0]["last-delivered-id"] if ours else b"-"
    new = [entry for entry, _ in client.xrange(stream, min=after, count=1)]
    begun = [client.xpending(stream, ALERT_GROUP)["min"]] if ours else []
    for entry, what in ((new, "waits to be read"), (begun, "was read and is not kept")):
        age = now - int(entry[0].partition(b"-")[0]) / 1000 if entry and entry[0] else 0.0
        if age > UNREAD_SECONDS:
            yield Finding(
                kind="alert unread",
                id=0,
                age=age,
                allowed=UNREAD_SECONDS,
                detail=f"an alert {what} in {stream}",
                then="start `soar worker ingest`, or more of them",
                severity=CRITICAL,
            )


def _redis(settings: Settings) -> Iterator[Finding]:
    client: Any = sentinel.connect(settings.redis_url.get_secret_value(), seconds=2.0)
    try:
        seconds, micro = client.time()
        yield from _skewed("Redis", seconds + micro / 1e6)
        policy = str(client.info("memory").get("maxmemory_policy", ""))
        if policy != "noeviction":
            then = "set maxmemory-policy noeviction"
            yield _of_server("redis evicts", f"maxmemory-policy is {policy}", then, WARNING)
        yield from _unread(client, settings.alert_stream, seconds)
        dead = client.xlen(f"{settings.alert_stream}:dead")
        if dead:
            then = f"read the reasons in {settings.alert_stream}:dead, correct, delete"
            yield _of_server("alert refused", f"{dead} alerts were put aside", then, WARNING)
    except redis.RedisError:
        yield _of_server("redis away", "Redis does not answer", "start it; nothing is lost")
    finally:
        client.close()
