"""
The lab's CrowdStrike tenant is accepted by the vendor's own SDK, falconpy.

In: the running lab. Out: what falconpy makes of its answers.
Never: a real tenant; the SDK is given the lab's address.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from falconpy import Hosts

from soar.lab.server import LabServer, build
from soar.lab.vendors.crowdstrike import CrowdStrike

DEVICE_ID = "a1b2c3d4e5f60718293a4b5c6d7e8f90"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """
    The lab, serving while the tests of this file run.
    """
    running = build(tmp_path_factory.mktemp("lab")).start()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A proxy of the machine is not asked for loopback.
    """
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def tenant(server: LabServer) -> CrowdStrike:
    """
    The tenant as if nobody had talked to it.
    """
    simulator = next(s for s in server.lab.simulators if isinstance(s, CrowdStrike))
    simulator.reset()
    return simulator


@pytest.fixture
def hosts(server: LabServer, tenant: CrowdStrike) -> Any:
    """
    The SDK, logged in with the API client of the lab.
    """
    return opened(server, tenant.world.keys["crowdstrike_secret"])


def opened(server: LabServer, secret: str) -> Any:
    return Hosts(base_url=server.url, client_id="lab-crowdstrike-client", client_secret=secret)


def test_the_sdk_logs_in_and_finds_a_host_by_name(hosts: Any) -> None:
    """
    A token, an FQL query and the pagination are as the SDK expects them.
    """
    answer = hosts.query_devices_by_filter(filter="hostname:'WORKSTATION-042'")
    assert (answer["status_code"], answer["body"]["resources"]) == (200, [DEVICE_ID])
    assert answer["body"]["meta"]["pagination"]["total"] == 1
    assert answer["headers"]["X-Ratelimit-Limit"] == "6000"
    assert hosts.token_status == 201


def test_the_sdk_pages_through_all_hosts(hosts: Any) -> None:
    """
    Limit and offset cut the list of IDs.
    """
    pages = [hosts.query_devices_by_filter(limit=2, offset=n)["body"]["resources"] for n in (0, 2)]
    assert [len(page) for page in pages] == [2, 1]


def test_the_sdk_contains_a_host_and_lifts_it_again(hosts: Any, tenant: CrowdStrike) -> None:
    """
    Contain and lift are accepted with 202 and take effect after some reads of the host.
    """
    seen = []
    for action in ("contain", "lift_containment"):
        answer = hosts.perform_action(action_name=action, ids=[DEVICE_ID])
        assert (answer["status_code"], answer["body"]["resources"][0]["id"]) == (202, DEVICE_ID)
        for _ in range(3):
            details = hosts.get_device_details(ids=DEVICE_ID)["body"]["resources"]
            seen.append(details[0]["status"])
    assert seen == [
        "containment_pending",
        "containment_pending",
        "contained",
        "lift_containment_pending",
        "lift_containment_pending",
        "normal",
    ]
    assert tenant.state()["contain_calls"] == {"WORKSTATION-042": 1}


def test_the_sdk_reads_errors_from_the_envelope(hosts: Any) -> None:
    """
    Bad FQL, an unknown host and a repeated contain come back with their codes.
    """
    assert hosts.query_devices_by_filter(filter="hostname='x'")["status_code"] == 400
    missing = hosts.get_device_details(ids="0" * 32)
    assert missing["body"]["errors"][0]["code"] == 404
    for status in (202, 409):
        answer = hosts.perform_action(action_name="contain", ids=[DEVICE_ID])
        assert answer["status_code"] == status


def test_the_sdk_sees_a_spent_rate_limit(hosts: Any, tenant: CrowdStrike) -> None:
    """
    A 429 carries the headers that say when to come back.
    """
    hosts.query_devices_by_filter()
    tenant.throttled = 1
    answer = hosts.query_devices_by_filter()
    assert answer["status_code"] == 429
    assert answer["headers"]["X-RateLimit-RetryAfter"].isdigit()
    assert hosts.query_devices_by_filter()["status_code"] == 200


def test_the_sdk_is_refused_with_a_wrong_secret(server: LabServer, tenant: CrowdStrike) -> None:
    """
    A wrong secret gives no token, and without a token no host.
    """
    hosts = opened(server, "wrong")
    assert hosts.query_devices_by_filter()["status_code"] in {401, 403}
    assert hosts.token_status == 403
    assert tenant.state()["tokens_given"] == 0
