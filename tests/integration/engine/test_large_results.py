"""
Results that are too large, too deep or spoilt: kept whole as an attachment, or refused alone.

In: the bench, and for one test real workers. Out: nothing.
Never: a result that stops a worker, a join or another run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from celery.contrib.testing.worker import start_worker

from soar import report, timeline
from soar.bus.app import RESUME_RUN, START_RUN
from soar.bus.relay import Relay
from soar.connector import Output
from soar.engine import chords
from soar.store.attachments import pieces
from tests.conftest import eventually

if TYPE_CHECKING:
    from tests.integration.engine.conftest import Bench

PLAYBOOK = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("look up", {"target": "203.0.113.7"}, callback=looked_up)

def looked_up(action, success, container, results, handle):
    result = results[0]
    inner = result["action_results"][0]
    phantom.comment(container, f"{success} {result['truncated']} {inner['truncated']}"
                               f" {len(result['data'])} {result['attachment_id']}")
    phantom.comment(container, result["message"])
"""
SMALL = """
import phantom.rules as phantom

def on_start(container):
    phantom.act("look up", {"target": "198.51.100.1"}, callback=looked_up)

def looked_up(action, success, container, results, handle):
    phantom.comment(container, f"small {success} {results[0]['truncated']}")
"""
ROWS = [{"number": i, "text": "malware " * 400} for i in range(1000)]
LARGE = Output(message="1000 rows", summary={"total": 1000}, data=tuple(ROWS))


def answering(bench: Bench, answers: Mapping[str, Any]) -> None:
    """Let the vendor return these outputs by target, and else what it always does."""
    usual = bench.vendor.answer

    def answer(name: str, params: Any) -> Any:
        found = answers.get(params.text("target"))
        return usual(name, params) if found is None else found

    bench.vendor.answer = answer  # type: ignore[method-assign]


def attachments(bench: Bench) -> list[dict[str, Any]]:
    """Return every attachment with its document."""
    rows = bench.rows("select * from attachment order by id")
    return [{**r, "document": json.loads(b"".join(pieces(r["content"])))} for r in rows]


def test_a_large_result_is_truncated_with_a_flag_and_kept_whole(bench: Bench) -> None:
    """
    The callback sees the front, the flag and where the whole is; row and report say so too.
    """
    answering(bench, {"203.0.113.7": LARGE})
    run_id = bench.play(PLAYBOOK)

    (call,) = bench.calls()
    (kept,) = attachments(bench)

    assert bench.run(run_id)["status"] == "success"
    assert kept["document"] == {"message": "1000 rows", "summary": {"total": 1000}, "data": ROWS}
    assert (kept["run_id"], kept["app_run_id"]) == (run_id, call["id"])
    assert kept["name"] == f"look_up-{call['id']}.json"
    assert call["message"] == "1000 rows (result truncated: 3.1 MiB; whole text in attachment 1)"
    assert (call["attachment_id"], call["summary"]) == (kept["id"], {"total": 1000})
    assert call["data"] == ROWS[: len(call["data"])]
    assert 300 < len(call["data"]) < 1000
    assert f"True True True {len(call['data'])} 1" in bench.notes()
    with bench.database.begin() as work:
        found = timeline.of_container(work, call["container_id"])
        assert [e.attachment for e in found.entries if e.kind == "action"] == [1]
        assert "whole text in attachment 1" in report.read(work, call["container_id"])


def test_a_repeated_end_stores_one_attachment_and_counts_once(bench: Bench) -> None:
    """
    A message that comes twice, an end that is written twice, an end whose claim was lost.
    """
    answering(bench, {"203.0.113.7": LARGE})
    bench.start(PLAYBOOK)
    bench.deliver(bench.pending.pop(0))
    (member,) = bench.pending
    bench.pending.clear()

    outcome = bench.call(member.body, ends="later")
    assert outcome
    bench.do("update app_run set attempt = attempt + 1")
    bench.record()
    assert attachments(bench) == []

    bench.do("update app_run set attempt = attempt - 1")
    for _ in range(3):
        bench.end(outcome, member.body)
    assert bench.call(member.body) is None

    assert len(attachments(bench)) == 1
    assert len(bench.pending) == 1
    assert bench.rows("select remaining from action_run") == [{"remaining": 0}]


def test_an_outcome_writes_its_attachment_and_its_count_together_or_not_at_all(
    bench: Bench,
) -> None:
    """
    Where the count cannot be written, there is no attachment and no end either.
    """
    answering(bench, {"203.0.113.7": LARGE})
    bench.start(PLAYBOOK)
    bench.deliver(bench.pending.pop(0))
    bench.do("alter table action_run add constraint refuse check (remaining > 0) not valid")
    try:
        with pytest.raises(Exception, match="refuse"):
            bench.deliver_all()
    finally:
        bench.do("alter table action_run drop constraint refuse")

    assert attachments(bench) == []
    assert [call["status"] for call in bench.calls()] == ["running"]


@pytest.fixture
def fresh(bench: Bench) -> Iterator[None]:
    """Let answers of "look up" hold for five minutes, so that equal lookups share them."""
    spec = bench.house.app.tasks["soar.tasks.sham.look_up"].spec
    object.__setattr__(spec, "freshness", {"any": 300})
    yield
    object.__setattr__(spec, "freshness", {})


@pytest.mark.usefixtures("fresh")
def test_lookups_that_share_a_truncated_answer_share_its_attachment(bench: Bench) -> None:
    """
    One that follows at once and one that uses the answer later: the same flag, one attachment.
    """
    answering(bench, {"203.0.113.7": LARGE})
    bench.start(PLAYBOOK)
    bench.start(PLAYBOOK)
    bench.deliver(bench.pending.pop(0))
    bench.deliver(bench.pending.pop(0))
    first, second = bench.pending
    bench.pending.clear()
    bench.call(first.body, ends="later")
    bench.deliver(second)  # finds the first under way, and follows it
    assert [call["parked_for"] for call in bench.calls()] == [None, "lookup"]
    bench.record()
    bench.deliver_all()
    bench.play(PLAYBOOK)  # finds the answer of the first

    calls = bench.calls()
    assert len(attachments(bench)) == 1
    assert [call["status"] for call in calls] == ["success"] * 3
    assert [call["attachment_id"] for call in calls] == [1, 1, 1]
    assert [call["reused_from"] for call in calls] == [None, 1, 1]
    assert len({call["message"] for call in calls}) == 1
    assert len([n for n in bench.notes() if n.startswith("True True True")]) == 3


def deep(levels: int) -> Any:
    """Return an object in an object in an object."""
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"in": value}
    return value


CYCLE: dict[str, Any] = {}
CYCLE["self"] = CYCLE

SPOILT: dict[str, Any] = {
    "nul": Output(message="a\x00b", summary={"k\x00": "v\x00"}, data=({"x": "\x00"},)),
    "surrogate": Output(message="\ud800", summary={"\udfff": "\ud800"}),
    "bytes": Output(message="m", data=({"raw": b"\xff\xfe\x00"},)),
    "nan": Output(message="m", summary={"score": float("nan"), "up": float("inf")}),
    "keys": Output(message="m", summary={1: {None: True, (1, 2): "x"}}),  # type: ignore[dict-item]
    "sets": Output(message="m", summary={"tags": {"a"}, "frozen": frozenset({1})}),
    "huge number": Output(message="m", summary={"n": 10**6000}),
    "no message": Output(message=None),  # type: ignore[arg-type]
    "one row": Output(message="m", data={"row": 1}),  # type: ignore[arg-type]
}
REFUSED: dict[str, Any] = {
    "deep": (Output(message="m", summary=deep(10_000)), "nested more than 100 levels"),
    "deep row": (Output(message="m", data=(deep(10_000),)), "nested more than 100 levels"),
    "cycle": (Output(message="m", summary=CYCLE), "or contains itself"),
    "a list": (Output(message="m", summary=["x"]), "no object but list"),  # type: ignore[arg-type]
    "ceiling": (Output(message="x" * (65 * 2**20)), "larger than 64 MiB"),
    "no output": ("malicious", "is no Output but str"),
}


def test_spoilt_results_are_stored_in_a_sane_form(bench: Bench) -> None:
    """
    NUL, half characters, bytes, NaN, odd keys, sets, huge numbers: kept, and the callback is told.
    """
    with bench.database.begin() as work:
        work.assets.save(slug="sham", app="sham", configuration={})  # no budget
    for output in SPOILT.values():
        answering(bench, {"203.0.113.7": output})
        run_id = bench.play(PLAYBOOK)
        assert (bench.run(run_id)["status"], bench.run(run_id)["error"]) == ("success", "")

    calls = bench.calls()
    assert {call["status"] for call in calls} == {"success"}
    assert calls[0]["summary"] == {"k\ufffd": "v\ufffd"}
    assert calls[2]["data"] == [{"raw": "\\xff\\xfe\ufffd"}]
    assert calls[3]["summary"] == {"score": "nan", "up": "inf"}
    assert calls[6]["summary"] == {"n": hex(10**6000)}
    assert attachments(bench) == []


@pytest.mark.parametrize("name", REFUSED)
def test_a_result_that_cannot_be_kept_fails_its_call_alone(bench: Bench, name: str) -> None:
    """
    With one sentence and nothing stored; the callback is called, the next call is made.
    """
    output, sentence = REFUSED[name]
    answering(bench, {"203.0.113.7": output})

    refused, small = bench.play(PLAYBOOK), bench.play(SMALL)

    first, second = bench.calls()
    assert (first["status"], second["status"]) == ("failed", "success")
    assert first["message"].startswith("look up: its result ")
    assert sentence in first["message"]
    assert (first["data"], first["summary"]) == ([], {})
    assert attachments(bench) == []
    assert {bench.run(refused)["status"], bench.run(small)["status"]} == {"success"}
    assert "False False False 1 None" in bench.notes()


@contextmanager
def working(bench: Bench) -> Iterator[None]:
    """Let a real worker work for the bench: threads, engine and calls alike."""
    queues, app = ["asset.sham", "engine", "report"], bench.house.app
    bench.database.publish = Relay(app, bench.database, chord=chords.ring)
    for name, step in ((START_RUN, bench.engine.start_run), (RESUME_RUN, bench.engine.resume_run)):
        del app.tasks[name]
        app.task(name=name, ignore_result=True, shared=False, typing=False)(step)
    app.amqp.queues.select(queues)
    with start_worker(
        app, pool="threads", concurrency=4, perform_ping_check=False, queues=queues,
        loglevel="ERROR", shutdown_timeout=60,
    ):  # fmt: skip
        yield


def test_a_result_of_50_mebibytes_holds_no_other_run_up(bench: Bench) -> None:
    """
    With real workers: while it is written another run goes on, both end, and the attachment's
    bytes are the whole result.
    """
    rows = [{"number": i, "text": f"{i:06d}" * 8_750} for i in range(1_000)]
    answering(bench, {"203.0.113.7": Output(message="all", summary={"n": 1000}, data=tuple(rows))})

    with working(bench):
        large = bench.start(PLAYBOOK, name="large")
        small = [bench.start(SMALL, name="small") for _ in range(3)]
        eventually(lambda: not bench.open_runs(), within=120.0)

    assert {bench.run(run_id)["error"] for run_id in (large, *small)} == {""}
    (kept,) = attachments(bench)
    assert kept["size"] > 50 * 2**20
    assert kept["document"] == {"message": "all", "summary": {"n": 1000}, "data": rows}
    assert [n for n in bench.notes() if n.startswith("True True True")]
    assert bench.notes().count("small True False") == 3
