"""
Calls whose asset was deleted while they were under way, held, or just planned: they end.

In: an asset that goes away in every moment of a call. Out: nothing.
Never: a run that waits for ever for a queue which nobody consumes; a kept call that ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from soar import health, inventory
from soar.connector import Output, Params
from tests.integration.engine.test_ledger import act, effects, let_pass
from tests.integration.engine.test_shadow import switch

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

GONE = "there is no asset 'sham' any more"


def delete(bench: Bench, waiting: str = "fail") -> None:
    """Delete the asset, and say what becomes of the calls that wait for it."""
    with bench.database.begin() as work:
        inventory.delete(work, "sham", waiting=waiting)


def delete_during(bench: Bench, waiting: str) -> None:
    """Delete the asset while its vendor is at its answer."""
    usual = bench.vendor.answer

    def deleted_meanwhile(name: str, params: Params) -> Output:
        bench.vendor.answer = usual  # type: ignore[method-assign]
        delete(bench, waiting)
        return usual(name, params)

    bench.vendor.answer = deleted_meanwhile  # type: ignore[method-assign]


def unheard(bench: Bench, times: int = 3) -> None:
    """Let time pass: nobody consumes the queue of an asset that is gone."""
    for _ in range(times):
        bench.pending = [m for m in bench.pending if m.kind != "member"]
        let_pass(bench, 1)


@pytest.mark.parametrize("waiting", ["fail", "park"])
@pytest.mark.parametrize("action", ["look up", "shout"])
@pytest.mark.parametrize("mood", ["later", "too many", "busy", "no answer"])
def test_a_call_that_was_under_way_is_not_tried_again(
    bench: Bench, mood: str, action: str, waiting: str
) -> None:
    """
    It waits for nothing: it was not among those that were kept.

    Nor does a write whose vendor has told it to wait, and that cannot be verified.
    """
    bench.vendor.moods[(action, "4")] = [mood]
    delete_during(bench, waiting)

    run_id = bench.play(act(action))
    unheard(bench)

    assert bench.run(run_id)["status"] == "success"
    assert bench.notes() == [GONE]


@pytest.mark.parametrize("planned", ["due_at", "now() + interval '1 h'"])
def test_a_call_that_is_approved_after_its_asset_is_gone_fails(bench: Bench, planned: str) -> None:
    """
    Its message waits where nobody hears it; one that is planned is not kept until its time.
    """
    run_id = bench.play(act("isolate"))
    bench.do(f"update app_run set due_at = {planned}")
    delete(bench)
    bench.answer(bench.questions()[0]["id"])
    unheard(bench)

    assert bench.run(run_id)["status"] == "success"
    assert bench.notes() == [GONE]
    assert all(status == "failed" for _, _, status, _ in effects(bench))


def test_a_planned_call_that_is_only_simulated_once_its_asset_is_gone_fails(bench: Bench) -> None:
    """
    The switch lets it go without an answer, and nobody hears it at its time.
    """
    run_id = bench.play(act("isolate"))
    bench.do("update app_run set due_at = now() + interval '1 h'")
    delete(bench)
    switch(bench)
    unheard(bench)

    assert bench.run(run_id)["status"] == "success"
    assert bench.notes() == [GONE]


def test_a_call_that_was_planned_while_its_asset_was_deleted_fails(bench: Bench) -> None:
    """
    Who deleted it could not see the call yet.
    """
    run_id = bench.start(act("look up"))
    bench.deliver(bench.pending.pop(0))
    bench.do("delete from asset")
    unheard(bench)

    assert bench.run(run_id)["status"] == "success"
    assert bench.notes() == [GONE]


def test_a_call_that_was_kept_waits_for_an_asset_of_that_name(bench: Bench) -> None:
    """
    The doctor says what it waits for, and does not say that the sweep sends it.
    """
    bench.vendor.moods[("look up", "4")] = ["later"]
    bench.play(act("look up"))
    delete(bench, "park")
    unheard(bench)
    assert bench.calls()[0]["status"] == "parked"
    assert found(bench) == {"asset gone": "look up waits for asset sham"}

    bench.begin()
    let_pass(bench)

    assert bench.notes() == ["done"]
    assert found(bench) == {}


def found(bench: Bench) -> dict[str, Any]:
    """Return what the doctor says of calls and assets."""
    with bench.database.begin() as work:
        return {
            f.kind: f.detail
            for f in health.findings(work, bench.settings)
            if f.kind.startswith(("call", "asset"))
        }
