"""
The composition root: which parts a process gets, and which it must not have.

In: settings. Out: one ready process. The engine gets no vault; only action workers and http
open one; only http and the command line hold the signing key. What only one kind of process
needs is imported where that one is made: an engine loads no vendor's client.
Never: a part that its process has no use for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery import Celery, signals

from soar import catalog as catalogs
from soar import sentinel
from soar.bus import app as bus
from soar.bus import guard
from soar.bus.departure import leave
from soar.bus.presence import Making, Presence
from soar.bus.queues import consume_assets
from soar.bus.relay import Afterwards, Relay
from soar.bus.stall import notice_stalls
from soar.domain.errors import BadInput
from soar.limiter import Breaker, Limiter
from soar.pump import Pump
from soar.settings import Settings
from soar.signing import Signer, load_signer, load_verifier
from soar.store.database import Database
from soar.store.patience import patiently
from soar.store.slots import Slots
from soar.telemetry import configure, log
from soar.vault import Vault

if TYPE_CHECKING:
    from soar.catalog import Catalog
    from soar.engine.clock import Clock
    from soar.ingest.stream import StreamReader
    from soar.notify.courier import Courier


@dataclass(frozen=True, kw_only=True)
class House:
    """What every process has: settings, database, broker, catalog."""

    settings: Settings
    database: Database
    app: bus.App
    catalog: catalogs.Catalog

    def signer(self) -> Signer:
        """Return the key that signs answers; only http and the command line ask for it."""
        if self.settings.signing_key_file is None:
            raise BadInput(
                "SOAR_SIGNING_KEY_FILE", "is not set: make a key with `soar signing-key`"
            )
        return load_signer(self.settings.signing_key_file)

    def vault(self) -> Vault:
        """Return the vault; only action workers, http and the command line ask for it."""
        return Vault(self.settings.vault_key_list())

    def courier(self) -> Courier:
        """Return what sends notices; only action workers, which hold the vault, ask for it."""
        from soar.notify.courier import Courier

        return Courier(
            database=self.database,
            vault=self.vault(),
            catalog=self.catalog,
            public_url=self.settings.public_url,
        )

    def limiter(self, *, patient: bool = True) -> Limiter:
        """Return the door to the budgets of assets; who only looks need not be *patient*."""
        breaker = Breaker(
            failures=self.settings.breaker_failures,
            closed=timedelta(seconds=self.settings.breaker_seconds),
        )
        connect = sentinel.connect if patient else sentinel.glance
        client = connect(self.settings.redis_url.get_secret_value())
        return Limiter(client, self._recent_calls, slots=Slots(self.database), breaker=breaker)

    def pump(self) -> Pump:
        """Return the pump of all lanes."""
        overdue = timedelta(minutes=self.settings.lane_overdue_minutes)
        return Pump(database=self.database, limiter=self.limiter(), overdue=overdue)

    def _recent_calls(self, slug: str, seconds: int) -> int:
        with self.database.begin() as work:
            return work.reads.recent_calls(slug, seconds)


def house(settings: Settings, *, chord: Callable[..., None] | None = None) -> House:
    """Connect the parts that every process has."""
    for name in ("database_url", "redis_url"):
        if not getattr(settings, name).get_secret_value():
            raise BadInput(f"SOAR_{name.upper()}", "is not set: see deploy/env.example")
    guard.check(settings)
    configure(settings.log_level, json=settings.log_json)
    database = Database(settings.database_url.get_secret_value())
    app = bus.create(settings, database=database)
    database.publish = Relay(app, database, chord=chord)
    return House(settings=settings, database=database, app=app, catalog=catalogs.load())


def _served(made: House) -> House:
    """Let a process that stands still in a transaction hold up others only for a while."""
    longest_task, _ = guard.time_limits(made.settings)
    made.database.idle_seconds = longest_task + guard.HARD_MARGIN
    return made


def for_engine(settings: Settings) -> House:
    """Make a process that runs playbooks, sweeps and writes reports. It holds no key."""
    from soar import report
    from soar.engine import chords, limits, stopwatch
    from soar.engine.program import lend_alias
    from soar.engine.steps import Engine

    made = _served(house(settings, chord=chords.ring))
    lend_alias()
    signals.worker_process_init.connect(
        lambda **_: limits.bound_memory(settings.engine_memory_mb), weak=False
    )
    signals.worker_process_init.connect(lambda **_: limits.collect_seldom(), weak=False)
    signals.worker_process_init.connect(lambda **_: stopwatch.end_processes(), weak=False)
    notice_stalls(made.app, settings)
    engine = Engine(database=made.database, catalog=made.catalog, settings=settings)

    def write_report(container_id: int, _run_id: int) -> None:
        with made.database.begin() as work:
            report.write(work, container_id)

    _task(made.app, bus.START_RUN, engine.start_run)
    _task(made.app, bus.RESUME_RUN, engine.resume_run)
    _task(made.app, bus.WRITE_REPORT, write_report)
    return made


def for_actions(settings: Settings) -> House:
    """Make a process that calls vendors: it opens the vault and runs no playbook."""
    from soar.tasks.binding import bind
    from soar.tasks.shop import Shop

    if settings.verify_key_file is None:
        raise BadInput("SOAR_VERIFY_KEY_FILE", "is not set: action workers check approvals with it")
    made = _served(house(settings))
    seconds, making = settings.worker_lease_seconds, Making()
    presence = Presence(made.database, "actions", seconds=seconds, making=making)
    shop = Shop(
        database=made.database,
        catalog=made.catalog,
        settings=settings,
        limiter=made.limiter(),
        vault=made.vault(),
        verifier=load_verifier(settings.verify_key_file),
        lease=presence,
        making=making,
    )
    _tell_of_short_limits(settings, made.catalog)
    bind(made.app, made.catalog, shop)
    consume_assets(made.app)
    notice_stalls(made.app, settings)
    _leave_when_hung(settings)
    made.app.soar_ended = making.end
    _task(made.app, bus.SEND_NOTICE, made.courier().send)
    _be_present(presence)
    return made


def _tell_of_short_limits(settings: Settings, catalog: Catalog) -> None:
    """Say aloud that calls are ended earlier than their actions may take."""
    most = settings.most_call_seconds
    short = sorted({spec.name for spec in catalog.actions if spec.timeout > most})
    if short:
        log.warning(
            "call_limits_shortened",
            reason=f"SOAR_VISIBILITY_TIMEOUT is {settings.visibility_timeout}: each call is ended"
            f" after {most:g} s, though some actions may take longer; 180 gives all their time",
            actions=short,
        )


def _leave_when_hung(settings: Settings) -> None:
    """Let a worker end whose threads hang in calls that nothing can cut."""
    from soar.tasks import overdue

    def begin(**_: Any) -> None:
        overdue.leave_when_hung(settings.action_threads, leave)

    signals.worker_ready.connect(begin, weak=False)


def _be_present(presence: Presence) -> None:
    """Take a lease in each process that makes calls: the worker itself, or each child."""
    signals.worker_process_init.connect(lambda **_: presence.start(), weak=False)
    signals.worker_ready.connect(lambda **_: presence.start(), weak=False)


def for_ingest(settings: Settings, consumer: str) -> StreamReader:
    """Make a process that reads the alert stream."""
    from soar.ingest.stream import StreamReader

    made = _served(house(settings))
    client = sentinel.connect(settings.redis_url.get_secret_value())
    return StreamReader(
        database=made.database,
        client=client,
        stream=settings.alert_stream,
        consumer=consumer,
        labels=settings.label_list(),
    )


def for_clock(settings: Settings) -> Clock:
    """Make the process that sweeps and pumps. It holds no key and runs no playbook."""
    from soar.bus.mark import Mark
    from soar.engine import chords
    from soar.engine.clock import Clock
    from soar.engine.settling import Settling
    from soar.engine.sweep import Sweep
    from soar.store.election import SILENT_SECONDS, Election

    made = house(settings, chord=chords.ring)
    made.database.idle_seconds = SILENT_SECONDS
    relay = Relay(made.app, made.database, chord=chords.ring)
    return Clock(
        election=Election(settings.database_url.get_secret_value()),
        sweep=Sweep(
            database=made.database,
            relay=relay,
            settings=settings,
            settling=Settling(catalog=made.catalog, settings=settings),
            mark=Mark(sentinel.glance(settings.redis_url.get_secret_value())),
        ),
        pump=made.pump(),
        sweep_seconds=settings.sweep_seconds,
    )


def for_watching(settings: Settings) -> Celery:
    """Make the process that only watches the broker: Flower."""
    return house(settings).app


def for_http(settings: Settings) -> House:
    """Make a process that people and clients talk to: no answer waits for the broker."""
    made = _served(house(settings))
    made.database.publish = Afterwards(made.database.publish)
    return made


def _task(app: Celery, name: str, function: Callable[..., None]) -> None:
    """Register a plain function as a task that runs late-acknowledged and keeps no result."""

    def run(*args: int) -> None:
        patiently(lambda: function(*args))

    run.__name__ = name.rpartition(".")[2]
    app.task(name=name, acks_late=True, ignore_result=True, typing=False, shared=False)(run)
