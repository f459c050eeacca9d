"""
Vendors that take a request and do not answer: the call ends at its limit and is classified.

In: the pool, and assets whose calls may take two seconds. Out: nothing.
Never: a run that waits for a vendor longer than it has to, or an effect twice.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from soar.lab.simulator import Fault

LIMIT = 2
HANG = 40.0
"""Seconds that the vendor would take: longer than a socket's timeouts, which are 20."""

READ = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("ip reputation", parameters=[{"ip": "IP"}], assets=["ASSET"], callback=told)

def told(action, success, container, results, handle):
    phantom.comment(container, results[0]["status"])
"""
WRITE = READ.replace("ip reputation", "block ip")


def quick_asset(pool: Any, like: str) -> str:
    """Keep an asset like another, whose calls may take two seconds, and return its name."""
    name = f"quick_{like}"
    with pool.house.database.begin() as work:
        asset = work.assets.get(like)
        asset = replace(asset, configuration={**asset.configuration, "action_timeout": LIMIT})
        work.assets.save(slug=name, app=asset.app, configuration=asset.configuration)
    return name


def run_it(pool: Any, source: str, ip: str, asset: str) -> tuple[int, float]:
    """Run a playbook on an address and return its container, and the seconds that it took."""
    label = f"hung-{ip}"
    pool.playbook(source.replace("IP", ip).replace("ASSET", asset), label=label)
    began = time.monotonic()
    container = pool.alert(label, {"type": "none"})
    (run,) = pool.ended(container)
    assert run["status"] == "success"
    return container, time.monotonic() - began


def told(pool: Any, container: int) -> list[str]:
    """Return what the playbook was told."""
    with pool.house.database.begin() as work:
        return [note["content"] for note in work.reads.notes_of(container)]


@pytest.mark.parametrize(
    ("kind", "value", "ip"),
    [("latency", HANG, "198.51.100.241"), ("drip", 0.5, "198.51.100.242")],
    ids=["no answer", "a byte now and then"],
)
def test_a_read_that_hangs_is_made_again(pool: Any, kind: str, value: float, ip: str) -> None:
    """
    Its call ends at the asset's limit and is tried again, long before the vendor would answer.
    """
    asset = quick_asset(pool, "virustotal_prod")
    fault = Fault(vendor="virustotal", kind=kind, value=value, path=ip)
    pool.lab.http.lab.faults.append(fault)

    container, seconds = run_it(pool, READ, ip, asset)

    (call,) = pool.calls(container)
    assert (call["status"], told(pool, container)) == ("success", ["success"])
    assert sum(ip in arrival["path"] for arrival in pool.lab.http.lab.log("virustotal")) == 2
    assert LIMIT < seconds < HANG / 2


def test_a_write_whose_answer_hangs_is_verified_and_done_once(pool: Any) -> None:
    """
    It took effect; the call ends as unknown at its limit, the firewall is asked, and says so.
    """
    ip = "203.0.113.241"
    asset = quick_asset(pool, "palo_alto_prod")
    fault = Fault(vendor="palo_alto", kind="late_answer", value=HANG, body="register")
    pool.lab.http.lab.faults.append(fault)

    container, seconds = run_it(pool, WRITE, ip, asset)

    (call,) = pool.calls(container)
    assert (call["status"], call["effect"]) == ("success", "confirmed")
    assert told(pool, container) == ["success"]
    assert pool.lab.state()["palo_alto"]["registrations"][ip] == 1
    assert LIMIT < seconds < HANG / 2
