"""
A drill: kill a worker in the middle of harmless work, and measure until that work has ended right.

In: a live system whose action workers run on this machine. Out: what was killed, and how long
recovery took. Never: a call to a vendor, a worker killed that makes a change, or work left open:
the asset is an RDAP service of the drill's own on loopback, deleted afterwards.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from soar import inventory
from soar.bootstrap import House
from soar.domain.errors import Conflict
from soar.domain.model import NewContainer
from soar.engine.queueing import queue_run

TARGET_SECONDS = 15.0
"""A lease of 12 s, the sweep, and a bell that waits for the new worker."""
PATIENCE = 60.0
LABEL = "drill"
PLAYBOOK = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("whois ip", parameters=[{"ip": "192.0.2.1"}],
                assets=[container["name"]], callback=told)

def told(action, success, container, results, handle):
    phantom.comment(container, f"heard {len(results)}, success {success}")
"""
HEARD = "heard 1, success True"
ANSWER = json.dumps(
    {
        "objectClassName": "ip network",
        "handle": "DRILL",
        "name": "DRILL",
        "ipVersion": "v4",
        "startAddress": "192.0.2.0",
        "endAddress": "192.0.2.255",
    }
).encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Drilled:
    """What a drill has shown."""

    pid: int
    run: int
    claimed_again: float
    done: float
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong and it was quick enough."""
        return not self.problems


def kill_worker(house: House) -> Drilled:
    """Kill the action worker that makes the drill's call, and wait until its run has ended."""
    with _registry() as (url, held):
        name = f"drill_{uuid.uuid4().hex[:8]}"
        container, run = _begin(house, name, url)
        try:
            call = _until(lambda: _claimed(house, run), "no action worker took the call")
            pid = _safe_to_kill(house, call)
            os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            held.set()
            before = int(call["attempt"])
            _until(lambda: _claimed(house, run, before), "its call was not claimed again")
            again = time.monotonic() - began
            _until(lambda: _ended(house, run), "its run did not end")
            done = time.monotonic() - began
            problems = tuple(_problems(house, container, run, done))
        finally:
            held.set()
            _clean(house, name, container)
    return Drilled(pid=pid, run=run, claimed_again=again, done=done, problems=problems)


@contextmanager
def _registry() -> Iterator[tuple[str, threading.Event]]:
    """Serve RDAP on loopback; no answer leaves before the event is set."""
    held = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            held.wait(PATIENCE)
            self.send_response(200)
            self.send_header("Content-Type", "application/rdap+json")
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", held
    finally:
        server.shutdown()
        server.server_close()


def _begin(house: House, name: str, url: str) -> tuple[int, int]:
    raw = {"asset_name": name, "app": "whois", "configuration": {"base_url": url}}
    new = NewContainer(asset=name, source_id=name, name=name, label=LABEL, severity="low")
    with house.database.begin() as work:
        inventory.save(work, raw, catalog=house.catalog, vault=house.vault())
        work.playbooks.save(name="drill", title="Drill", version="1", source=PLAYBOOK)
        container, _ = work.containers.add(new)
        playbook = work.playbooks.newest("drill")
        run = queue_run(work, container_id=container, playbook=playbook, started_by="drill")
        work.audit("system", "drill began", {"run": run})
    return container, run


def _safe_to_kill(house: House, call: dict[str, Any]) -> int:
    """Return the worker's process, or refuse: not here, not supervised, or making a change."""
    owner = str(call["owner"])
    host, pid, _ = owner.rsplit("-", 2)
    if host != socket.gethostname():
        raise Conflict(f"the drill's call went to a worker on {host}: run the drill there")
    with house.database.begin() as work:
        held = work.calls.of_owner(owner)
    if any(not house.catalog.by_task(other["task"]).read_only for other in held):
        raise Conflict(f"worker {pid} is making a change at a vendor: try again later")
    _check_supervised(int(pid))
    return int(pid)


def _check_supervised(pid: int) -> None:
    process = Path("/proc") / str(pid)
    try:
        command = (process / "cmdline").read_bytes().split(b"\0")
        parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        service = b".service" in (process / "cgroup").read_bytes()
        starter = (Path("/proc") / str(parent) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        raise Conflict(f"process {pid} cannot be looked at: run the drill as its user") from None
    if b"actions" not in command:
        raise Conflict(f"process {pid} is not an action worker of this machine")
    if not (service or b"up" in starter):
        raise Conflict(f"nothing that starts worker {pid} again was found: start it by `soar up`")


def _until(look: Callable[[], Any], otherwise: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise Conflict(f"{otherwise} within {PATIENCE:g} s: see `soar doctor`")


def _claimed(house: House, run: int, before: int = 0) -> dict[str, Any] | None:
    """Return the drill's call once a worker has it, at a later attempt than *before*."""
    with house.database.begin() as work:
        calls = work.calls.of_run(run)
    started = [c for c in calls if c["attempt"] > before and c["owner"]]
    return started[0] if started else None


def _ended(house: House, run: int) -> bool:
    with house.database.begin() as work:
        return work.runs.get(run)["end_time"] is not None


def _problems(house: House, container: int, run: int, done: float) -> Iterator[str]:
    with house.database.begin() as work:
        status = work.runs.get(run)["status"]
        heard = [note["content"] for note in work.reads.notes_of(container)]
        calls = work.calls.of_run(run)
    if status != "success":
        yield f"the run ended {status}"
    if heard != [HEARD]:
        yield f"the callback was called {len(heard)} times"
    if [call["status"] for call in calls] != ["success"]:
        yield "the call did not end well, or there was more than one"
    if done > TARGET_SECONDS:
        yield f"it took longer than {TARGET_SECONDS:g} s"


def _clean(house: House, name: str, container: int) -> None:
    with house.database.begin() as work:
        inventory.delete(work, name, waiting="fail")
        work.containers.update(container, {"status": "closed"})
        work.audit("system", "drill ended", {"container": container})
