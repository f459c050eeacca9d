"""
What the benches stand on: servers, the lab, a run to hang calls on, action workers.

In: a folder. Out: a pool of real processes on throwaway servers, and calls that wait in it.
Never: a part of the product replaced.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soar import inventory
from soar.bootstrap import House
from soar.demo.furnish import Lab, running_lab
from soar.demo.stack import Stack
from soar.lab.vendors.virustotal import Quota
from soar.settings import Settings
from soar.supervisor import Supervisor

KEY = "bench-key"
MEMBERS = 50
TASK = "soar.tasks.virustotal.domain_reputation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """The running servers, lab and processes of one bench."""

    stack: Stack
    lab: Lab

    @property
    def house(self) -> House:
        """The parts of a process that reads."""
        return self.stack.house

    def start(self, name: str, role: str, command: Sequence[str] = (), **own: str) -> int:
        """Start one process of a role; *own* are settings of its own. Returns its pid."""
        command = [sys.executable, *(command or ("-m", "workers", role))]
        also = {**self.stack._own(role), **{f"SOAR_{k.upper()}": v for k, v in own.items()}}
        return self.stack.supervisor.start(name, command, also=also)

    def await_workers(self, count: int) -> None:
        """Wait until so many workers answer."""
        deadline = time.monotonic() + 60
        while len(self.house.app.control.ping(timeout=0.5) or []) < count:
            if time.monotonic() > deadline:
                raise SystemExit("error: the workers did not start within a minute")

    def asset(self, slug: str, **configuration: Any) -> None:
        """Save an asset at the lab's VirusTotal, whose key the lab does not limit."""
        given = {"api_key": KEY, "base_url": self.lab.http.url, "reuse_results": False}
        raw = {"app": "virustotal", "asset_name": slug, "configuration": given | configuration}
        with self.house.database.begin() as work:
            inventory.save(work, raw, catalog=self.house.catalog, vault=self.house.vault())

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Return what the tables hold."""
        with self.house.database.begin() as work:
            return work.containers._all(sql, **values)

    def run(self, name: str) -> dict[str, int]:
        """Add a run with a join that never ends, to hang calls on."""
        with self.house.database.begin() as work:
            value = work.containers._value
            work.playbooks.save(name="bench", title="bench", version="1", source="")
            container = value(
                "insert into container (asset, source_id, name, label, severity)"
                " values ('bench', :name || gen_random_uuid(), 'bench', 'events', 'low')"
                " returning id",
                name=name,
            )
            run = value(
                "insert into playbook_run (container_id, playbook_id, status, update_time)"
                " select :c, id, 'running', now() + interval '1 day' from playbook"
                " where name = 'bench' order by id limit 1 returning id",
                c=container,
            )
            join = value(
                "insert into action_run (run_id, container_id, kind, action, name, remaining)"
                " values (:r, :c, 'act', 'domain reputation', 'bench', 1000000000) returning id",
                r=run,
                c=container,
            )
        return {"join": join, "run": run, "container": container}

    def park(self, slug: str, hosts: Sequence[str], *, severity: int = 2) -> None:
        """Let lookups of these hosts wait for an asset: runs of fifty, that share its lane."""
        for first in range(0, len(hosts), MEMBERS):
            self._park(slug, hosts[first : first + MEMBERS], severity)

    def _park(self, slug: str, hosts: Sequence[str], severity: int) -> None:
        ids = self.run(slug)
        with self.house.database.begin() as work:
            work.containers._do(
                """
                insert into app_run (action_run_id, join_id, run_id, container_id, severity_rank,
                  app, action, asset, task, parameters, status, parked_for, lane_since, lane_turn)
                select :join, :join, :run, :container, :severity, 'virustotal',
                  'domain reputation', :asset, :task, jsonb_build_object('domain', host), 'parked',
                  'budget', now(), n
                from unnest(cast(:hosts as text[])) with ordinality as x(host, n)
                """,
                **ids,
                asset=slug,
                task=TASK,
                severity=severity,
                hosts=list(hosts),
            )


@contextmanager
def ground(**settings: Any) -> Iterator[Ground]:
    """Run the servers and the lab; processes are started by the bench."""
    with tempfile.TemporaryDirectory(prefix="soar-bench-") as name:
        folder = Path(name)
        given = Settings(data_dir=folder, task_events=False, **settings)
        with (
            Stack(given, lambda _: None, throwaway=True) as stack,
            running_lab(folder / "lab") as lab,
        ):
            simulator: Any = next(s for s in lab.http.lab.simulators if s.vendor == "virustotal")
            simulator.quotas[KEY] = Quota(per_minute=1_000_000)
            common = {
                **stack._common(), "SOAR_TASK_EVENTS": "false", "SOAR_LOG_LEVEL": "WARNING",
            }  # fmt: skip
            stack.supervisor = stack._open.enter_context(Supervisor(common, folder / "logs"))
            yield Ground(stack=stack, lab=lab)
