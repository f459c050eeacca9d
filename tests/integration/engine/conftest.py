"""
A bench for the engine: the test is the broker, the workers, the vendor and time itself.

In: the ``house`` on real servers. Out: ``bench``, which collects what a commit sends and delivers
it when the test says so: once, twice, never, or to a worker that dies. Time passes by ageing rows.
Never: a mock of the engine, the store, the action task or the gate.
"""

from __future__ import annotations

import random
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import Ignore

from soar import approvals
from soar.bootstrap import House
from soar.bus.app import RESUME_RUN, START_RUN, WRITE_REPORT
from soar.bus.mark import Mark
from soar.catalog import LEASE, ActionSpec, AppSpec, Catalog, FieldSpec
from soar.connector import (
    ActionContext,
    ActionFailed,
    BadCredentials,
    OutcomeUnknown,
    Output,
    Params,
    RetryLater,
    action,
)
from soar.domain.model import Outcome, Person
from soar.engine.queueing import queue_run
from soar.engine.settling import Settling
from soar.engine.steps import Engine
from soar.engine.sweep import Sweep
from soar.pump import Pump
from soar.settings import Settings
from soar.signing import load_verifier
from soar.store import outbox
from soar.store.claims import HEARTBEAT
from soar.store.endings import end_values, ending
from soar.store.notices import SEND_NOTICE
from soar.store.work import Message
from soar.tasks.binding import bind
from soar.tasks.shop import Shop

ADA = Person(username="ada", roles=("soc_tier2",))
PATIENCE = 60
"""How many rounds of time passing a run may need until it ends."""

Effect = tuple[str, str]
Row = dict[str, Any]


def _action(name: str, function: str, kind: str, impact: str = "low", undo: str = "") -> ActionSpec:
    lease = (LEASE,) if undo and kind == "contain" else ()
    return ActionSpec(
        app="sham",
        name=name,
        function=function,
        kind=kind,
        impact=impact,
        read_only=kind == "investigate",
        timeout=5,
        description="",
        undo=undo,
        target=("target",) if undo else (),
        parameters=(
            FieldSpec(name="target", required=True, contains=("ip",)),
            FieldSpec(name="note"),
            *lease,
        ),
    )


CATALOG = Catalog(
    apps=(
        AppSpec(
            slug="sham",
            name="Sham",
            vendor="Sham",
            product="Sham",
            version="1.0",
            settings=(),
            actions=(
                _action("look up", "look_up", "investigate"),
                replace(_action("ip reputation", "judge", "investigate"), freshness={"any": 3600}),
                _action("block", "block", "contain"),
                _action("isolate", "isolate", "contain", "high", undo="free"),
                _action("free", "free", "correct", undo="isolate"),
                _action("disable", "disable", "contain", "high"),
                _action("fence", "fence", "contain", undo="unfence"),
                _action("unfence", "unfence", "correct", undo="fence"),
                _action("shout", "shout", "generic"),
            ),
        ),
    )
)


UNDOABLE = {spec.name for spec in CATALOG.actions if spec.undo}


class WorkerDied(BaseException):
    """The process of a worker is gone: nothing after this line of it happens."""


@dataclass
class Vendor:
    """A vendor with a state; *moods* say how its next answers to a call go wrong, in order."""

    done: Counter[Effect] = field(default_factory=Counter)
    stands: dict[str, str] = field(default_factory=dict)
    """The last action on each target that undoes or can be undone."""
    moods: dict[Effect, list[str]] = field(default_factory=dict)

    def answer(self, action_name: str, params: Params) -> Output:
        """Do what was asked, or go wrong as the mood is."""
        effect = (action_name, params.text("target"))
        mood = self.moods[effect].pop(0) if self.moods.get(effect) else "well"
        if mood in {"well", "lost", "died after", "bug after"}:
            self.done[effect] += 1
            self.stands[effect[1]] = action_name
        match mood:
            case "failed":
                raise ActionFailed("the vendor refused")
            case "bad key":
                raise BadCredentials("the vendor refused the key")
            case "not asked":
                raise ActionFailed("the parameter is no address")
            case "too many":
                raise RetryLater("too many calls", all_calls=True)
            case "at once":
                raise RetryLater("the vendor is busy", after=timedelta(0))
            case "later":
                raise RetryLater("the vendor is busy", after=timedelta(seconds=5))
            case "quota":
                raise RetryLater("the quota is spent", after=timedelta(minutes=1), all_calls=True)
            case "no answer":
                raise RetryLater("no connection", no_answer=True)
            case "tomorrow":
                raise RetryLater("the quota is spent", after=timedelta(days=1))
            case "busy":
                raise RetryLater("the vendor is busy")
            case "lost" | "unsent":
                raise OutcomeUnknown("the answer was lost")
            case "died before" | "died after":
                raise WorkerDied
            case "bug before" | "bug after":
                raise KeyError("api_key=tell-nobody")
        return Output(message="done", summary={"target": effect[1]})

    def answers(self, action_name: str, params: Params) -> bool:
        """Tell whether the vendor is asked next, and answers."""
        moods = self.moods.get((action_name, params.text("target")), [])
        return moods[:1] not in (["not asked"], ["no answer"], ["lost"], ["unsent"])

    def verify(self, action_name: str, params: Params) -> Output | None:
        """Tell what the state is."""
        target = params.text("target")
        known = self.done[(action_name, target)]
        if action_name in UNDOABLE:
            known = self.stands.get(target) == action_name
        return Output(message="it had taken effect") if known else None


def _room(vendor: Vendor) -> types.ModuleType:
    """Return a vendor room whose functions ask *vendor*."""
    module = types.ModuleType("soar.tasks.sham.actions")
    for spec in CATALOG.actions:

        def call(ctx: ActionContext, params: Params, name: str = spec.name) -> Output:
            if vendor.answers(name, params):
                ctx.heard()
            return vendor.answer(name, params)

        def verify(_: ActionContext, params: Params, name: str = spec.name) -> Output | None:
            return vendor.verify(name, params)

        blind = spec.read_only or spec.name == "shout"
        mark = action() if blind else action(verify=verify)
        setattr(module, spec.function, mark(call))
    return module


@dataclass
class Held:
    """The lease of a worker, as a test wants it."""

    owner: str = "alive"
    held: bool = True

    def renew(self) -> float:
        """Do nothing: the bench keeps the row of the worker that is alive."""
        return 0.0

    def held_since(self, since: float) -> bool:
        """Answer as the test wants."""
        return self.held


@dataclass
class Bench:
    """Everything between a commit and its consequences, in the test's hands."""

    house: House = field(repr=False)
    empty: Callable[[], None]
    vendor: Vendor = field(default_factory=Vendor)
    lease: Held = field(default_factory=Held)
    pending: list[Message] = field(default_factory=list)
    unrecorded: list[tuple[Outcome, Mapping[str, Any]]] = field(default_factory=list)
    """Calls that were made by workers which have not written down their ends yet."""
    reachable: bool = True
    """Whether the broker takes messages; else they stay in the outbox."""

    def __post_init__(self) -> None:
        self.settings: Settings = self.house.settings
        self.database = self.house.database
        self.database.publish = self.collect
        self.engine = Engine(database=self.database, catalog=CATALOG, settings=self.settings)
        limiter = self.house.limiter()
        self.pump = Pump(database=self.database, limiter=limiter)
        self.sweep = Sweep(
            database=self.database,
            relay=self.collect,  # type: ignore[arg-type]
            settings=self.settings,
            settling=Settling(catalog=CATALOG, settings=self.settings),
            mark=Mark(limiter._script.registered_client),
        )
        assert self.settings.verify_key_file is not None
        self.shop = Shop(
            database=self.database,
            catalog=CATALOG,
            settings=self.settings,
            limiter=limiter,
            vault=self.house.vault(),
            verifier=load_verifier(self.settings.verify_key_file),
            lease=self.lease,
            chance=random.Random(1),
        )
        bind(self.house.app, CATALOG, self.shop)
        self.begin()

    def begin(self) -> None:
        """Give the house its asset and a worker that is alive."""
        with self.database.begin() as work:
            work.assets.save(slug="sham", app="sham", configuration={"max_requests_per_minute": 5})
        self.database.run(HEARTBEAT, {"owner": "alive", "role": "actions", "seconds": 86_400})
        self.remember()

    def remember(self) -> None:
        """Let Redis be one that has lost nothing."""
        self.sweep.mark.missing()
        self.sweep.mark.keep()

    def reset(self) -> None:
        """Begin again on an empty database, with a vendor that nothing has happened to."""
        self.empty()
        self.vendor.done.clear()
        self.vendor.stands.clear()
        self.vendor.moods.clear()
        self.pending.clear()
        self.unrecorded.clear()
        self.reachable = True
        self.begin()

    # What a commit sends.

    def collect(self, messages: Sequence[tuple[int, Message]]) -> None:
        """Take messages as a broker does: a chord as its members."""
        if not self.reachable:
            return
        for _, message in messages:
            self.pending.extend(_members(message) if message.kind == "chord" else [message])
        outbox.sent(self.database, [number for number, _ in messages])

    # What workers do.

    def deliver(self, message: Message, *, ends: str = "at once") -> None:
        """Deliver one message; a call *ends* at once, later, twice, or never: its worker died."""
        body = message.body
        if message.kind == "member":
            self.call(body, ends=ends)
        elif body["name"] == START_RUN:
            self.engine.start_run(*body["args"])
        elif body["name"] == RESUME_RUN:
            self.engine.resume_run(*body["args"])
        else:
            assert body["name"] in (WRITE_REPORT, SEND_NOTICE)  # others do those

    def call(self, body: Mapping[str, Any], *, ends: str = "at once") -> Outcome | None:
        """Let a worker make one call and count its end, as the action task and backend do."""
        mood = self.vendor.moods.get(self._effect_of(body["app_run_id"]), [])
        died = ends == "never" or mood[:1] in (["died before"], ["died after"])
        self.lease.owner = "gone" if died else "alive"
        try:
            outcome: Outcome = self.house.app.tasks[body["task"]].run(body["app_run_id"])
        except (Ignore, WorkerDied):
            return None
        if ends in {"later", "never"}:
            self.unrecorded.append((outcome, body))
            return outcome
        for _ in range(2 if ends == "twice" else 1):
            self.end(outcome, body)
        return outcome

    def record(self) -> None:
        """Let every worker that has not yet done so write down how its call ended."""
        while self.unrecorded:
            self.end(*self.unrecorded.pop(0))

    def end(self, outcome: Outcome, body: Mapping[str, Any]) -> None:
        """Write and count an outcome; the last of its chord sends the body."""
        for remaining, *args in self.database.run(ending(outcome), end_values(outcome)):
            if remaining <= 0:
                self.pending.append(Message(kind="task", body={"name": RESUME_RUN, "args": args}))

    def _effect_of(self, app_run_id: int) -> Effect:
        rows = self.database.run(
            "select action, parameters->>'target' from app_run where id = %(id)s",
            {"id": app_run_id},
        )
        return (rows[0][0], rows[0][1] or "") if rows else ("", "")

    def deliver_all(self) -> None:
        """Deliver everything in the order it was sent, until nothing is on its way."""
        while self.pending:
            self.deliver(self.pending.pop(0))

    # What time does.

    def age(self) -> None:
        """Let three hours pass for everything but questions and the patience of calls."""
        for statement in (
            "update outbox set create_time = create_time - interval '3 h'",
            "update app_run set rung_at = rung_at - interval '3 h',"
            " start_time = start_time - interval '3 h', end_time = end_time - interval '3 h',"
            " due_at = due_at - interval '3 h'",
            "update app_run set claimed_at = claimed_at - interval '3 h' where status <> 'running'",
            "update action_run set end_time = end_time - interval '3 h',"
            " rung_at = rung_at - interval '3 h'",
            "update effect set sent_at = sent_at - interval '3 h'",
            "update playbook_run set update_time = update_time - interval '3 h',"
            " due_at = due_at - interval '3 h'",
            "update function_call set due_at = due_at - interval '3 h'",
        ):
            self.database.run(statement, {})
        self.house.limiter()._script.registered_client.flushdb()
        self.pump.lanes.clear()
        self.remember()

    def settle(self) -> None:
        """Let everything go its way, with a patient person, until no run is open."""
        self.reachable = True
        self.record()
        for _ in range(PATIENCE):
            self.deliver_all()
            for row in self.rows("select id from approval where status = 'open' order by id"):
                self.answer(row["id"])
            self.deliver_all()
            if not self.pending and not self.open_runs():
                return
            self.age()
            self.sweep()
            self.pump.turn()
        raise AssertionError(f"still open: {self.open_runs()}")

    # What people do.

    def answer(self, approval_id: int, choice: str = "", **more: Any) -> Row:
        """Answer a question as Ada: the first choice, unless told another or its responses."""
        with self.database.begin() as work:
            row = work.approvals.get(approval_id)
            given = {"by": ADA, "shown": row["payload_digest"], **more}
            return approvals.answer(
                work,
                approval_id,
                choice=choice or next(iter(row["options"]), ""),
                signer=self.house.signer(),
                channel="test",
                **given,
            )

    def start(self, source: str, *, name: str = "tested", **others: str) -> int:
        """Queue a run of a playbook on a new container; *others* are playbooks it may call."""
        with self.database.begin() as work:
            for other, text in {**others, name: source}.items():
                work.playbooks.save(name=other, title=other.title(), version="1", source=text)
            container = self._container(work)
            return queue_run(
                work,
                container_id=container,
                playbook=work.playbooks.newest(name),
                started_by="a test",
            )

    def _container(self, work: Any) -> int:
        return int(
            work.containers._value(
                "insert into container (asset, source_id, name, label, severity)"
                " values ('sham', gen_random_uuid()::text, 'a case', 'events', 'high') returning id"
            )
        )

    def play(self, source: str, **more: str) -> int:
        """Queue a run and deliver everything, as long as nobody has to be asked."""
        run_id = self.start(source, **more)
        self.deliver_all()
        return run_id

    # What is to be seen.

    def rows(self, sql: str, **values: Any) -> list[Row]:
        """Return what the tables hold."""
        with self.database.begin() as work:
            return work.containers._all(sql, **values)

    def do(self, sql: str, **values: Any) -> None:
        """Change what the tables hold, as nobody should."""
        with self.database.begin() as work:
            work.containers._do(sql, **values)

    def calls(self) -> list[Row]:
        """Return every call in the order it was asked."""
        return self.rows("select * from app_run order by id")

    def run(self, run_id: int) -> Row:
        """Return a run."""
        with self.database.begin() as work:
            return work.runs.get(run_id)

    def open_runs(self) -> list[int]:
        """Return the ids of the runs that have not ended."""
        rows = self.rows(
            "select id from playbook_run where status in ('queued', 'running') order by id"
        )
        return [row["id"] for row in rows]

    def notes(self) -> list[str]:
        """Return what blocks have written, sorted: independent blocks may come in any order."""
        return sorted(row["content"] for row in self.rows("select content from note"))

    def log(self) -> list[str]:
        """Return the lines of all runs' logs."""
        return [row["message"] for row in self.rows("select message from run_log order by id")]

    def questions(self) -> list[Row]:
        """Return the open questions."""
        return self.rows("select * from approval where status = 'open' order by id")


def _members(message: Message) -> Iterator[Message]:
    body = message.body
    for number, task, asset in body["members"]:
        yield Message(
            kind="member",
            body={
                "app_run_id": number,
                "task": task,
                "asset": asset,
                "join_id": body["join_id"],
                "run_id": body["run_id"],
            },
        )


@pytest.fixture
def bench(house: House, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The bench, on an empty database."""
    vendor = Vendor()
    monkeypatch.setitem(sys.modules, "soar.tasks.sham.actions", _room(vendor))

    def empty() -> None:
        with house.database.begin() as work:
            names = work.containers._value(
                "select string_agg(format('%I', tablename), ', ') from pg_tables"
                " where schemaname = 'public' and tablename <> 'alembic_version'"
            )
            work.containers._do(f"truncate {names} restart identity cascade")
        house.limiter()._script.registered_client.flushdb()

    return Bench(house=house, empty=empty, vendor=vendor)
