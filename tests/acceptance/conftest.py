"""
A running pool for acceptance tests: real workers, the lab, the demo's assets.

In: the session's servers. Out: ``pool``, shared by all tests of this folder: each brings alerts
of its own. Never: eager mode, or a process that outlives the session.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from soar import access, approvals
from soar.bootstrap import House
from soar.demo.furnish import Lab, furnish, running_lab
from soar.demo.stack import Stack
from soar.domain.errors import NotFound
from soar.embedded import Servers
from soar.lab.world import Host
from soar.sentinel import connect
from soar.settings import Settings

PATIENCE = 60.0
ENDED = ("success", "failed", "cancelled")


def eventually(condition: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """Return what *condition* returns once it is true; fail when it stays false for too long."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"still not true after {within:g} s")


@dataclass
class Pool:
    """What a test does with a running product: as an analyst, an alert source, an observer."""

    stack: Stack
    lab: Lab

    @property
    def house(self) -> House:
        """The parts of a process that reads and answers."""
        return self.stack.house

    eventually = staticmethod(eventually)

    def push(self, alert: dict[str, Any] | str) -> None:
        """Put an alert into the stream."""
        text = alert if isinstance(alert, str) else json.dumps(alert)
        settings = self.house.settings
        client = connect(settings.redis_url.get_secret_value())
        client.xadd(settings.alert_stream, {"alert": text})
        client.close()

    def new_host(self) -> str:
        """Let one more host report to Falcon, for one test alone, and return its name."""
        number = uuid.uuid4().hex
        host = Host(device_id=number, hostname=f"WS-{number[:8].upper()}", local_ip="10.20.30.99")
        falcon: Any = next(s for s in self.lab.http.lab.simulators if s.vendor == "crowdstrike")
        falcon.add_host(host)
        return host.hostname

    def actions_log(self) -> str:
        """What the action workers have logged."""
        return (self.house.settings.data_dir / "logs" / "actions.log").read_text()

    def alert(self, label: str, *cef: dict[str, Any], **more: Any) -> int:
        """Push an alert with one artifact per mapping and return its container once it is there."""
        source = uuid.uuid4().hex
        artifacts = [{"name": f"a{i}", "cef": c} for i, c in enumerate(cef)]
        self.push(
            {
                "asset": "tests",
                "source_data_identifier": source,
                "label": label,
                "severity": "low",
                "name": f"alert {source}",
                "artifacts": artifacts,
                **more,
            }
        )
        return int(eventually(lambda: self._find(source)))

    def _find(self, source: str) -> int | None:
        try:
            with self.house.database.begin() as work:
                return work.containers.find("tests", source)
        except NotFound:
            return None

    def playbook(self, source: str, *, label: str, name: str | None = None) -> str:
        """Register a playbook and a trigger that starts it on a label."""
        name = name or f"test_{uuid.uuid4().hex[:8]}"
        with self.house.database.begin() as work:
            from soar.domain.model import Trigger

            work.playbooks.save(name=name, title=name, version="1", source=source)
            work.assets.save_trigger(
                Trigger(name=name, playbook=name, labels=(label,), severities=())
            )
        return name

    def runs(self, container: int) -> list[dict[str, Any]]:
        """The runs of a container."""
        with self.house.database.begin() as work:
            return work.reads.runs_of(container)

    def ended(
        self, container: int, count: int = 1, *, within: float = PATIENCE
    ) -> list[dict[str, Any]]:
        """Wait until *count* runs of a container have ended, and return them."""

        def all_ended() -> list[dict[str, Any]] | None:
            runs = self.runs(container)
            return runs if len(runs) >= count and all(r["status"] in ENDED for r in runs) else None

        return list(eventually(all_ended, within=within))

    def calls(self, container: int) -> list[dict[str, Any]]:
        """The calls made for a container."""
        with self.house.database.begin() as work:
            return work.reads.calls_of(container)

    def log(self, run: int) -> str:
        """The log of a run as one text."""
        with self.house.database.begin() as work:
            return "\n".join(line["message"] for line in work.reads.log_of(run))

    def question(self, container: int) -> dict[str, Any]:
        """Wait for an open question about a container."""

        def find() -> dict[str, Any] | None:
            with self.house.database.begin() as work:
                found = work.reads.approvals_of(container)
            return next((a for a in found if a["status"] == "open"), None)

        return dict(eventually(find))

    def answer(self, approval: dict[str, Any], choice: str) -> None:
        """Answer as an analyst of Tier 2."""
        with self.house.database.begin() as work:
            token = access.create_token(work, "tess", roles=["soc_tier2"])
            tess = access.authenticate(work, token)
            approvals.answer(
                work,
                approval["id"],
                by=tess,
                choice=choice,
                signer=self.house.signer(),
                channel="test",
                shown=approval["payload_digest"],
            )


@pytest.fixture(scope="session")
def pool(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A running product on a database of its own."""
    base = servers.database_url
    connection = psycopg2.connect(base.replace("postgresql+psycopg2", "postgresql"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("create database pool")
    connection.close()
    folder: Path = tmp_path_factory.mktemp("pool")
    settings = Settings(
        database_url=base.rpartition("/")[0] + "/pool",
        redis_url=servers.redis_url.rpartition("/")[0] + "/1",
        data_dir=folder,
        labels="events,phishing,notable",
        http_port=0,  # any: other pools begin at the same moment, and nobody holds a port yet
        flower_port=0,
    )
    with Stack(settings, lambda text: None) as stack, running_lab(folder / "lab") as lab:
        furnish(stack.house, lab, folder / "lab")
        stack.start_processes()
        yield Pool(stack=stack, lab=lab)
