"""
The monkey: carries out the script of faults against a running product.

In: strikes of the plan. Out: killed, frozen, emptied, cut, doubled and shuffled things.
Never: a fault that the product could not meet in the field, or a process that is not ours.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
import redis

from soar.lab.simulator import Fault
from tests.chaos.ground import ROLES, Ground, patiently
from tests.chaos.plan import Strike

QUEUE_SECONDS = 5.0
"""How long a queue may take to fill while its consumers stand still."""
AIM_SECONDS = 4.0
ON_ITS_WAY = """
    select 1 from app_run where status = 'running' and effect = 'sent' and owner like %s limit 1
"""
MESSAGES = 24
"""So many messages are worth doubling or shuffling."""
CONSUMERS = ("engine", "actions-1", "actions-2")
WRITES = {
    "servicenow": {"method": "POST", "path": "/table/incident"},
    "palo_alto": {"method": "POST", "body": "user-id"},
    "crowdstrike": {"method": "POST", "path": "/devices-actions/"},
}
CUTS = {"database": signal.SIGUSR1, "broker": signal.SIGUSR2}


@dataclass
class Done:
    """One fault as it happened."""

    strike: Strike
    at: float
    """When it was done; what is frozen is frozen from then on."""
    what: str


@dataclass
class Monkey:
    """Does what the script says, and remembers what it did."""

    ground: Ground
    chance: random.Random
    done: list[Done] = field(default_factory=list)
    _thaws: list[tuple[float, int]] = field(default_factory=list)
    _kept: list[tuple[str, bytes]] = field(default_factory=list)

    def strike(self, strike: Strike) -> None:
        """Carry out one fault."""
        act: Callable[[Strike], str] = getattr(self, f"_{strike.kind}")
        what = act(strike)
        self.done.append(Done(strike, time.monotonic(), what))

    def tick(self) -> None:
        """Let go on what was frozen long enough."""
        now = time.monotonic()
        for due, pid in self._thaws:
            if due <= now:
                _signal(pid, signal.SIGCONT)
        self._thaws = [(due, pid) for due, pid in self._thaws if due > now]

    def rest(self) -> None:
        """Let everything go on."""
        for _, pid in self._thaws:
            _signal(pid, signal.SIGCONT)
        self._thaws.clear()

    # Processes

    def _kill(self, strike: Strike) -> str:
        self._aim(strike.victim)
        _signal(self.ground.pids[strike.victim], signal.SIGKILL)
        return f"kill -9 of {strike.victim}"

    def _kill_child(self, strike: Strike) -> str:
        children = psutil.Process(self.ground.pids["engine"]).children()
        busy = sorted(children, key=lambda c: c.pid)
        if busy:
            _signal(self.chance.choice(busy).pid, signal.SIGKILL)
        return f"kill -9 of one of {len(busy)} pool children of engine"

    def _freeze(self, strike: Strike) -> str:
        pid = self._pid(strike.victim)
        self._aim(strike.victim)
        _signal(pid, signal.SIGSTOP)
        self._thaws.append((time.monotonic() + strike.seconds, pid))
        return f"SIGSTOP of {strike.victim} for {strike.seconds:g} s"

    def _pid(self, name: str) -> int:
        return self.ground.pids[name] if name in ROLES else self._network()

    def _network(self) -> int:
        return self.ground.supervisor._children["network"].process.pid

    def _aim(self, victim: str) -> None:
        """Wait for the worst moment: a write of the victim is on its way to a vendor."""
        if not victim.startswith("actions"):
            return
        owner = f"%-{self.ground.pids[victim]}-%" if victim in self.ground.pids else "%"
        deadline = time.monotonic() + AIM_SECONDS
        while time.monotonic() < deadline and not self.ground.rows(ON_ITS_WAY, owner):
            time.sleep(0.02)

    # Servers and the way to them

    def _flush(self, strike: Strike) -> str:
        self._ask(lambda client: client.flushall())
        return "FLUSHALL"

    def _restart_broker(self, strike: Strike) -> str:
        self.ground.valkey.restart(empty=strike.victim == "empty")
        return f"Valkey killed, back {'empty' if strike.victim == 'empty' else 'with its log'}"

    def _restart_database(self, strike: Strike) -> str:
        self._aim("actions")
        self.ground.postgres.restart()
        return "PostgreSQL restarted (immediate)"

    def _cut(self, strike: Strike) -> str:
        self._aim("actions")
        os.kill(self._network(), CUTS[strike.victim])
        return f"every connection to the {strike.victim} cut"

    # Messages

    def _duplicate(self, strike: Strike) -> str:
        def copy(client: redis.Redis, queues: list[str]) -> int:
            late = self._kept
            self._kept = [(q, m) for q in queues for m in _messages(client, q)]
            for queue, message in [*self._kept, *late]:
                client.lpush(queue, message)
            return len(self._kept) + len(late)

        return f"{self._in_queues(copy)} messages sent twice, some of them late"

    def _reorder(self, strike: Strike) -> str:
        def shuffle(client: redis.Redis, queues: list[str]) -> int:
            moved = 0
            for queue in queues:
                found = _messages(client, queue)
                self.chance.shuffle(found)
                with client.pipeline() as together:
                    together.delete(queue)
                    together.rpush(queue, *found)
                    together.execute()
                moved += len(found)
            return moved

        return f"{self._in_queues(shuffle)} messages shuffled"

    def _in_queues(self, work: Callable[[redis.Redis, list[str]], int]) -> int:
        """Do something with the messages that pile up while their consumers stand still."""
        pids = {role: self.ground.pids[role] for role in CONSUMERS if role in self.ground.pids}
        engine = pids.pop("engine")
        try:
            for pid in pids.values():
                _signal(pid, signal.SIGSTOP)
            self._ask(self._fill)
            _signal(engine, signal.SIGSTOP)
            return int(self._ask(lambda client: work(client, _lists(client))))
        finally:
            for pid in (engine, *pids.values()):
                _signal(pid, signal.SIGCONT)

    def _fill(self, client: redis.Redis) -> None:
        """Wait while the engine sends calls that nobody takes."""
        deadline = time.monotonic() + QUEUE_SECONDS
        while time.monotonic() < deadline:
            if sum(int(client.llen(q)) for q in _lists(client)) >= MESSAGES:
                return
            time.sleep(0.05)

    def _ask(self, work: Callable[[redis.Redis], Any]) -> Any:
        client = self.ground.valkey.client()
        return patiently(lambda: work(client), errors=redis.RedisError)

    # The vendor

    def _lose_answer(self, strike: Strike) -> str:
        return self._vendor(strike, "lost_answer", "the answer to its next write is lost")

    def _lose_request(self, strike: Strike) -> str:
        return self._vendor(strike, "reset", "its next write is cut off before it does anything")

    def _vendor(self, strike: Strike, kind: str, words: str) -> str:
        fault = Fault(vendor=strike.victim, kind=kind, **WRITES[strike.victim])  # type: ignore[arg-type]
        lab = self.ground.lab.http.lab
        with lab.lock:
            lab.faults.insert(0, fault)  # before those that only make it slow
        return f"{strike.victim}: {words}"


def _lists(client: redis.Redis) -> list[str]:
    """Return the queues of the broker that hold messages."""
    found: Any = client.keys("asset.*")
    return [q for q in [*(f.decode() for f in found), "engine"] if client.type(q) == b"list"]


def _messages(client: redis.Redis, queue: str) -> list[bytes]:
    found: Any = client.lrange(queue, 0, -1)
    return list(found)


def _signal(pid: int, number: signal.Signals) -> None:
    """Signal a process of ours; one that has ended meanwhile needs none."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
