"""
Cancelled runs with writes in flight: nothing more is sent, and what was sent is settled.

In: writes cancelled before, while and after they are sent. Out: what was done at the vendor.
Never: an effect that stays unknown and of which nobody is asked.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from soar import containment, health, inventory
from soar.cancellation import cancel
from soar.connector import Output, Params
from soar.domain import gate
from soar.domain.errors import Conflict
from soar.store.effects import NOT_CANCELLED
from tests.integration.engine.conftest import CATALOG
from tests.integration.engine.test_ledger import act, effects, let_pass

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

GONE = "its run was cancelled: it took no effect, and is not sent again"
UNSENT = "its run was cancelled before it was sent: nothing was done"


def stop(bench: Bench, run_id: int) -> None:
    """Cancel a run as Ada."""
    with bench.database.begin() as work:
        cancel(work, run_id, by="ada")


def stop_during(bench: Bench, run_id: int, what: str) -> None:
    """Cancel a run while its vendor is at *what*: its answer, or what it says of the state."""
    usual = getattr(bench.vendor, what)

    def cancelled_meanwhile(name: str, params: Params) -> Output | None:
        setattr(bench.vendor, what, usual)
        stop(bench, run_id)
        found: Output | None = usual(name, params)
        return found

    setattr(bench.vendor, what, cancelled_meanwhile)


def settled(bench: Bench, run_id: int) -> tuple[str, str, str]:
    """Let time pass; return how the last call ended, after looking that nothing else is open."""
    let_pass(bench, 4)
    assert bench.run(run_id)["status"] == "cancelled"
    assert bench.rows("select id from action_run where delivered_at is null") == []
    assert bench.rows("select id from app_run where status in ('pending', 'running')") == []
    assert bench.notes() == []
    call = bench.calls()[-1]
    return call["status"], call["effect"], call["message"]


def found(bench: Bench) -> set[str]:
    """Return what the doctor finds of calls and effects."""
    with bench.database.begin() as work:
        return {f.kind for f in health.findings(work, bench.settings)} & {
            *("call unclaimed", "call due", "effect unknown", "join undelivered"),
        }


class TestInFlight:
    """What was sent is looked at, although its run is cancelled."""

    def test_what_is_parked_to_be_verified_is_verified(self, bench: Bench) -> None:
        """
        The vendor says that it stands: it is contained, for its time.
        """
        bench.vendor.moods[("fence", "4")] = ["lost"]
        run_id = bench.play(act("fence", lease_minutes=30))

        stop(bench, run_id)

        assert settled(bench, run_id) == ("success", "confirmed", "it had taken effect")
        with bench.database.begin() as work:
            (stands,) = containment.contained(work, CATALOG)
        assert (stands.status, stands.run) == ("confirmed", run_id)
        assert stands.until is not None
        assert bench.questions() == []
        assert found(bench) == set()

    @pytest.mark.parametrize("mood", ["lost", "died after"])
    def test_a_lost_answer_or_worker_is_verified_and_the_lease_ends(
        self, bench: Bench, mood: str
    ) -> None:
        """
        Its lease is undone when its time is over.
        """
        bench.vendor.moods[("fence", "4")] = [mood]
        run_id = bench.start(act("fence", lease_minutes=30))
        stop_during(bench, run_id, "answer")
        bench.deliver_all()

        assert settled(bench, run_id)[:2] == ("success", "confirmed")
        bench.do("update effect set expires_at = now() - interval '1 s'")
        let_pass(bench)

        assert bench.vendor.done == {("fence", "4"): 1, ("unfence", "4"): 1}
        assert effects(bench)[0][2:] == ("confirmed", True)

    @pytest.mark.parametrize("mood", ["unsent", "died before", "busy"])
    def test_what_took_no_effect_is_not_sent_again(self, bench: Bench, mood: str) -> None:
        """
        The vendor says so, and the call says it.
        """
        bench.vendor.moods[("fence", "4")] = [mood]
        run_id = bench.start(act("fence"))
        stop_during(bench, run_id, "answer")
        bench.deliver_all()

        assert settled(bench, run_id) == ("failed", "none", GONE)
        assert not bench.vendor.done
        assert effects(bench) == [("fence", "target=4", "failed", True)]

    def test_what_cannot_be_verified_is_asked_of_people(self, bench: Bench) -> None:
        """
        Their answer ends the call; the run stays cancelled.
        """
        bench.vendor.moods[("shout", "4")] = ["lost"]
        run_id = bench.start(act("shout"))
        stop_during(bench, run_id, "answer")
        bench.deliver_all()

        assert settled(bench, run_id)[:2] == ("parked", "unknown")
        (question,) = bench.questions()
        assert question["options"] == [gate.HAPPENED, gate.MISSED]
        bench.answer(question["id"], gate.HAPPENED)

        assert settled(bench, run_id) == ("success", "confirmed", "ada looked: it took effect")
        assert effects(bench) == [("shout", "", "confirmed", False)]

    def test_a_vendor_that_cannot_tell_makes_people_be_asked(self, bench: Bench) -> None:
        """
        An error while it is verified leaves it unknown.
        """
        bench.vendor.moods[("fence", "4")] = ["lost"]
        run_id = bench.play(act("fence"))
        stop(bench, run_id)
        bench.vendor.verify = lambda *_: 1 / 0  # type: ignore[method-assign, assignment, return-value]

        assert settled(bench, run_id)[:2] == ("parked", "unknown")
        assert [q["kind"] for q in bench.questions()] == ["effect"]
        assert found(bench) == {"effect unknown"}

    def test_a_message_that_got_lost_is_sent_again(self, bench: Bench) -> None:
        """
        The doctor finds it as the sweep does.
        """
        bench.vendor.moods[("fence", "4")] = ["died after"]
        run_id = bench.play(act("fence"))
        stop(bench, run_id)
        bench.sweep.reclaim_calls()
        bench.pending.clear()
        bench.age()
        assert found(bench) == {"call unclaimed"}

        assert settled(bench, run_id)[:2] == ("success", "confirmed")

    def test_what_waits_for_a_second_consent_to_be_sent_again_is_looked_at(
        self, bench: Bench
    ) -> None:
        """
        Its question closes with its run, and nothing waits for the answer.
        """
        bench.vendor.moods[("fence", "4")] = ["unsent"]
        run_id = bench.play(act("fence"))
        bench.do("insert into blast_rule (kind, pattern) values ('protected', '4')")
        let_pass(bench, 1)
        assert [q["kind"] for q in bench.questions()] == ["breaker"]

        stop(bench, run_id)

        assert settled(bench, run_id) == ("failed", "none", GONE)
        assert bench.questions() == []
        assert not bench.vendor.done


class TestAsked:
    """The question whether it took effect outlives its run."""

    def test_an_open_question_stays_open(self, bench: Bench) -> None:
        """
        Its answer ends the call as told.
        """
        run_id = self.asked(bench)

        assert settled(bench, run_id)[:2] == ("parked", "unknown")
        (question,) = bench.questions()
        bench.answer(question["id"], gate.MISSED)

        assert settled(bench, run_id) == (
            *("failed", "none"),
            "ada looked: it did not take effect",
        )
        assert found(bench) == set()

    def test_it_cannot_be_done_again(self, bench: Bench) -> None:
        """
        The refusal says why, and what can be answered.
        """
        self.asked(bench)
        (question,) = bench.questions()
        assert gate.AGAIN in question["options"]

        with pytest.raises(Conflict, match="was cancelled: it is not done again; answer 'It took"):
            bench.answer(question["id"], gate.AGAIN)
        bench.deliver_all()

        assert bench.vendor.done == {("shout", "4"): 1}

    def test_when_nobody_tells_in_time_it_stays_unknown(self, bench: Bench) -> None:
        """
        The call ends as it would in a run that goes on; the doctor shows its effect.
        """
        run_id = self.asked(bench)
        bench.do("update approval set due_at = now() - interval '1 s'")

        assert settled(bench, run_id)[:2] == ("failed", "unknown")
        assert found(bench) == {"effect unknown"}

    @staticmethod
    def asked(bench: Bench) -> int:
        """Lose an answer, ask about it, cancel its run and return that."""
        bench.vendor.moods[("shout", "4")] = ["lost"]
        run_id = bench.play(act("shout"))
        bench.sweep()
        stop(bench, run_id)
        return run_id


class TestAsset:
    """An asset that is no more cannot be asked: people are."""

    def test_a_deleted_asset_leaves_what_it_was_sent_to_people(self, bench: Bench) -> None:
        """
        What waits to be verified is unknown; it is not among the calls that have failed.
        """
        bench.vendor.moods[("fence", "4")] = ["lost"]
        bench.play(act("fence"))

        with bench.database.begin() as work:
            assert inventory.delete(work, "sham", waiting="fail") == 0
        let_pass(bench)

        (call,) = bench.calls()
        assert (call["status"], call["effect"]) == ("parked", "unknown")
        assert call["message"] == "whether it took effect is unknown: asset 'sham' was deleted"
        assert effects(bench) == [("fence", "target=4", "unknown", False)]
        bench.answer(bench.questions()[0]["id"], gate.HAPPENED)
        bench.deliver_all()
        assert bench.notes() == ["ada looked: it took effect"]

    def test_what_was_under_way_when_it_was_deleted_is_asked_of_people(self, bench: Bench) -> None:
        """
        Nobody would wake it to be verified.
        """
        usual = bench.vendor.answer

        def delete_first(name: str, params: Params) -> Output:
            bench.do("delete from asset")
            return usual(name, params)

        bench.vendor.answer = delete_first  # type: ignore[method-assign]
        bench.vendor.moods = {("fence", "4"): ["lost"]}
        bench.play(act("fence"))
        let_pass(bench)

        (call,) = bench.calls()
        assert call["message"] == "whether it took effect is unknown: its asset was deleted"
        assert [q["kind"] for q in bench.questions()] == ["effect"]

    def test_a_call_that_was_not_sent_fails_beside_it(self, bench: Bench) -> None:
        """
        Its vendor has heard nothing of it.
        """
        bench.vendor.moods = {("fence", "4"): ["lost"], ("shout", "5"): ["busy"]}
        bench.play(act("fence"))
        bench.play(act("shout", "5"))

        with bench.database.begin() as work:
            assert inventory.delete(work, "sham", waiting="fail") == 1
        let_pass(bench)

        assert [(c["status"], c["effect"]) for c in bench.calls()] == [
            ("parked", "unknown"),
            ("failed", "none"),
        ]
        assert bench.notes() == ["asset 'sham' was deleted"]


class TestBeforeItIsSent:
    """After a cancellation nothing is sent, however far its call has come."""

    @pytest.mark.parametrize("action", ["fence", "unfence"])
    def test_a_call_that_asks_its_vendor_meanwhile_is_not_sent(
        self, bench: Bench, action: str
    ) -> None:
        """
        A containment, which the breaker lets go, or another write: the call says why.
        """
        bench.play(act(action))
        bench.vendor.stands.clear()
        run_id = bench.start(act(action, note="another wish"))
        bench.do("delete from note")
        stop_during(bench, run_id, "verify")
        bench.deliver_all()

        assert settled(bench, run_id) == ("failed", "none", UNSENT)
        assert bench.vendor.done == {(action, "4"): 1}
        assert [e[2:] for e in effects(bench)] == [("confirmed", True), ("failed", True)]

    def test_nobody_is_asked_for_a_second_consent(self, bench: Bench) -> None:
        """
        The breaker would have held it.
        """
        bench.play(act("fence"))
        bench.vendor.stands.clear()
        bench.do("insert into blast_rule (kind, pattern) values ('protected', '4')")
        run_id = bench.start(act("fence", note="another wish"))
        bench.do("delete from note")
        stop_during(bench, run_id, "verify")
        bench.deliver_all()

        assert settled(bench, run_id) == ("failed", "none", UNSENT)
        assert bench.rows("select * from approval") == []

    def test_a_question_is_not_opened_behind_a_cancellation(self, bench: Bench) -> None:
        """
        Who is about to hold a call finds that it is not to be made any more.
        """
        run_id = bench.start(act("fence"))
        bench.deliver(bench.pending.pop(0))
        bench.do("update app_run set status = 'running', attempt = 1")
        with bench.database.begin() as work:
            assert work.blast.ours(1, 1) is not None
        stop(bench, run_id)

        with bench.database.begin() as work:
            assert work.blast.ours(1, 1) is None

    def test_a_cancellation_waits_for_the_mark_under_way(self, bench: Bench) -> None:
        """
        When it has been acknowledged nobody marks a call who had looked before.
        """
        run_id = bench.start(act("fence"))
        bench.deliver(bench.pending.pop(0))
        stopped = threading.Event()

        def turn() -> None:
            stop(bench, run_id)
            stopped.set()

        with ThreadPoolExecutor(1) as pool, bench.database.begin() as work:
            work.calls._do(NOT_CANCELLED.format(id="1"))
            turning = pool.submit(turn)
            wait_for_locks(bench)
            assert not stopped.is_set()
            work.transaction.commit()
            turning.result(timeout=60)

        assert settled(bench, run_id)[:2] == ("failed", "none")
        assert not bench.vendor.done

    def test_a_mark_waits_for_the_cancellation_under_way(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        It finds the run cancelled, although it was not when the call was claimed.
        """
        run_id = bench.start(act("fence"))
        bench.deliver(bench.pending.pop(0))
        (member,) = bench.pending
        bench.pending.clear()
        claimed, cancelled = threading.Event(), threading.Event()
        together = bench.database.run_together

        def later(statements: str, values: Any) -> Any:
            claimed.set()
            cancelled.wait(60)
            return together(statements, values)

        monkeypatch.setattr(bench.database, "run_together", later)
        with ThreadPoolExecutor(1) as pool:
            making = pool.submit(bench.deliver, member)
            assert claimed.wait(60)
            with bench.database.begin() as work:
                cancel(work, run_id, by="ada")
                cancelled.set()
                wait_for_locks(bench)
                assert not bench.vendor.done
            making.result(timeout=60)

        assert settled(bench, run_id) == ("failed", "none", UNSENT)
        assert not bench.vendor.done


def wait_for_locks(bench: Bench) -> None:
    """Return when somebody waits for a lock."""
    for _ in range(500):
        if bench.rows("select 1 as n from pg_locks where not granted"):
            return
        threading.Event().wait(0.02)
    raise AssertionError("nobody waits")


def test_a_blind_write_that_its_vendor_put_off_is_sent_again(bench: Bench) -> None:
    """
    It has answered that it is busy: no answer was lost, and nobody is asked.
    """
    bench.vendor.moods[("shout", "4")] = ["busy"]
    bench.play(act("shout"))
    (call,) = bench.calls()
    assert (call["status"], call["effect"]) == ("parked", "none")
    assert effects(bench) == [("shout", "", "planned", False)]

    let_pass(bench)

    assert bench.questions() == []
    assert bench.vendor.done == {("shout", "4"): 1}
    assert bench.notes() == ["done"]


def test_a_write_that_can_be_verified_is_looked_at_after_it_was_put_off(bench: Bench) -> None:
    """
    A vendor may have begun: what it did already is not done again.
    """
    bench.vendor.moods[("fence", "4")] = ["busy"]
    bench.play(act("fence"))
    assert bench.calls()[0]["effect"] == "sent"
    bench.vendor.stands["4"] = "fence"

    let_pass(bench)

    assert not bench.vendor.done
    assert bench.calls()[0]["effect"] == "confirmed"


class TestCancelledUndo:
    """The run of an undo is cancelled while its release is on its way."""

    def test_what_may_be_released_any_moment_is_not_shared(self, bench: Bench) -> None:
        """
        Who wants it contained waits until the release has ended, and contains it again.
        """
        bench.play(act("fence"))
        with bench.database.begin() as work:
            undo = containment.undo(work, bench.sweep.settling, 1, by="ada")
        usual = bench.vendor.answer

        def meanwhile(name: str, params: Params) -> Output:
            bench.vendor.answer = usual  # type: ignore[method-assign]
            stop(bench, undo)
            bench.sweep()
            bench.play(act("fence", note="another wish"), name="other")
            return usual(name, params)

        bench.vendor.answer = meanwhile  # type: ignore[method-assign]
        bench.deliver_all()
        let_pass(bench)

        assert bench.vendor.stands == {"4": "fence"}
        assert bench.vendor.done == {("fence", "4"): 2, ("unfence", "4"): 1}
        assert effects(bench)[0] == ("fence", "target=4", "confirmed", True)
        assert effects(bench)[-1] == ("fence", "target=4", "confirmed", False)
