"""
A product to be trapped: its workers, clock, door and broker may be killed, frozen or emptied.

In: the session's PostgreSQL. Out: ``product``, whole again at the start of each test.
Never: a process that outlives the session, or a broker that others use.
"""

from __future__ import annotations

import copy
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from soar import access
from soar.demo.furnish import furnish, running_lab
from soar.demo.stack import Stack
from soar.embedded import Servers
from soar.lab.simulator import Fault
from soar.lab.vendors.virustotal import Quota
from soar.sentinel import connect
from soar.settings import Settings
from soar.supervisor import Supervisor
from tests.acceptance.conftest import ENDED, Pool, eventually
from tests.conftest import new_database
from tests.traps.broker import Valkey

WORKER = Path(__file__).with_name("worker.py")
LIMIT, SECONDS = 12, 3
"""Calls of the asset `limited`. A quarter of the window may pass on the way to the vendor, which is
this process: on a busy machine that is more than a moment."""
Row = dict[str, Any]


class Trapped(Stack):
    """A stack whose processes have places to die."""

    @property
    def folder(self) -> Path:
        """Where a test arms such a place."""
        return self.settings.data_dir

    def start_role(self, role: str, name: str = "", **also: str) -> None:
        """Start one process of a role, under another name if there is one already."""
        command = [sys.executable, str(WORKER), role]
        own = {**self._own(role), "TRAPS_FOLDER": str(self.folder), **also}
        self.pids[name or role] = self.supervisor.start(name or role, command, also=own)

    def start_some(self, *roles: str) -> None:
        """Start one process of each of these roles, and wait until the workers consume."""
        logs = self.settings.data_dir / "logs"
        self.supervisor = self._open.enter_context(Supervisor(self._common(), logs))
        for role in roles:
            self.start_role(role)
        for role in {"engine", "actions"} & set(roles):
            eventually(lambda role=role: " ready." in (logs / f"{role}.log").read_text())


@dataclass
class Product(Pool):
    """A pool with hands on its processes, its broker and its vendors."""

    broker: Any
    token: str = ""
    start_seconds: float = 0.0
    """How long its processes needed to start: machines differ."""
    away: set[str] = field(default_factory=set)
    """Processes that a test has ended and that nobody shall start again."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def processes(self) -> Trapped:
        """The processes of the product."""
        assert isinstance(self.stack, Trapped)
        return self.stack

    def arm(self, place: str) -> Path:
        """Let whoever first comes to a place die there; the file is gone when it has."""
        file = self.processes.folder / place
        file.touch()
        return file

    def kill(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one process."""
        os.kill(self.stack.pids[name], number)

    def replace(self, role: str) -> None:
        """Kill a process without warning, and start another."""
        self.end(role, signal.SIGKILL)
        self.start(role)

    def start(self, role: str, name: str = "", **also: str) -> None:
        """Start a process; from now on it is started again when it ends by itself."""
        self.processes.start_role(role, name, **also)
        self.away.discard(name or role)

    def end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Let one process end, unless it just has by itself, wait for it, and start no other."""
        self.away.add(name)
        with suppress(ProcessLookupError):
            self.kill(name, number)
        eventually(lambda: name not in self.stack.supervisor._children)

    @contextmanager
    def tended(self) -> Iterator[Product]:
        """Start what has ended by itself again, as `soar up` does, while the context lasts."""
        ended = threading.Event()
        tender = threading.Thread(target=self._tend, args=(ended,))
        tender.start()
        try:
            yield self
        finally:
            ended.set()
            tender.join()

    def _tend(self, stopped: threading.Event) -> None:
        while not stopped.wait(0.05):
            with self.lock:
                gone = self.stack.supervisor.watch(timeout=0.01)
                if gone is not None and gone.name in ROLES and gone.name not in self.away:
                    self.processes.start_role(gone.name)

    def after(self, container: int, count: int = 1, *, within: float = 60.0) -> list[Row]:
        """Wait until the runs of a container have ended."""

        def runs() -> list[Row]:
            found = self.runs(container)
            done = len(found) >= count and all(r["status"] in ENDED for r in found)
            return found if done else []

        return list(eventually(runs, within=within))

    def notes(self, container: int) -> list[str]:
        """What the blocks of a container's runs have written."""
        with self.house.database.begin() as work:
            return [note["content"] for note in work.reads.notes_of(container)]

    def open_question(self, container: int) -> bool:
        """Whether somebody is asked about a container now."""
        with self.house.database.begin() as work:
            return any(a["status"] == "open" for a in work.reads.approvals_of(container))

    def hold(self, vendor: str, seconds: float, *, times: int = 1, **where: str) -> None:
        """Let a vendor hold requests for some seconds before it acts on them."""
        fault = Fault(vendor=vendor, kind="latency", value=seconds, times=times, **where)
        self.lab.http.lab.faults.append(fault)

    def arrived(self, vendor: str, text: str) -> list[float]:
        """When requests with this text reached a vendor."""
        log = self.lab.http.lab.log(vendor)
        return [a["at"] for a in log if text in f"{a['path']} {a['query']} {a['body']}"]

    def truth(self, vendor: str) -> Any:
        """What is true at a vendor now."""
        simulator = next(s for s in self.lab.http.lab.simulators if s.vendor == vendor)
        with simulator.lock:
            return copy.deepcopy(dict(simulator.state()))

    def blocked(self, *nets: int) -> Counter[str]:
        """How often each address of these networks (198.18.x.0) was blocked at the firewall."""
        own = tuple(f"198.18.{net}." for net in nets)
        found = self.truth("palo_alto")["registrations"]
        return Counter({ip: n for ip, n in found.items() if ip.startswith(own)})

    def unacknowledged(self) -> int:
        """How many messages workers hold."""
        with connect(self.broker.url) as client:
            return int(client.hlen("unacked"))

    def waiting(self, asset: str) -> int:
        """How many messages wait in the queue of an asset."""
        with connect(self.broker.url) as client:
            return int(client.llen(f"asset.{asset}"))

    def restart_broker(self) -> None:
        """Kill the broker, and start it again on what it had written."""
        self.broker.end(signal.SIGKILL)
        self.broker.start()

    def is_up(self, name: str) -> bool:
        """Whether a worker consumes."""
        return " ready." in self.log_of(name)

    def tries(self, run: int) -> list[Row]:
        """The calls of a run, with how often each was claimed."""
        with self.house.database.begin() as work:
            return work.calls._all("select * from app_run where run_id = :run", run=run)

    def log_of(self, name: str) -> str:
        """What a process has logged."""
        return (self.house.settings.data_dir / "logs" / f"{name}.log").read_text()

    def ask(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        """Ask the REST door as an analyst of Tier 2."""
        with requests.Session() as session:
            session.trust_env = False
            headers = {"ph-auth-token": token or self.token}
            url = f"{self.stack.web_url}{path}"
            return session.request(method, url, json=body, headers=headers, timeout=30)

    def decide(self, approval: int, choice: str, *, token: str = "") -> Any:
        """Answer a question over REST, with the digest of what is shown."""
        shown = self.ask("GET", f"/rest/approval/{approval}").json()
        body = {"choice": choice, "payload_digest": shown["payload_digest"]}
        return self.ask("POST", f"/rest/approval/{approval}", body, token=token)

    def mend(self) -> None:
        """Be whole again: no fault, nothing armed, every process up and running, one of each."""
        self.lab.http.lab.faults.clear()
        for place in PLACES:
            (self.processes.folder / place).unlink(missing_ok=True)
        if self.broker.process is None:
            self.broker.start()
        self.broker.send(signal.SIGCONT)
        for name in set(self.stack.supervisor.running()) - set(ROLES):
            self.end(name, signal.SIGKILL)
        with self.lock:
            self.away.clear()
            for role in ROLES:
                if role not in self.stack.supervisor._children:
                    self.processes.start_role(role)
                self.kill(role, signal.SIGCONT)
        eventually(self.is_open)

    def is_open(self) -> bool:
        """Whether the REST door answers."""
        try:
            return bool(self.ask("GET", "/healthz").status_code == 200)
        except requests.ConnectionError:
            return False


ROLES = ("engine", "actions", "beat", "ingest", "http")
PLACES = ("counted", "body-sent", "half-header", "committed-http", "committed-engine")


@pytest.fixture(scope="session")
def trapped(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A product on a database and a broker of its own, with the lab as its vendors."""
    folder = tmp_path_factory.mktemp("traps")
    broker = Valkey(folder / "broker")
    broker.start()
    settings = Settings(
        database_url=new_database(servers, "traps"),
        redis_url=broker.url,
        data_dir=folder,
        http_port=0,
        worker_lease_seconds=3,
        block_seconds=2.0,
        retry_attempts=2,
    )
    try:
        with Trapped(settings, lambda _: None) as stack, running_lab(folder / "lab") as lab:
            furnish(stack.house, lab, folder / "lab")
            product = Product(stack=stack, lab=lab, broker=broker)
            _add_assets(product)
            with stack.house.database.begin() as work:
                product.token = access.create_token(work, "tina", roles=["soc_tier2", "analyst"])
            since = time.monotonic()
            stack.start_processes(flower=False)
            product.start_seconds = time.monotonic() - since
            with product.tended():
                yield product
    finally:
        broker.end()


def _add_assets(product: Product) -> None:
    """Save an asset that we limit, and one with little patience, at a vendor without limits."""
    simulator: Any = next(s for s in product.lab.http.lab.simulators if s.vendor == "virustotal")
    simulator.quotas["trap-key"] = Quota(per_minute=1_000_000)
    own = {
        "api_key": product.house.vault().seal("trap-key"),
        "base_url": product.lab.http.url,
        "reuse_results": False,
    }
    with product.house.database.begin() as work:
        for slug, more in (
            ("limited", {"rate_limit": f"{LIMIT}/{SECONDS} seconds"}),
            ("hasty", {"timeout": 1}),
        ):
            work.assets.save(slug=slug, app="virustotal", configuration={**own, **more})


@pytest.fixture
def product(trapped: Product) -> Product:
    """The product, whole."""
    trapped.mend()
    return trapped


def children(pid: int) -> list[psutil.Process]:
    """Return the living child processes of a process."""
    return [p for p in psutil.Process(pid).children() if p.status() != psutil.STATUS_ZOMBIE]


def at_once(*steps: Any) -> None:
    """Take steps at once, each in a thread of its own."""
    threads = [threading.Thread(target=step) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
