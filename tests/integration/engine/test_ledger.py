"""
The ledger: one effect per intent, shared, undone, or unknown until a person tells.

In: a vendor whose answers get lost, and several runs that want the same. Out: what was done there.
Never: an effect that a test infers from a status: the vendor counts them.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from soar import containment
from soar.connector import OutcomeUnknown, Output, Params
from soar.domain import gate
from soar.domain.errors import Conflict
from tests.integration.engine.conftest import CATALOG

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

ACT = """
import phantom.rules as phantom

def on_start(container):
    phantom.act({action!r}, parameters={parameters!r}, callback=done)

def done(action, success, container, results, handle):
    for r in results:
        phantom.comment(comment=r["message"])
"""


def act(action: str, target: str = "4", **more: Any) -> str:
    """Return a playbook that does one thing and writes down what it heard."""
    return ACT.format(action=action, parameters={"target": target, **more})


def effects(bench: Bench) -> list[tuple[str, str, str, bool]]:
    """Return the ledger: action, target, status and whether it has ended."""
    return [
        (e["action"], e["target"], e["status"], e["ended_at"] is not None)
        for e in bench.rows("select * from effect order by id")
    ]


def let_pass(bench: Bench, times: int = 3) -> None:
    """Let time pass, without anybody who answers."""
    for _ in range(times):
        bench.deliver_all()
        bench.age()
        bench.sweep()
        bench.pump.turn()
    bench.deliver_all()


def failing(error: Exception, *_: Any) -> NoReturn:
    """A vendor whose state cannot be read."""
    raise error


class TestOneIntent:
    """Who wants what stands already gets it without a second effect."""

    def test_two_runs_share_one_effect_and_both_say_so(self, bench: Bench) -> None:
        """
        The second asks the vendor whether it stands, and does nothing.
        """
        first = bench.play(act("fence"))
        bench.play(act("fence", note="another wish"))

        one, two = bench.calls()
        assert bench.vendor.done == {("fence", "4"): 1}
        assert (one["effect"], two["effect"]) == ("confirmed", "none")
        assert two["message"].startswith("in effect since ")
        assert two["message"].endswith(f" by run {first}: it had taken effect")
        assert two["reused_from"] == one["id"]
        assert effects(bench) == [("fence", "target=4", "confirmed", False)]

    def test_no_approval_erases_another(self, bench: Bench) -> None:
        """
        The first answer stays beside the question whether it took effect, and the other run's.
        """
        bench.vendor.moods[("isolate", "4")] = ["lost"]
        bench.play(act("isolate"))
        first = bench.questions()[0]["id"]
        bench.do("update app_run set tries = 100")
        bench.answer(first)
        bench.play(act("isolate", note="another wish"))
        second = bench.questions()[0]["id"]
        bench.answer(second)
        let_pass(bench)
        (told,) = bench.questions()
        assert told["kind"] == "effect"
        one, _ = bench.calls()
        assert (one["approval_id"], one["earlier_ids"]) == (told["id"], [first])

        bench.answer(told["id"], gate.HAPPENED)
        let_pass(bench)

        with bench.database.begin() as work:
            (stands,) = containment.contained(work, CATALOG)
        assert stands.approvals == (first, second, told["id"])
        assert bench.calls()[1]["approval_id"] == second

    def test_an_answer_is_used_although_its_call_asks_for_another(self, bench: Bench) -> None:
        """
        While nobody knows whether it took effect, an equal call of the run needs its own answer.
        """
        bench.vendor.moods[("isolate", "4")] = ["lost"]
        bench.play(act("isolate"))
        row = bench.questions()[0]
        bench.do("update app_run set tries = 100")
        bench.answer(row["id"])
        let_pass(bench)
        (shown,) = row["payload"]["effects"]["Approve"]

        with bench.database.begin() as work:
            assert work.calls.get(1)["approval_id"] != row["id"]  # type: ignore[index]
            assert work.calls.already_under(row["id"], gate.HeldCall(**shown))

    def test_targets_are_compared_as_what_they_are(self, bench: Bench) -> None:
        """
        An address is the same however it is written.
        """
        bench.vendor.verify = lambda *_: Output(message="it stands")  # type: ignore[method-assign]
        bench.play(act("fence", "2001:DB8::1"))
        bench.play(act("fence", "2001:db8:0::1"))

        assert sum(bench.vendor.done.values()) == 1

    def test_fifty_runs_at_once_make_one_effect(self, bench: Bench) -> None:
        """
        One acts, the others wait for it, and each run ends well.
        """
        answer = bench.vendor.answer

        def slowly(name: str, params: Any) -> Any:
            threading.Event().wait(0.2)
            return answer(name, params)

        bench.vendor.answer = slowly  # type: ignore[method-assign]
        for _ in range(50):
            bench.start(act("fence"))
        for _ in range(50):
            bench.deliver(bench.pending.pop(0))
        members, bench.pending = bench.pending, []

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(bench.deliver, members))
        bench.settle()

        assert bench.vendor.done == {("fence", "4"): 1}
        assert [c["status"] for c in bench.calls()] == ["success"] * 50
        assert len(effects(bench)) == 1

    def test_what_one_could_not_do_the_next_does(self, bench: Bench) -> None:
        """
        A follower inherits an effect, never a failure.
        """
        bench.vendor.moods[("fence", "4")] = ["later", "failed"]
        bench.play(act("fence"))
        bench.play(act("fence"))
        assert bench.calls()[1]["parked_for"] == "effect"

        bench.settle()

        assert [c["status"] for c in bench.calls()] == ["failed", "success"]
        assert bench.vendor.done == {("fence", "4"): 1}

    @pytest.mark.parametrize("error", [KeyError("state"), OutcomeUnknown("no answer")])
    def test_who_cannot_learn_whether_it_stands_fails(self, bench: Bench, error: Exception) -> None:
        """
        It has sent nothing of which a person could be asked whether it took effect.
        """
        bench.play(act("fence"))
        bench.vendor.verify = partial(failing, error)  # type: ignore[method-assign]
        run_id = bench.play(act("fence", note="another wish"))
        let_pass(bench)

        assert bench.run(run_id)["status"] == "success"
        assert (bench.calls()[1]["status"], bench.questions()) == ("failed", [])
        assert effects(bench) == [("fence", "target=4", "confirmed", False)]

    def test_a_lookup_whose_answer_was_lost_fails(self, bench: Bench) -> None:
        """
        Its connector took the question for a write: nobody is asked whether it took effect.
        """
        bench.vendor.moods[("look up", "4")] = ["lost"]
        run_id = bench.play(act("look up"))
        let_pass(bench)

        assert bench.run(run_id)["status"] == "success"
        assert bench.notes() == ["the answer was lost"]

    def test_an_effect_that_was_taken_back_by_hand_is_made_again(self, bench: Bench) -> None:
        """
        The ledger is not believed against the vendor.
        """
        bench.play(act("fence"))
        bench.vendor.stands.clear()

        second = bench.play(act("fence"))

        assert bench.vendor.done == {("fence", "4"): 2}
        assert [e[2:] for e in effects(bench)] == [("confirmed", True), ("confirmed", False)]
        why = bench.rows("select ended_because from effect order by id")[0]
        assert why == {"ended_because": f"found gone by run {second}"}

    def test_an_undo_ends_the_effect_and_a_new_wish_is_a_new_intent(self, bench: Bench) -> None:
        """
        Contained, released, contained: three effects at the vendor.
        """
        for action in ("fence", "unfence", "fence"):
            bench.play(act(action))

        assert bench.vendor.done == {("fence", "4"): 2, ("unfence", "4"): 1}
        assert [e[0] for e in effects(bench) if not e[3]] == ["fence"]

    def test_writes_without_a_target_are_intents_of_their_own(self, bench: Bench) -> None:
        """
        Two tickets are two tickets.
        """
        bench.play(act("shout"))
        bench.play(act("shout"))

        assert bench.vendor.done == {("shout", "4"): 2}

    def test_a_high_impact_call_shares_only_with_a_permission_of_its_own(
        self, bench: Bench
    ) -> None:
        """
        Somebody else's approval is not mine.
        """
        bench.play(act("isolate"))
        bench.answer(bench.questions()[0]["id"])
        bench.deliver_all()
        bench.play(act("isolate"))
        assert bench.calls()[1]["parked_for"] == "approval"

        bench.answer(bench.questions()[0]["id"], gate.DENY)
        bench.deliver_all()

        assert [c["status"] for c in bench.calls()] == ["success", "failed"]

    def test_a_worker_that_died_after_the_effect_leaves_one_for_both_runs(
        self, bench: Bench
    ) -> None:
        """
        The follower waits until the first call has found out.
        """
        bench.vendor.moods[("fence", "4")] = ["died after"]
        bench.play(act("fence"))
        bench.play(act("fence"))

        bench.settle()

        assert bench.vendor.done == {("fence", "4"): 1}
        assert [c["status"] for c in bench.calls()] == ["success", "success"]

    @pytest.mark.parametrize("mood", ["unsent", "died before"])
    def test_a_request_that_may_be_on_its_way_is_not_sent_again_at_once(
        self, bench: Bench, mood: str
    ) -> None:
        """
        The vendor's "not done" is not believed so soon: it was working on it. Then it was done.
        """
        bench.vendor.moods[("fence", "4")] = [mood]
        bench.play(act("fence"))
        bench.do("update app_run set due_at = now(), rung_at = rung_at - interval '1 hour'")
        bench.sweep()
        bench.deliver_all()

        (call,) = bench.calls()
        assert (call["status"], call["message"]) == (
            "parked",
            "it may still be on its way: will be verified",
        )
        bench.vendor.answer("fence", Params({"target": "4"}))  # what the first request does, late
        let_pass(bench)
        assert bench.vendor.done == {("fence", "4"): 1}
        assert bench.calls()[0]["status"] == "success"

    def test_a_slow_call_is_in_doubt_from_its_end(self, bench: Bench) -> None:
        """
        Its last request may have left long after the first.
        """
        answer = bench.vendor.answer

        def slowly(name: str, params: Params) -> Output:
            bench.do("update effect set sent_at = now() - interval '1 min'")
            return answer(name, params)

        bench.vendor.answer = slowly  # type: ignore[method-assign]
        bench.vendor.moods[("fence", "4")] = ["unsent"]
        bench.play(act("fence"))
        bench.do("update app_run set due_at = now()")
        bench.sweep.wake_calls()
        bench.deliver_all()

        assert not bench.vendor.done
        assert bench.calls()[0]["message"] == "it may still be on its way: will be verified"

    def test_a_vendor_that_answers_that_it_is_busy_is_asked_again_without_doubt(
        self, bench: Bench
    ) -> None:
        """
        It has answered: nothing of it is on its way.
        """
        bench.vendor.moods[("fence", "4")] = ["busy"]
        bench.play(act("fence"))
        bench.do("update app_run set due_at = now(), rung_at = rung_at - interval '1 hour'")
        bench.pump.turn()
        bench.sweep()
        bench.deliver_all()

        assert bench.vendor.done == {("fence", "4"): 1}

    def test_who_wants_what_a_cancelled_run_has_sent_waits_until_it_is_settled(
        self, bench: Bench
    ) -> None:
        """
        It is verified for the cancelled run, and shared.
        """
        from soar.cancellation import cancel

        bench.vendor.moods[("fence", "4")] = ["lost"]
        run_id = bench.play(act("fence"))
        with bench.database.begin() as work:
            cancel(work, run_id, by="ada")
        bench.play(act("fence"))
        assert bench.calls()[1]["follows"] == 1

        let_pass(bench)

        assert bench.vendor.done == {("fence", "4"): 1}
        assert effects(bench) == [("fence", "target=4", "confirmed", False)]
        assert [c["status"] for c in bench.calls()] == ["success", "success"]


class TestUnknown:
    """What cannot be verified is a question to a person."""

    def lose(self, bench: Bench, action: str = "shout") -> dict[str, Any]:
        """Lose the answer to a write that cannot be verified; return the question."""
        bench.vendor.moods[(action, "4")] = ["lost"]
        bench.play(act(action))
        bench.sweep()
        (question,) = bench.questions()
        return question

    def test_nobody_repeats_it_and_one_question_is_asked(self, bench: Bench) -> None:
        """
        However long it takes and however often the sweep looks.
        """
        question = self.lose(bench)

        let_pass(bench)

        assert bench.vendor.done == {("shout", "4"): 1}
        assert [q["id"] for q in bench.questions()] == [question["id"]]
        assert question["options"] == [gate.HAPPENED, gate.MISSED, gate.AGAIN]
        assert "Did it take effect? shout on sham: target=4" in question["message"]
        assert bench.calls()[0]["effect"] == "unknown"

    @pytest.mark.parametrize(
        ("choice", "status", "effect", "said"),
        [
            (gate.HAPPENED, "success", "confirmed", "ada looked: it took effect"),
            (gate.MISSED, "failed", "none", "ada looked: it did not take effect"),
        ],
    )
    def test_a_person_settles_it(
        self, bench: Bench, choice: str, status: str, effect: str, said: str
    ) -> None:
        """
        The call ends as told, the callback hears it, the ledger holds it.
        """
        self.lose(bench)

        bench.answer(bench.questions()[0]["id"], choice)
        bench.deliver_all()

        (call,) = bench.calls()
        assert (call["status"], call["effect"]) == (status, effect)
        assert bench.notes() == [said]
        wanted = "confirmed" if effect == "confirmed" else "failed"
        assert effects(bench)[0][2] == wanted

    def test_a_person_may_have_it_done_again(self, bench: Bench) -> None:
        """
        Only then there is a second effect.
        """
        self.lose(bench)

        bench.answer(bench.questions()[0]["id"], gate.AGAIN)
        bench.settle()

        assert bench.vendor.done == {("shout", "4"): 2}
        assert bench.calls()[0]["effect"] == "confirmed"

    def test_doing_a_high_impact_call_again_is_signed_for(self, bench: Bench) -> None:
        """
        The answer covers the very call; another shape of it is refused at the last hop.
        """
        bench.vendor.moods[("isolate", "4")] = ["lost"] + ["unsent"] * 10
        bench.vendor.verify = lambda *_: None  # type: ignore[method-assign]
        bench.play(act("isolate"))
        bench.answer(bench.questions()[0]["id"])
        let_pass(bench, 2 * bench.settings.retry_attempts)
        (question,) = bench.questions()
        (shown,) = question["payload"]["effects"][gate.AGAIN]
        assert (shown["action"], shown["parameters"]) == ("isolate", {"target": "4"})

        bench.vendor.moods.clear()
        bench.answer(question["id"], gate.AGAIN)
        bench.do('update app_run set parameters = \'{"target": "5"}\'')
        bench.deliver_all()

        (call,) = bench.calls()
        assert "does not cover this action" in call["message"]
        assert ("isolate", "5") not in bench.vendor.done

    def test_when_nobody_tells_in_time_the_call_fails_and_stays_unknown(self, bench: Bench) -> None:
        """
        The callback hears it; a late answer does nothing.
        """
        question = self.lose(bench)
        bench.do("update approval set due_at = now() - interval '1 s'")

        bench.sweep()
        bench.deliver_all()

        (call,) = bench.calls()
        assert (call["status"], call["effect"]) == ("failed", "unknown")
        assert bench.notes() == ["nobody told in time whether 'shout' took effect"]
        assert effects(bench) == [("shout", "", "unknown", False)]
        with pytest.raises(Conflict):
            bench.answer(question["id"], gate.HAPPENED)

    def test_a_later_run_settles_what_stayed_unknown(self, bench: Bench) -> None:
        """
        It asks the vendor before it acts.
        """
        bench.vendor.moods[("fence", "4")] = ["lost"]
        bench.play(act("fence"))
        bench.do("update app_run set tries = 99, due_at = now()")
        bench.vendor.moods[("fence", "4")] = []
        verify = bench.vendor.verify
        bench.vendor.verify = self.broken  # type: ignore[method-assign]
        let_pass(bench, 2)
        bench.do("update approval set due_at = now() - interval '1 s'")
        let_pass(bench, 1)
        assert effects(bench) == [("fence", "target=4", "unknown", False)]
        bench.vendor.verify = verify  # type: ignore[method-assign]

        bench.play(act("fence"))
        let_pass(bench, 1)

        assert bench.vendor.done == {("fence", "4"): 1}
        assert effects(bench) == [("fence", "target=4", "confirmed", False)]

    @staticmethod
    def broken(*_: Any) -> None:
        """A vendor whose state cannot be read."""
        raise KeyError("state")


class TestLease:
    """A containment that undoes itself."""

    def over(self, bench: Bench) -> None:
        """Let every lease run out, and what follows happen."""
        bench.do("update effect set expires_at = now() - interval '1 s' where action = 'fence'")
        bench.sweep()
        bench.deliver_all()

    def test_it_is_undone_when_its_time_is_over(self, bench: Bench) -> None:
        """
        Once, by a run in the same container that says why.
        """
        bench.play(act("fence", lease_minutes=30))
        (effect,) = bench.rows("select expires_at - confirmed_at as lasts from effect")
        assert effect["lasts"].total_seconds() == 1800

        self.over(bench)
        self.over(bench)

        assert bench.vendor.done == {("fence", "4"): 1, ("unfence", "4"): 1}
        first, undo = bench.rows("select * from playbook_run order by id")
        assert undo["container_id"] == first["container_id"]
        assert (undo["started_by"], undo["status"]) == ("the end of its lease", "success")
        assert [e[0] for e in effects(bench) if not e[3]] == ["unfence"]

    def test_without_a_lease_it_stands(self, bench: Bench) -> None:
        """
        Nothing is undone that nobody limited.
        """
        bench.play(act("fence"))

        let_pass(bench)

        assert bench.rows("select expires_at from effect") == [{"expires_at": None}]
        assert bench.vendor.stands == {"4": "fence"}

    @pytest.mark.parametrize(("second", "minutes"), [(60, 60), (5, 30), (0, None)])
    def test_a_second_wish_renews_it_as_long_as_the_longer_one(
        self, bench: Bench, second: int, minutes: int | None
    ) -> None:
        """
        A wish without end makes it stand until it is undone.
        """
        bench.play(act("fence", lease_minutes=30))

        bench.play(act("fence", lease_minutes=second))

        (effect,) = bench.rows(
            "select round(extract(epoch from expires_at - now()) / 60) as left from effect"
        )
        assert effect["left"] == minutes

    def test_an_undo_that_failed_is_tried_again(self, bench: Bench) -> None:
        """
        A minute later, and the effect stands until it has worked.
        """
        bench.play(act("fence", lease_minutes=30))
        bench.vendor.moods[("unfence", "4")] = ["failed"]
        self.over(bench)
        assert bench.vendor.stands == {"4": "fence"}
        bench.sweep()
        assert bench.pending == []

        bench.do("update effect set undo_at = undo_at - interval '1 min'")
        self.over(bench)

        assert bench.vendor.stands == {"4": "unfence"}

    def test_a_wish_during_the_undo_waits_and_contains_again(self, bench: Bench) -> None:
        """
        Whoever wants it while it is being released is not told that it stands.
        """
        bench.play(act("fence", lease_minutes=30))
        bench.do("update effect set expires_at = now() - interval '1 s'")
        bench.sweep()
        undo, bench.pending = bench.pending, []
        bench.play(act("fence"))
        assert bench.calls()[-1]["message"] == "its release is under way"

        bench.pending = undo
        bench.settle()

        assert bench.vendor.stands == {"4": "fence"}
        assert bench.vendor.done == {("fence", "4"): 2, ("unfence", "4"): 1}

    @pytest.mark.parametrize("minutes", [-1, "soon", 10**9])
    def test_a_lease_that_is_no_time_is_refused(self, bench: Bench, minutes: object) -> None:
        """
        Before anything is sent.
        """
        bench.play(act("fence", lease_minutes=minutes))

        (call,) = bench.calls()
        assert call["status"] == "failed"
        assert "lease_minutes" in call["message"]
        assert bench.vendor.done == {}
