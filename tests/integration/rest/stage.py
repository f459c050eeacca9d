"""
What the REST tests stand on: a real server, clients with tokens, and rows to ask about.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
import requests
import uvicorn

from soar import access
from soar.bootstrap import House
from soar.domain import gate
from soar.domain.gate import HeldCall
from soar.store.work import Work
from soar.web.app import create
from workers import http

T = TypeVar("T")

TRIGGER = {
    "playbook_name": "triage",
    "trigger": {
        "type": "event_created",
        "conditions": {"label": ["phishing"], "severity": ["high", "medium"]},
    },
    "active": True,
    "run_as": "automation_user",
}
ASSET = {
    "app": "VirusTotal v3",
    "asset_name": "virustotal_prod",
    "configuration": {"api_key": "TOP-SECRET", "rate_limit": True, "max_requests_per_minute": 4},
}


@contextmanager
def serving(house: House, *, app: Any = None, **settings: Any) -> Iterator[str]:
    """A real server of the application (or *app*) on a free port, with other settings if given."""
    believed = http.believed(house.settings.model_copy(update=settings))
    # Only where a socket says it is TCP does asyncio switch off Nagle's algorithm: 40 ms a request.
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with closing(tcp) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        server = uvicorn.Server(
            uvicorn.Config(
                app or create(house), log_level="error", lifespan="off", ws="none", **believed
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@dataclass
class Client:
    """A client with a token."""

    url: str
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **parameters: Any) -> requests.Response:
        """Ask for an address."""
        return self.session.get(
            self.url + path,
            params=parameters,
            headers={"ph-auth-token": self.token},
            allow_redirects=False,
            timeout=30,
        )

    def post(self, path: str, body: Any) -> requests.Response:
        """Post JSON to an address."""
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.session.post(
            self.url + path, data=data, headers={"ph-auth-token": self.token}, timeout=30
        )

    def delete(self, path: str) -> requests.Response:
        """Remove what an address names."""
        return self.session.delete(
            self.url + path, headers={"ph-auth-token": self.token}, timeout=30
        )

    def ids(self, path: str, **parameters: Any) -> list[int]:
        """Return the ids that a list shows."""
        answer = self.get(path, page_size=0, **parameters)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["data"]]


@pytest.fixture
def url(house: House) -> Iterator[str]:
    """The address of a server."""
    with serving(house) as address:
        yield address


def client_of(
    house: House, url: str, username: str, *roles: str, kind: str = "normal", looks: bool = True
) -> Client:
    """Return a client with a new token of a person with these roles, who *looks* at everything."""
    given = [*roles, *(["Observer"] if looks else [])]
    with house.database.begin() as work:
        return Client(url, access.create_token(work, username, roles=given, kind=kind))


@pytest.fixture
def admin(house: House, url: str) -> Client:
    """An administrator."""
    return client_of(house, url, "root", "admin")


@pytest.fixture
def analyst(house: House, url: str) -> Client:
    """An analyst who may also approve."""
    return client_of(house, url, "ada", "analyst", "soc_tier2")


@pytest.fixture
def reader(house: House, url: str) -> Client:
    """Somebody who only looks."""
    return client_of(house, url, "guest")


def stored(house: House, write: Callable[[Work], T]) -> T:
    """Write through the store and return what was made."""
    with house.database.begin() as work:
        return write(work)


def add_playbook(work: Work, name: str = "triage", version: str = "1.0") -> int:
    """Keep a playbook that does nothing."""
    return work.playbooks.save(
        name=name, title=name.title(), version=version, source="def on_start(container): pass\n"
    )[0]


def add_run(work: Work, container_id: int, playbook_id: int, *, ended: bool = False) -> int:
    """Add a run, queued or already ended with success."""
    run_id = work.runs.add(
        container_id=container_id, playbook_id=playbook_id, started_by="test", run_as="bot"
    )
    if ended:
        work.runs.started(run_id)
        work.runs.ended(run_id)
        work.runs._do("update playbook_run set auto_resolved = true where id = :id", id=run_id)
    return run_id


def add_container(client: Client, **more: Any) -> int:
    """Open a container through REST."""
    answer = client.post("/rest/container", {"name": "mail", "run_automation": False, **more})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["id"])


def add_approval(work: Work, run_id: int, container_id: int, *, kind: str = "prompt") -> int:
    """Open a question whose first option would isolate a host."""
    join_id = work.runs.add_action_run(
        run_id=run_id,
        container_id=container_id,
        kind="prompt" if kind == "prompt" else "act",
        action="prompt",
        name="contain?",
        remaining=1,
    )
    due = datetime.now(UTC) + timedelta(minutes=15)
    options = ["Isolate Host", "Monitor Only"] if kind == "prompt" else [gate.APPROVE, gate.DENY]
    isolate = HeldCall(
        action="quarantine device",
        asset="crowdstrike_prod",
        app="crowdstrike",
        app_version="1",
        parameters={"device_id": "d1"},
    )
    shown = gate.payload(
        approval=f"a{join_id}",
        run_id=run_id,
        container_id=container_id,
        assignee="soc_tier2",
        message="Isolate it?",
        options=options,
        effects={options[0]: [isolate], options[1]: []},
        due=due.isoformat(),
    )
    return work.approvals.open(
        public_id=f"a{join_id}",
        run_id=run_id,
        action_run_id=join_id,
        container_id=container_id,
        kind=kind,
        name="contain?",
        assignee="soc_tier2",
        message="Isolate it?",
        options=options,
        payload=shown,
        payload_digest=gate.digest(shown),
        due_at=due,
    )


@dataclass
class Question:
    """An open approval and the run that waits for it."""

    id: int
    run: int
    container: int


@pytest.fixture
def question(house: House, analyst: Client) -> Question:
    """A prompt that waits for the role soc_tier2."""
    return ask(house, analyst)


def ask(house: House, client: Client, kind: str = "prompt") -> Question:
    """Open a question on a new container."""
    container_id = add_container(client)

    def write(work: Work) -> Question:
        run_id = add_run(work, container_id, add_playbook(work))
        number = add_approval(work, run_id, container_id, kind=kind)
        return Question(id=number, run=run_id, container=container_id)

    return stored(house, write)
