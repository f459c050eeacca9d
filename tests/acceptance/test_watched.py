"""What operators and onlookers see: actions by name and asset, never a value."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from soar.lab.world import World
from soar.sentinel import connect

MARK = "zz-secret-target-73.evil.example"
LOOK = f"""
import phantom.rules as phantom

def on_start(container):
    phantom.act("domain reputation", parameters=[{{"domain": "{MARK}"}}],
                assets=["virustotal_prod"], name="look")
"""


def flower(pool: Any, path: str, *, password: bool = True) -> requests.Response:
    """Ask Flower as its user, or as nobody."""
    session = requests.Session()
    session.trust_env = False
    user, _, secret = pool.stack.settings.flower_basic_auth.get_secret_value().partition(":")
    auth = (user, secret) if password else None
    return session.get(f"{pool.stack.flower_url}{path}", auth=auth, timeout=10)


def test_flower_asks_for_a_password(pool: Any) -> None:
    """
    Neither pages nor API answer without it.
    """
    assert flower(pool, "/", password=False).status_code == 401
    assert flower(pool, "/api/tasks", password=False).status_code == 401
    assert flower(pool, "/metrics", password=False).status_code == 401
    assert flower(pool, "/workers").status_code == 200
    assert "flower_events_total" in flower(pool, "/metrics").text


def test_flower_shows_an_action_by_name_and_asset_and_none_of_its_values(pool: Any) -> None:
    """
    The task list holds the action's name and its asset's queue; no page or API answer holds a
    parameter or a result.
    """
    pool.playbook(LOOK, label="watched")
    container = pool.alert("watched")
    pool.ended(container)
    (call,) = pool.calls(container)

    def seen() -> dict[str, Any] | None:
        task = flower(pool, "/api/tasks?limit=1000").json().get(f"app_run-{call['id']}")
        return task if task and task["state"] == "SUCCESS" and task["routing_key"] else None

    task = pool.eventually(seen)
    pages = [
        flower(pool, path).text
        for path in (
            "/tasks",
            "/api/tasks?limit=1000",
            f"/task/app_run-{call['id']}",
            f"/api/task/info/app_run-{call['id']}",
        )
    ]

    assert task["name"] == "soar.tasks.virustotal.domain_reputation"
    assert task["routing_key"] == "asset.virustotal_prod"
    assert task["args"] == "…"
    assert task["result"] == "<outcome>"
    assert not [page for page in pages if MARK in page or "engines" in page]


@pytest.mark.trap(24, "flower#231, flower#1347, CVE-2020-17495")
def test_no_secret_and_no_value_stands_in_logs_broker_or_tables(pool: Any) -> None:
    """
    After a lookup neither the assets' credentials nor the parameter are found in any process's
    log, in Celery's events, in what Flower tells or in Redis, and no credential in clear in any
    table of the database.

    Source: flower#231, flower#1347, CVE-2020-17495.
    """
    pool.playbook(LOOK, label="watched-2")
    with events(pool) as heard:
        container = pool.alert("watched-2")
        pool.ended(container)
        (call,) = pool.calls(container)
        pool.eventually(lambda: f"app_run-{call['id']}" in str(heard))
    logs = "".join(p.read_text() for p in Path(pool.stack.settings.data_dir, "logs").glob("*.log"))
    told = "".join(
        flower(pool, path).text
        for path in ("/api/tasks?limit=10000", "/api/workers?refresh=1", "/tasks", "/metrics")
    )
    secrets = [
        value
        for name, value in World().keys.items()
        if any(
            word in name
            for word in ("virustotal", "abuseipdb", "alto", "secret", "password", "token")
        )
    ]
    client = connect(pool.house.settings.redis_url.get_secret_value())
    broker = b"".join(_dump(client, key) for key in client.scan_iter("*") if b"alerts" not in key)
    client.close()
    tables = _tables(pool.house)

    assert len(secrets) >= 6
    assert "virustotal_prod" in tables
    for secret in [*secrets, MARK]:
        assert secret not in logs
        assert secret not in told
        assert secret not in str(heard)
        assert secret.encode() not in broker
    assert not [secret for secret in secrets if secret in tables]


@contextmanager
def events(pool: Any) -> Iterator[list[dict[str, Any]]]:
    """Collect what Celery tells whoever listens."""
    heard: list[dict[str, Any]] = []
    ended = threading.Event()

    def listen() -> None:
        with pool.house.app.connection() as connection:
            receiver = pool.house.app.events.Receiver(connection, handlers={"*": heard.append})
            for _ in receiver.itercapture(timeout=None, wakeup=False):
                if ended.is_set():
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        pool.eventually(lambda: heard)  # a heartbeat: the receiver has been heard of
        yield heard
    finally:
        ended.set()
        thread.join(timeout=10)


def _tables(house: Any) -> str:
    """Return every row of every table as one text."""
    names = house.database.run("select tablename from pg_tables where schemaname = 'public'", {})
    rows = (house.database.run(f'select t::text from "{name}" t', {}) for (name,) in names)
    return "".join(row for table in rows for (row,) in table)


def _dump(client: Any, key: bytes) -> bytes:
    value: Any = client.dump(key)
    return value or b""
