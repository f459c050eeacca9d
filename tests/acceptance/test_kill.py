"""Kill -9 of workers: the run ends right, and each containment happens once."""

from __future__ import annotations

import os
import signal
from typing import Any

from soar.lab.simulator import Fault

CHORD = """
import phantom.rules as phantom

def on_start(container):
    phantom.act_together([
        {"action": "block ip", "parameters": [{"ip": "203.0.113.201"}],
         "assets": ["palo_alto_prod"]},
        {"action": "ip reputation", "parameters": [{"ip": "198.51.100.23"}, {"ip": "203.0.113.66"}],
         "assets": ["virustotal_prod"]},
        {"action": "create ticket", "parameters": [{"short_description": "killed"}],
         "assets": ["servicenow_prod"]},
    ], callback=told)

def told(action, success, container, results, handle):
    words = sorted(f"{r['action']}={r['status']}" for r in results)
    phantom.comment(container, "; ".join(words))
"""


def kill_and_replace(pool: Any, role: str) -> None:
    """End a process of ours without warning, and start another."""
    os.kill(pool.stack.pids[role], signal.SIGKILL)
    ended = pool.stack.supervisor.watch(timeout=10)
    assert ended is not None
    assert ended.name == role
    pool.stack.start_role(role)


def arrived(pool: Any, vendor: str, text: str) -> int:
    """How many requests with this text reached a vendor."""
    return sum(text in f"{a['path']} {a['body']}" for a in pool.lab.http.lab.log(vendor))


def test_a_worker_killed_in_a_chord_leaves_no_call_lost_and_none_doubled(pool: Any) -> None:
    """
    The worker dies while the firewall, VirusTotal and ServiceNow hold its requests. They take
    effect all the same; the new worker asks first, and the callback hears four results once.
    """
    pool.playbook(CHORD, label="kill-chord")
    faults = pool.lab.http.lab.faults
    faults.append(Fault(vendor="palo_alto", kind="latency", value=2.0, times=1))
    faults.append(Fault(vendor="virustotal", kind="latency", value=2.0, times=2))
    faults.append(Fault(vendor="servicenow", kind="latency", value=2.0, times=1, method="POST"))
    tickets = len(pool.lab.state()["servicenow"]["tickets"])

    container = pool.alert("kill-chord", {"type": "none"})

    pool.eventually(lambda: arrived(pool, "palo_alto", "203.0.113.201"))
    pool.eventually(lambda: any(c["status"] == "running" for c in pool.calls(container)))
    kill_and_replace(pool, "actions")
    (run,) = pool.ended(container)

    with pool.house.database.begin() as work:
        comments = [n["content"] for n in work.reads.notes_of(container)]
    assert run["status"] == "success"
    assert comments == [
        "block ip=success; create ticket=success; ip reputation=success; ip reputation=success"
    ]
    state = pool.lab.state()
    assert len(state["servicenow"]["tickets"]) == tickets + 1
    assert state["palo_alto"]["registrations"]["203.0.113.201"] == 1
