"""
The doctor: what was left behind is listed with what will be done; the sweep does it.

In: rows that have aged. Out: nothing. Never: a sleep; time passes by ageing rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from soar import health
from soar.engine.sweep import MISCOUNTED
from soar.health import Finding
from soar.settings import ALERT_GROUP
from soar.store.election import Election

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

IMPORT = "import phantom.rules as phantom\n\n"
LOOK_UP = IMPORT + (
    "def on_start(container):\n"
    "    phantom.act('look up', parameters={'target': '4'}, callback='done')\n\n"
    "def done(action, success, container, results, handle):\n"
    "    phantom.comment(comment=results[0]['message'])\n"
)
ASK = IMPORT + (
    "def on_start(container):\n"
    "    phantom.prompt(user='soc_tier2', message='Sure?', respond_in_mins=5, callback='told')\n\n"
    "def told(action, success, container, results, handle):\n"
    "    phantom.comment(comment='told')\n"
)
LONG_AGO = "now() - interval '20 s'"


@pytest.fixture
def clock(bench: Bench) -> Iterator[None]:
    """An elected clock, so that its lack is no finding."""
    election = Election(bench.settings.database_url.get_secret_value())
    assert election.stand()
    yield
    election.resign()


def found(bench: Bench) -> list[Finding]:
    """Return what the doctor finds in the rows; servers have tests of their own."""
    with bench.database.begin() as work:
        every = health.findings(work, bench.settings)
    return [finding for finding in every if finding.kind in health.RULES]


def kinds(bench: Bench) -> set[str]:
    """Return the kinds of things that the doctor finds."""
    return {finding.kind for finding in found(bench)}


def asked(bench: Bench) -> None:
    """Start a run and let it ask; the call's message is lost."""
    bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    bench.pending.clear()


def unsent(bench: Bench) -> None:
    """Leave a message in the outbox."""
    bench.reachable = False
    bench.start(LOOK_UP)
    bench.reachable = True
    bench.do(f"update outbox set create_time = {LONG_AGO}")


def unclaimed(bench: Bench) -> None:
    """Leave a call whose message was lost."""
    asked(bench)
    bench.do(f"update app_run set rung_at = {LONG_AGO}")


def died(bench: Bench) -> None:
    """Leave a call whose worker is gone."""
    asked(bench)
    bench.do(f"update app_run set status = 'running', owner = 'gone', claimed_at = {LONG_AGO}")


def too_long(bench: Bench) -> None:
    """Leave a call that a living worker has forgotten."""
    asked(bench)
    bench.do("update app_run set status = 'running', owner = 'alive',"
             " claimed_at = now() - interval '190 s'")  # fmt: skip


def due(bench: Bench) -> None:
    """Leave a call whose time has come."""
    asked(bench)
    bench.do(f"update app_run set status = 'parked', parked_for = 'schedule', due_at = {LONG_AGO}")


def follower(bench: Bench) -> None:
    """Leave a lookup that follows a call which is gone."""
    asked(bench)
    bench.do("update app_run set status = 'parked', parked_for = 'lookup', follows = 999999,"
             f" create_time = {LONG_AGO}")  # fmt: skip


def overdue(bench: Bench) -> None:
    """Leave a question that nobody answered in time."""
    bench.play(ASK)
    bench.do(f"update approval set due_at = {LONG_AGO}")


def undelivered(bench: Bench) -> None:
    """Leave an ended join whose bell was lost."""
    bench.start(LOOK_UP)
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0))
    bench.pending.clear()
    bench.do(f"update action_run set end_time = {LONG_AGO}")


def miscounted(bench: Bench) -> None:
    """Leave a join that counts a call which has ended."""
    asked(bench)
    bench.do(f"update app_run set status = 'failed', end_time = {LONG_AGO}")
    bench.do(f"update action_run set create_time = {LONG_AGO}")


def unheard(bench: Bench) -> None:
    """Leave a run whose start was lost."""
    bench.start(LOOK_UP)
    bench.pending.clear()
    bench.do(f"update playbook_run set update_time = {LONG_AGO}")


def stuck(bench: Bench) -> None:
    """Leave a run that waits for nothing."""
    unheard(bench)
    bench.do("update playbook_run set status = 'running'")


@pytest.mark.parametrize(
    ("kind", "leave"),
    [
        ("message unsent", unsent),
        ("call unclaimed", unclaimed),
        ("worker died", died),
        ("call too long", too_long),
        ("call due", due),
        ("follower left", follower),
        ("approval overdue", overdue),
        ("join undelivered", undelivered),
        ("join miscounted", miscounted),
        ("run unheard", unheard),
        ("run stuck", stuck),
    ],
)
@pytest.mark.usefixtures("clock")
def test_what_is_left_behind_is_found_and_the_sweep_moves_it_on(
    bench: Bench, kind: str, leave: object
) -> None:
    """
    The doctor says what the sweep will do; it does, the run ends, and nothing is found.
    """
    assert callable(leave)
    leave(bench)
    (finding,) = [f for f in found(bench) if f.kind == kind]
    assert finding.age > finding.allowed
    assert "the sweep" in finding.then

    bench.sweep()

    bench.deliver_all()
    assert kinds(bench) == set()
    assert bench.open_runs() == []


@pytest.mark.usefixtures("clock")
def test_what_is_young_is_no_finding(bench: Bench) -> None:
    """
    Work that has just been asked for is healthy.
    """
    asked(bench)

    assert kinds(bench) == set()


def test_a_miscounted_join_says_why_its_run_goes_on(bench: Bench) -> None:
    """
    The run's log has the sentence, and its callback hears what is there.
    """
    miscounted(bench)

    bench.sweep()
    bench.deliver_all()

    assert MISCOUNTED in bench.log()


@pytest.mark.usefixtures("clock")
def test_a_call_that_kills_its_workers_needs_a_person(bench: Bench) -> None:
    """
    It is named until a day has passed.
    """
    asked(bench)
    bench.do(f"update app_run set crashes = 3, status = 'failed', end_time = {LONG_AGO}")

    (finding,) = [f for f in found(bench) if f.kind == "call poisoned"]

    assert finding.severity == "warning"
    assert health.needs_person([finding])


FENCE = LOOK_UP.replace("'look up', parameters={", "'fence', parameters={'lease_minutes': 5, ")


@pytest.mark.parametrize(
    ("kind", "change", "severity"),
    [
        ("effect unknown", "status = 'unknown', sent_at = now() - interval '1 s'", "critical"),
        ("lease overdue", "expires_at = now() - interval '2 min'", "warning"),
    ],
)
@pytest.mark.usefixtures("clock")
def test_an_effect_that_is_not_as_it_should_be_needs_a_person(
    bench: Bench, kind: str, change: str, severity: str
) -> None:
    """
    A write of which nobody knows, and a lease that could not be undone, however old.
    """
    bench.play(FENCE)
    bench.do(f"update effect set {change}")

    (finding,) = [f for f in found(bench) if f.kind == kind]

    assert finding.severity == severity
    assert health.needs_person([finding])


@pytest.mark.usefixtures("clock")
def test_work_without_a_worker_needs_a_person(bench: Bench) -> None:
    """
    A call that waits while no worker of its role lives is critical.
    """
    unclaimed(bench)
    bench.do(f"update app_run set create_time = {LONG_AGO}")
    assert "no worker" not in kinds(bench)

    bench.do("update worker set expires_at = now() - interval '1 s'")

    assert "no worker" in kinds(bench)


def test_a_missing_clock_is_found(bench: Bench) -> None:
    """
    Without an elected clock nobody recovers anything.
    """
    with bench.database.begin() as work:
        assert "no clock" in {f.kind for f in health.findings(work, bench.settings)}


@pytest.mark.usefixtures("clock")
def test_an_elected_clock_is_seen(bench: Bench) -> None:
    """
    The lock of the election is looked for as PostgreSQL shows it.
    """
    with bench.database.begin() as work:
        assert "no clock" not in {f.kind for f in health.findings(work, bench.settings)}


def test_a_call_that_its_lane_let_go_and_nobody_claims_is_found(bench: Bench) -> None:
    """
    It waits for a worker as any other does.
    """
    unclaimed(bench)
    bench.do("update app_run set lane_since = now() - interval '1 hour'")

    assert kinds(bench) == {"call unclaimed"}


def test_a_clock_that_stands_still_is_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Its process is frozen and keeps its connection: the lock alone says nothing.
    """
    monkeypatch.setattr(health, "SILENT_SECONDS", 0.05)
    election = Election(bench.settings.database_url.get_secret_value())
    election.stand()
    try:
        time.sleep(0.1)
        with bench.database.begin() as work:
            (silent,) = [f for f in health.findings(work, bench.settings) if f.kind == "no clock"]
            assert "the elected one stands still for 0 s" in silent.detail
            monkeypatch.setattr(health, "SILENT_SECONDS", 30.0)
            election.stand()
            assert "no clock" not in {f.kind for f in health.findings(work, bench.settings)}
    finally:
        election.resign()


def test_a_redis_that_is_away_is_found(bench: Bench) -> None:
    """
    The doctor answers all the same.
    """
    away = bench.settings.model_copy(
        update={"redis_url": type(bench.settings.redis_url)("redis://127.0.0.1:1/0")}
    )

    with bench.database.begin() as work:
        assert "redis away" in {f.kind for f in health.findings(work, away)}


def unread(bench: Bench) -> list[str]:
    """Return what the doctor says of alerts that nobody reads."""
    with bench.database.begin() as work:
        every = health.findings(work, bench.settings)
    return [f.detail.partition(" in ")[0] for f in every if f.kind == "alert unread"]


@pytest.mark.parametrize("read_before", [False, True])
def test_alerts_that_nobody_reads_are_found(bench: Bench, read_before: bool) -> None:
    """
    Whether no process ever read the stream, or the last one left hours ago.
    """
    client: Any = bench.shop.limiter._script.registered_client
    stream = bench.settings.alert_stream
    if read_before:
        client.xgroup_create(stream, ALERT_GROUP, id="0", mkstream=True)
    assert unread(bench) == []
    client.xadd(stream, {"alert": "{}"}, id=f"{int((time.time() - 7200) * 1000)}-0")
    client.xadd(stream, {"alert": "{}"})

    assert unread(bench) == ["an alert waits to be read"]


def test_alerts_that_a_dead_process_took_are_found(bench: Bench) -> None:
    """
    They were delivered to it, and it has not kept them; what is young is left alone.
    """
    client: Any = bench.shop.limiter._script.registered_client
    stream, group = bench.settings.alert_stream, ALERT_GROUP
    assert group == health.ALERT_GROUP
    client.xgroup_create(stream, group, id="0", mkstream=True)
    entry = client.xadd(stream, {"alert": "{}"}, id=f"{int((time.time() - 7200) * 1000)}-0")
    client.xadd(stream, {"alert": "{}"})
    client.xreadgroup(group, "dead", {stream: ">"})

    assert unread(bench) == ["an alert was read and is not kept"]

    client.xack(stream, group, entry)
    assert unread(bench) == []
