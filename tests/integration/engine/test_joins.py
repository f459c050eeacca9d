"""
Joins of unguarded playbooks on the bench: ``completed``, whatever comes twice or in any order.

In: playbooks whose names are repeated, go round, or are shared. Out: nothing.
Never: a join that fires twice, or one that never does.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.conftest import eventually

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

SOURCE = """
import phantom.rules as phantom


def look(target, name, callback, **more):
    phantom.act("look up", {"target": target}, name=name, callback=callback, **more)


def on_start(container):
    for number in "123":
        look(number, "rep", join_repeated)
    inner = {"action": "look up", "parameters": {"target": "4"}, "name": "in"}
    phantom.act_together([inner], name="pair", callback=join_repeated)
    phantom.custom_function("local/rep", parameters=[{}], name="rep", callback=join_repeated)
    phantom.playbook("child", name="rep", callback=join_repeated)
    look("5", "other", join_loop)
    poll()


def join_repeated(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    if phantom.completed(action_names=["rep", "in", "pair"], playbook_names=["rep"],
                         custom_function_names=["rep"]):
        phantom.comment(comment="repeated")
        look("7", "later", again)


def poll(loop_state_json=None):
    state = phantom.LoopState(loop_state_json or {"current_iteration": 1, "max_iterations": 3})
    look("6", "poll", loop_poll, loop_state=state.to_json())


def loop_poll(action, success, container, results, handle, loop_state_json=None, **kwargs):
    state = phantom.LoopState(loop_state_json)
    if state.should_continue(container=container, results=results):
        state.increment()
        poll(state.to_json())
    else:
        join_loop()


def join_loop(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    if phantom.completed(action_names=["other", "poll"]):
        phantom.comment(comment="loop")


def again(action, success, container, results, handle):
    for number in "89":
        look(number, "rep", join_again)


def join_again(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    if phantom.completed(action_names=["rep", "later"]):
        phantom.comment(comment="again")


def on_finish(container, summary):
    phantom.comment(comment="finished")
"""
CHILD = "def on_start(container):\n    pass\n"
REP = "def rep(**kwargs):\n    return {}\n"
FIRED = ["again", "finished", "loop", "repeated"]
ONE_KIND = """
import phantom.rules as phantom


def on_start(container):
    phantom.act("look up", {"target": "1"}, name="rep", callback=told)
    phantom.custom_function("local/rep", parameters=[{}], name="rep", callback=told)
    phantom.prompt(user="soc_tier2", message="?", options=["Go"], name="rep", callback=told)


def told(action, success, container, results, handle):
    act = phantom.completed(action_names=["rep"])
    function = phantom.completed(custom_function_names=["rep"])
    phantom.comment(comment=f"{action['action']}: {act} {function}")
"""


def begun(bench: Bench, source: str) -> int:
    """Queue a run with the function and the playbook that it calls."""
    with bench.database.begin() as work:
        work.functions.save(repo="local", name="rep", source=REP)
    return bench.start(source, child=CHILD)


def shaken(bench: Bench, chance: random.Random) -> None:
    """Deliver what is on its way in any order, every second message twice; ends are told late."""
    for _ in range(200):
        if not bench.pending:
            break
        message = bench.pending.pop(chance.randrange(len(bench.pending)))
        bench.deliver(message, ends=chance.choice(["at once", "twice", "later"]))
        if chance.random() < 0.5:
            bench.deliver(message)
        if chance.random() < 0.3:
            bench.record()
        for run_id in bench.open_runs():
            bench.engine.resume_run(run_id, 1)
    bench.settle()


@pytest.mark.parametrize("seed", range(12))
def test_joins_fire_once_in_any_order_and_under_doubled_messages(bench: Bench, seed: int) -> None:
    """
    Acts of one name, a loop beside an act, kinds that share a name, and a later round of it.
    """
    run_id = begun(bench, SOURCE)

    shaken(bench, random.Random(seed))

    assert bench.notes() == FIRED
    assert bench.run(run_id)["status"] == "success"


def test_each_message_twice_in_order_fires_no_join_twice(bench: Bench) -> None:
    """
    The plain doubled delivery: every message, and every call's end, comes a second time.
    """
    run_id = begun(bench, SOURCE)

    while bench.pending:
        message = bench.pending.pop(0)
        bench.deliver(message, ends="twice")
        bench.deliver(message)
    bench.settle()

    assert bench.notes() == FIRED
    assert bench.run(run_id)["status"] == "success"


def test_an_act_a_prompt_and_a_function_of_one_name_are_two_kinds(bench: Bench) -> None:
    """
    Act and prompt are both actions of that name; the function is none.
    """
    begun(bench, ONE_KIND)

    bench.settle()

    assert bench.notes() == ["local/rep: False True", "look up: False True", "prompt: True True"]


SHARED = """
import phantom.rules as phantom


def on_start(container):
    phantom.act("ip reputation", parameters=[{"target": "1"}], callback=done)


def done(action=None, success=None, container=None, results=None, handle=None):
    phantom.comment(comment="heard")
"""
WAITS = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and state = 'active'"


def test_joins_that_end_together_are_taken_in_one_order(bench: Bench) -> None:
    """
    The end of a lookup that finds the first join of many taken waits for it and holds no other:
    whatever ends beside it wants them in that order too, so that neither waits for the other.
    PostgreSQL itself would take them as they lie on its pages: there the first one is the last.
    """
    bench.do("update asset set configuration = '{}'")
    for _ in range(25):
        bench.start(SHARED)
    while bench.pending:
        bench.deliver(bench.pending.pop(0), ends="later")
    (made,) = bench.unrecorded
    bench.unrecorded.clear()
    joins = [row["id"] for row in bench.rows("select id from action_run order by id")]

    bench.do("update action_run set message = 'moved' where id = :id", id=joins[0])

    with ThreadPoolExecutor(1) as pool:
        with bench.database.begin() as work:
            work.runs._all("select 1 from action_run where id = :id for update", id=joins[0])
            ended = pool.submit(bench.end, *made)
            eventually(lambda: ended.done() or bench.rows(WAITS))
            free = work.runs._all("select id from action_run order by id for update skip locked")
        ended.result(10)

    assert [row["id"] for row in free] == joins
    bench.deliver_all()
    assert bench.notes() == ["heard"] * 25
