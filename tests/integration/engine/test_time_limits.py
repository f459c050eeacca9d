"""
Calls whose thread does not come back: given up, counted, and harmless when they come back late.

In: a vendor that holds the thread of a call until the test lets it go. Out: nothing.
Never: a run that waits for a thread, or two effects of one intent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from soar import bootstrap
from soar.bus import departure
from soar.connector import ActionContext, Output, Params
from soar.deadline import WATCH
from soar.domain.errors import BadInput
from soar.inventory import save
from soar.tasks import overdue
from tests.conftest import eventually
from tests.integration.engine.test_ledger import act

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

PLAYBOOK = """
import phantom.rules as phantom

def on_start(container):
    phantom.act({action!r}, parameters=[{{'target': '4'}}, {{'target': '5'}}], callback='done')

def done(action, success, container, results, handle):
    phantom.comment(comment='; '.join(sorted(r['message'] for r in results)))
"""


class Hold:
    """Holds the thread of the first call in a vendor's room, before or after its effect."""

    def __init__(self, bench: Bench, action: str, *, after: bool) -> None:
        self.bench, self.after = bench, after
        self.reached, self.let_go = threading.Event(), threading.Event()
        self.task = bench.house.app.tasks[f"soar.tasks.sham.{action.replace(' ', '_')}"]
        self.whole: Callable[..., Output] = type(self.task).function

    def __call__(self, ctx: ActionContext, params: Params) -> Output:
        """Do what the room does; hang at the first call for target 4."""
        if params["target"] != "4" or self.reached.is_set():
            return self.whole(ctx, params)
        output = self.whole(ctx, params) if self.after else None
        self.reached.set()
        self.let_go.wait(60)
        return output or Output(message="came back late", summary={"late": True})

    def deliver(self) -> None:
        """Deliver all messages; the thread of a call that hangs is left behind."""
        while self.bench.pending:
            message = self.bench.pending.pop(0)
            worker = threading.Thread(target=self.bench.deliver, args=(message,))
            worker.start()
            while worker.is_alive() and not (self.reached.is_set() and not self.let_go.is_set()):
                worker.join(0.02)


@pytest.fixture
def hold(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Hold]]:
    """Makes a hold on an action; whatever it holds is let go at the end."""
    made: list[Hold] = []

    def make(action: str, *, after: bool = False) -> Hold:
        bench.do("update asset set configuration = '{\"action_timeout\": 1}'::jsonb")
        bench.shop.grace = 0.3
        held = Hold(bench, action, after=after)
        monkeypatch.setattr(type(held.task), "function", staticmethod(held))
        made.append(held)
        return held

    yield make
    for held in made:
        held.let_go.set()
    eventually(lambda: not WATCH._calls, within=20)


def start(bench: Bench, action: str) -> int:
    """Start a run of two calls and do the first step of it."""
    run = bench.start(PLAYBOOK.format(action=action))
    bench.deliver(bench.pending.pop(0))
    return run


def test_a_read_that_hangs_ends_its_row_and_its_run_goes_on(
    bench: Bench, hold: Callable[..., Hold]
) -> None:
    """
    The other call's answer is there, the hung one says why it has none; what it says when it
    comes back changes nothing.
    """
    held = hold("look up")
    run = start(bench, "look up")
    held.deliver()

    told = ["done; look up did not end within its 1 s"]
    eventually(lambda: held.deliver() or bench.notes() == told, within=20)
    before = bench.calls()
    held.let_go.set()
    eventually(lambda: not WATCH._calls, within=20)
    held.deliver()

    assert bench.notes() == told
    assert bench.calls() == before
    assert bench.run(run)["status"] == "success"
    assert bench.rows("select remaining from action_run where remaining <> 0") == []


@pytest.mark.parametrize("after", [True, False], ids=["after its effect", "before it"])
def test_a_write_that_hangs_is_verified_and_done_once(
    bench: Bench, hold: Callable[..., Hold], after: bool
) -> None:
    """
    The vendor is asked before anything is sent again; the thread's late answer is not heard.
    """
    held = hold("block", after=after)
    run = start(bench, "block")
    held.deliver()

    eventually(lambda: bench.calls()[0]["status"] == "parked", within=20)
    row = bench.calls()[0]
    assert (row["parked_for"], row["effect"]) == ("schedule", "sent")
    held.let_go.set()
    eventually(lambda: not WATCH._calls, within=20)
    bench.settle()

    assert bench.vendor.done == {("block", "4"): 1, ("block", "5"): 1}
    assert bench.calls()[0]["effect"] == "confirmed"
    assert bench.notes() == ["done; it had taken effect" if after else "done; done"]
    assert bench.run(run)["status"] == "success"


def test_who_hangs_while_asking_whether_an_effect_stands_fails(
    bench: Bench, hold: Callable[..., Hold]
) -> None:
    """
    It has sent nothing: no person is asked, and its run goes on.
    """
    bench.play(act("fence"))
    held = hold("fence")
    verify = bench.vendor.verify

    def hang(name: str, params: Params) -> Output | None:
        held.reached.set()
        held.let_go.wait(60)
        return verify(name, params)

    bench.vendor.verify = hang  # type: ignore[method-assign]
    run = bench.start(act("fence", note="another wish"))
    bench.deliver(bench.pending.pop(0))
    bench.do("update app_run set tries = 100")
    held.deliver()

    eventually(lambda: held.deliver() or bench.run(run)["status"] == "success", within=20)
    assert bench.calls()[1]["message"] == "fence did not end within its 1 s"
    held.let_go.set()
    eventually(lambda: not WATCH._calls, within=20)
    assert bench.vendor.done == {("fence", "4"): 1}


def test_the_log_says_where_a_hung_call_is_and_no_value(
    bench: Bench, hold: Callable[..., Hold], capfd: pytest.CaptureFixture[str]
) -> None:
    """
    Files, lines and functions; neither its parameters nor a line of code.
    """
    from soar.telemetry import configure

    configure("WARNING", json=True)
    held = hold("look up")
    start(bench, "look up")
    held.deliver()
    eventually(lambda: bench.calls()[0]["status"] == "failed", within=20)

    told = capfd.readouterr().err
    assert "call_hangs" in told
    assert "test_time_limits.py" in told
    assert "let_go.wait" not in told


def test_a_process_is_left_whose_slots_all_hang(
    bench: Bench, hold: Callable[..., Hold], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One hung call of two slots does not end the process; of one slot it does.
    """
    monkeypatch.setattr(overdue, "LOOK", 0.1)
    left: dict[int, list[str]] = {1: [], 2: []}
    held = hold("look up")
    start(bench, "look up")
    for slots, reasons in left.items():
        overdue.leave_when_hung(slots, reasons.append)
    held.deliver()

    eventually(lambda: left[1], within=20)

    assert left == {1: ["calls_hang"], 2: []}
    monkeypatch.setattr(overdue, "HUNG_SECONDS", 0.5)
    eventually(lambda: left[2] == ["calls_hang"], within=20)


def test_no_limit_is_longer_than_half_the_visibility_timeout(bench: Bench) -> None:
    """
    Neither a manifest nor an asset can say so, and a shorter visibility timeout shortens all.
    """
    settings = bench.settings
    longest = max(spec.timeout for spec in bench.house.catalog.actions)
    assert longest <= settings.most_call_seconds < settings.visibility_timeout / 2

    short = settings.model_copy(update={"visibility_timeout": 60})
    assert short.most_call_seconds == 20
    raw = {"app": "virustotal", "asset_name": "vt", "configuration": {"action_timeout": 81}}
    with bench.database.begin() as work, pytest.raises(BadInput, match="action_timeout"):
        save(work, raw, catalog=bench.house.catalog, vault=bench.house.vault())


@pytest.mark.parametrize(("seconds", "said"), [(180, []), (170, ["75 s"]), (160, ["70 s"])])
def test_a_visibility_timeout_that_shortens_limits_is_told_at_the_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, seconds: int, said: list[str]
) -> None:
    """
    The sentence says after how long calls are ended, and which actions may take longer.
    """
    for name in ("configure", "consume_assets", "notice_stalls", "_leave_when_hung", "_be_present"):
        monkeypatch.setattr(bootstrap, name, lambda *_, **__: None)
    settings = bench.settings.model_copy(
        update={"visibility_timeout": seconds, "block_seconds": 30.0}
    )

    with capture_logs() as lines:
        bootstrap.for_actions(settings).database.close()

    told = [line for line in lines if line["event"] == "call_limits_shortened"]
    assert [text in line["reason"] for line, text in zip(told, said, strict=True)] == [True] * len(
        said
    )
    assert all("create ticket" in line["actions"] for line in told)


def test_the_exit_code_is_one_that_supervisors_take_for_a_failure() -> None:
    """
    Zero would say that somebody had asked the worker to end.
    """
    assert departure.EXIT != 0
