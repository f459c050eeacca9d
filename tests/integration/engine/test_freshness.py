"""
How long the answer to a lookup may be used again: by its verdict, and with its age told.

In: runs that ask the same. Out: nothing. Never: a wait that is real; answers age in their rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from soar import catalog, timeline
from soar.catalog import ActionSpec
from soar.connector import Output, Params
from tests.integration.engine.test_lanes import limit

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

JUDGE = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("ip reputation", parameters={"target": "4"}, callback=told)

def told(action, success, container, results, handle):
    phantom.comment(comment=results[0]["message"])
"""


@pytest.fixture
def verdicts(bench: Bench) -> Iterator[None]:
    """Let answers of "ip reputation" hold for as long as VirusTotal's do, by their verdicts."""
    (real,) = (
        spec
        for spec in catalog.load().actions
        if (spec.app, spec.name) == ("virustotal", "ip reputation")
    )
    assert {"malicious", "suspicious", "clean", "unknown"} == set(real.freshness)
    spec: ActionSpec = bench.house.app.tasks["soar.tasks.sham.judge"].spec
    before = spec.freshness
    object.__setattr__(spec, "freshness", real.freshness)
    yield
    object.__setattr__(spec, "freshness", before)


@pytest.mark.parametrize(
    ("malicious", "seconds"), [(9, 3600), (1, 600), (0, 300), (None, 120)],
    ids=["malicious", "suspicious", "clean", "unknown"],
)  # fmt: skip
def test_an_answer_holds_for_as_long_as_its_verdict_does(
    bench: Bench, verdicts: None, malicious: int | None, seconds: int
) -> None:
    """
    A malicious one is used again at an age at which a clean one is asked for anew.
    """
    summary = {} if malicious is None else {"malicious": malicious}
    asked: list[str] = []

    def answer(_: str, params: Params) -> Output:
        asked.append(params.text("target"))
        return Output(message="judged", summary=summary)

    bench.vendor.answer = answer  # type: ignore[method-assign]
    bench.play(JUDGE)

    for age, times in ((seconds - 10, 1), (seconds + 10, 2)):
        bench.do("update app_run set end_time = now() - make_interval(secs => :s)", s=age)
        run_id = bench.play(JUDGE)
        assert (len(asked), bench.run(run_id)["status"]) == (times, "success")
    assert [row["reused_from"] for row in bench.calls()] == [None, 1, None]


def planned(bench: Bench) -> None:
    """Let a run ask, whose call is not made yet."""
    bench.start(JUDGE)
    bench.deliver(bench.pending.pop(0))


def test_an_answer_to_former_settings_is_not_used_again(bench: Bench) -> None:
    """
    Neither by a call that was asked for before its asset was edited, and is made after that.
    """
    limit(bench, base_url="https://former.example")
    bench.play(JUDGE)
    planned(bench)
    limit(bench, base_url="https://now.example")
    bench.deliver_all()

    assert [row["reused_from"] for row in bench.calls()] == [None, None]


def test_an_answer_to_later_settings_is_not_kept_under_the_former(bench: Bench) -> None:
    """
    Once the edit is taken back the vendor is asked; until then equal calls share as ever.
    """
    limit(bench, base_url="https://right.example")
    planned(bench)
    limit(bench, base_url="https://wrong.example")
    bench.deliver_all()
    limit(bench, base_url="https://right.example")

    for _ in range(2):
        bench.play(JUDGE)

    assert [row["reused_from"] for row in bench.calls()] == [None, None, 2]


def test_the_timeline_says_how_old_the_answer_was(bench: Bench, verdicts: None) -> None:
    """
    Its age when it was used again, in whole seconds, and whose it is.
    """
    first, run_id = bench.play(JUDGE), bench.play(JUDGE)
    bench.do(
        "update app_run set end_time = (select end_time from app_run where id = 2)"
        " - interval '40.9 s' where id = 1"
    )

    with bench.database.begin() as work:
        (entry,) = (e for e in timeline.of_run(work, run_id).entries if e.kind == "action")
    assert entry.detail == f"done; answered from the lookup of run {first}, age 40 s"
