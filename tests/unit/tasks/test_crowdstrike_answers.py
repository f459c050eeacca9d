"""
CrowdStrike's room: tokens, and what every answer of Falcon means.

In: the running lab. Out: what an action said, and what is true at the tenant afterwards.
Never: a sleep, or a tenant other than the lab's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

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
from soar.lab.vendors.crowdstrike import CrowdStrike
from soar.tasks.crowdstrike import actions

NAME = "WORKSTATION-042"
DEVICE_ID = "a1b2c3d4e5f60718293a4b5c6d7e8f90"

Opened = Callable[..., ActionContext]


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


def answer_with(
    patch: pytest.MonkeyPatch, tenant: CrowdStrike, path: str, answer: Callable[[], Response]
) -> None:
    """Let the tenant give this answer on one path, and its own everywhere else."""
    own = tenant._turned_away

    def choose(request: Request) -> Response | None:
        return answer() if path in request.path else own(request)

    patch.setattr(tenant, "_turned_away", choose)


# Tokens


def test_one_token_serves_many_calls_and_is_renewed_before_its_end(
    opened: Opened, tenant: CrowdStrike
) -> None:
    """
    A token is kept in the asset's state and replaced two minutes before it ends.
    """
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    ctx = opened({"now": lambda: now[0]})
    for minutes, tokens in ((0, 1), (27, 1), (1, 2), (1, 2)):
        now[0] += timedelta(minutes=minutes)
        actions.get_device_info(ctx, named())
        assert tenant.state()["tokens_given"] == tokens


def test_a_token_that_was_revoked_is_renewed_once(opened: Opened, tenant: CrowdStrike) -> None:
    """
    After a 401 the call goes on with a new token and nothing is noticed.
    """
    ctx = opened()
    actions.get_device_info(ctx, named())
    tenant.tokens.clear()
    assert actions.get_device_info(ctx, named()).summary["status"] == "normal"
    assert tenant.state()["tokens_given"] == 2


def test_the_state_of_an_asset_cannot_print_its_token(opened: Opened) -> None:
    """
    The kept token is a Secret, and it is in no failure.
    """
    ctx = opened()
    actions.get_device_info(ctx, named())
    assert "Secret(***)" in repr(ctx.state)


@pytest.mark.parametrize("status", [401, 403])
def test_a_client_without_the_scope_is_bad_credentials_after_one_renewal(
    lab: LabServer, opened: Opened, tenant: CrowdStrike, status: int
) -> None:
    """
    A refusal that a new token does not cure marks the asset.
    """
    lab.lab.faults.append(
        Fault(vendor="crowdstrike", kind="status", path="/devices/", value=status, times=2)
    )
    with pytest.raises(BadCredentials):
        actions.get_device_info(opened(), named())
    assert tenant.state()["tokens_given"] == 2


def test_a_wrong_secret_is_bad_credentials_and_stays_secret(opened: Opened) -> None:
    """
    Falcon's refusal of the API client names neither ID nor secret.
    """
    with pytest.raises(BadCredentials, match="refused the API client") as refused:
        actions.test_connectivity(opened(client_secret=Secret("wrong-secret")), Params({}))
    assert "wrong-secret" not in str(refused.value)


@pytest.mark.parametrize("missing", ["client_id", "client_secret"])
def test_an_asset_without_client_says_what_is_missing(opened: Opened, missing: str) -> None:
    """
    A missing half of the API client is BadCredentials that names it.
    """
    with pytest.raises(BadCredentials, match=missing):
        actions.test_connectivity(opened(**{missing: None}), Params({}))


def test_a_member_tenant_is_asked_for_by_its_id(lab: LabServer, opened: Opened) -> None:
    """
    The asset's member_cid goes with the request for a token.
    """
    before = len(lab.lab.log("crowdstrike"))
    actions.test_connectivity(opened(member_cid="ABCD-12"), Params({}))
    assert "member_cid=ABCD-12" in lab.lab.log("crowdstrike")[before]["body"]


def test_connectivity_reads_hosts(opened: Opened, tenant: CrowdStrike) -> None:
    """
    Test connectivity proves the token and the scope, and says whether hosts are visible.
    """
    output = actions.test_connectivity(opened(), Params({}))
    assert output.message == "Connected to CrowdStrike Falcon; hosts are visible"
    tenant.sensors.clear()
    assert "no hosts" in actions.test_connectivity(opened(), Params({})).message


# Errors


def test_a_spent_rate_limit_waits_until_falcon_s_reset(opened: Opened, tenant: CrowdStrike) -> None:
    """
    A 429 is RetryLater until the epoch second that the header names.
    """
    ctx = opened()
    actions.get_device_info(ctx, named())
    tenant.throttled = 1
    with pytest.raises(RetryLater) as waiting:
        actions.quarantine_device(ctx, named())
    assert waiting.value.after is not None
    assert timedelta(seconds=25) < waiting.value.after <= timedelta(seconds=30)


@pytest.mark.parametrize(
    ("status", "reading", "writing"),
    [
        (308, ActionFailed, ActionFailed), (400, ActionFailed, ActionFailed),
        (404, ActionFailed, ActionFailed), (408, RetryLater, RetryLater),
        (429, RetryLater, RetryLater), (500, RetryLater, OutcomeUnknown),
        (502, RetryLater, OutcomeUnknown), (503, RetryLater, RetryLater),
        (200, ActionFailed, OutcomeUnknown),
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
    A page, a redirect and a server error are classified by what may have happened.
    """
    for path in ("/devices/queries", "devices-actions"):
        lab.lab.faults.append(Fault(vendor="crowdstrike", kind="status", path=path, value=status))
    with pytest.raises(reading):
        actions.get_device_info(opened(), named())
    with pytest.raises(writing):
        actions.quarantine_device(opened(), named())


@pytest.mark.parametrize(
    ("code", "reading", "writing"),
    [
        (400, ActionFailed, ActionFailed), (403, BadCredentials, BadCredentials),
        (429, RetryLater, RetryLater), (500, RetryLater, OutcomeUnknown),
    ],
)  # fmt: skip
def test_an_error_inside_a_success_is_an_error(
    opened: Opened,
    tenant: CrowdStrike,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    reading: type[Exception],
    writing: type[Exception],
) -> None:
    """
    An envelope with errors is judged by its code, whatever the HTTP status says.
    """

    def failing() -> Response:
        errors = [{"code": code, "message": "switched on"}]
        return tenant._json(tenant._envelope([], errors=errors), 200)

    answer_with(monkeypatch, tenant, "devices-actions", failing)
    with pytest.raises(writing):
        actions.quarantine_device(opened(), named())
    answer_with(monkeypatch, tenant, "/devices/queries", failing)
    with pytest.raises(reading):
        actions.get_device_info(opened(), named())


def test_a_host_that_left_between_query_and_details_does_not_hide_the_other(
    opened: Opened, tenant: CrowdStrike, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An ID that is gone is an error beside the host that was found, and the host counts.
    """

    def stale() -> Response:
        return tenant._json(tenant._envelope(["0" * 32, DEVICE_ID]), 200)

    answer_with(monkeypatch, tenant, "/devices/queries", stale)
    assert actions.get_device_info(opened(), named()).summary["device_id"] == DEVICE_ID


@pytest.mark.parametrize("path", ["/oauth2/token", "/devices/queries", "/entities/devices/v2"])
def test_a_lost_answer_to_a_read_is_later(lab: LabServer, opened: Opened, path: str) -> None:
    """
    Tokens and lookups change nothing, also where they are sent as POST.
    """
    lab.lab.faults.append(Fault(vendor="crowdstrike", kind="lost_answer", path=path))
    with pytest.raises(RetryLater, match="was lost"):
        actions.quarantine_device(opened(), named())


def test_a_tenant_that_cannot_be_reached_is_later(opened: Opened) -> None:
    """
    A connection that was never made changed nothing.
    """
    with pytest.raises(RetryLater, match="no connection"):
        actions.quarantine_device(opened(base_url="http://127.0.0.1:9"), named())
