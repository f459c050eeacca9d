"""
Palo Alto Networks' room: what every answer of the device means, and where the key goes.

In: the running lab. Out: what an action said, and what is true at the firewall afterwards.
Never: a sleep, or a device other than the lab's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from soar.connector import (
    ActionContext,
    ActionFailed,
    BadCredentials,
    OutcomeUnknown,
    Params,
    RetryLater,
    Secret,
)
from soar.lab.server import LabServer
from soar.lab.simulator import Fault
from soar.lab.vendors.palo_alto import PaloAlto
from soar.tasks.palo_alto import actions

BAD_IP = "203.0.113.66"

Opened = Callable[..., ActionContext]


@pytest.fixture
def firewall(lab: LabServer) -> Iterator[PaloAlto]:
    """
    The lab's firewall as if nobody had talked to it.
    """
    simulator = next(s for s in lab.lab.simulators if isinstance(s, PaloAlto))
    clock, looks = simulator.clock, simulator.commit_looks
    with simulator.lock:
        simulator.reset()
    yield simulator
    simulator.clock, simulator.commit_looks = clock, looks


@pytest.fixture
def opened(lab: LabServer, context: Callable[..., ActionContext], firewall: PaloAlto) -> Opened:
    """
    An asset of the lab's firewall; keywords change its settings, ``call_key`` the call.
    """

    def make(call_key: str = "run-1:action-1:ab12", **settings: Any) -> ActionContext:
        key = Secret(firewall.world.keys["palo_alto"])
        config = {"base_url": lab.url, "api_key": key, **settings}
        return context(config, "palo_alto", key=call_key)

    return make


def ip(text: str = BAD_IP, **more: Any) -> Params:
    return Params({"ip": text, **more})


def calls(lab: LabServer, since: int = 0) -> list[dict[str, Any]]:
    return lab.lab.log("palo_alto")[since:]


def test_connectivity_names_the_device_and_its_version(opened: Opened) -> None:
    """
    Test connectivity reads the system info with the asset's key.
    """
    output = actions.test_connectivity(opened(), Params({}))
    assert output.message == "Connected to PA-5260 (PAN-OS 11.1.4)"


def test_the_name_is_read_once_per_process_and_a_setting_overrides_it(
    lab: LabServer, opened: Opened
) -> None:
    """
    The device's name costs one call per process, or none if the asset has one.
    """
    ctx, before = opened(), len(calls(lab))
    for address in ("203.0.113.1", "203.0.113.2"):
        actions.block_ip(ctx, ip(address))
    actions.block_ip(opened(name="Edge"), ip("203.0.113.3"))
    assert sum("system" in call["body"] for call in calls(lab, before)) == 1


def test_the_key_is_in_no_url_no_form_and_no_message(lab: LabServer, opened: Opened) -> None:
    """
    The key travels in the header alone, and no failure repeats it.
    """
    before = len(calls(lab))
    actions.block_ip(opened(), ip())
    secret = opened().asset.secret("api_key").reveal()
    assert all(secret not in f"{c['path']}{c['query']}{c['body']}" for c in calls(lab, before))
    with pytest.raises(BadCredentials) as refused:
        actions.block_ip(opened(api_key=Secret("wrong-key")), ip())
    assert "wrong-key" not in str(refused.value)


def test_a_wrong_key_is_bad_credentials(opened: Opened) -> None:
    """
    HTTP 403 with invalid credential marks the asset.
    """
    with pytest.raises(BadCredentials, match="403"):
        actions.test_connectivity(opened(api_key=Secret("wrong")), Params({}))


def test_an_asset_without_key_or_address_says_what_is_missing(opened: Opened) -> None:
    """
    Missing settings are failures that name the setting.
    """
    with pytest.raises(BadCredentials, match="'api_key'"):
        actions.test_connectivity(opened(api_key=None), Params({}))
    with pytest.raises(ActionFailed, match="base_url"):
        actions.test_connectivity(opened(base_url=""), Params({}))


@pytest.mark.parametrize(
    ("code", "reading", "writing"),
    [
        ("16", BadCredentials, BadCredentials), ("403", BadCredentials, BadCredentials),
        ("22", RetryLater, RetryLater), ("5", RetryLater, OutcomeUnknown),
        ("21", RetryLater, OutcomeUnknown), ("1", ActionFailed, ActionFailed),
        ("6", ActionFailed, ActionFailed), ("8", ActionFailed, ActionFailed),
        ("12", ActionFailed, ActionFailed), ("13", ActionFailed, ActionFailed),
        ("17", ActionFailed, ActionFailed), ("400", ActionFailed, ActionFailed),
    ],
)  # fmt: skip
def test_every_code_of_the_device_is_one_of_the_four_failures(
    opened: Opened,
    firewall: PaloAlto,
    code: str,
    reading: type[Exception],
    writing: type[Exception],
) -> None:
    """
    HTTP 200 with status="error" is read, and a write is judged more carefully than a read.
    """
    firewall.refuse_with = code
    with pytest.raises(reading):
        actions.test_connectivity(opened(), Params({}))
    with pytest.raises(writing):
        actions.block_ip(opened(name="Edge"), ip())


@pytest.mark.parametrize(
    ("status", "reading", "writing"),
    [
        (302, ActionFailed, OutcomeUnknown), (400, ActionFailed, ActionFailed),
        (401, BadCredentials, BadCredentials), (403, BadCredentials, BadCredentials),
        (404, ActionFailed, ActionFailed), (429, RetryLater, RetryLater),
        (500, RetryLater, OutcomeUnknown), (502, RetryLater, OutcomeUnknown),
        (503, RetryLater, RetryLater), (200, ActionFailed, OutcomeUnknown),
    ],
)  # fmt: skip
def test_every_http_status_is_one_of_the_four_failures(
    lab: LabServer,
    opened: Opened,
    status: int,
    reading: type[Exception],
    writing: type[Exception],
) -> None:
    """
    A proxy's page, a redirect and a server error are classified by what may have happened.
    """
    fault = Fault(vendor="palo_alto", kind="status", value=status, times=2)
    lab.lab.faults.append(fault)
    with pytest.raises(reading):
        actions.test_connectivity(opened(), Params({}))
    with pytest.raises(writing):
        actions.block_ip(opened(name="Edge"), ip())
    assert fault.times == 0


def test_a_firewall_that_is_off_is_later_even_for_a_write(opened: Opened) -> None:
    """
    A connection that was never made changed nothing.
    """
    with pytest.raises(RetryLater, match="no connection"):
        actions.block_ip(opened(base_url="http://127.0.0.1:9", name="Edge"), ip())


def test_the_firewall_s_certificate_is_verified(lab: LabServer, opened: Opened) -> None:
    """
    Over TLS the lab's own authority is accepted, and an untrusted one is refused.
    """
    ctx = opened(base_url=lab.tls_url)
    assert actions.block_ip(ctx, ip()).message == "Blocked on PA-5260"
    ctx.http.close()
    ctx.http.verify = True
    with pytest.raises(ActionFailed, match="is not trusted"):
        actions.test_connectivity(ctx, Params({}))
