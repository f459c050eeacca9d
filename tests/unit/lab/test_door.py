"""
The lab's door: connections stay open between requests, and a client that goes away is no event.

In: a lab on loopback, and sockets. Out: nothing. Never: a word on the console.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from soar.lab.server import LOOPBACK, LabServer, build
from tests.conftest import eventually

HALF = (
    b"POST /api/v3/domains/half.example HTTP/1.1\r\nHost: lab\r\nContent-Length: 1000\r\n\r\n"
    b"the first words of a body"
)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabServer]:
    """A lab that serves."""
    made = build(tmp_path)
    made.start()
    yield made
    made.stop()


def test_a_client_that_goes_away_in_the_middle_is_no_event(
    lab: LabServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """
    Its request has not arrived, its connection is closed, and others are answered.
    """
    with socket.create_connection((LOOPBACK, lab.http.port)) as gone:
        gone.sendall(HALF)
        eventually(lambda: lab.http.visitors)
    eventually(lambda: not lab.http.visitors)

    answer = requests.get(f"{lab.url}/api/v3/domains/one.example", timeout=10)

    assert answer.status_code == 401
    assert [a["path"] for a in lab.lab.log()] == ["/api/v3/domains/one.example"]
    assert capfd.readouterr() == ("", "")


def test_a_connection_is_kept_between_requests(lab: LabServer) -> None:
    """
    As vendors keep theirs; after the lab has closed its doors it is of no more use.
    """
    with requests.Session() as session:
        for _ in range(3):
            session.get(f"{lab.url}/api/v3/domains/one.example", timeout=10)
            assert len(lab.http.visitors) == 1
        lab.stop()

        with pytest.raises(requests.ConnectionError):
            session.get(f"{lab.url}/api/v3/domains/one.example", timeout=10)
