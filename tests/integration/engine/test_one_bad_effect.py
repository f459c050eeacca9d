"""
One effect that cannot be settled: the others are settled all the same, and people hear why.

In: effects whose app is gone, or that have no undo. Out: what was undone, asked and told.
Never: one bad row that holds up its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from soar import containment, health
from soar.domain import gate
from soar.domain.errors import Conflict
from soar.engine.settling import Settling
from tests.integration.engine.test_ledger import act

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

LEASE_OVER = "update effect set expires_at = now() - interval '2 min' where action = 'fence'"


def why(bench: Bench) -> list[str]:
    """Return what the doctor says of leases that are overdue."""
    with bench.database.begin() as work:
        found = health.findings(work, bench.settings)
    return [finding.detail for finding in found if finding.kind == "lease overdue"]


def sweep_twice(bench: Bench) -> None:
    """Let the sweep come, then what it sent, then the sweep."""
    for _ in range(2):
        bench.sweep()
        bench.deliver_all()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("update app_run set app = 'gone' where id = 1", "no app is called 'gone'"),
        ("update effect set undo = '' where id = 1", "fence cannot be undone: its app names"),
    ],
)
def test_a_lease_that_cannot_be_undone_leaves_the_others_alone(
    bench: Bench, fault: str, sentence: str
) -> None:
    """
    The other is undone, the doctor says why the first is not, and it is tried again.
    """
    for target in ("4", "5"):
        bench.play(act("fence", target, lease_minutes=30))
    bench.do(fault)
    bench.do(LEASE_OVER)

    sweep_twice(bench)

    assert bench.vendor.stands == {"4": "fence", "5": "unfence"}
    assert len([line for line in bench.log() if "containment 1 is not undone" in line]) == 1
    assert sentence in why(bench)[0]
    assert bench.rows("select undo_tries from effect where id = 1") == [{"undo_tries": 1}]

    bench.do("update effect set undo = 'unfence', undo_at = now() where id = 1")
    bench.do("update app_run set app = 'sham'")
    sweep_twice(bench)

    assert bench.vendor.stands == {"4": "unfence", "5": "unfence"}


def test_a_lease_whose_vendor_refuses_says_so(bench: Bench) -> None:
    """
    What the run that should have undone it was told stands in the finding.
    """
    bench.play(act("fence", lease_minutes=30))
    bench.vendor.moods[("unfence", "4")] = ["failed"]
    bench.do(LEASE_OVER)

    sweep_twice(bench)

    assert why(bench) == [
        "fence on sham, target=4: undone 1 times in vain: the vendor refused",
    ]


def test_no_end_is_given_to_what_cannot_be_undone(bench: Bench) -> None:
    """
    It may stand on until a person ends it; a lease would never be over.
    """
    bench.play(act("fence"))
    bench.do("update effect set undo = ''")

    with bench.database.begin() as work, pytest.raises(Conflict, match="fence has no undo"):
        containment.renew(work, 1, 5, by="ada")

    with bench.database.begin() as work:
        assert containment.renew(work, 1, 0, by="ada") is None


def test_a_write_of_an_app_that_is_gone_is_asked_about(bench: Bench) -> None:
    """
    A person tells whether it took effect; that it be done again is not offered.
    """
    bench.vendor.moods[("shout", "4")] = ["lost"]
    bench.play(act("shout"))
    bench.do("update app_run set task = 'soar.tasks.gone.shout'")

    bench.sweep()

    (question,) = bench.questions()
    assert list(question["options"]) == [gate.HAPPENED, gate.MISSED]


def test_a_question_that_cannot_be_opened_leaves_the_others_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The others are asked; it is tried again, and its run tells why it is not there yet.
    """
    for target in ("4", "5"):
        bench.vendor.moods[("shout", target)] = ["lost"]
        bench.play(act("shout", target))
    situation = Settling._situation

    def broken(self: Settling, work: object, container: dict[str, object]) -> object:
        if container["id"] == 1:
            raise LookupError("a row that nobody expected")
        return situation(self, work, container)  # type: ignore[arg-type]

    monkeypatch.setattr(Settling, "_situation", broken)
    sweep_twice(bench)
    assert [question["run_id"] for question in bench.questions()] == [2]
    assert "call 1 is not asked about: an error (LookupError)" in bench.log()
    monkeypatch.undo()
    bench.sweep()
    assert len(bench.questions()) == 1

    bench.do("update app_run set due_at = now() where id = 1")
    bench.sweep()

    assert sorted(question["run_id"] for question in bench.questions()) == [1, 2]
    assert bench.calls()[0]["due_at"] is None
