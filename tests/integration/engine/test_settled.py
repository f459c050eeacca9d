"""
Effects settled from outside their calls: by a vendor that is asked, by a person, by an undo.

In: calls under way, lost, or left by their runs. Out: what the ledger says, against the vendor.
Never: a containment at the vendor that the ledger does not list once nothing is under way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from soar import containment, health
from soar.catalog import Catalog
from soar.connector import Output, Params
from soar.domain.errors import Conflict, NotFound
from soar.store.rows import Row
from tests.integration.engine.conftest import CATALOG
from tests.integration.engine.test_ledger import act, effects, let_pass

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

STANDING = [("fence", "target=4", "confirmed", False)]


@pytest.fixture(autouse=True)
def sham(bench: Bench) -> None:
    """An asset whose vendor needs no settings."""
    bench.do("update asset set configuration = '{}'")


def listed(bench: Bench) -> list[containment.Contained]:
    """Return what is contained now."""
    with bench.database.begin() as work:
        return containment.contained(work, CATALOG)


def look(bench: Bench) -> list[tuple[str, bool | str]]:
    """Ask the vendor about everything that is contained; return what it says."""
    asking = containment.Reconciliation(
        database=bench.database,
        catalog=CATALOG,
        limiter=bench.house.limiter(),
        vault=bench.house.vault(),
    )
    return [(f.says, f.problem or f.news) for f in map(asking.look, listed(bench))]


def undo(bench: Bench, effect_id: int) -> None:
    """Take a containment back, as Ada."""
    with bench.database.begin() as work:
        containment.undo(work, bench.sweep.settling, effect_id, by="ada")


def settle(bench: Bench, effect_id: int, *, took_effect: bool) -> None:
    """Tell as Ada whether an effect took place."""
    with bench.database.begin() as work:
        containment.settle(work, effect_id, took_effect=took_effect, by="ada")


def meanwhile(bench: Bench, do: Callable[[], Any], *, first: bool = True) -> None:
    """Let something happen once, while a fence is being built: *first*, or when it stands."""
    answer, waiting = bench.vendor.answer, [do]

    def slowly(name: str, params: Any) -> Any:
        if name == "fence" and waiting and first:
            waiting.pop()()
        done = answer(name, params)
        if name == "fence" and waiting:
            waiting.pop()()
        return done

    bench.vendor.answer = slowly  # type: ignore[method-assign]


def broken(*_: Any) -> None:
    """A vendor whose state cannot be read."""
    raise KeyError("state")


def leave(bench: Bench, mood: str = "lost", **more: Any) -> int:
    """Leave a fence of which nobody knows whether it stands, and no call; return its number."""
    bench.vendor.moods[("fence", "4")] = [mood]
    bench.play(act("fence", **more))
    bench.do("update app_run set status = 'failed', effect = 'unknown', end_time = now()")
    bench.do("update action_run set remaining = 0, end_time = now(), delivered_at = now()")
    bench.do("update playbook_run set status = 'failed', end_time = now()")
    bench.sweep()
    return int(bench.rows("select max(id) as id from effect where status = 'unknown'")[0]["id"])


def minutes_left(bench: Bench) -> float | None:
    """Return for how long the newest effect stands."""
    sql = "select round(extract(epoch from expires_at - now()) / 60)::float8 as x from effect"
    left: float | None = bench.rows(f"{sql} order by id desc limit 1")[0]["x"]
    return left


class TestLooking:
    """What a vendor says counts when no call of ours is about to change it."""

    @pytest.mark.parametrize("first", [True, False])
    def test_nothing_is_settled_while_its_call_is_under_way(
        self, bench: Bench, first: bool
    ) -> None:
        """
        Whether the vendor has done it yet or not: the call's own end counts.
        """
        said: list[Any] = []
        meanwhile(bench, lambda: said.extend(look(bench)), first=first)

        bench.play(act("fence", lease_minutes=30))

        assert said == [("not asked", "its call is under way in run 1")]
        assert effects(bench) == STANDING
        assert minutes_left(bench) == 30

    def test_the_ledger_itself_refuses_what_is_under_way(self, bench: Bench) -> None:
        """
        A call may have begun after somebody asked.
        """
        said: list[Any] = []

        def tell() -> None:
            with bench.database.begin() as work:
                said.extend(work.ledger.seen(1, stands=stands) for stands in (True, False))

        meanwhile(bench, tell)

        bench.play(act("fence", lease_minutes=30))

        assert said == [None, None]
        assert [(e.status, e.until is not None) for e in listed(bench)] == [("confirmed", True)]

    def test_an_answer_that_was_lost_stays_its_calls_to_find(self, bench: Bench) -> None:
        """
        The lease is not lost with it.
        """
        bench.vendor.moods[("fence", "4")] = ["lost"]
        bench.play(act("fence", lease_minutes=30))

        assert look(bench) == [("not asked", "its call is under way in run 1")]
        let_pass(bench)

        assert bench.calls()[0]["status"] == "success"
        assert minutes_left(bench) == 30

    def test_a_look_does_not_let_a_call_repeat_at_once(self, bench: Bench) -> None:
        """
        Its request may still be on its way.
        """
        bench.vendor.moods[("fence", "4")] = ["unsent"]
        bench.play(act("fence"))

        look(bench)
        bench.do("update app_run set due_at = now(), rung_at = rung_at - interval '1 hour'")
        bench.sweep()
        bench.deliver_all()

        assert bench.vendor.done == {}
        assert bench.calls()[0]["message"] == "it may still be on its way: will be verified"

    def test_what_was_left_by_its_run_is_a_lease_again(self, bench: Bench) -> None:
        """
        From its request on, and it undoes itself.
        """
        leave(bench, lease_minutes=30)
        bench.do("update effect set sent_at = sent_at - interval '10 min'")

        assert look(bench) == [("stands", True)]
        assert minutes_left(bench) == 20
        assert look(bench) == [("stands", False)]

        bench.do("update effect set expires_at = now() - interval '1 s'")
        bench.sweep()
        bench.deliver_all()
        assert bench.vendor.stands == {"4": "unfence"}

    def test_what_a_vendor_ends_by_itself_is_ended_by_it(self, bench: Bench) -> None:
        """
        The connector says for how long.
        """
        number = leave(bench)

        with bench.database.begin() as work:
            work.ledger.seen(number, stands=True, lasts=timedelta(hours=1))

        (one,) = listed(bench)
        assert (one.ends_by, minutes_left(bench)) == ("the vendor", 60)

    def test_gone_is_not_believed_of_what_may_be_on_its_way(self, bench: Bench) -> None:
        """
        Its run was cancelled, its request was not.
        """
        leave(bench, "unsent")

        ((says, why),) = look(bench)
        assert (says, str(why)[:24]) == ("not asked", "it may be on its way, or")
        assert effects(bench)[0][2:] == ("unknown", False)

        bench.do("update effect set sent_at = sent_at - interval '10 s'")
        assert look(bench) == [("gone", True)]
        assert effects(bench)[0][2:] == ("failed", True)

    def test_an_old_gone_does_not_end_what_was_confirmed_since(self, bench: Bench) -> None:
        """
        While the vendor was asked a call has made it.
        """
        number = leave(bench, "unsent")
        bench.do("update effect set sent_at = sent_at - interval '1 min'")
        verify, waiting = bench.vendor.verify, ["a run"]

        def slowly(name: str, params: Any) -> Output | None:
            found = verify(name, params)
            if waiting:
                waiting.pop()
                bench.play(act("fence"))
            return found

        bench.vendor.verify = slowly  # type: ignore[method-assign]

        ((says, _),) = look(bench)

        assert says == "not asked"
        assert bench.vendor.stands == {"4": "fence"}
        assert [(e.id, e.status) for e in listed(bench)] == [(number, "confirmed")]

    def test_what_stands_has_ended_what_it_undoes(self, bench: Bench, blind: None) -> None:
        """
        An older release is none to share: the undo is done, though it cannot be verified.
        """
        for action in ("fence", "unfence"):
            bench.play(act(action))
        number = leave(bench)

        look(bench)
        assert [e[0] for e in effects(bench) if not e[3]] == ["fence"]
        undo(bench, number)
        bench.settle()

        assert bench.vendor.stands == {"4": "unfence"}
        assert [e[0] for e in effects(bench) if not e[3]] == ["unfence"]

    def test_all_that_stands_is_listed(self, bench: Bench) -> None:
        """
        However much that is; or a part, and how much is older.
        """
        bench.play(act("fence"))
        bench.do(
            "insert into effect (asset, action, target, intent, undo, status, app_run_id, run_id,"
            " container_id, ended_because) select asset, action, 'target=' || n, intent, undo,"
            " status, app_run_id, run_id, container_id, ''"
            " from effect, generate_series(10, 1509) n"
        )

        assert [one.id for one in listed(bench)] == list(range(1501, 0, -1))
        with bench.database.begin() as work:
            page = containment.contained(work, CATALOG, before=1001, limit=20)
            assert [one.id for one in page] == list(range(1000, 980, -1))
            assert containment.count_older(work, CATALOG, page[-1].id) == 980


@pytest.fixture
def blind(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that cannot be verified."""
    task = bench.house.app.tasks["soar.tasks.sham.unfence"]
    monkeypatch.setattr(type(task), "verify", None)


class TestUndoing:
    """After an undo that succeeded nothing is contained, unless somebody wanted it again."""

    def test_what_is_under_way_cannot_be_undone_yet(self, bench: Bench) -> None:
        """
        The undo would be first at the vendor.
        """
        said: list[str] = []

        def refused() -> None:
            with pytest.raises(Conflict) as error:
                undo(bench, 1)
            said.append(str(error.value))

        meanwhile(bench, refused)
        bench.play(act("fence"))

        assert said == [
            "containment 1 cannot be undone yet, as its call is under way in run 1: wait until"
            " that has ended, or cancel run 1"
        ]
        undo(bench, 1)
        bench.settle()
        assert bench.vendor.stands == {"4": "unfence"}

    def test_a_question_comes_before_its_undo(self, bench: Bench) -> None:
        """
        Its answer would say that it stands, after it was released.
        """
        bench.vendor.moods[("fence", "4")] = ["lost"]
        bench.do("update app_run set tries = 100")
        bench.play(act("fence"))
        bench.do("update app_run set tries = 99, due_at = now()")
        bench.vendor.verify = broken  # type: ignore[method-assign]
        let_pass(bench, 2)
        (question,) = bench.questions()

        with pytest.raises(Conflict, match=f"approval {question['id']} asks a person"):
            undo(bench, 1)

    def test_a_request_that_may_be_on_its_way_cannot_be_undone_yet(self, bench: Bench) -> None:
        """
        Though its run was cancelled.
        """
        number = leave(bench, "unsent")
        with pytest.raises(Conflict, match="may still be on its way: try again in 10 s"):
            undo(bench, number)

        bench.do("update effect set sent_at = sent_at - interval '10 s'")
        undo(bench, number)
        bench.settle()

        assert bench.vendor.stands == {"4": "unfence"}
        assert [e[0] for e in effects(bench) if not e[3]] == ["unfence"]

    def test_an_undo_of_what_nobody_knows_is_done(self, bench: Bench, blind: None) -> None:
        """
        An older release in the ledger does not stand for it.
        """
        for action in ("fence", "unfence"):
            bench.play(act(action))
        number = leave(bench)
        bench.do("update effect set sent_at = sent_at - interval '10 s'")

        undo(bench, number)
        bench.settle()

        assert bench.vendor.stands == {"4": "unfence"}
        assert [e[0] for e in effects(bench) if not e[3]] == ["unfence"]

    def test_what_is_being_undone_is_not_made_again_beside_it(self, bench: Bench) -> None:
        """
        Whoever finds it gone waits until the release is over, then contains.
        """
        bench.play(act("fence"))
        bench.vendor.stands.clear()
        verify, held = bench.vendor.verify, []

        def slowly(name: str, params: Any) -> Output | None:
            if name == "fence" and not held:
                undo(bench, 1)
                held.extend(bench.pending)
                bench.pending.clear()
            return verify(name, params)

        bench.vendor.verify = slowly  # type: ignore[method-assign]
        bench.play(act("fence"))
        assert bench.vendor.done == {("fence", "4"): 1}

        bench.pending.extend(held)
        bench.settle()

        assert bench.vendor.stands == {"4": "fence"}
        assert [e[0] for e in effects(bench) if not e[3]] == ["fence"]


class TestReleasing:
    """While a release is on its way, what it releases is neither gone nor to be had."""

    @pytest.fixture(params=["by an undo", "by a playbook"])
    def releasing(self, request: pytest.FixtureRequest, bench: Bench) -> str:
        """A containment that was released, whose answer is lost; return why none may touch it."""
        bench.play(act("fence"))
        bench.vendor.moods[("unfence", "4")] = ["lost"]
        if request.param == "by a playbook":
            bench.play(act("unfence"))
            return "it may be on its way, or has changed meanwhile: ask again"
        undo(bench, 1)
        bench.deliver_all()
        return "run 2 is undoing it"

    def test_gone_is_not_believed_before_the_release_has_ended(
        self, bench: Bench, releasing: str
    ) -> None:
        """
        It would be contained again, and the release, which finds it so, would be sent again.
        """
        assert look(bench) == [("not asked", releasing)]

        bench.play(act("fence", note="another wish"))
        let_pass(bench, 4)

        assert bench.vendor.stands == {"4": "fence"}
        assert bench.vendor.done == {("fence", "4"): 2, ("unfence", "4"): 1}
        assert [e[0] for e in effects(bench) if not e[3]] == ["fence"]

    def test_who_wants_what_nobody_knows_waits_while_it_is_undone(self, bench: Bench) -> None:
        """
        The release would find the new effect in place of the old one, and be sent again.
        """
        number = leave(bench)
        bench.do("update effect set sent_at = sent_at - interval '10 s'")
        bench.vendor.moods[("unfence", "4")] = ["lost"]
        undo(bench, number)
        bench.deliver_all()

        bench.play(act("fence", note="another wish"))
        let_pass(bench, 5)

        assert bench.vendor.stands == {"4": "fence"}
        assert bench.vendor.done == {("fence", "4"): 2, ("unfence", "4"): 1}
        assert [e[0] for e in effects(bench) if not e[3]] == ["fence"]

    def test_what_a_release_has_not_reached_yet_is_not_shared(self, bench: Bench) -> None:
        """
        The vendor says that it stands, and releases it a moment later.
        """
        bench.play(act("fence"))
        usual = bench.vendor.answer

        def slowly(name: str, params: Any) -> Output:
            bench.vendor.answer = usual  # type: ignore[method-assign]
            bench.play(act("fence", note="another wish"))
            return usual(name, params)

        bench.vendor.answer = slowly  # type: ignore[method-assign]
        bench.play(act("unfence"), name="other")
        let_pass(bench)

        assert bench.vendor.stands == {"4": "fence"}
        assert bench.vendor.done == {("fence", "4"): 2, ("unfence", "4"): 1}

    def test_nobody_tells_of_what_is_being_undone(self, bench: Bench) -> None:
        """
        Its release knows in a moment.
        """
        number = leave(bench)
        bench.do("update effect set sent_at = sent_at - interval '10 s'")
        undo(bench, number)

        with pytest.raises(Conflict, match="cannot be settled by hand: run 2 is undoing it"):
            settle(bench, number, took_effect=False)


class TestTelling:
    """What nobody could be asked any more, a person tells."""

    def unanswered(self, bench: Bench) -> Row:
        """Let a question about a write without a target run out; return the doctor's finding."""
        bench.vendor.moods[("shout", "4")] = ["lost"]
        bench.play(act("shout"))
        bench.sweep()
        bench.do("update approval set due_at = now() - interval '1 s'")
        let_pass(bench)
        assert not bench.questions()
        (found,) = self.unknown(bench)
        return health.shape(found)

    @staticmethod
    def unknown(bench: Bench) -> list[health.Finding]:
        """Return what the doctor finds unknown."""
        with bench.database.begin() as work:
            found = health.findings(work, bench.settings)
        return [f for f in found if f.kind == "effect unknown"]

    @pytest.mark.parametrize(
        ("took_effect", "status", "ended"), [(True, "confirmed", False), (False, "failed", True)]
    )
    def test_a_question_that_ran_out_can_still_be_settled(
        self, bench: Bench, took_effect: bool, status: str, ended: bool
    ) -> None:
        """
        By the number that the doctor names, once, and the trail says by whom.
        """
        finding = self.unanswered(bench)
        assert finding["detail"] == "shout on sham, call 1 of run 1"
        assert "`soar contained settle ID --happened` or `--missed`" in finding["then"]

        settle(bench, finding["id"], took_effect=took_effect)

        assert effects(bench) == [("shout", "", status, ended)]
        assert self.unknown(bench) == []
        (entry,) = bench.rows("select who, detail from audit where what = 'effect settled'")
        assert entry == {"who": "ada", "detail": {"effect": 1, "took_effect": took_effect}}
        with pytest.raises(Conflict):
            settle(bench, finding["id"], took_effect=took_effect)

    def test_a_lease_that_a_person_confirms_undoes_itself(self, bench: Bench) -> None:
        """
        As one whose call saw its end.
        """
        settle(bench, leave(bench, lease_minutes=30), took_effect=True)

        assert effects(bench) == STANDING
        assert minutes_left(bench) == 30

    def test_an_open_question_is_answered_not_overtaken(self, bench: Bench) -> None:
        """
        Its answer is signed.
        """
        bench.vendor.moods[("shout", "4")] = ["lost"]
        bench.play(act("shout"))
        bench.sweep()

        with pytest.raises(Conflict, match="approval 1 asks a person"):
            settle(bench, 1, took_effect=True)

    def test_what_is_known_or_nowhere_is_not_settled(self, bench: Bench) -> None:
        """
        With a sentence for each.
        """
        bench.play(act("fence"))

        with pytest.raises(Conflict, match="is not unknown: it is confirmed"):
            settle(bench, 1, took_effect=False)
        with pytest.raises(NotFound, match="there is no effect 7"):
            settle(bench, 7, took_effect=False)


class TestSharing:
    """Who shares what its vendor ends is told when that is."""

    def test_a_longer_wish_hears_when_the_vendor_ends_it(self, bench: Bench) -> None:
        """
        In the message and in the result: nobody renews it.
        """
        bench.play(act("fence"))
        bench.do("update effect set vendor_ends = true, expires_at = '2999-01-02 03:04:05Z'")

        bench.play(act("fence", note="for ever"))

        shared = bench.calls()[1]
        assert "its vendor ends it at 2999-01-02 03:04:05 UTC" in shared["message"]
        assert shared["summary"]["vendor_ends_at"] == "2999-01-02T03:04:05Z"


def test_a_reconciliation_tells_the_lane_at_once_that_it_was_slow(bench: Bench) -> None:
    """
    Its process may end now: what it would tell later nobody would hear.
    """
    bench.do("""update asset set configuration = '{"rate_limit": "100/second"}'""")
    bench.play(act("fence"))
    verify = bench.vendor.verify

    def slowly(name: str, params: Params) -> Output | None:
        threading.Event().wait(1.2)
        return verify(name, params)

    bench.vendor.verify = slowly  # type: ignore[method-assign]
    limiter = bench.house.limiter()
    asking = containment.Reconciliation(
        database=bench.database, catalog=CATALOG, limiter=limiter, vault=bench.house.vault()
    )

    assert asking.look(listed(bench)[0]).says == "stands"
    assert limiter._reports.all() == {}


class TestAnotherApp:
    """An asset that was saved again under another app is another vendor's."""

    @staticmethod
    def fenced_by_another(bench: Bench) -> None:
        """Fence by an app that the asset is not of any more."""
        bench.play(act("fence"))
        bench.do("update app_run set app = 'other'")

    def test_its_vendor_is_not_asked_what_another_did(self, bench: Bench) -> None:
        """
        It would say that nothing stands.
        """
        self.fenced_by_another(bench)
        bench.vendor.stands.clear()

        assert look(bench) == [("not asked", "it was made by other; 'sham' is of sham now")]
        assert effects(bench) == STANDING

    def test_its_vendor_does_not_undo_what_another_did(self, bench: Bench) -> None:
        """
        The undo fails in its run, and the containment stays in the list.
        """
        (sham,) = CATALOG.apps
        others = tuple(replace(spec, app="other") for spec in sham.actions)
        both = Catalog(apps=(sham, replace(sham, slug="other", name="Other", actions=others)))
        settling = replace(bench.sweep.settling, catalog=both)
        self.fenced_by_another(bench)

        with bench.database.begin() as work:
            containment.undo(work, settling, 1, by="ada")
        let_pass(bench)

        assert "none of the assets 'sham' is of the app 'other'" in bench.log()
        assert bench.vendor.done == {("fence", "4"): 1}
        assert [c.status for c in listed(bench)] == ["confirmed"]

    def test_who_wants_the_same_does_it_there_as_well(self, bench: Bench) -> None:
        """
        What the other vendor did is neither asked for nor shared; why it ended says so.
        """
        self.fenced_by_another(bench)

        bench.play(act("fence", note="another wish"))

        assert bench.vendor.done == {("fence", "4"): 2}
        assert bench.rows("select ended_because from effect order by id") == [
            {"ended_because": "its asset was of other: run 2 did it by sham as well"},
            {"ended_because": ""},
        ]
