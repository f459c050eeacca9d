"""
The lab's firewall is accepted by the vendor's own SDK, pan-os-python, over TLS.

In: the running lab. Out: what the SDK makes of its answers.
Never: a real device. The SDK does not verify certificates by default; ours does, elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pan.xapi import PanXapiError  # type: ignore[import-untyped]
from panos.errors import PanDeviceXapiError, PanNoSuchNode  # type: ignore[import-untyped]
from panos.firewall import Firewall  # type: ignore[import-untyped]
from panos.objects import CustomUrlCategory  # type: ignore[import-untyped]

from soar.lab.server import LabServer, build
from soar.lab.vendors.palo_alto import ADMIN, PASSWORD, PaloAlto

BAD_IP = "203.0.113.66"


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
def device(server: LabServer) -> PaloAlto:
    """
    The firewall as if nobody had talked to it.
    """
    simulator = next(s for s in server.lab.simulators if isinstance(s, PaloAlto))
    simulator.reset()
    simulator.commit_looks = 1  # the SDK sleeps between two looks at a job
    return simulator


def opened(server: LabServer, **login: str) -> Any:
    return Firewall("127.0.0.1", port=server.https.server_port, **login)


@pytest.fixture
def firewall(server: LabServer, device: PaloAlto) -> Any:
    """
    The SDK's view of the firewall, with the lab's API key.
    """
    return opened(server, api_key=device.world.keys["palo_alto"])


def test_the_sdk_reads_the_system_info(firewall: Any) -> None:
    """
    Version, model and serial number are where the SDK looks for them.
    """
    info = firewall.refresh_system_info()
    assert (info.version, info.platform, info.serial) == ("11.1.4", "PA-5260", "013201000001")
    assert firewall.show_system_info()["system"]["hostname"] == "PA-5260"


def test_the_sdk_gets_a_key_for_name_and_password(server: LabServer, device: PaloAlto) -> None:
    """
    Keygen gives the key to the right administrator and a 403 to anybody else.
    """
    firewall = opened(server, api_username=ADMIN, api_password=PASSWORD)
    assert firewall.api_key == device.world.keys["palo_alto"]
    with pytest.raises(PanXapiError, match="403"):
        _ = opened(server, api_username=ADMIN, api_password="wrong").api_key


def test_the_sdk_registers_and_unregisters_a_tag(firewall: Any, device: PaloAlto) -> None:
    """
    Tags come and go, a repeat is what the SDK knows as a duplicate and ignores.
    """
    userid = firewall.userid
    for _ in range(2):
        userid.register(BAD_IP, "soar-block", timeout=60)
    assert userid.get_registered_ip() == {BAD_IP: ["soar-block"]}
    assert userid.get_registered_ip(ip=BAD_IP, tags="soar-block") == {BAD_IP: ["soar-block"]}
    assert userid.get_registered_ip(ip="203.0.113.1") == {}
    assert device.state()["registrations"] == {BAD_IP: 1}
    for _ in range(2):
        userid.unregister(BAD_IP, "soar-block")
    assert userid.get_registered_ip() == {}


def test_the_sdk_sees_a_duplicate_in_the_device_s_words(firewall: Any) -> None:
    """
    An SDK that does not ignore duplicates raises them with the vendor's sentence.
    """
    firewall.userid.ignore_dup_errors = False
    firewall.userid.register(BAD_IP, "soar-block")
    with pytest.raises(PanDeviceXapiError, match=r"tag soar-block already exists, ignore$"):
        firewall.userid.register(BAD_IP, "soar-block")
    with pytest.raises(PanDeviceXapiError, match=r"tag other does not exist, ignore unreg$"):
        firewall.userid.unregister(BAD_IP, "other")


def test_the_sdk_edits_a_category_and_commits_it(firewall: Any, device: PaloAlto) -> None:
    """
    A custom URL category runs after the commit job, and a second commit has nothing to do.
    """
    category = CustomUrlCategory("soar-blocked-urls", ["evil.example/"], type="URL List")
    firewall.add(category)
    category.create()
    assert device.state()["blocked_urls"] == []
    result = firewall.commit(sync=True, admins=[ADMIN])
    assert (result["success"], result["result"]) == (True, "OK")
    assert device.state()["blocked_urls"] == ["evil.example/"]
    assert firewall.commit(sync=True, admins=[ADMIN]) is None


def test_the_sdk_learns_that_a_commit_failed(firewall: Any, device: PaloAlto) -> None:
    """
    A failed job comes back with its result and changes nothing that runs.
    """
    firewall.userid.device.xapi.set(
        "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']"
        "/profiles/custom-url-category/entry[@name='x']",
        "<list><member>evil.example/</member></list><type>URL List</type>",
    )
    device.configuration.next_result = "FAIL"
    result = firewall.commit(sync=True)
    assert (result["success"], result["messages"]) == (False, ["Validation Error"])
    assert device.state()["blocked_urls"] == []


def test_the_sdk_knows_a_node_that_does_not_run(firewall: Any) -> None:
    """
    Showing an absent category is the error that the SDK calls PanNoSuchNode.
    """
    with pytest.raises(PanNoSuchNode):
        firewall.xapi.show(
            "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']"
            "/profiles/custom-url-category/entry[@name='none']"
        )


def test_the_sdk_is_refused_with_a_wrong_key(server: LabServer, device: PaloAlto) -> None:
    """
    A wrong key is a 403, and nothing is registered.
    """
    with pytest.raises(PanDeviceXapiError, match="403"):
        opened(server, api_key="wrong").userid.register(BAD_IP, "soar-block")
    assert device.state()["blocked_ips"] == []
