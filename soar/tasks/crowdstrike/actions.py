"""
CrowdStrike's room: the actions, each containment with a look at whether it is in effect.

In: a host name or a device ID, and an opened asset. Out: the host and its status.
Never: a guess among several hosts, or a second request while one is pending.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from soar.connector import ActionContext, ActionFailed, Output, Params, RetryLater, action
from soar.tasks.crowdstrike.client import Falcon, Host, falcon

POLL = timedelta(seconds=2)
NORMAL, CONTAINED = "normal", "contained"
_DEVICE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One way a host can go: where it ends, how that is said, and what is pending until then."""

    ends: str
    said: str
    pending: str


ISOLATE = Change(ends=CONTAINED, said="isolated", pending="containment of {} is pending")
RELEASE = Change(ends=NORMAL, said="released", pending="release of {} is pending")
PENDING = {"containment_pending": ISOLATE.pending, "lift_containment_pending": RELEASE.pending}


@action()
def test_connectivity(ctx: ActionContext, params: Params) -> Output:  # noqa: ARG001
    """Get a token and list one host."""
    client = falcon(ctx)
    hosts = "hosts are visible" if client.any_host() else "no hosts are visible"
    return Output(message=f"Connected to CrowdStrike Falcon; {hosts}", summary={"url": client.url})


@action()
def get_device_info(ctx: ActionContext, params: Params) -> Output:
    """Look a host up; a name that several hosts have is a failure that says so."""
    host = _named(falcon(ctx), params)
    return _output(host, f"{host.hostname} is {host.status} ({host.platform})")


def device_is_quarantined(ctx: ActionContext, params: Params) -> Output | None:
    """Look whether the host is contained now."""
    return _look(_named(falcon(ctx), params), ISOLATE)


def device_is_released(ctx: ActionContext, params: Params) -> Output | None:
    """Look whether the host is in its normal state now."""
    return _look(_named(falcon(ctx), params), RELEASE)


@action(verify=device_is_quarantined)
def quarantine_device(ctx: ActionContext, params: Params) -> Output:
    """Cut a host off the network; one that is isolated already is a success, not a request."""
    client = falcon(ctx)
    host = _named(client, params)
    if host.status == ISOLATE.ends:
        return _output(host, f"{host.hostname} is already isolated")
    _wait_if_pending(host)
    asked = client.contain(host.device_id)
    return _after(client, host, ISOLATE, asked=asked)


@action(verify=device_is_released)
def unquarantine_device(ctx: ActionContext, params: Params) -> Output:
    """Give a host back to the network; one that is not isolated is a success, not a request."""
    client = falcon(ctx)
    host = _named(client, params)
    if host.status == RELEASE.ends:
        return _output(host, f"{host.hostname} was not isolated")
    _wait_if_pending(host)
    asked = client.lift(host.device_id)
    return _after(client, host, RELEASE, asked=asked)


def _after(client: Falcon, host: Host, change: Change, *, asked: bool) -> Output:
    """Come back for the effect; a host that moved between look and request is looked at again."""
    moved = None if asked else client.host(host.device_id)
    output = _look(moved, change) if moved else None
    if output is None:
        raise RetryLater(change.pending.format(host.hostname), after=POLL)
    return output


def _look(host: Host, change: Change) -> Output | None:
    if host.status == change.ends:
        return _output(host, f"{host.hostname} {change.said}")
    _wait_if_pending(host)
    return None


def _wait_if_pending(host: Host) -> None:
    if host.status in PENDING:
        raise RetryLater(PENDING[host.status].format(host.hostname), after=POLL)
    if host.status not in {NORMAL, CONTAINED}:
        raise ActionFailed(f"{host.hostname} has the status {host.status!r}, which nobody knows")


def _named(client: Falcon, params: Params) -> Host:
    """Return the one host that the parameters name, or fail with a sentence that helps."""
    hostname, device_id = params.text("hostname"), params.text("device_id").lower()
    if not hostname and not device_id:
        raise ActionFailed("give a hostname or a device_id")
    host = _with_id(client, device_id) if device_id else _with_name(client, hostname)
    if hostname and host.hostname.casefold() != hostname.casefold():
        raise ActionFailed(f"the host {device_id} is called {host.hostname!r}, not {hostname!r}")
    return host


def _with_id(client: Falcon, device_id: str) -> Host:
    if not _DEVICE_ID.fullmatch(device_id):
        raise ActionFailed(f"{device_id!r} is not a Falcon device ID (32 hexadecimal digits)")
    host = client.host(device_id)
    if host is None:
        raise ActionFailed(f"no Falcon host has the device ID {device_id}")
    return host


def _with_name(client: Falcon, hostname: str) -> Host:
    hosts = client.hosts_called(hostname)
    if not hosts:
        raise ActionFailed(f"no Falcon host is called {hostname!r}")
    if len(hosts) > 1:
        raise ActionFailed(f"{len(hosts)} Falcon hosts are called {hostname!r}: give the device_id")
    return hosts[0]


def _output(host: Host, message: str) -> Output:
    summary = {
        "device_id": host.device_id,
        "hostname": host.hostname,
        "status": host.status,
        "platform": host.platform,
    }
    return Output(message=message, summary=summary, data=(host.details,))
