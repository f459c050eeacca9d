"""
What a chaos run stands on: servers that may die, a proxy, the lab, and supervised processes.

In: a plan. Out: a running product whose processes reach their servers through the proxy, while
the harness goes past it. Never: a part of the product replaced, unless a test says which.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras
from pydantic import SecretStr

from soar import access, blast, inventory, library, triggers
from soar.bootstrap import House
from soar.demo.furnish import Lab, furnish, running_lab
from soar.demo.stack import Stack
from soar.embedded.ground import free_port
from soar.lab.simulator import Fault
from soar.lab.vendors.virustotal import Quota
from soar.lab.world import Address, Host, Opinion
from soar.settings import Settings
from soar.supervisor import Supervisor
from tests.chaos.plan import Plan
from tests.chaos.servers import Postgres, Valkey

PLAYBOOKS = Path(__file__).parent / "playbooks"
LABELS: Mapping[str, tuple[str, ...]] = {
    "chaos_lookups": ("chaos-lookups", "chaos-both"),
    "chaos_mixed": ("chaos-mixed", "chaos-both"),
    "chaos_stages": ("chaos-stages",),
    "chaos_parent": ("chaos-parent",),
    "containment": ("chaos-containment",),
}
ROLES = ("engine", "actions-1", "actions-2", "beat-1", "beat-2", "ingest")
LEASE = 5
LIMIT, SECONDS = 80, 4
"""Calls of the asset ``limited``. A quarter of the window may pass on the way to the lab."""
FEW, FEW_SECONDS = 3, 0.3
"""Calls of the asset ``few`` at once, and how long the lab takes for each of them."""
KEY = "chaos-key"
LIMITED: Mapping[str, Mapping[str, Any]] = {
    "limited": {"rate_limit": f"{LIMIT}/{SECONDS} seconds"},
    "few": {"concurrency": FEW},
}
WIDE = {"kind": "limit", "limit": "100000/hour", "per": "asset"}
"""A chaos run isolates more hosts in an hour than anybody should."""
PATIENCE = 90.0
SLOW = (
    Fault(vendor="servicenow", kind="latency", method="GET", value=0.3),
    Fault(vendor="servicenow", kind="late_answer", method="POST", value=0.5),
    Fault(vendor="palo_alto", kind="latency", body="user-id", value=0.5),
    Fault(vendor="crowdstrike", kind="late_answer", path="/devices-actions/", value=0.5),
    Fault(vendor="virustotal", kind="latency", path=".few.example", value=FEW_SECONDS),
    Fault(vendor="virustotal", kind="latency", value=0.05),
)
"""Vendors take their time, before or after the effect: then a fault meets calls on their way."""
MALICIOUS = Opinion(malicious=20, suspicious=2, harmless=48, undetected=20, label="botnet")


@dataclass(kw_only=True)
class Ground:
    """One running product, as the harness sees it."""

    folder: Path
    postgres: Postgres
    valkey: Valkey
    stack: Stack
    lab: Lab
    supervisor: Supervisor
    programs: Mapping[str, str]
    roles: tuple[str, ...]
    pids: dict[str, int] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    _connection: Any = None

    @property
    def house(self) -> House:
        """The parts of a process that reads and answers."""
        return self.stack.house

    @property
    def logs(self) -> Path:
        """Where the processes write their logs."""
        return self.stack.settings.data_dir / "logs"

    def start(self, role: str) -> None:
        """Start one process of a role, in place of one that has ended."""
        kind = role.partition("-")[0]
        command = [sys.executable, "-m", self.programs.get(kind, "workers"), kind]
        self.pids[role] = self.supervisor.start(role, command, also=self.stack._own(kind))

    def tend(self) -> None:
        """Start again whatever has ended, as `soar up` does."""
        while ended := self.supervisor.watch(timeout=0.01):
            if ended.name not in ROLES:
                raise RuntimeError(str(ended))
            self.restarts[ended.name] = self.restarts.get(ended.name, 0) + 1
            self.start(ended.name)

    def start_all(self) -> None:
        """Start every process, and wait until the workers answer."""
        for role in self.roles:
            self.start(role)
        workers = sum(role.startswith(("engine", "actions")) for role in self.roles)
        deadline = time.monotonic() + PATIENCE
        while len(self.house.app.control.ping(timeout=0.5) or []) < workers:
            self.tend()
            if time.monotonic() > deadline:
                raise TimeoutError(f"the workers did not start: see {self.logs}")

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Return what the tables hold; a database that restarts is waited for."""

        def ask() -> list[dict[str, Any]]:
            if self._connection is None or self._connection.closed:
                self._connection = self.postgres.connect()
                self._connection.autocommit = True
            factory = psycopg2.extras.RealDictCursor
            with self._connection.cursor(cursor_factory=factory) as cursor:
                cursor.execute(sql, values)
                return [dict(row) for row in cursor.fetchall()]

        return list(patiently(ask))

    def simulator(self, vendor: str) -> Any:
        """Return the lab's simulator of a vendor."""
        return next(s for s in self.lab.http.lab.simulators if s.vendor == vendor)


def patiently(ask: Callable[[], Any], *, errors: type[Exception] = psycopg2.Error) -> Any:
    """Ask until there is an answer; only so long as a server may take to come back."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except errors:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@contextmanager
def running(
    plan: Plan,
    *,
    programs: Mapping[str, str] | None = None,
    roles: tuple[str, ...] = ROLES,
    also: Mapping[str, str] | None = None,
) -> Iterator[Ground]:
    """
    Run everything that a plan needs.

    *programs* names other entry points than ``workers``, *also* more of the environment.
    """
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="soar-chaos-")))
        folder.chmod(0o711)  # as root, PostgreSQL is another user and walks through
        postgres, valkey = Postgres(folder / "postgres"), Valkey(folder / "valkey")
        opened.callback(postgres.stop)
        opened.callback(valkey.kill)
        postgres.start()
        valkey.start()
        given = Settings(
            database_url=SecretStr(postgres.url()),
            redis_url=SecretStr(valkey.url()),
            data_dir=folder / "data",
        )
        stack = opened.enter_context(Stack(given, lambda _: None))
        lab = opened.enter_context(running_lab(folder / "lab"))
        supervisor = _supervisor(opened, stack, postgres, valkey, also or {})
        ground = Ground(
            folder=folder,
            postgres=postgres,
            valkey=valkey,
            stack=stack,
            lab=lab,
            supervisor=supervisor,
            programs=programs or {},
            roles=roles,
        )
        prepare(ground, plan)
        ground.start_all()
        yield ground


def _supervisor(
    opened: ExitStack,
    stack: Stack,
    postgres: Postgres,
    valkey: Valkey,
    also: Mapping[str, str],
) -> Supervisor:
    """Return who starts our processes: their servers are behind the proxy, which runs first."""
    database, broker = free_port(0), free_port(0)
    environment = {
        **stack._common(),
        "SOAR_DATABASE_URL": postgres.url(database),
        "SOAR_REDIS_URL": valkey.url(broker),
        "SOAR_WORKER_LEASE_SECONDS": str(LEASE),
        "SOAR_TASK_EVENTS": "false",
        "SOAR_LOG_LEVEL": "WARNING",
        **also,
    }
    supervisor = opened.enter_context(Supervisor(environment, stack.settings.data_dir / "logs"))
    pairs = [f"{database}:{postgres.port}", f"{broker}:{valkey.port}"]
    command = [sys.executable, "-m", "tests.chaos.proxy", *pairs]
    supervisor.start("network", command, foundation=True)
    return supervisor


def prepare(ground: Ground, plan: Plan) -> None:
    """Bring in assets, playbooks, triggers and an analyst; let the lab know the plan's targets."""
    house = ground.house
    furnish(house, ground.lab, ground.folder / "lab")
    _acquaint(ground, plan)
    with house.database.begin() as work:
        for name, limit in LIMITED.items():
            key = {"api_key": KEY, "base_url": ground.lab.http.url, "reuse_results": False}
            raw = {"app": "virustotal", "asset_name": name, "configuration": {**key, **limit}}
            inventory.save(work, raw, catalog=house.catalog, vault=house.vault())
        blast.add(work, WIDE, catalog=house.catalog, by="chaos")
        for file in sorted(PLAYBOOKS.glob("*.py")):
            library.save(work, library.read(file))
        for playbook, labels in LABELS.items():
            when = {"type": "event_created", "conditions": {"label": list(labels)}}
            triggers.save(work, triggers.parse({"playbook_name": playbook, "trigger": when}))
        access.create_token(work, "tess", roles=["soc_tier2"])


def _acquaint(ground: Ground, plan: Plan) -> None:
    """Let the lab know every host and address of the plan, take its time, and limit nobody."""
    ground.lab.http.lab.faults.extend(replace(fault, times=10**9) for fault in SLOW)
    virustotal, falcon = ground.simulator("virustotal"), ground.simulator("crowdstrike")
    for quota in (KEY, virustotal.world.keys["virustotal"]):
        virustotal.quotas[quota] = Quota(per_minute=1_000_000)
    for number, want in enumerate(dict.fromkeys(w for a in plan.alerts for w in a.wants)):
        if want.kind == "contain":
            device = f"{number:032x}"
            falcon.add_host(Host(device_id=device, hostname=want.target, local_ip="10.0.0.9"))
        elif want.kind == "block":
            virustotal.world.addresses[want.target] = _malicious(want.target)


def _malicious(ip: str) -> Address:
    return Address(
        opinion=MALICIOUS,
        abuse_score=90,
        reports=50,
        country="NL",
        city="Amsterdam",
        latitude=52.37,
        longitude=4.89,
        asn=64500,
        organisation=f"Chaos Hosting {ip}",
    )
