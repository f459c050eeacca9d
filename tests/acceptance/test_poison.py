"""
Blocks that kill or hold the process that runs them: set aside, and nothing else stopped.

In: the pool. Out: nothing. Never: a run that is tried for ever.
"""

from __future__ import annotations

from typing import Any

import pytest

DEADLY = """
import os
import phantom.rules as phantom

def on_start(container):
    os._exit(9)

def on_finish(container, summary):
    phantom.comment(container, "the end was reached")
"""

ENDLESS = """
import phantom.rules as phantom

def on_start(container):
    while True:
        try:
            sum(range(10_000))
        except Exception:
            pass
"""

GREEDY = """
import phantom.rules as phantom

def on_start(container):
    everything = bytearray(8 * 1024 ** 3)
"""

HARMLESS = """
import phantom.rules as phantom

def on_start(container):
    phantom.comment(container, "done")
"""


@pytest.mark.trap(4, "celery#9082, celery#5598")
def test_a_block_that_kills_its_process_is_set_aside_after_three_deaths(pool: Any) -> None:
    """
    A block that ends its process each time: its run ends failed with a sentence, having called
    on_finish; other runs go on.

    Source: celery#9082, celery#5598.
    """
    pool.playbook(DEADLY, label="poison-deadly")
    container = pool.alert("poison-deadly", {"type": "none"})

    (run,) = pool.ended(container, within=120.0)

    assert run["status"] == "failed"
    assert run["error"] == "block 'on_start' was set aside: it ended or broke 3 processes"
    with pool.house.database.begin() as work:
        assert [n["content"] for n in work.reads.notes_of(container)] == ["the end was reached"]


def test_endless_blocks_are_stopped_and_hold_nobody_up_for_longer(pool: Any) -> None:
    """
    As many of them as there are engine processes: another run is done soon after their time.
    """
    pool.playbook(ENDLESS, label="poison-endless")
    pool.playbook(HARMLESS, label="poison-none")
    endless = [pool.alert("poison-endless", {"type": "none"}) for _ in range(2)]
    other = pool.alert("poison-none", {"type": "none"})

    (harmless,) = pool.ended(other, within=60.0)
    runs = [run for container in endless for run in pool.ended(container, within=60.0)]

    assert harmless["status"] == "success"
    assert {run["error"] for run in runs} == {
        "block 'on_start' was stopped: it ran longer than 20 s"
    }


def test_a_block_that_wants_all_memory_fails_and_its_process_lives(pool: Any) -> None:
    """
    It is told so where it asked.
    """
    pool.playbook(GREEDY, label="poison-greedy")
    container = pool.alert("poison-greedy", {"type": "none"})

    (run,) = pool.ended(container)

    assert run["status"] == "failed"
    assert "MemoryError" in run["error"]
