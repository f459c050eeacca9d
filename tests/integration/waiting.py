"""
Calls that wait in lanes, for tests of those who look at lanes or close them.

In: a house with an empty database. Out: assets, runs, and calls parked for their budgets.
Never: a worker; who waits here waits until a test says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pydantic import SecretStr

from soar import bootstrap
from soar.bootstrap import House
from soar.domain.model import NewContainer
from soar.sentinel import connect
from soar.store.work import Work

AWAY = "redis://127.0.0.1:1/0"  # nobody listens there
RANKS = {"critical": 0, "high": 1, "medium": 2, "low": 3}


@dataclass(frozen=True)
class Act:
    """One act of a run, and its calls."""

    run: int
    join: int
    calls: tuple[int, ...]


def add_asset(house: House, slug: str = "vt", **configuration: Any) -> None:
    """Keep an asset with this configuration: four calls a minute, unless it says otherwise."""
    budget = configuration or {"max_requests_per_minute": 4}
    with house.database.begin() as work:
        work.assets.save(slug=slug, app="virustotal", configuration=budget)


def add_calls(house: House, *severities: str, asset: str = "vt", parked_for: str = "budget") -> Act:
    """Add one act of a new run, with a waiting call of each severity."""
    with house.database.begin() as work:
        container, _ = work.containers.add(
            NewContainer(asset="t", source_id=uuid4().hex, name="m", label="events", severity="low")
        )
        playbook, _ = work.playbooks.save(name="p", title="P", version="1", source="pass")
        run = work.runs.add(
            container_id=container, playbook_id=playbook, started_by="test", run_as="bot"
        )
        work.runs.started(run)
        join = work.runs.add_action_run(
            run_id=run,
            container_id=container,
            kind="act",
            action="url reputation",
            name="lookup",
            remaining=len(severities),
        )
        calls = tuple(
            _add_call(work, (container, run, join), severity, asset, parked_for)
            for severity in severities
        )
    return Act(run=run, join=join, calls=calls)


def _add_call(
    work: Work, of: tuple[int, int, int], severity: str, asset: str, parked_for: str
) -> int:
    container, run, join = of
    member = {"action": "url reputation", "asset": asset, "task": "t", "parked_for": parked_for}
    number = work.calls.add(
        action_run_id=join,
        join_id=join,
        run_id=run,
        container_id=container,
        severity_rank=RANKS[severity],
        member=member,
    )
    since = "now() - interval '90 s'" if parked_for == "budget" else "null"
    work.calls._do(f"update app_run set lane_since = {since} where id = :id", id=number)
    return number


def status_of(house: House, call: int) -> tuple[str, str | None, str]:
    """Return a call's status, what it waits for, and its message."""
    with house.database.begin() as work:
        row = work.calls.get(call)
    assert row is not None
    return row["status"], row["parked_for"], row["message"]


def bells(house: House) -> list[str]:
    """Return the ids of the messages on their way to the engine."""
    client = connect(house.settings.redis_url.get_secret_value())
    messages = [json.loads(text) for text in client.lrange("engine", 0, -1)]
    client.close()
    return [message["headers"]["id"] for message in messages]


@contextmanager
def without_redis(house: House) -> Iterator[House]:
    """A house on the same database whose Redis is away."""
    settings = house.settings.model_copy(update={"redis_url": SecretStr(AWAY)})
    made = bootstrap.for_http(settings)
    try:
        yield made
    finally:
        made.database.close()
