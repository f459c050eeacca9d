"""
A run from its first block to its end, with what authors and people do to it.

In: playbooks, good and bad. Out: nothing. Never: a run that stays open because of its author.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from soar.engine import limits, writing
from soar.store.work import Work

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

IMPORT = "import phantom.rules as phantom\n\n"


def block(body: str) -> str:
    """Return a playbook whose first block is *body*."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"{IMPORT}def on_start(container):\n{lines}\n"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def on_start(container)\n", "playbook 'tested', line 1: expected ':'"),
        ("import nowhere\n", "cannot be loaded: line 1: ModuleNotFoundError"),
        ("import sys\nsys.exit(3)\n", "cannot be loaded: line 2: SystemExit: 3"),
        (IMPORT, "callback 'on_start' does not exist"),
        (block("1 / 0"), "block 'on_start' failed: line 4: ZeroDivisionError"),
        (block("raise ValueError(10**5000)"), "ValueError: (its message cannot be written)"),
        (block("raise SystemExit"), "block 'on_start' failed: line 4: SystemExit"),
        (block("phantom.fly()"), "phantom.fly is not known"),
        (block("phantom.act('look up', {'target': '1'}, callback='gone')"), "callback 'gone' does"),
        (block("phantom.comment(container=99, comment='x')"), "ForeignKeyViolation"),
        (block("phantom.get_container(10**30)"), "block 'on_start' failed: line 4"),
        (block("phantom.get_container(99)"), "there is no container 99"),
        (block("phantom.add_artifact(severity='awful')"), "severity: 'awful' is none of"),
        (block("phantom.prompt(user='a', respond_in_mins=10**12)"), "respond_in_mins"),
        (
            block("phantom.act('look up', {'target': '1'}, start_time='noon')"),
            "start_time: must be",
        ),
        (block("phantom.act('look up', {'target': 1, 'context': 'x'})"), "asked for what cannot"),
        (block("phantom.update(container, {'tags': 5})"), "asked for what cannot be done"),
    ],
    ids=lambda value: None,
)
def test_what_an_author_got_wrong_ends_the_run_as_failed_with_a_sentence(
    bench: Bench, source: str, sentence: str
) -> None:
    """
    The run ends, its error and its log say what and where, and nothing is left behind.
    """
    run_id = bench.start(source)

    bench.settle()

    run = bench.run(run_id)
    assert run["status"] == "failed"
    assert sentence in run["error"]
    assert any(sentence in line for line in bench.log())
    assert bench.rows("select id from outbox") == []


def test_what_a_block_asked_before_it_failed_stays_asked(bench: Bench) -> None:
    """
    The comment is written and the call is made; the run ends as failed.
    """
    run_id = bench.play(
        block("phantom.comment(comment='first')\nphantom.act('look up', {'target': '1'})\n1 / 0")
    )

    assert bench.notes() == ["first"]
    assert bench.calls()[0]["status"] == "success"
    assert bench.run(run_id)["status"] == "failed"


def test_a_block_that_cannot_be_carried_out_leaves_nothing_but_its_log(bench: Bench) -> None:
    """
    All of a block or nothing; the lines that it logged help its author.
    """
    bench.play(
        block(
            "phantom.debug('so far')\nphantom.act('look up', {'target': '1'})\n"
            "phantom.comment(comment='x')\nphantom.comment(container=99, comment='y')"
        )
    )

    assert bench.notes() == []
    assert bench.calls() == []
    assert bench.log()[0] == "so far"


def test_targets_that_disagree_are_not_guessed_even_where_they_are_lists(bench: Bench) -> None:
    """
    Values of any kind can be compared.
    """
    run_id = bench.start(block("phantom.act('look up', targets={'name': 'x'}, callback=None)"))
    bench.do(
        "insert into artifact (container_id, source_id, name, label, severity, cef) values"
        """ (1, 'a', 'a', 'a', 'low', '{"ip": ["1", "2"]}'),"""
        """ (1, 'b', 'b', 'a', 'low', '{"ip": "3"}')"""
    )

    bench.settle()

    assert bench.calls()[0]["message"] == "look up: parameter 'target' is missing"
    assert bench.run(run_id)["status"] == "success"


def test_blocks_of_one_run_never_run_side_by_side(bench: Bench) -> None:
    """
    Eight deliveries at once call each block once; whoever finds the run held leaves.
    """
    source = block(
        "for n in range(4):\n"
        "    phantom.act('look up', {'target': str(n)}, callback='done', name=str(n))"
    )
    source += (
        "\ndef done(action, success, container, results, handle):\n"
        "    seen = int(phantom.get_run_data('seen') or 0) + 1\n"
        "    phantom.save_run_data('seen', str(seen))\n"
        "    phantom.comment(comment=f'{seen}')\n"
    )
    run_id = bench.start(source)
    bench.deliver(bench.pending.pop(0))
    while any(m.kind == "member" for m in bench.pending):
        members = [m for m in bench.pending if m.kind == "member"]
        bench.pending.remove(members[0])
        bench.deliver(members[0])
    gate = threading.Barrier(8)

    def resume() -> None:
        gate.wait()
        bench.engine.resume_run(run_id, 1)

    threads = [threading.Thread(target=resume) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert bench.notes() == ["1", "2", "3", "4"]
    assert bench.run(run_id)["status"] == "success"


def test_completed_is_true_only_once_the_run_was_told(bench: Bench) -> None:
    """
    Of two ended acts, the first callback sees the first as completed and not the second.
    """
    source = block(
        "phantom.act('look up', {'target': '1'}, callback='done', name='one')\n"
        "phantom.act('look up', {'target': '2'}, callback='done', name='two')"
    )
    source += (
        "\ndef done(action, success, container, results, handle):\n"
        "    both = phantom.completed(action_names=['one', 'two'])\n"
        "    phantom.comment(comment=f\"{action['name']}: {both}\")\n"
    )
    bench.start(source)
    bench.deliver(bench.pending.pop(0))
    for message in [m for m in bench.pending if m.kind == "member"]:
        bench.deliver(message)

    bench.deliver_all()

    assert bench.notes() == ["one: False", "two: True"]


def test_a_failed_sub_playbook_tells_its_parent(bench: Bench) -> None:
    """
    The callback hears that it did not succeed; the parent's run is its own affair.
    """
    source = block("phantom.playbook('child', callback='done')")
    source += (
        "\ndef done(action, success, container, results, handle):\n"
        "    phantom.comment(comment=f\"{success}: {results[0]['message']}\")\n"
    )

    run_id = bench.play(source, child=block("1 / 0"))

    assert "False: block 'on_start' failed: line 4: ZeroDivisionError" in bench.notes()[0]
    assert bench.run(run_id)["status"] == "success"


def test_a_sub_playbook_that_does_not_exist_tells_its_parent(bench: Bench) -> None:
    """
    The callback is called all the same.
    """
    source = block("phantom.playbook('nowhere', callback='done')")
    source += (
        "\ndef done(action, success, container, results, handle):\n"
        "    phantom.comment(comment=f'{success}')\n"
    )

    bench.play(source)

    assert bench.notes() == ["False"]
    assert "there is no playbook 'nowhere'" in bench.log()[0]


def test_an_act_without_a_single_call_still_calls_back(bench: Bench) -> None:
    """
    No parameters are no calls, and the callback hears of no success.
    """
    source = block("phantom.act('look up', parameters=[], callback='done')")
    source += (
        "\ndef done(action, success, container, results, handle):\n"
        "    phantom.comment(comment=f'{success} {len(results)}')\n"
    )

    run_id = bench.play(source)

    assert bench.notes() == ["False 0"]
    assert bench.run(run_id)["status"] == "success"


def test_a_message_for_a_run_that_has_ended_changes_nothing(bench: Bench) -> None:
    """
    A repeat of any bell after the end finds nothing to do.
    """
    run_id = bench.play(block("phantom.comment(comment='once')"))
    before = bench.run(run_id)

    bench.engine.start_run(run_id)
    bench.engine.resume_run(run_id, 1)
    bench.engine.start_run(10**12)

    assert bench.run(run_id) == before
    assert bench.notes() == ["once"]


FAN_IN = """
def on_start(container):
    for name in ("a", "b", "c"):
        phantom.act("look up", {{"target": name}}, name=name, callback=join)


def join(action, success, container, results, handle):
    {body}
"""


@pytest.mark.parametrize(
    ("body", "lazy"),
    [
        ("pass", 2),
        ("phantom.debug('heard')", 2),
        ("phantom.comment(comment='heard')", 0),
        ("phantom.save_run_data(key='k', value='v')", 0),
        ("1 / 0", 0),
    ],
)
def test_only_a_block_that_asked_for_nothing_is_kept_without_waiting_for_the_disk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, body: str, lazy: int
) -> None:
    """
    Nor does the last one of a run, whose end others hear of.
    """
    kept: list[str] = []
    lazily = Work.lazily

    def noted(work: Work) -> None:
        lazily(work)
        kept.append(str(work.runs._value("show synchronous_commit")))

    monkeypatch.setattr(Work, "lazily", noted)

    bench.start(IMPORT + FAN_IN.format(body=body))
    bench.settle()

    assert kept == ["off"] * lazy
    assert bench.rows("select 1 from action_run where delivered_at is null") == []


def test_a_run_between_two_blocks_goes_on_with_the_text_it_began_with(bench: Bench) -> None:
    """
    A new version that is saved meanwhile is for the next run.
    """
    source = (
        "import phantom.rules as phantom\n\n"
        "def on_start(container):\n"
        "    phantom.act('look up', parameters={'target': '4'}, callback=done)\n\n"
        "def done(action, success, container, results, handle):\n"
        "    phantom.comment(comment='VERSION')\n"
    )
    bench.start(source.replace("VERSION", "old"))
    bench.deliver(bench.pending.pop(0))
    with bench.database.begin() as work:
        text = source.replace("VERSION", "new")
        work.playbooks.save(name="tested", title="Tested", version="2", source=text)

    bench.deliver_all()
    assert bench.notes() == ["old"]
    bench.play(text)
    assert sorted(bench.notes()) == ["new", "old"]


def test_a_database_that_restarts_is_no_death_of_a_block(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It is still away when the note that the block began is to be taken back.
    """
    run_id = bench.start(block("phantom.comment(comment='done')"))
    run, away = bench.database.run, [True, True]

    def restarting(statement: str, values: Any) -> Any:
        if statement == limits.UNBRACE and away:
            away.pop()
            raise psycopg2.OperationalError("the server is starting up")
        return run(statement, values)

    def cut(*_: Any) -> None:
        raise psycopg2.OperationalError("the server closed the connection")

    monkeypatch.setattr(bench.database, "run", restarting)
    with monkeypatch.context() as restart:
        restart.setattr(writing, "write", cut)
        with pytest.raises(psycopg2.OperationalError):
            bench.engine.start_run(run_id)

    assert bench.rows("select tries from block_try") == [{"tries": 0}]
    bench.settle()
    assert bench.notes() == ["done"]
