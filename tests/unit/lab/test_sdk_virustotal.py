"""
VirusTotal's own client library accepts the lab's VirusTotal.

In: the running lab and ``vt-py``. Out: nothing. Never: the real VirusTotal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import vt  # type: ignore[import-untyped]
from werkzeug.test import Client as Caller

from soar.lab.server import LabServer, build
from soar.lab.simulator import Lab
from soar.lab.vendors.virustotal import PUBLIC_KEY, VirusTotal
from soar.lab.world import BAD_HASH, World

KEY = World().keys["virustotal"]
BAD_URL = "http://login-portal.evil.example/verify"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """
    The lab, serving while the tests of this file run.
    """
    server = build(tmp_path_factory.mktemp("lab")).start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def simulator(lab: LabServer) -> VirusTotal:
    """
    The lab's VirusTotal, with nothing spent of any quota.
    """
    found = next(s for s in lab.lab.simulators if isinstance(s, VirusTotal))
    for quota in found.quotas.values():
        quota.taken.clear()
    return found


@pytest.fixture
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """
    The event loop that vt-py works on, closed after the test.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def client(lab: LabServer, event_loop: asyncio.AbstractEventLoop) -> Iterator[vt.Client]:
    """
    vt-py with the paid key.
    """
    with vt.Client(KEY, host=lab.url) as opened:
        yield opened


@pytest.mark.parametrize(
    ("path", "kind", "malicious"),
    [
        (f"/urls/{vt.url_id(BAD_URL)}", "url", 14),
        (f"/files/{BAD_HASH}", "file", 52),
        (f"/files/{BAD_HASH[:32]}", "file", 52),
        ("/ip_addresses/203.0.113.66", "ip_address", 9),
        ("/domains/evil.example", "domain", 16),
    ],
)
def test_vt_py_reads_each_kind_of_object(
    client: vt.Client, path: str, kind: str, malicious: int
) -> None:
    """
    vt-py makes an Object of every answer, with the engines' count.
    """
    found = client.get_object(path)

    assert found.type == kind
    assert found.last_analysis_stats["malicious"] == malicious
    assert len(found.last_analysis_results) == 90
    assert found.last_analysis_date.year == 2026


def test_vt_py_finds_a_url_by_the_id_of_its_object(client: vt.Client) -> None:
    """
    The id in a URL's object, a sha256, is a name of that object too.
    """
    found = client.get_object(f"/urls/{vt.url_id(BAD_URL)}")

    assert client.get_object(f"/urls/{found.id}").url == BAD_URL


def test_vt_py_reads_the_quota_of_its_user(client: vt.Client) -> None:
    """
    The user's object tells what the key has used.
    """
    assert client.get_object("/users/soar").quotas["api_requests_hourly"]["used"] == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/ip_addresses/198.51.100.99", "NotFoundError"),
        ("/domains/unheard-of.example", "NotFoundError"),
        (f"/files/{'0' * 64}", "NotFoundError"),
        (f"/urls/{vt.url_id('http://unheard-of.example/')}", "NotFoundError"),
        ("/ip_addresses/evil.example", "InvalidArgumentError"),
        ("/files/xyz", "InvalidArgumentError"),
        ("/domains/nodots", "InvalidArgumentError"),
        ("/urls/*", "InvalidArgumentError"),
    ],
)
def test_vt_py_reads_each_refusal(client: vt.Client, path: str, code: str) -> None:
    """
    vt-py recognises what is unknown and what is malformed by VirusTotal's codes.
    """
    with pytest.raises(vt.APIError) as caught:
        client.get_object(path)
    assert caught.value.code == code


def test_vt_py_reads_a_passing_failure(client: vt.Client) -> None:
    """
    An indicator that cannot be served now is a server's error to vt-py.
    """
    with pytest.raises(vt.APIError, match="TransientError") as caught:
        client.get_object(f"/urls/{vt.url_id('https://slow.example.net/report')}")
    assert caught.value.code == "ServerError"


@pytest.mark.usefixtures("event_loop")
def test_vt_py_is_refused_with_a_wrong_key(lab: LabServer) -> None:
    """
    A key that VirusTotal never gave out is WrongCredentialsError.
    """
    with vt.Client("quite-wrong-key", host=lab.url) as client, pytest.raises(vt.APIError) as caught:
        client.get_object("/domains/evil.example")
    assert caught.value.code == "WrongCredentialsError"


def test_no_key_at_all_is_another_refusal(simulator: VirusTotal) -> None:
    """
    Without a key VirusTotal asks for one.
    """
    answer = Caller(Lab(simulators=(simulator,))).get("/api/v3/domains/evil.example")

    assert answer.status_code == 401
    assert answer.get_json()["error"]["code"] == "AuthenticationRequiredError"


@pytest.mark.usefixtures("event_loop")
def test_vt_py_is_refused_at_the_fifth_call_of_a_minute_on_a_public_key(
    lab: LabServer, simulator: VirusTotal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A public key has four calls in any sixty seconds, whenever the minute begins.
    """
    seconds = iter([0.0, 30.0, 40.0, 50.0, 59.9, 60.0, 60.1])
    monkeypatch.setattr(simulator, "clock", lambda: next(seconds))
    with vt.Client(PUBLIC_KEY, host=lab.url) as client:
        for _ in range(4):
            client.get_object("/domains/evil.example")

        with pytest.raises(vt.APIError) as caught:
            client.get_object("/domains/evil.example")
        assert caught.value.code == "QuotaExceededError"

        client.get_object("/domains/evil.example")
        with pytest.raises(vt.APIError, match="QuotaExceededError"):
            client.get_object("/domains/evil.example")
    assert simulator.state()["public"] == {"calls": 4, "refused": 2}
