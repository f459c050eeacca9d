"""
Writes that take each other back, at the same time: one after the other, and none done again.

In: a containment under way, and its release by another run; or the other way round.
Out: what stands at the vendor, and what the ledger says of it.
Never: a release that is undone by a containment which was sent before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from soar.connector import Output, Params
from tests.integration.engine.test_ledger import act, effects, let_pass

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

RELEASED = [
    ("fence", "target=4", "confirmed", True),
    ("unfence", "target=4", "confirmed", False),
]


@pytest.fixture(autouse=True)
def sham(bench: Bench) -> None:
    """An asset without a budget."""
    bench.do("update asset set configuration = '{}'")


def under_way(bench: Bench) -> None:
    """Let a worker fence and not write down yet that it has."""
    bench.start(act("fence"))
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0), ends="later")


def test_a_release_waits_for_the_end_of_what_it_takes_back(bench: Bench) -> None:
    """
    The ledger says in the end what the vendor does.
    """
    under_way(bench)
    bench.play(act("unfence"))
    waiting = bench.calls()[1]
    assert (waiting["parked_for"], waiting["follows"]) == ("effect", 1)
    assert waiting["message"] == "run 1 is doing the reverse: waits for it"
    assert bench.vendor.done == {("fence", "4"): 1}

    bench.record()
    let_pass(bench)

    assert effects(bench) == RELEASED
    assert bench.vendor.stands == {"4": "unfence"}


def test_a_containment_that_was_released_is_not_done_again(bench: Bench) -> None:
    """
    Its worker died after it took effect: it is verified before the release, not after it.
    """
    bench.vendor.moods[("fence", "4")] = ["died after"]
    bench.play(act("fence"))
    bench.play(act("unfence"))
    let_pass(bench)

    assert bench.vendor.done == {("fence", "4"): 1, ("unfence", "4"): 1}
    assert effects(bench) == RELEASED
    assert bench.notes() == ["done", "it had taken effect"]


def begin(bench: Bench, action: str) -> None:
    """Let another run send its write, and its worker not say yet how it ended."""
    bench.start(act(action))
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0), ends="later")


@pytest.mark.parametrize(("first", "second"), [("fence", "unfence"), ("unfence", "fence")])
def test_of_two_that_are_claimed_one_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    """
    The second is claimed when the first is sent; it comes back when that has ended.
    """
    together = bench.database.run_together

    def sent_meanwhile(statements: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        monkeypatch.undo()
        begin(bench, first)
        return together(statements, values)

    monkeypatch.setattr(bench.database, "run_together", sent_meanwhile)
    bench.play(act(second))
    assert bench.calls()[0]["message"] == "another run is doing the reverse"
    bench.record()
    let_pass(bench)

    assert bench.vendor.done == {(first, "4"): 1, (second, "4"): 1}
    assert bench.vendor.stands == {"4": second}
    assert [e[0] for e in effects(bench) if not e[3]] == [second]
    assert bench.notes() == ["done", "done"]


@pytest.mark.parametrize(("first", "second"), [("fence", "unfence"), ("unfence", "fence")])
def test_what_is_found_gone_is_not_made_again_while_its_reverse_is_sent(
    bench: Bench, first: str, second: str
) -> None:
    """
    The second has asked its vendor meanwhile; it comes back when the first has ended.
    """
    bench.play(act(second))
    bench.vendor.stands.clear()
    bench.do("delete from note")
    verify = bench.vendor.verify

    def sent_meanwhile(name: str, params: Params) -> Output | None:
        bench.vendor.verify = verify  # type: ignore[method-assign]
        begin(bench, first)
        return verify(name, params)

    bench.vendor.verify = sent_meanwhile  # type: ignore[method-assign]
    bench.play(act(second, note="another wish"))
    assert bench.calls()[1]["message"] == "another run is doing the same, or takes it back"
    bench.record()
    let_pass(bench)

    assert bench.vendor.done == {(first, "4"): 1, (second, "4"): 2}
    assert bench.vendor.stands == {"4": second}
    assert [e[0] for e in effects(bench) if not e[3]] == [second]
    assert bench.notes() == ["done", "done"]


def test_a_release_does_not_wait_for_a_person(bench: Bench) -> None:
    """
    Nobody knows whether the containment took effect: it is released all the same.
    """
    under_way(bench)
    bench.play(act("unfence"))
    bench.unrecorded.clear()
    bench.do("update app_run set tries = 100, owner = 'gone' where id = 1")
    bench.vendor.verify = lambda *_: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    let_pass(bench)

    assert [q["kind"] for q in bench.questions()] == ["effect"]
    assert bench.vendor.stands == {"4": "unfence"}


def test_other_targets_do_not_wait(bench: Bench) -> None:
    """
    Only what it takes back is waited for.
    """
    under_way(bench)

    bench.play(act("unfence", "5"))

    assert bench.vendor.stands == {"4": "fence", "5": "unfence"}
