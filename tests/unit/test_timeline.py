"""The timeline: rows of every kind become entries in one order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from soar import timeline
from soar.domain.errors import NotFound

START = datetime(2024, 5, 17, 9, 0, tzinfo=UTC)


def at(seconds):
    return START + timedelta(seconds=seconds)


def run_row(number, *, parent=None, begin=0.0, end=None, status="success"):
    return {
        "id": number,
        "parent_run_id": parent,
        "playbook": f"p{number}",
        "title": f"P{number}",
        "version": "1.0",
        "manual_minutes": 0,
        "status": status,
        "error": "",
        "started_by": "trigger",
        "create_time": at(begin),
        "shadow": False,
        "start_time": at(begin),
        "end_time": None if end is None else at(end),
    }


def call_row(number, action_run, *, run=1, begin=1.0):
    return {
        "id": number,
        "run_id": run,
        "action_run_id": action_run,
        "action": "block ip",
        "app": "palo_alto",
        "asset": "palo_alto_prod",
        "parameters": {"ip": "203.0.113.66"},
        "status": "success",
        "message": "Blocked on PA-5260",
        "summary": {},
        "parked_for": None,
        "due_at": None,
        "reused_run": None,
        "shadow": False,
        "target": "ip=203.0.113.66",
        "shared_by": [7, 9] if number == 2 else [],
        "create_time": at(begin),
        "start_time": at(begin),
        "end_time": at(begin + 0.8),
    }


class Reads:
    """Rows as the store gives them, by hand."""

    def __init__(self):
        self.rows = {
            "run_lines_of": [run_row(1, end=20), run_row(2, end=5), run_row(3, parent=1, begin=3)],
            "calls_of": [call_row(2, 11), call_row(1, 10), call_row(3, 12, run=2)],
            "uncalled_of": [
                {
                    "id": 13,
                    "run_id": 3,
                    "kind": "playbook",
                    "action": "missing",
                    "name": "m",
                    "status": "failed",
                    "message": "there is no playbook 'missing'",
                    "create_time": at(4),
                    "end_time": at(4),
                }
            ],
            "approvals_of": [
                {
                    "id": 5,
                    "run_id": 3,
                    "action_run_id": 14,
                    "kind": "prompt",
                    "name": "containment",
                    "assignee": "soc_tier2",
                    "answer": "Both",
                    "agreed": ["ada", "ben for cy"],
                    "status": "answered",
                    "create_time": at(5),
                    "close_time": at(257),
                    "due_at": at(900),
                }
            ],
            "notes_of": [
                {
                    "id": 6,
                    "run_id": None,
                    "kind": "comment",
                    "title": "",
                    "content": "seen",
                    "author": "ada",
                    "create_time": at(6),
                }
            ],
            "logs_of": [
                {
                    "id": 7,
                    "run_id": 2,
                    "level": "error",
                    "block": "on_start",
                    "message": "no",
                    "time": at(2),
                }
            ],
        }

    def origin_of(self, container_id):
        if container_id != 8921:
            return None
        return {
            "id": 8921,
            "name": "Reported mail",
            "label": "phishing",
            "severity": "high",
            "status": "closed",
            "asset": "mailbox",
            "app": "",
            "create_time": at(-1),
            "close_time": at(300),
        }

    def __getattr__(self, name):
        return lambda container_id: self.rows[name]


class Work:
    """A unit of work that only reads."""

    def __init__(self):
        self.reads = Reads()
        self.runs = self

    def get(self, run_id):
        return {"container_id": 8921}


def test_everything_stands_in_the_order_it_happened():
    """
    By time; what one block asked for at one time stands in the order it was asked.
    """
    found = timeline.of_container(Work(), 8921)

    assert found.case == "SOAR-2024-08921"
    assert [(e.kind, e.title, e.ids.get("app_run")) for e in found.entries] == [
        ("status", "Container opened", None),
        ("run", "P1 v1.0", None),
        ("run", "P2 v1.0", None),
        ("action", "block ip", 1),
        ("action", "block ip", 2),
        ("action", "block ip", 3),
        ("log", "on_start", None),
        ("run", "P3 v1.0", None),
        ("action", "playbook missing", None),
        ("prompt", "containment", None),
        ("note", "comment", None),
        ("status", "Container closed", None),
    ]


def test_durations_are_those_of_the_rows():
    """
    A call from start to end, a prompt from question to answer, a run that goes on has none.
    """
    entries = {(e.kind, e.title): e.seconds for e in timeline.of_container(Work(), 8921).entries}

    assert entries["action", "block ip"] == pytest.approx(0.8)
    assert entries["prompt", "containment"] == 252
    assert entries["run", "P3 v1.0"] is None


def test_a_question_says_who_agreed():
    """
    Everybody whose answer decided it, not the last one only.
    """
    (prompt,) = [e for e in timeline.of_container(Work(), 8921).entries if e.kind == "prompt"]

    assert (prompt.detail, prompt.agreed) == ("Both", ("ada", "ben for cy"))


@pytest.mark.parametrize(
    ("age", "said"), [(40.9, ", age 40 s"), (3599.0, ", age 3599 s"), (0.9, ""), (-0.1, "")]
)
def test_a_borrowed_answer_says_whose_it_is_and_how_old(age, said):
    """
    In whole seconds; one that was got at the same moment has no age.
    """
    work = Work()
    call = {**call_row(1, 10), "target": None, "message": "clean"}
    work.reads.rows["calls_of"] = [{**call, "reused_run": 7, "reused_age": timedelta(seconds=age)}]

    (entry,) = (e for e in timeline.of_container(work, 8921).entries if e.app)

    assert entry.detail == f"clean; answered from the lookup of run 7{said}"


def test_an_effect_says_who_else_wanted_it():
    """
    Both timelines say that two runs share one containment.
    """
    details = [e.detail for e in timeline.of_container(Work(), 8921).entries if e.kind == "action"]

    assert details.count("Blocked on PA-5260; also wanted by run 7, 9") == 1


def test_a_runs_timeline_holds_the_playbooks_it_started():
    """
    Run 1 with its child 3, and nothing of run 2 beside them.
    """
    found = timeline.of_run(Work(), 1)

    assert [run.id for run in found.runs] == [1, 3]
    assert {entry.ids["run"] for entry in found.entries} == {1, 3}


def test_an_unknown_container_is_a_sentence():
    """
    Nothing is made up for a number that nobody has.
    """
    with pytest.raises(NotFound, match="there is no container 7"):
        timeline.of_container(Work(), 7)
