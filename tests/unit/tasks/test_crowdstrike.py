"""
CrowdStrike's room against the lab's tenant: isolates, releases, waits, refuses, verifies.

In: the running lab. Out: what an action said, and what is true at the tenant afterwards.
Never: a sleep; a pending change is brought on by looking at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from soar.connector import (
    ActionContext,
    ActionFailed,
    OutcomeUnknown,
    Output,
    Params,
    RetryLater,
    Secret,
)
from soar.lab.server import LabServer
from soar.lab.simulator import Fault
from soar.lab.vendors.crowdstrike import CrowdStrike
from soar.lab.world import Host
from soar.tasks.crowdstrike import actions
from soar.tasks.crowdstrike.client import fql_text

NAME = "WORKSTATION-042"
DEVICE_ID = "a1b2c3d4e5f60718293a4b5c6d7e8f90"

Opened = Callable[..., ActionContext]
Call = Callable[[ActionContext, Params], Output]


@pytest.fixture
def tenant(lab: LabServer) -> Iterator[CrowdStrike]:
    """
    The lab's tenant as if nobody had talked to it.
    """
    simulator = next(s for s in lab.lab.simulators if isinstance(s, CrowdStrike))
    clock, reads = simulator.clock, simulator.pending_reads
    with simulator.lock:
        simulator.reset()
    yield simulator
    simulator.clock, simulator.pending_reads = clock, reads


@pytest.fixture
def opened(lab: LabServer, context: Callable[..., ActionContext], tenant: CrowdStrike) -> Opened:
    """
    An asset of the lab's tenant; keywords change its settings, ``more`` the context.
    """

    def make(more: dict[str, Any] | None = None, **settings: Any) -> ActionContext:
        keys = tenant.world.keys
        config = {
            "base_url": lab.url,
            "client_id": keys["crowdstrike_id"],
            "client_secret": Secret(keys["crowdstrike_secret"]),
            **settings,
        }
        return context(config, "crowdstrike", **(more or {}))

    return make


def named(hostname: str = NAME) -> Params:
    return Params({"hostname": hostname})


def verify_of(call: Call) -> Callable[[ActionContext, Params], Output | None]:
    return call.__soar_verify__  # type: ignore[attr-defined, no-any-return]


def settle(ctx: ActionContext, call: Call, params: Params) -> Output:
    """Call once, then do what the engine does on each return: ask verify."""
    look: Callable[[ActionContext, Params], Output | None] = call
    for _ in range(10):
        try:
            output = look(ctx, params)
        except RetryLater:
            look = verify_of(call)
            continue
        if output is not None:
            return output
        look = call
    raise AssertionError("the action never ended")


def answer_with(
    patch: pytest.MonkeyPatch, tenant: CrowdStrike, path: str, answer: Callable[[], Response]
) -> None:
    """Let the tenant give this answer on one path, and its own everywhere else."""
    own = tenant._turned_away

    def choose(request: Request) -> Response | None:
        return answer() if path in request.path else own(request)

    patch.setattr(tenant, "_turned_away", choose)


# Containment


def test_a_quarantined_device_is_pending_and_then_isolated(
    opened: Opened, tenant: CrowdStrike
) -> None:
    """
    Quarantine ends with RetryLater while Falcon works, and verify says when it is in effect.
    """
    ctx = opened()
    with pytest.raises(RetryLater, match=f"containment of {NAME} is pending") as waiting:
        actions.quarantine_device(ctx, named())
    assert waiting.value.after == timedelta(seconds=2)
    for _ in range(2):
        with pytest.raises(RetryLater, match=f"containment of {NAME} is pending"):
            actions.device_is_quarantined(ctx, named())
    output = actions.device_is_quarantined(ctx, named())
    assert output is not None
    assert output.message == f"{NAME} isolated"
    assert output.summary == {
        "device_id": DEVICE_ID,
        "hostname": NAME,
        "status": "contained",
        "platform": "Windows",
    }
    assert tenant.state()["devices"][NAME] == "contained"
    assert tenant.state()["containments"] == {NAME: 1}


def test_quarantining_twice_asks_once(opened: Opened, tenant: CrowdStrike) -> None:
    """
    A host that is isolated already is a success without a request.
    """
    settle(opened(), actions.quarantine_device, named())
    output = actions.quarantine_device(opened(), named())
    assert output.message == f"{NAME} is already isolated"
    assert tenant.state()["contain_calls"] == {NAME: 1}


def test_a_redelivery_while_pending_waits_and_asks_nothing(
    opened: Opened, tenant: CrowdStrike
) -> None:
    """
    A second delivery during containment waits for the first one's effect.
    """
    for _ in range(2):
        with pytest.raises(RetryLater, match="is pending"):
            actions.quarantine_device(opened(), named())
    assert tenant.state()["contain_calls"] == {NAME: 1}


def test_a_released_device_is_back_and_the_second_time_was_not_isolated(
    opened: Opened, tenant: CrowdStrike
) -> None:
    """
    Unquarantine undoes quarantine; a host that is free already is a success that says so.
    """
    settle(opened(), actions.quarantine_device, named())
    ctx = opened()
    with pytest.raises(RetryLater, match=f"release of {NAME} is pending"):
        actions.unquarantine_device(ctx, named())
    output = settle(ctx, actions.unquarantine_device, named())
    assert (output.message, output.summary["status"]) == (f"{NAME} released", "normal")
    again = actions.unquarantine_device(ctx, named())
    assert again.message == f"{NAME} was not isolated"
    assert tenant.state()["devices"][NAME] == "normal"
    assert tenant.state()["lift_calls"] == {NAME: 1}


def test_verify_says_certainly_not_in_the_opposite_state(
    opened: Opened, tenant: CrowdStrike
) -> None:
    """
    Normal means not quarantined, contained means not released.
    """
    assert actions.device_is_quarantined(opened(), named()) is None
    tenant.sensors[DEVICE_ID].status = "contained"
    assert actions.device_is_released(opened(), named()) is None


def test_quarantine_waits_for_a_release_under_way(opened: Opened, tenant: CrowdStrike) -> None:
    """
    While somebody's release is pending nothing is asked; afterwards the host is contained.
    """
    sensor = tenant.sensors[DEVICE_ID]
    sensor.status, sensor.reads_left = "lift_containment_pending", 1
    with pytest.raises(RetryLater, match=f"release of {NAME} is pending"):
        actions.quarantine_device(opened(), named())
    assert tenant.state()["contain_calls"] == {}
    assert settle(opened(), actions.quarantine_device, named()).message == f"{NAME} isolated"


def test_other_hosts_are_not_touched(opened: Opened, tenant: CrowdStrike) -> None:
    """
    Only the named host changes.
    """
    settle(opened(), actions.quarantine_device, named())
    others = {n: s for n, s in tenant.state()["devices"].items() if n != NAME}
    assert set(others.values()) == {"normal"}


@pytest.mark.parametrize("call", [actions.quarantine_device, actions.unquarantine_device])
@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_a_lost_answer_is_unknown_and_has_one_effect_in_the_end(
    lab: LabServer, opened: Opened, tenant: CrowdStrike, call: Call, kind: str
) -> None:
    """
    Whether the request was received or not, verify finds out and one effect remains.
    """
    if call is actions.unquarantine_device:
        tenant.sensors[DEVICE_ID].status = "contained"
    ctx = opened()
    lab.lab.faults.append(
        Fault(vendor="crowdstrike", kind=kind, path="devices-actions", method="POST")
    )
    with pytest.raises(OutcomeUnknown):
        call(ctx, named())
    if kind == "lost_answer":
        with pytest.raises(RetryLater):
            verify_of(call)(ctx, named())
    else:
        assert verify_of(call)(ctx, named()) is None
    settle(ctx, call, named())
    state = tenant.state()
    asked = "contain_calls" if call is actions.quarantine_device else "lift_calls"
    assert state[asked] == {NAME: 1}


@pytest.mark.parametrize(
    ("status", "message"), [("contained", f"{NAME} isolated"), ("normal", None)]
)
def test_a_conflict_is_settled_by_looking_again(
    opened: Opened,
    tenant: CrowdStrike,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    message: str | None,
) -> None:
    """
    A 409 means that the host moved between look and request: its status decides.
    """

    def move() -> Response:
        tenant.sensors[DEVICE_ID].status = status
        return tenant._error(409, "device is not in a state to contain")

    answer_with(monkeypatch, tenant, "devices-actions", move)
    if message:
        assert actions.quarantine_device(opened(), named()).message == message
    else:
        with pytest.raises(RetryLater, match="is pending"):
            actions.quarantine_device(opened(), named())


def test_a_status_that_nobody_knows_is_not_acted_on(opened: Opened, tenant: CrowdStrike) -> None:
    """
    An unknown containment status fails the action before a request.
    """
    tenant.sensors[DEVICE_ID].status = "frozen"
    with pytest.raises(ActionFailed, match="'frozen', which nobody knows"):
        actions.quarantine_device(opened(), named())
    assert tenant.state()["contain_calls"] == {}


# Which host


def test_a_host_is_found_by_name_in_any_case_or_by_its_id(opened: Opened) -> None:
    """
    The name in any case, the ID, and both together mean the same host.
    """
    for values in (
        {"hostname": "workstation-042"},
        {"device_id": DEVICE_ID},
        {"device_id": DEVICE_ID.upper(), "hostname": NAME},
    ):
        output = actions.get_device_info(opened(), Params(values))
        assert output.message == f"{NAME} is normal (Windows)"
        assert output.data[0]["local_ip"] == "10.20.30.42"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "give a hostname or a device_id"),
        ({"hostname": "  "}, "give a hostname or a device_id"),
        ({"hostname": "NOBODY"}, "no Falcon host is called 'NOBODY'"),
        ({"device_id": "0" * 32}, "no Falcon host has the device ID 0000"),
        ({"device_id": "a1b2&ids=x"}, "is not a Falcon device ID"),
        ({"device_id": DEVICE_ID, "hostname": "SRV-FILE-01"}, "is called 'WORKSTATION-042', not"),
    ],
)
def test_a_host_that_is_not_exactly_named_is_never_contained(
    opened: Opened, tenant: CrowdStrike, values: dict[str, str], words: str
) -> None:
    """
    Missing, unknown, malformed or contradicting names fail with a sentence that helps.
    """
    for call in (
        actions.quarantine_device,
        actions.unquarantine_device,
        actions.get_device_info,
        actions.device_is_quarantined,
    ):
        with pytest.raises(ActionFailed, match=words):
            call(opened(), Params(values))
    assert tenant.state()["contain_calls"] == {}


def test_a_name_of_several_hosts_says_how_many_and_asks_for_the_id(
    opened: Opened, tenant: CrowdStrike
) -> None:
    """
    Among several hosts of one name nobody guesses; the ID still works.
    """
    tenant.add_host(Host(device_id="f" * 32, hostname=NAME, local_ip="10.20.30.99"))
    with pytest.raises(ActionFailed, match=r"2 Falcon hosts are called .*: give the device_id"):
        actions.quarantine_device(opened(), named())
    output = settle(opened(), actions.quarantine_device, Params({"device_id": "f" * 32}))
    assert output.summary["device_id"] == "f" * 32


@pytest.mark.parametrize(
    "name",
    [
        "x'+platform_name:'Windows",
        "WORKSTATION-042'",
        "x',hostname:'WORKSTATION-042",
        "x\\'+platform_name:'Windows",
        "x\\",
        "*",
        "WORKSTATION-*",
    ],
)
def test_a_name_cannot_change_the_filter(opened: Opened, tenant: CrowdStrike, name: str) -> None:
    """
    Quotes, backslashes and wildcards are parts of a name, and no host is called that.
    """
    with pytest.raises(ActionFailed, match="no Falcon host is called"):
        actions.quarantine_device(opened(), named(name))
    assert tenant.state()["contain_calls"] == {}


def test_a_match_that_is_too_wide_is_narrowed_to_the_exact_name(
    opened: Opened, tenant: CrowdStrike, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where Falcon answers more hosts than asked for, only the exact name counts.
    """
    monkeypatch.setattr("soar.lab.vendors.crowdstrike._matches", lambda facts, terms: True)
    assert actions.get_device_info(opened(), named()).summary["hostname"] == NAME
    with pytest.raises(ActionFailed, match="no Falcon host is called 'WORKSTATION'"):
        actions.quarantine_device(opened(), named("WORKSTATION"))


def test_an_fql_text_ends_where_it_should() -> None:
    """
    Backslashes are escaped before quotes.
    """
    assert fql_text("a'b\\c\\'d") == "'a\\'b\\\\c\\\\\\'d'"
