"""
A candidate runs in shadow beside the live version of its playbook, and only words come of it.

In: alerts that start both. Out: what the live run did, what the candidate would have done.
Never: a candidate that changes a container, writes at a vendor, asks anybody or holds anything up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from soar import candidate, library, report, timeline, triggers
from soar.candidate import Comparison
from soar.domain.errors import BadInput, NotFound
from soar.domain.model import Trigger
from tests.integration.conftest import Soar
from tests.integration.engine.conftest import CATALOG
from tests.integration.engine.test_ledger import act

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

LIVE = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("ip reputation", parameters={"target": "4"}, callback=found)

def found(action, success, container, results, handle):
    phantom.act("fence", parameters={"target": "4"}, callback=done)

def done(action, success, container, results, handle):
    phantom.comment(comment=results[0]["message"])
"""
BUSY = (
    LIVE.replace('"fence"', '"isolate"')
    + """
    phantom.set_severity(severity="critical")
    phantom.set_status(status="closed")
    phantom.add_tags(tags=["seen"])
    phantom.add_note(title="A note", content="of the candidate")
    phantom.add_artifact(cef_data={"sourceAddress": "10.0.0.9"}, name="found")
    phantom.prompt(user="soc_tier2", message="Fence it?", options=["Yes", "No"], callback=told)

def told(action, success, container, results, handle):
    if success and results.get("response") == "Yes":
        phantom.act("isolate", parameters={"target": "77"})
    phantom.debug("success is " + str(success))
"""
)


def add(bench: Bench, tmp_path: Path, source: str, *, name: str = "tested") -> None:
    """Let a text run beside the live version."""
    file = tmp_path / "new.py"
    file.write_text(source)
    with bench.database.begin() as work:
        candidate.keep(work, name, library.read(file), by="ada")


def beside(bench: Bench, tmp_path: Path, source: str = BUSY, live: str = LIVE) -> tuple[int, int]:
    """Run both versions on one alert; return the two runs."""
    with bench.database.begin() as work:
        work.playbooks.save(name="tested", title="Tested", version="1", source=live)
    add(bench, tmp_path, source)
    run_id = bench.play(live)
    (row,) = bench.rows("select id from playbook_run where beside = :id", id=run_id)
    return run_id, row["id"]


def compared(bench: Bench) -> list[Comparison]:
    """Return how the two differ."""
    with bench.database.begin() as work:
        return candidate.compare(work, "tested", catalog=CATALOG, limit=10)


def everything(bench: Bench, run_id: int) -> list[Any]:
    """Return all that a live run has left, without times and numbers."""
    kept = (
        "select severity, status, tags, owner_name, label from container",
        "select name from artifact",
        "select content, title, author from note",
        "select assignee, kind from approval",
        "select asset, action, target, status from effect",
    )
    calls = bench.rows(
        "select action, asset, parameters, status, message, effect, severity_rank, shadow"
        " from app_run where run_id = :id order by id",
        id=run_id,
    )
    run = bench.rows(
        "select status, error, outputs, shadow, beside from playbook_run where id = :id", id=run_id
    )
    return [calls, run, *map(bench.rows, kept)]


def test_only_words_come_of_a_candidate(bench: Bench, tmp_path: Path) -> None:
    """
    The container, its notes, tags and artifacts, people and vendors are as the live run left them.
    """
    bench.play(LIVE)
    alone = everything(bench, 1)
    bench.reset()

    live, other = beside(bench, tmp_path)
    bench.sweep()
    bench.deliver_all()

    assert everything(bench, live) == alone
    assert bench.vendor.done == {("ip reputation", "4"): 1, ("fence", "4"): 1}
    assert bench.run(live)["status"] == bench.run(other)["status"] == "success"
    assert bench.rows("select run_id from effect") == [{"run_id": live}]
    said = [r["message"] for r in bench.rows("select message from run_log order by id")]
    assert said == [
        "shadow: would have asked soc_tier2: approve isolate on sham: target=4",
        "shadow: would have set severity to critical",
        "shadow: would have set status to closed",
        "shadow: would have added the artifact found: sourceAddress=10.0.0.9",
        "shadow: would have written: shadow: would have run isolate on sham: 4",
        "shadow: would have written: A note",
        "shadow: would have added the tags seen",
        "shadow: would have asked soc_tier2: Fence it?",
        "shadow: after the answer 'Yes' it would have run isolate on sham: target=77",
        "shadow: not answered: the live run beside had no answer to it",
        "success is False",
    ]


def test_equal_lookups_of_both_are_one_question_to_the_vendor(bench: Bench, tmp_path: Path) -> None:
    """
    A candidate costs the budget only what it asks beyond the live version, and goes last.
    """
    live, other = beside(bench, tmp_path)

    assert bench.vendor.done[("ip reputation", "4")] == 1
    ranks = bench.rows("select run_id, max(severity_rank) as rank from app_run group by run_id")
    assert {r["run_id"]: r["rank"] for r in ranks} == {live: 1, other: 3}


def test_an_alert_starts_both_and_no_playbook_without_candidate_another(
    bench: Bench, tmp_path: Path
) -> None:
    """
    Whatever starts the live version starts the candidate: a trigger, a person.
    """
    with bench.database.begin() as work:
        work.playbooks.save(name="tested", title="Tested", version="1", source=LIVE)
        work.playbooks.save(name="other", title="Other", version="1", source=LIVE)
        for name in ("tested", "other"):
            work.assets.save_trigger(Trigger(name=name, playbook=name, labels=(), severities=()))
    add(bench, tmp_path, BUSY)

    with bench.database.begin() as work:
        started = triggers.fire(work, bench._container(work), label="events", severity="high")
    bench.settle()

    rows = bench.rows("select id, beside, shadow from playbook_run order by id")
    assert rows == [
        {"id": 1, "beside": None, "shadow": False},
        {"id": 2, "beside": 1, "shadow": True},
        {"id": 3, "beside": None, "shadow": False},
    ]
    assert started == [1, 3]


def test_what_a_candidate_starts_is_in_shadow_too(bench: Bench, tmp_path: Path) -> None:
    """
    A playbook that it calls does not act either.
    """
    caller = """
import phantom.rules as phantom

def on_start(container):
    phantom.playbook("child", name="the child")
"""
    with bench.database.begin() as work:
        work.playbooks.save(name="child", title="Child", version="1", source=act("fence", "5"))

    beside(bench, tmp_path, caller)

    assert ("fence", "5") not in bench.vendor.done
    assert bench.rows("select content from note where content like '%fence on sham: 5'") == []
    (call,) = [c for c in bench.calls() if c["target"] == "target=5"]
    assert (call["shadow"], call["status"]) == (True, "success")


ASKING = """
import phantom.rules as phantom

def on_start(container):
    phantom.prompt(user="soc_tier2", message="Fence?", options=["Yes", "No"], callback=told,
                   handle={"target": TARGET})

def told(action, success, container, results, handle):
    if success and results.get("response") == "Yes":
        phantom.act("isolate", parameters=handle)
"""


@pytest.mark.parametrize(("choice", "writes"), [("Yes", True), ("No", False)])
def test_a_candidate_hears_the_answer_that_the_live_run_was_given(
    bench: Bench, tmp_path: Path, choice: str, writes: bool
) -> None:
    """
    One question to people, and both versions go on with the answer.
    """
    live, other = beside(
        bench, tmp_path, ASKING.replace("TARGET", '"5"'), ASKING.replace("TARGET", '"4"')
    )
    bench.sweep()
    bench.deliver_all()
    (question,) = bench.questions()
    assert question["run_id"] == live
    assert bench.open_runs() == [live, other]

    bench.answer(question["id"], choice)
    bench.deliver_all()
    bench.sweep()
    bench.deliver_all()

    (one,) = compared(bench)
    assert bench.open_runs() == []
    assert bench.vendor.done == ({("isolate", "4"): 1} if writes else {})
    assert list(one.live.writes) == (["isolate on sham: target=4"] if writes else [])
    assert list(one.candidate.writes) == (["isolate on sham: target=5"] if writes else [])
    assert bench.rows("select count(*) as n from approval") == [{"n": 1}]
    assert f"the live run was answered {choice!r}" in one.notes


SEVERAL = """
import phantom.rules as phantom

def on_start(container):
    phantom.prompt2(user="soc_tier2", message="Fence?", callback=told, name="ask", response_types=[
        {"prompt": "Fence it?", "options": {"type": "list", "choices": ["Yes", "No"]}},
        {"prompt": "Which?", "options": {"type": "message"}}])

def told(action, success, container, results, handle):
    first, second = results[0]["summary"]["responses"]
    phantom.debug(f"heard {first} and {second}")
"""


def test_a_candidate_hears_the_answers_to_several_questions(bench: Bench, tmp_path: Path) -> None:
    """
    All of them, in their order, as the live run was given them.
    """
    live, other = beside(bench, tmp_path, f"# new\n{SEVERAL}", SEVERAL)
    (question,) = bench.questions()
    assert question["run_id"] == live

    bench.answer(question["id"], responses=["Yes", "host 4"])
    bench.deliver_all()
    bench.sweep()
    bench.deliver_all()

    heard = bench.rows("select run_id, message from run_log where message like 'heard%' order by 1")
    assert heard == [{"run_id": run, "message": "heard Yes and host 4"} for run in (live, other)]
    assert bench.open_runs() == []


def test_a_candidate_makes_no_lookup_that_a_person_must_agree_to(
    bench: Bench, tmp_path: Path
) -> None:
    """
    It asks nobody, and says whom it would have asked.
    """
    reviewed = act("look up").replace("callback=done", "callback=done, reviewer='ben'")
    live, other = beside(bench, tmp_path, f"# new\n{reviewed}", reviewed)

    assert [q["run_id"] for q in bench.questions()] == [live]
    assert not bench.vendor.done
    (call,) = [c for c in bench.calls() if c["run_id"] == other]
    assert (call["status"], call["shadow"]) == ("failed", False)
    assert "shadow: would have asked ben: approve look up on sham: target=4" in bench.log()
    assert bench.open_runs() == [live]


def test_a_candidate_hears_that_nobody_answered_in_time(bench: Bench, tmp_path: Path) -> None:
    """
    An overdue question is overdue for both.
    """
    asking = ASKING.replace("TARGET", '"4"')
    beside(bench, tmp_path, f"# new\n{asking}", asking)
    bench.do("update approval set due_at = now() - interval '1 second'")

    for _ in range(2):
        bench.sweep()
        bench.deliver_all()

    assert bench.open_runs() == []
    assert not bench.vendor.done


def test_prompts_of_playbooks_that_both_call_are_answered_too(bench: Bench, tmp_path: Path) -> None:
    """
    The same prompt of the same playbook, however deep.
    """
    with bench.database.begin() as work:
        text = ASKING.replace("TARGET", '"4"')
        work.playbooks.save(name="child", title="Child", version="1", source=text)
    caller = "import phantom.rules as phantom\n\ndef on_start(container):\n"
    caller += "    phantom.playbook('child')\n"
    beside(bench, tmp_path, f"# new\n{caller}", caller)

    bench.settle()

    (one,) = compared(bench)
    assert bench.vendor.done == {("isolate", "4"): 1}
    assert one.candidate.writes == {"isolate on sham: target=4": "would have"}
    assert one.same


def test_the_comparison_says_what_each_did(bench: Bench, tmp_path: Path) -> None:
    """
    Verdicts from the lookups, writes by action, asset and target.
    """
    live, other = beside(bench, tmp_path)

    (one,) = compared(bench)

    assert (one.live.run, one.candidate.run) == (live, other)
    assert one.live.verdict == one.candidate.verdict == "unknown"
    assert one.live.writes == {"fence on sham: target=4": "done"}
    assert one.candidate.writes == {"isolate on sham: target=4": "would have"}
    assert one.only_live == ("fence on sham: target=4",)
    assert one.only_candidate == ("isolate on sham: target=4",)
    assert not one.finished
    bench.settle()
    (one,) = compared(bench)
    assert "would have set severity to critical" in one.notes
    assert (one.same, one.finished) == (False, True)


def test_equal_versions_compare_as_the_same(bench: Bench, tmp_path: Path) -> None:
    """
    A comment more changes nothing that counts.
    """
    beside(bench, tmp_path, f"# another text\n{LIVE}")

    (one,) = compared(bench)

    assert (one.same, one.finished) == (True, True)
    assert one.candidate.writes == {"fence on sham: target=4": "would have"}


def test_different_lookups_lead_to_different_verdicts(bench: Bench, tmp_path: Path) -> None:
    """
    The candidate looks at another address, which is malicious.
    """
    answer = bench.vendor.answer

    def judged(name: str, params: Any) -> Any:
        output = answer(name, params)
        hits = 9 if params.text("target") == "6" else 0
        return type(output)(message=output.message, summary={"malicious": hits})

    bench.vendor.answer = judged  # type: ignore[method-assign]
    beside(
        bench,
        tmp_path,
        LIVE.replace('{"target": "4"}, callback=found', '{"target": "6"}, callback=found'),
    )

    (one,) = compared(bench)

    assert (one.live.verdict, one.candidate.verdict) == ("clean", "malicious")
    assert not one.same


def test_a_candidate_that_fails_harms_nobody(bench: Bench, tmp_path: Path) -> None:
    """
    Its error is its own; the comparison shows it.
    """
    live, other = beside(bench, tmp_path, LIVE + "    raise ValueError('no')\n")

    assert (bench.run(live)["status"], bench.run(other)["status"]) == ("success", "failed")
    (one,) = compared(bench)
    assert "ValueError" in one.candidate.error
    assert not one.same


def test_the_report_is_that_of_the_live_run_and_the_timeline_marks_the_candidate(
    bench: Bench, tmp_path: Path
) -> None:
    """
    Nobody reads of a containment that a candidate would have made.
    """
    live, other = beside(bench, tmp_path)

    with bench.database.begin() as work:
        text = report.read(work, 1)
        found = timeline.of_container(work, 1)

    assert "isolate" not in text.lower()
    assert text.count("Fence") == 1
    assert {e.ids["run"] for e in found.entries if e.shadow} == {other}
    assert not [e for e in found.entries if e.ids.get("run") == live and e.shadow]


def test_promoted_it_acts_and_dropped_it_runs_no_more(bench: Bench, tmp_path: Path) -> None:
    """
    One candidate per playbook; a newer one takes its place.
    """
    beside(bench, tmp_path, act("fence", "8"))
    add(bench, tmp_path, act("fence", "9"))
    with bench.database.begin() as work:
        candidate.promote(work, "tested", by="ada")
        promoted = work.playbooks.newest("tested")
        source = work.playbooks.source(promoted["id"])
    assert (source, promoted["candidate_id"]) == (act("fence", "9"), None)

    add(bench, tmp_path, act("fence", "8"))
    with bench.database.begin() as work:
        candidate.drop(work, "tested", by="ada")
        assert work.playbooks.newest("tested")["candidate_id"] is None
    with bench.database.begin() as work, pytest.raises(NotFound, match="has no candidate"):
        candidate.promote(work, "tested", by="ada")

    said = bench.rows("select what from audit where what like 'candidate%' order by id")
    assert [row["what"].removeprefix("candidate ") for row in said] == [
        "added", "added", "promoted", "added", "dropped",
    ]  # fmt: skip


def test_the_live_version_is_no_candidate(bench: Bench, tmp_path: Path) -> None:
    """
    The same text is nothing to compare; the live version stays live.
    """
    with bench.database.begin() as work:
        work.playbooks.save(name="tested", title="Tested", version="1", source=LIVE)
    add(bench, tmp_path, act("fence"))
    with bench.database.begin() as work:
        candidate.promote(work, "tested", by="ada")

    with pytest.raises(BadInput, match="is the live version of 'tested'"):
        add(bench, tmp_path, act("fence"))

    with bench.database.begin() as work:
        assert work.playbooks.source(work.playbooks.newest("tested")["id"]) == act("fence")


def test_the_command_line_adds_compares_and_promotes(
    bench: Bench, tmp_path: Path, soar: Soar
) -> None:
    """
    Each with ``--json``; a run shows beside which it ran.
    """
    beside(bench, tmp_path)
    bench.settle()
    file = tmp_path / "new.py"

    shown = json.loads(soar("playbook", "compare", "tested", "--json").stdout)
    assert (shown["alerts"], shown["different"]) == (1, 1)
    assert shown["compared"][0]["only_live"] == ["fence on sham: target=4"]
    assert "tested: 1 of 1 alerts differ" in soar("playbook", "compare", "tested").stdout
    assert json.loads(soar("run", "show", 2, "--json").stdout)["beside"] == 1
    assert "in shadow, beside run 1" in soar("run", "show", 2).stdout
    assert "success (shadow)" in soar("runs").stdout

    added = soar("playbook", "candidate", "tested", "--file", file)
    assert "runs in shadow beside the live version" in added.stdout
    assert "is live" in soar("playbook", "promote", "tested").stdout
    assert soar("playbook", "drop", "tested").exit_code != 0
