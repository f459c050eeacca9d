"""
Playbooks that call playbooks, loops, and globals between blocks, on the bench.

In: small playbooks. Out: nothing.
Never: playbooks that call each other for ever, or a wait that holds a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

PARENT = """
import phantom.rules as phantom


def on_start(container):
    number = phantom.playbook(
        "community/child", container=container, name="helper", callback=child_done,
        inputs={"ip": ["192.0.2.1", "192.0.2.2"], "depth": 1},
    )
    phantom.save_run_data("child", str(number))


def child_done(action=None, success=None, container=None, results=None, **kwargs):
    same = results[0]["playbook_run_id"] == int(phantom.get_run_data("child"))
    done = phantom.completed(playbook_names=["helper"])
    reader = phantom_desk().view.reader
    phantom.comment(comment=f"{success} {same} {done} {reader.playbook_outputs('helper')}")


def phantom_desk():
    from soar.phantom.desk import desk
    return desk()
"""
CHILD = """
import phantom.rules as phantom
from soar.phantom.desk import desk


def on_start(container):
    phantom.save_run_data("who", desk().view.reader.launching_user()["name"])


def on_finish(container, summary):
    given = desk().view.inputs
    phantom.save_playbook_output_data({"seen": given["ip"], "by": phantom.get_run_data("who")})
"""


def test_a_playbook_gets_inputs_and_gives_outputs_from_its_on_finish(bench: Bench) -> None:
    """
    The id that the call returned is the run's; the callback comes when the child has ended.
    """
    bench.play(PARENT, child=CHILD)

    assert bench.notes() == [
        "True True True [{'by': 'a test', 'seen': ['192.0.2.1', '192.0.2.2']}]"
    ]


def test_a_playbook_that_is_not_there_is_a_failed_join(bench: Bench) -> None:
    """
    Its callback runs, and the run ends failed with the sentence.
    """
    run = bench.play(PARENT)

    assert bench.notes() == ["False False True []"]
    assert bench.run(run)["error"].startswith("there is no playbook 'community/child'")


def test_playbooks_that_call_each_other_for_ever_are_stopped(bench: Bench) -> None:
    """
    The seventeenth is not called: its caller hears why.
    """
    source = (
        "import phantom.rules as phantom\n"
        "def on_start(container):\n    phantom.playbook('local/tested', callback=ended)\n"
        "def ended(action, success, container, results, handle):\n"
        "    if not success:\n        phantom.comment(comment=results[0]['message'])\n"
    )
    bench.play(source)

    assert len(bench.rows("select id from playbook_run")) == 16
    assert any(n.startswith("playbook 'local/tested' was not called: 16") for n in bench.notes())
    assert bench.open_runs() == []


def test_a_playbook_is_called_on_another_container(bench: Bench) -> None:
    """
    As a dict or an id; one that is not there fails the join and nothing else.
    """
    source = (
        "import phantom.rules as phantom\n"
        "def on_start(container):\n"
        "    for other in (1, {'id': 1}, 999):\n"
        "        phantom.playbook('child', container=other, name=str(other), callback='ended')\n"
        "def ended(action, success, container, results, handle):\n"
        "    phantom.comment(comment=f\"{action['name']} {success}\")\n"
    )
    child = (
        "import phantom.rules as phantom\ndef on_start(x):\n    phantom.comment(comment='here')\n"
    )
    bench.start("def on_start(c): pass", name="first")
    bench.play(source, child=child)

    notes = bench.rows("select container_id, content from note order by content")
    assert [(n["container_id"], n["content"]) for n in notes] == [
        (2, "1 True"), (2, "999 False"), (1, "here"), (1, "here"), (2, "{'id': 1} True"),
    ]  # fmt: skip


LOOP = """
import phantom.rules as phantom


def on_start(container):
    ask()


def ask(action=None, success=None, container=None, results=None, handle=None,
        loop_state_json=None, **kwargs):
    if not loop_state_json:
        loop_state_json = {{
            "current_iteration": 1, "max_iterations": {most}, "max_ttl": 600, "delay_time": 120,
            "conditions": [["ask:action_result.summary.target", "==", {until!r}]],
        }}
    loop_state = phantom.LoopState(state=loop_state_json)
    phantom.act("look up", parameters=[{{"target": str(loop_state.current_iteration)}}],
                assets=["sham"], name="ask", callback=loop_ask, loop_state=loop_state.to_json())


def loop_ask(action=None, success=None, container=None, results=None, handle=None,
             loop_state_json=None, **kwargs):
    loop_state = phantom.LoopState(state=loop_state_json)
    if loop_state.should_continue(container=container, results=results):
        loop_state.increment()
        ask(container=container, loop_state_json=loop_state.to_json())
    else:
        phantom.comment(comment=f"ended after {{loop_state.current_iteration}}")
"""


@pytest.mark.parametrize(("most", "until", "rounds"), [(3, "never", 3), (9, "2", 2)])
def test_a_loop_ends_by_its_number_or_its_condition(
    bench: Bench, most: int, until: str, rounds: int
) -> None:
    """
    Each iteration after the first is a parked call with a due time; nothing waits for it.
    """
    run = bench.start(LOOP.format(most=most, until=until))
    for _ in range(rounds - 1):
        bench.deliver_all()
        parked = bench.calls()[-1]
        assert (parked["status"], parked["parked_for"]) == ("parked", "schedule")
        bench.do("update app_run set due_at = due_at - interval '119 s' where status = 'parked'")
        bench.sweep()
        assert bench.pending == []
        bench.do("update app_run set due_at = due_at - interval '2 s' where status = 'parked'")
        bench.sweep()
    bench.deliver_all()

    assert bench.notes() == [f"ended after {rounds}"]
    assert [c["parameters"]["target"] for c in bench.calls()] == [
        str(n) for n in range(1, rounds + 1)
    ]
    assert bench.run(run)["status"] == "success"


AGAIN = "import phantom.rules as phantom\ndef on_start(c): phantom.comment(comment='again')"
CALLS = {
    "playbook_run": 'phantom.playbook("child"',
    "function_call": 'phantom.custom_function("local/child", parameters=[{{}}]',
}


@pytest.mark.parametrize("table", CALLS)
def test_what_a_loop_calls_next_begins_after_its_delay(bench: Bench, table: str) -> None:
    """
    A playbook or a custom function: a row that is due then, whoever rings before; the run waits.
    """
    act, _, rest = LOOP.partition('phantom.act("look up"')
    called = CALLS[table] + rest.partition('assets=["sham"]')[2]
    with bench.database.begin() as work:
        work.functions.save(repo="local", name="child", source="def child(**_): return {}")
    run = bench.start((act + called).format(most=2, until="never"), child=AGAIN)
    bench.deliver_all()
    again = f"from {table} where end_time is null and due_at is not null"
    (waiting,) = bench.rows(f"select id {again}")

    def later(seconds: int) -> None:
        for column in ("due_at", "update_time") if table == "playbook_run" else ("due_at",):
            less = f"{column} = {column} - make_interval(secs => :s)"
            bench.do(f"update {table} set {less} where id = :id", **waiting, s=seconds)
        bench.sweep()

    later(119)
    bench.engine.start_run(waiting["id"])
    bench.engine.resume_run(run, 1)
    assert (bench.pending, bench.rows(f"select id {again}")) == ([], [waiting])

    later(2)
    assert len(bench.pending) == 1
    bench.deliver_all()

    assert bench.notes()[-1] == "ended after 2"
    assert bench.run(run)["status"] == "success"


RAISES = """
import phantom.rules as phantom

def on_start(container):
    phantom.playbook("child", callback=ended)
    raise ValueError("oh")

def ended(action, success, container, results, handle):
    phantom.comment(comment="heard of the child")
    raise KeyError("again")

def on_finish(one, other):
    told = __import__("json").loads(other)
    phantom.comment(comment=f"finished {len(told['result'])} {told['status']}")
    raise ZeroDivisionError
"""


def test_on_finish_is_called_once_after_blocks_that_raised(bench: Bench) -> None:
    """
    Every block raises, on_finish too: it is called once, last, and the first error is the run's.
    """
    run = bench.play(RAISES, child="def on_start(c): pass")
    bench.engine.start_run(run)
    bench.engine.resume_run(run, 1)

    assert bench.notes() == ["finished 1 failed", "heard of the child"]
    assert bench.run(run)["error"] == "block 'on_start' failed: line 6: ValueError: oh"


GLOBALS = """
import phantom.rules as phantom

seen = 0
kept = []

def on_start(container):
    global seen
    seen += 1
    kept.append(1)
    phantom.act("look up", parameters={"target": "1"}, callback=next_block)

def next_block(*_):
    global seen
    seen += 1
    kept.append(1)
    phantom.comment(comment=f"{seen} {kept}")
"""


def test_no_global_is_carried_from_block_to_block_or_run_to_run(bench: Bench) -> None:
    """
    Which process runs a block changes nothing: each finds its module as it was written.
    """
    bench.play(GLOBALS)
    bench.play(GLOBALS)

    assert bench.notes() == ["1 [1]", "1 [1]"]
