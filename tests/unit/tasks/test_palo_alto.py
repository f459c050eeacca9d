"""
Palo Alto Networks' room against the lab's firewall: addresses, and what may not be blocked.

In: the running lab. Out: what an action said, and what is true at the firewall afterwards.
Never: a sleep; time passes only where the firewall's clock is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from soar.connector import (
    ActionContext,
    ActionFailed,
    OutcomeUnknown,
    Output,
    Params,
    Secret,
)
from soar.lab.server import LabServer
from soar.lab.simulator import Fault
from soar.lab.vendors.palo_alto import PaloAlto
from soar.tasks.palo_alto import actions

BAD_IP = "203.0.113.66"

Opened = Callable[..., ActionContext]
Call = Callable[[ActionContext, Params], Output]


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


def test_a_blocked_address_carries_the_tag_on_the_named_device(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    Block ip registers the tag without a commit and says on which device.
    """
    output = actions.block_ip(opened(), ip())
    assert output.message == "Blocked on PA-5260"
    assert output.summary == {
        "ip": BAD_IP,
        "tag": "soar-block",
        "device": "PA-5260",
        "changed": True,
    }
    state = firewall.state()
    assert (state["blocked_ips"], state["tags"]) == ([BAD_IP], {BAD_IP: ["soar-block"]})
    assert state["commits"] == 0


def test_blocking_twice_has_one_effect(opened: Opened, firewall: PaloAlto) -> None:
    """
    A second block of the same address is a success that registers nothing.
    """
    actions.block_ip(opened(), ip())
    output = actions.block_ip(opened(), ip())
    assert output.message == "Already blocked on PA-5260"
    assert output.summary["changed"] is False
    assert firewall.state()["registrations"] == {BAD_IP: 1}


@pytest.mark.parametrize(
    ("minutes", "settings", "seconds"),
    [(None, {}, 3600), (5, {}, 300), (None, {"block_minutes": 90}, 5400)],
)
def test_a_block_ends_by_itself_after_its_minutes(
    opened: Opened, firewall: PaloAlto, minutes: int | None, settings: Any, seconds: int
) -> None:
    """
    The parameter decides how long, then the asset, then one hour; afterwards nothing is blocked.
    """
    now = [1_000_000.0]
    firewall.clock = lambda: now[0]
    ctx = opened(**settings)
    actions.block_ip(ctx, ip(minutes=minutes))
    now[0] += seconds - 1
    assert firewall.state()["blocked_ips"] == [BAD_IP]
    now[0] += 2
    assert firewall.state()["blocked_ips"] == []
    assert actions.ip_is_blocked(ctx, ip()) is None


def test_zero_minutes_block_until_somebody_unblocks(opened: Opened, firewall: PaloAlto) -> None:
    """
    A block of zero minutes has no timeout.
    """
    actions.block_ip(opened(), ip(minutes=0))
    firewall.clock = lambda: 9e12
    assert firewall.state()["blocked_ips"] == [BAD_IP]


@pytest.mark.parametrize("minutes", [-1, 43201, "soon"])
def test_minutes_that_no_tag_can_have_are_refused(
    lab: LabServer, opened: Opened, minutes: Any
) -> None:
    """
    More than 30 days, less than none and words fail before anything is sent.
    """
    before = len(calls(lab))
    with pytest.raises(ActionFailed, match="minutes"):
        actions.block_ip(opened(), ip(minutes=minutes))
    assert calls(lab, before) == []


def test_an_unblocked_address_is_free_and_the_second_time_was_not_blocked(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    Unblock ip takes the tag; without one it is a success that says so.
    """
    actions.block_ip(opened(), ip())
    assert actions.unblock_ip(opened(), ip()).message == "Unblocked on PA-5260"
    assert firewall.state()["blocked_ips"] == []
    output = actions.unblock_ip(opened(), ip())
    assert output.message == f"{BAD_IP} was not blocked on PA-5260"
    assert output.summary["changed"] is False


def test_other_tags_of_an_address_stay(opened: Opened, firewall: PaloAlto) -> None:
    """
    An address that somebody else tagged keeps that tag when ours goes.
    """
    firewall.tags[BAD_IP] = {"quarantine-by-hand": float("inf")}
    actions.block_ip(opened(), ip())
    actions.unblock_ip(opened(), ip())
    assert firewall.state()["tags"] == {BAD_IP: ["quarantine-by-hand"]}


def test_an_ipv6_address_is_blocked_in_its_canonical_form(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    Two spellings of one IPv6 address are one block.
    """
    actions.block_ip(opened(), ip("2001:0db8:0000::0042"))
    assert actions.block_ip(opened(), ip("2001:DB8::42")).summary["changed"] is False
    assert firewall.state()["blocked_ips"] == ["2001:db8::42"]


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.5.5", "172.31.255.255", "192.168.1.1", "100.64.0.1", "127.0.0.1",
        "169.254.169.254", "224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "::1", "fe80::1",
        "fc00::1", "fd12::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    ],
)  # fmt: skip
def test_addresses_that_could_be_ours_are_never_blocked(
    lab: LabServer, opened: Opened, address: str
) -> None:
    """
    Private, shared, loopback, link-local, multicast, reserved: refused before a call.
    """
    before = len(calls(lab))
    with pytest.raises(ActionFailed, match="is never blocked: it is a"):
        actions.block_ip(opened(), ip(address))
    assert calls(lab, before) == []


@pytest.mark.parametrize("address", ["203.0.113.1", "198.51.100.1", "192.0.2.1", "2001:db8::1"])
def test_documentation_addresses_can_be_blocked(opened: Opened, address: str) -> None:
    """
    The ranges of RFC 5737 and RFC 3849 are blocked like any other.
    """
    assert actions.block_ip(opened(), ip(address)).message == "Blocked on PA-5260"


def test_protected_networks_of_the_asset_are_never_blocked(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    An address in the asset's protected networks is refused by name; others are blocked.
    """
    ctx = opened(protected_networks="198.51.100.0/24, 203.0.113.66")
    for address in ("198.51.100.23", BAD_IP):
        with pytest.raises(ActionFailed, match="protected network"):
            actions.block_ip(ctx, ip(address))
    actions.block_ip(ctx, ip("203.0.113.67"))
    assert firewall.state()["blocked_ips"] == ["203.0.113.67"]


def test_protected_networks_that_cannot_be_read_stop_every_block(
    opened: Opened, firewall: PaloAlto
) -> None:
    """
    A typing mistake in the setting blocks nothing, rather than protecting nothing.
    """
    with pytest.raises(ActionFailed, match=r"'10\.0\.0\.0/33', which is not a network"):
        actions.block_ip(opened(protected_networks="10.0.0.0/33"), ip())
    assert firewall.state()["blocked_ips"] == []


@pytest.mark.parametrize(
    "text",
    [
        "", "evil.example", "203.0.113.0/24", "203.0.113.66 203.0.113.67", "fe80::1%eth0",
        '203.0.113.66"/><entry ip="198.51.100.23',
        "203.0.113.66</entry></register></payload>",
    ],
)  # fmt: skip
def test_what_is_not_one_address_never_reaches_the_firewall(
    lab: LabServer, opened: Opened, text: str
) -> None:
    """
    Names, networks, lists and XML are refused by both actions.
    """
    before = len(calls(lab))
    for call in (actions.block_ip, actions.unblock_ip):
        with pytest.raises(ActionFailed):
            call(opened(), ip(text))
    assert calls(lab, before) == []


def test_markup_in_the_tag_setting_is_escaped(opened: Opened, firewall: PaloAlto) -> None:
    """
    A tag with markup in it is one odd tag, not another element.
    """
    tag = "a</member><member>b & 'c'"
    actions.block_ip(opened(tag=tag), ip())
    assert firewall.state()["tags"] == {BAD_IP: [tag]}
    assert actions.unblock_ip(opened(tag=tag), ip()).summary["changed"] is True


@pytest.mark.parametrize("call", [actions.block_ip, actions.unblock_ip])
def test_a_lost_answer_is_unknown_and_verify_finds_the_effect(
    lab: LabServer, opened: Opened, firewall: PaloAlto, call: Call
) -> None:
    """
    When the answer to a write is lost the outcome is unknown, and a read settles it.
    """
    ctx = opened(name="Edge")
    if call is actions.unblock_ip:
        actions.block_ip(ctx, ip())
    lab.lab.faults.append(Fault(vendor="palo_alto", kind="lost_answer", path="/api/"))
    with pytest.raises(OutcomeUnknown):
        call(ctx, ip())
    output = call.__soar_verify__(ctx, ip())  # type: ignore[attr-defined]
    done = "Blocked" if call is actions.block_ip else "Unblocked"
    assert output.message == f"{done} on Edge"
    assert firewall.state()["registrations"] == {BAD_IP: 1}


def test_verify_says_certainly_not_when_the_request_never_arrived(
    lab: LabServer, opened: Opened
) -> None:
    """
    A connection cut before the effect is unknown too, and verify says it did not happen.
    """
    ctx = opened(name="Edge")
    lab.lab.faults.append(Fault(vendor="palo_alto", kind="reset", path="/api/"))
    with pytest.raises(OutcomeUnknown):
        actions.block_ip(ctx, ip())
    assert actions.ip_is_blocked(ctx, ip()) is None
    assert actions.block_ip(ctx, ip()).message == "Blocked on Edge"
    assert actions.ip_is_unblocked(ctx, ip()) is None
