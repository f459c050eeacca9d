"""
Custom functions: run as a step of their own, recorded once, whatever happens to messages.

In: playbooks that call functions, on the bench. Out: nothing.
Never: a result that is written twice, or a run that waits for a function that is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from soar.cancellation import cancel
from soar.engine import limits, steps
from soar.store.functions import Functions

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

PARENT = """
import json
import phantom.rules as phantom


def on_start(container):
    phantom.custom_function(
        custom_function="local/double", name="twice", callback=doubled,
        parameters=[{"number": 1}, {"number": "x"}, {"number": 3}],
    )


def doubled(action=None, success=None, container=None, results=None, handle=None,
            filtered_artifacts=None, filtered_results=None, custom_function=None, **kwargs):
    told = [r["data"] if r["success"] else r["message"] for r in results]
    done = phantom.completed(custom_function_names=["twice"])
    phantom.comment(comment=f"{custom_function['name']} {success} {done}: {told}")


def on_finish(container, summary):
    told = json.loads(summary)
    phantom.comment(comment=f"finished: {[r['name'] for r in told['result']]}")
"""
DOUBLE = """
def double(number=None, **kwargs):
    import phantom.rules as phantom
    phantom.comment(comment=f"doubling {number}")
    return {"value": number * 2 if number != "x" else int(number)}
"""
WRONG = (
    "custom function 'local/double' failed: line 5: ValueError:"
    " invalid literal for int() with base 10: 'x'"
)
NOTES = [
    "doubling 1",
    "doubling 3",
    "doubling x",
    "finished: ['twice']",
    f"twice True True: [{{'value': 2}}, {WRONG!r}, {{'value': 6}}]".replace('\\"', '"'),
]


def bring(bench: Bench, name: str, source: str, *, repo: str = "local") -> int:
    """Keep a custom function."""
    with bench.database.begin() as work:
        return work.functions.save(repo=repo, name=name, source=source)[0]


def calls(bench: Bench) -> list[dict[str, Any]]:
    """Return every call of a custom function."""
    return bench.rows("select * from function_call order by id")


def test_a_function_runs_once_per_mapping_and_its_callback_hears_all(bench: Bench) -> None:
    """
    Three mappings: two results and an error with its line. The run goes on, and ends well.
    """
    bring(bench, "double", DOUBLE)

    run = bench.play(PARENT)

    assert bench.notes() == NOTES
    assert [(c["succeeded"], c["data"]) for c in calls(bench)] == [
        (True, {"value": 2}), (False, None), (True, {"value": 6}),
    ]  # fmt: skip
    assert (bench.run(run)["status"], bench.run(run)["error"]) == ("success", "")
    assert WRONG in bench.log()


def test_a_message_that_comes_twice_calls_no_function_twice(bench: Bench) -> None:
    """
    Start and resume come three times each: three calls, three comments of them, one callback.
    """
    bring(bench, "double", DOUBLE)
    run = bench.start(PARENT)

    for message in list(bench.pending) * 3:
        bench.deliver(message)
        bench.engine.resume_run(run, 1)
    bench.deliver_all()

    assert bench.notes() == NOTES


@pytest.mark.parametrize(
    ("returned", "why"),
    [
        ("__import__('functools').reduce(lambda a, _: [a], range(150), 1)", "is nested more than"),
        ("['x' * 10_000_000] * 7", "is larger than 64 MiB"),
        ("type('Broken', (dict,), {'items': lambda _: 1 / 0})(a=1)", "division by zero"),
    ],
    ids=["deep", "large", "broken"],
)
def test_a_result_that_cannot_be_kept_fails_its_call(bench: Bench, returned: str, why: str) -> None:
    """
    At once, with a sentence: no process is broken, and nothing is tried again.
    """
    bring(bench, "double", f"def double(number=None, **kwargs):\n    return {returned}\n")

    bench.play(PARENT)

    made = calls(bench)
    assert [c["succeeded"] for c in made] == [False] * 3
    assert made[0]["message"].startswith("custom function 'local/double' returned no JSON: ")
    assert why in made[0]["message"]


class Killed(BaseException):
    """The process of an engine is gone."""


def test_a_process_killed_before_the_result_is_kept_leaves_nothing_of_the_call(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The function has run and its worker dies: neither its comment nor its result is there. The
    sweep rings, and the call is made again, once.
    """
    bring(bench, "double", DOUBLE)
    kept, died = Functions.ended, [False]

    def die(self: Functions, call_id: int, **values: Any) -> None:
        if not died[0]:
            died[0] = True
            raise Killed
        kept(self, call_id, **values)

    monkeypatch.setattr(Functions, "ended", die)
    bench.start(PARENT)

    with pytest.raises(Killed):
        bench.deliver_all()
    assert bench.notes() == []
    assert [c["end_time"] for c in calls(bench)] == [None] * 3

    bench.do("update function_call set create_time = create_time - interval '1 h'")
    bench.sweep()
    bench.deliver_all()

    assert bench.notes() == NOTES
    assert bench.rows("select * from block_try") == []


def test_a_function_that_kills_its_process_again_and_again_is_set_aside(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    After three deaths its result is a failure that says so, and the run goes on.
    """
    bring(bench, "double", DOUBLE)

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(steps, "evaluate", die)
        run = bench.start(PARENT)
        for _ in range(limits.MOST_DEATHS):
            with pytest.raises(Killed):
                bench.engine.start_run(run)
    bench.engine.start_run(run)

    assert bench.run(run)["status"] == "success"
    first = calls(bench)[0]["message"]
    assert first == "custom function 'double' was set aside: it ended or broke 3 processes"


EMPTY = """
import phantom.rules as phantom

def on_start(container):
    phantom.custom_function(custom_function="local/double", parameters=[], callback=done)
    phantom.custom_function(
        custom_function="local/nowhere", parameters=[{}], name="missing", callback=done
    )

def done(action, success, container, results, handle):
    phantom.comment(comment=f"{action['name']} {success} {results}")
"""


def test_a_call_without_parameters_or_function_still_reaches_its_callback(bench: Bench) -> None:
    """
    An empty list has succeeded with no results; a function that is not there has failed in a
    sentence, and with it the run.
    """
    bring(bench, "double", DOUBLE)

    run = bench.play(EMPTY)

    first, second = bench.notes()
    assert first == "double True []"
    assert second.startswith("missing False [{'success': False, 'message': \"there is no custom")
    assert bench.run(run)["error"].startswith("there is no custom function 'local/nowhere'")


def test_a_call_keeps_the_version_it_began_with(bench: Bench) -> None:
    """
    A new version comes between the asking and the call: the old one is called.
    """
    old = bring(bench, "double", DOUBLE)
    run = bench.start(PARENT)
    with bench.database.begin() as work:
        work.functions.call(_join(bench, run), run, old, [{"number": 5}])
    bring(bench, "double", DOUBLE.replace("* 2", "* 3"))

    with bench.database.begin() as work:
        found = work.functions.open_call(calls(bench)[0]["id"])
        assert "* 2" in found["source"]
        assert work.functions.newest("local/double")["id"] != old


def _join(bench: Bench, run: int) -> int:
    with bench.database.begin() as work:
        return work.runs.add_action_run(
            run_id=run,
            container_id=bench.run(run)["container_id"],
            kind="custom_function",
            action="local/double",
            name="twice",
            remaining=1,
        )


def test_the_same_text_again_is_no_new_version_and_an_old_one_comes_back(bench: Bench) -> None:
    """
    Versions are told apart by their words; saving an older text once more goes back to it.
    """
    first = bring(bench, "double", DOUBLE)
    assert bring(bench, "double", DOUBLE) == first
    second = bring(bench, "double", DOUBLE + "\n# other\n")
    other = bring(bench, "double", DOUBLE, repo="community")

    assert bring(bench, "double", DOUBLE) == first
    with bench.database.begin() as work:
        names = ("local/double", "community/double", "elsewhere/double", "double")
        found = [work.functions.newest(name)["id"] for name in names]
    assert found == [first, other, other, other]
    assert second not in found


def test_a_cancelled_run_calls_no_function_any_more(bench: Bench) -> None:
    """
    What nobody has called is closed with the run.
    """
    bring(bench, "double", DOUBLE)
    run = bench.start(PARENT)
    bench.engine._move(run)
    with bench.database.begin() as work:
        cancel(work, run, by="ada")
    bench.deliver_all()

    assert [c["message"] for c in calls(bench)] == ["cancelled by ada"] * 3
    assert bench.notes() == []


def test_a_run_with_much_to_do_goes_on_under_a_message_of_its_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A task has a time limit: after a while the rest is left to another one.
    """
    monkeypatch.setattr(steps, "LONGEST_DRAIN", -1.0)
    bring(bench, "double", DOUBLE)
    run = bench.start(PARENT)

    bench.deliver(bench.pending.pop())
    assert [c["succeeded"] for c in calls(bench)] == [False] * 3
    assert len(bench.pending) == 1
    bench.deliver_all()

    assert bench.run(run)["status"] == "success"
    assert bench.notes() == NOTES
