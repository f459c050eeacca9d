"""
Messages come in any order, twice, or never, and workers die: a run comes to the same end.

In: a playbook with every kind of join. Out: nothing. Never: an order that a broker promised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from soar.domain.errors import Conflict

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

PARENT = """
import phantom.rules as phantom


def told(block, results):
    lines = [f"{r['action']} {r['parameter'].get('target')} {r['status']}" for r in results]
    phantom.comment(comment=f"{block}: {', '.join(lines)}")


def on_start(container):
    phantom.act(
        "look up", parameters=[{"target": "1"}, {"target": "2"}], callback=looked_up, name="look",
    )
    phantom.act_together(
        [
            {"action": "look up", "parameters": {"target": "3"}, "assets": "sham", "name": "one"},
            {"action": "block", "parameters": {"target": "4"}, "assets": "sham", "name": "other"},
        ],
        callback="both_done", name="both",
    )
    phantom.prompt(
        user="soc_tier2", message="Isolate 6?", options=["Isolate", "Leave"], name="ask",
        callback=answered,
    )
    phantom.playbook("child", callback=child_done, name="helper")


def looked_up(action, success, container, results, handle):
    told("looked_up", results)
    phantom.save_run_data("seen", str(len(results)))
    phantom.act("block", parameters={"target": "5"}, callback=blocked, name="block again")


def both_done(action, success, container, results, handle):
    told("both_done", results)


def blocked(action, success, container, results, handle):
    told("blocked", results)
    phantom.act("disable", parameters={"target": "7"}, callback=disabled, name="nobody was asked")


def answered(action, success, container, results, handle):
    phantom.comment(comment=f"answered: {results.get('response')}")
    if results.get("response") == "Isolate":
        phantom.act("isolate", parameters={"target": "6"}, callback=isolated, name="isolate it")


def isolated(action, success, container, results, handle):
    told("isolated", results)


def disabled(action, success, container, results, handle):
    told("disabled", results)


def child_done(action, success, container, results, handle):
    phantom.comment(comment=f"child: {results[0]['data'][0]['found']}")


def on_finish(container, summary):
    phantom.comment(comment=f"finished: {phantom.get_run_data('seen')} seen")
"""
CHILD = """
import phantom.rules as phantom


def on_start(container):
    phantom.act("look up", parameters={"target": "8"}, callback=looked_up)


def looked_up(action, success, container, results, handle):
    phantom.save_playbook_output_data({"found": results[0]["status"]})
"""
PLAIN = [
    "answered: Isolate",
    "blocked: block 5 success",
    "both_done: look up 3 success, block 4 success",
    "child: success",
    "disabled: disable 7 success",
    "finished: 2 seen",
    "isolated: isolate 6 success",
    "looked_up: look up 1 success, look up 2 success",
]
CONTAINED = {("block", "4"), ("block", "5"), ("isolate", "6"), ("disable", "7")}
LOOKED_UP = {("look up", number) for number in "1238"}

ENDS = {"die recording": "never", "record later": "later", "record twice": "twice"}
STEPS = (
    "deliver", "deliver twice", "deliver and keep", "lose", *ENDS, "record", "sweep", "age",
    "answer", "broker down", "broker up",
)  # fmt: skip
TRANSIENT = ("later", "busy", "died before", "died after")
LOSSY = (*TRANSIENT, "lost", "unsent")

steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7)), max_size=45)
moods = st.fixed_dictionaries(
    {},
    optional={
        effect: st.lists(
            st.sampled_from(LOSSY if effect in CONTAINED else TRANSIENT), min_size=1, max_size=2
        )
        for effect in sorted(CONTAINED | LOOKED_UP)
    },
)


def take(bench: Bench, step: str, chosen: int) -> None:
    """Let one thing happen to the messages, the workers or the clock."""
    match step:
        case "sweep":
            bench.sweep()
        case "age":
            bench.age()
        case "record":
            bench.record()
        case "broker down" | "broker up":
            bench.reachable = step == "broker up"
        case "answer":
            for question in bench.questions()[:1]:
                bench.answer(question["id"])
                with pytest.raises(Conflict):
                    bench.answer(question["id"])
        case _ if bench.pending:
            place = chosen % len(bench.pending)
            kept = step == "deliver and keep"
            message = bench.pending[place] if kept else bench.pending.pop(place)
            if step != "lose":
                bench.deliver(message, ends=ENDS.get(step, "at once"))
            if step == "deliver twice":
                bench.deliver(message)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(script=[], wrong={})
@example(script=[("deliver twice", 0)] * 30, wrong={})
@example(script=[("deliver", 7), ("lose", 0)] * 15, wrong={})
@example(script=[("record twice", 0)] * 30, wrong={})
@example(
    script=[("deliver", 0), *[("die recording", 0), ("sweep", 0), ("record", 0)] * 9], wrong={}
)
@example(script=[("deliver", 0), ("broker down", 0), *[("deliver", 0)] * 9], wrong={})
@given(script=steps, wrong=moods)
def test_duplicate_late_lost_and_reordered_messages_change_nothing(
    bench: Bench, script: list[tuple[str, int]], wrong: dict[tuple[str, str], list[str]]
) -> None:
    """
    Whatever happens to messages and workers, every block is called once with exactly its own
    results, and every containment takes place once.
    """
    bench.reset()
    bench.vendor.moods.update({effect: list(answers) for effect, answers in wrong.items()})
    bench.start(PARENT, child=CHILD)

    for step, chosen in script:
        take(bench, step, chosen)
    bench.settle()

    note(f"calls: {[(c['id'], c['action'], c['status'], c['message']) for c in bench.calls()]}")
    assert bench.notes() == PLAIN
    assert {effect: bench.vendor.done[effect] for effect in CONTAINED} == dict.fromkeys(
        CONTAINED, 1
    )
    assert bench.rows("select id, status, error from playbook_run where status <> 'success'") == []
    assert bench.rows("select id from app_run where status <> 'success'") == []
    assert (
        bench.rows("select id from action_run where delivered_at is null or remaining <> 0") == []
    )
    assert bench.rows("select id from approval where status <> 'answered'") == []
    assert len(bench.calls()) == 8
    left = bench.rows("select body from outbox")
    assert left == []
