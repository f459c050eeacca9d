"""
Joins on the stage: what ``completed`` says of names that are repeated, go round, or are shared.

In: small playbooks. Out: nothing. Never: a join that fires while what it waits for is open.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from soar.domain.commands import ActTogether, told_as
from soar.testing import Dialogue, Heard, alert, begin

FRAME = """
import phantom.rules as phantom

def act(name, callback, **more):
    phantom.act("ip reputation", parameters=[{{"ip": "192.0.2.1"}}], assets=["vt"], name=name,
                callback=callback, **more)

{body}

def join_next(action=None, success=None, container=None, results=None, handle=None, **kwargs):
    if phantom.completed({waits}):
        phantom.comment(comment="next")
"""
REPEATED = """
def on_start(container):
    for _ in range(3):
        act("rep", join_next)
"""
LOOP = """
def on_start(container):
    act("other", join_next)
    poll()

def poll(loop_state_json=None):
    state = phantom.LoopState(loop_state_json or {"current_iteration": 1, "max_iterations": 3})
    act("poll", loop_poll, loop_state=state.to_json())

def loop_poll(action, success, container, results, handle, loop_state_json=None, **kwargs):
    state = phantom.LoopState(loop_state_json)
    if state.should_continue(container=container, results=results):
        state.increment()
        poll(state.to_json())
        join_next()
    else:
        join_next()
"""
SHARED = """
def on_start(container):
    phantom.custom_function("local/rep", parameters=[{}], name="rep", callback=join_next)
    phantom.playbook("rep", name="rep", callback=join_next)
    act("rep", join_next)
"""
ROUNDS = """
def on_start(container):
    act("rep", join_next)
    act("first", again)

def again(action, success, container, results, handle):
    for _ in range(2):
        act("rep", join_next)
"""


def fired(run: Dialogue, names: Sequence[str]) -> list[str]:
    """Tell the run of acts, in this order; return the names after which the join fired."""
    found = []
    for name in names:
        run.hears_each(lambda _, member: Heard(member.asset, ""), name)
        found += [name] * run.comments.count("next")
    return found


def begun(body: str, waits: str) -> Dialogue:
    """Return a run with a join."""
    return begin(FRAME.format(body=body, waits=waits), alert(), assets={"vt": "virustotal"})


@pytest.mark.parametrize(
    ("body", "waits", "heard"),
    [
        (REPEATED, ["rep"], ["rep", "rep", "rep"]),
        (LOOP, ["other", "poll"], ["poll", "other", "poll", "poll"]),
        (LOOP, ["other", "poll"], ["poll", "poll", "poll", "other"]),
        (LOOP, ["other", "poll"], ["other", "poll", "poll", "poll"]),
    ],
)
def test_a_join_fires_once_with_the_last_of_a_name(
    body: str, waits: list[str], heard: list[str]
) -> None:
    """
    Acts of one name count when all have ended, iterations when their loop has.
    """
    run = begun(body, f"action_names={waits}")

    found = fired(run, heard)

    assert (found, run.waiting, run.error) == ([heard[-1]], [], "")


def test_each_round_of_a_name_fires_once() -> None:
    """
    What is started again later is a round of its own, and what fired stays fired.
    """
    run = begun(ROUNDS, "action_names=['rep']")

    assert fired(run, ["rep", "first", "rep", "rep"]) == ["rep", "rep"]
    assert run.waiting == []


def test_kinds_that_share_a_name_are_told_apart() -> None:
    """
    A function or a playbook of a name that has ended is no act of that name.
    """
    run = begun(SHARED, "action_names=['rep']")

    run.hears_function({})
    assert run.comments == []
    run.hears_playbook()
    assert run.comments == []
    assert fired(run, ["rep"]) == ["rep"]


def test_acts_together_count_by_their_own_names_and_by_their_common_one() -> None:
    """
    Each act in it, and the group; a prompt is an action as well.
    """
    body = (
        "def on_start(container):\n"
        "    one = {'action': 'ip reputation', 'parameters': {'ip': '192.0.2.1'}, 'assets': 'vt'}\n"
        "    phantom.act_together([{**one, 'name': 'in'}], name='pair', callback=join_next)\n"
        "    act('in', join_next)\n"
        "    phantom.prompt(user='ada', message='?', name='ask', callback=join_next)\n"
    )
    run = begun(body, "action_names=['in', 'pair', 'ask']")

    assert fired(run, ["pair", "in"]) == []
    run.hears_answer("yes")
    assert run.comments == ["next"]
    assert told_as(run.asks[0]) == frozenset()
    assert told_as(ActTogether(name="pair", acts=())) == {("action", "pair")}
