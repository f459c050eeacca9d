"""
The real processes: a question is told by an action worker, and told later if the worker died.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soar.bootstrap import House
from soar.notify.signatures import new_webhook_secret
from soar.settings import child_environment
from soar.supervisor import Supervisor
from tests.conftest import eventually
from tests.integration.notify.stage import Office, Receiver

SECRET = new_webhook_secret()
Start = Callable[[str], int]


@pytest.fixture
def start(house: House, tmp_path: Path) -> Iterator[Start]:
    """Starts a process of a role and waits until a worker takes messages."""
    s = house.settings
    environment = child_environment(
        database_url=s.database_url.get_secret_value(),
        redis_url=s.redis_url.get_secret_value(),
        data_dir=str(tmp_path),
        verify_key_file=str(s.verify_key_file),
        vault_key_file=str(s.vault_key_file),
        public_url="https://soar.example",
    )
    with Supervisor(environment, tmp_path) as supervisor:

        def begin(role: str) -> int:
            pid = supervisor.start(role, [sys.executable, "-m", "workers", role])
            if role == "actions":
                supervisor.wait_ready(
                    role, lambda: " ready." in (tmp_path / "actions.log").read_text(), within=90
                )
            return pid

        yield begin


def test_a_worker_tells_at_once_and_the_sweep_tells_what_was_missed(
    office: Office, receiver: Receiver, start: Start
) -> None:
    """
    With a worker up the message rings; what was asked while none was there, and whose bell was
    lost, is rung by the clock.
    """
    office.channel("tickets", "webhook", url=receiver.url, secret=SECRET)
    office.house.database.publish = lambda _: None
    missed = office.approval(office.ask())["public_id"]
    office.do("delete from outbox")
    start("actions")
    start("beat")

    asked = office.approval(office.ask())["public_id"]

    eventually(lambda: len(receiver.got) == 2)
    told = {got.document["data"]["approval"]: got.document["data"]["url"] for got in receiver.got}
    assert told == {p: f"https://soar.example/approvals/{p}" for p in (missed, asked)}
    eventually(lambda: [n["status"] for n in office.notices()] == ["sent", "sent"])
