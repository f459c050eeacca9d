"""Kill -9 of workers: the run ends right, and each containment happens once."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from soar.lab.simulator import Fault

CHORD = """
import phantom.rules as phantom

def on_start(container):
    phantom.act_together([
        {"action": "block ip", "parameters": [{"ip": "203.0.113.201"}],
         "assets": ["palo_alto_prod"]},
        {"action": "ip reputation",
         "parameters": [{"ip": "198.51.100.231"}, {"ip": "198.51.100.232"}],
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


def hold(pool: Any, vendor: str, *, times: int = 1, **where: str) -> None:
    """Let a vendor hold requests for some seconds before it acts on them."""
    fault = Fault(vendor=vendor, kind="latency", value=4.0, times=times, **where)
    pool.lab.http.lab.faults.append(fault)


def arrived(pool: Any, vendor: str, text: str) -> int:
    """How many requests with this text reached a vendor."""
    return sum(text in f"{a['path']} {a['body']}" for a in pool.lab.http.lab.log(vendor))


@pytest.mark.trap(2, "celery#4984, celery#5935, kombu#2558")
def test_a_worker_killed_in_a_chord_leaves_no_call_lost_and_none_doubled(pool: Any) -> None:
    """
    A worker dies while the firewall, VirusTotal and ServiceNow hold its requests. They take
    effect all the same; the new worker asks first, and the callback hears four results once.

    Source: celery#4984, celery#5935, kombu#2558.
    """
    pool.playbook(CHORD, label="kill-chord")
    log = pool.lab.http.lab.log
    hold(pool, "palo_alto", body="203.0.113.201")
    hold(pool, "virustotal", times=2)
    hold(pool, "servicenow", method="POST")
    lookups, tickets = len(log("virustotal")), len(pool.lab.state()["servicenow"]["tickets"])

    container = pool.alert("kill-chord", {"type": "none"})
    pool.eventually(
        lambda: (
            arrived(pool, "palo_alto", "203.0.113.201")
            and arrived(pool, "servicenow", "killed")
            and len(log("virustotal")) == lookups + 2
        )
    )
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


CONTAIN = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("quarantine device", parameters=[{"hostname": "SRV-FILE-01"}],
                assets=["crowdstrike_prod"], callback=told)

def told(action, success, container, results, handle):
    phantom.comment(container, results[0]["message"])
"""


def test_a_worker_killed_while_it_isolates_a_host_does_not_do_it_twice(pool: Any) -> None:
    """
    Falcon gets the containment, the worker dies before it hears the answer; the next worker asks
    Falcon what is true instead of sending the containment again.
    """
    host = pool.new_host()
    pool.playbook(CONTAIN.replace("SRV-FILE-01", host), label="kill-contain")
    hold(pool, "crowdstrike", path="devices-actions", method="POST")
    before = arrived(pool, "crowdstrike", "devices-actions")

    container = pool.alert("kill-contain", {"type": "none"})
    pool.answer(pool.question(container), "Approve")
    pool.eventually(lambda: arrived(pool, "crowdstrike", "devices-actions") == before + 1)
    kill_and_replace(pool, "actions")
    (run,) = pool.ended(container)

    assert run["status"] == "success"
    assert pool.lab.state()["crowdstrike"]["devices"][host] == "contained"
    assert arrived(pool, "crowdstrike", "devices-actions") == before + 1


COUNTED = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("whois ip", assets=["whois_prod"],
                parameters=[{"ip": f"192.0.2.{n}"} for n in range(201, 209)],
                callback=told)

def told(action, success, container, results, handle):
    phantom.comment(container, f"heard {len(results)}")
"""


def test_an_engine_killed_while_a_chord_is_under_way_delivers_it_once(pool: Any) -> None:
    """
    The engine dies while the lookups run; another one calls the callback, once, with all results.
    """
    pool.playbook(COUNTED, label="kill-engine")
    rdap = len(pool.lab.http.lab.log("rdap"))
    hold(pool, "rdap", times=8)

    container = pool.alert("kill-engine", {"type": "none"})
    pool.eventually(lambda: len(pool.lab.http.lab.log("rdap")) == rdap + 8)
    kill_and_replace(pool, "engine")
    (run,) = pool.ended(container)

    with pool.house.database.begin() as work:
        comments = [n["content"] for n in work.reads.notes_of(container)]
    assert run["status"] == "success"
    assert comments == ["heard 8"]


def test_a_forged_message_gets_nobody_past_the_gate(pool: Any) -> None:
    """
    A message that names a held call, sent by anybody who can write to the broker, does nothing.
    """
    pool.playbook(CONTAIN.replace("SRV-FILE-01", pool.new_host()), label="forged")
    before = arrived(pool, "crowdstrike", "devices-actions")
    container = pool.alert("forged", {"type": "none"})
    question = pool.question(container)
    (call,) = pool.calls(container)

    sent = pool.house.app.send_task(
        "soar.tasks.crowdstrike.quarantine_device",
        args=[call["id"]],
        queue="asset.crowdstrike_prod",
    )
    other = pool.house.app.send_task(
        "soar.tasks.crowdstrike.get_device_info", args=[call["id"]], queue="asset.crowdstrike_prod"
    )
    pool.eventually(
        lambda: all(word in pool.actions_log() for word in (f"[{sent.id}]", f"[{other.id}]"))
    )

    assert pool.calls(container)[0]["status"] == "parked"
    assert arrived(pool, "crowdstrike", "devices-actions") == before
    pool.answer(question, "Deny")
    pool.ended(container)
    assert pool.calls(container)[0]["message"].startswith("denied by tess")


def test_a_message_that_is_not_ours_makes_no_call_and_shows_nothing(pool: Any) -> None:
    """
    Neither the id of a pending call without its chord nor what is no id at all is acted upon, and
    the log holds none of it.
    """
    send = pool.house.app.send_task
    task, queue = "soar.tasks.virustotal.url_reputation", "asset.virustotal_prod"
    mark = "5; drop table person"

    sent = [send(task, args=[value], queue=queue) for value in (1, mark, {"a": mark})]
    pool.eventually(lambda: all(f"[{message.id}]" in pool.actions_log() for message in sent))
    pool.eventually(lambda: pool.actions_log().count("message_refused") >= 3)

    assert mark not in pool.actions_log()
