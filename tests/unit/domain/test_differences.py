"""What is asked now against what was asked before, by hand-made payloads."""

from __future__ import annotations

from typing import Any

from soar.domain.differences import NOTHING, Difference, differences, likeness


def call(action: str = "block ip", asset: str = "fw", **parameters: Any) -> dict[str, Any]:
    """Return a held call as a payload shows it."""
    return {
        "action": action,
        "asset": asset,
        "app": "palo_alto",
        "app_version": "1",
        "parameters": parameters,
    }


def payload(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return what a question asks: these calls after Approve."""
    effects = {"Approve": list(calls), "Deny": []}
    asked = {"assignee": "soc_tier2", "message": "Block?", "options": ["Approve", "Deny"], "run": 1}
    return {**asked, "effects": effects, **more}


def test_the_same_question_differs_in_nothing() -> None:
    """
    What only identifies a question, its id and its time, does not count.
    """
    before = payload(call(ip="203.0.113.9"), approval="a", due="2024-01-01")

    assert differences(before, payload(call(ip="203.0.113.9"), approval="b", due="2025")) == []


def test_a_changed_parameter_is_shown_then_and_now() -> None:
    """
    Also one that was not there before, or is not there any more.
    """
    before, now = call(ip="203.0.113.9", minutes=5), call(ip="203.0.113.0/24", note="wide")

    found = differences(payload(before), payload(now))

    where = "Approve: block ip on fw"
    assert found == [
        Difference(field=f"{where}: ip", then="203.0.113.9", now="203.0.113.0/24"),
        Difference(field=f"{where}: minutes", then="5", now=NOTHING),
        Difference(field=f"{where}: note", then=NOTHING, now="wide"),
    ]


def test_another_addressee_app_version_or_text_is_shown() -> None:
    """
    Everything that a person was shown before may differ.
    """
    newer = {**call(ip="1"), "app_version": "2"}

    found = differences(payload(call(ip="1")), payload(newer, assignee="lead", message="Sure?"))

    assert [(d.field, d.then, d.now) for d in found] == [
        ("asked of", "soc_tier2", "lead"),
        ("question", "Block?", "Sure?"),
        ("Approve: block ip on fw: app version", "1", "2"),
    ]


def test_a_call_is_compared_only_with_one_of_its_action_and_asset() -> None:
    """
    Else one is new and the other is gone; what is the same on both sides is set aside first.
    """
    kept = call(ip="1")
    before = payload(kept, call("disable user", "ad", username="eve"))

    found = differences(before, payload(call(ip="2"), kept))

    assert [(d.field, d.then, d.now) for d in found] == [
        ("Approve: block ip on fw", NOTHING, "ip=2"),
        ("Approve: disable user on ad", "username=eve", NOTHING),
    ]


def test_the_question_about_the_same_call_is_the_most_alike() -> None:
    """
    More than one about another target, and that more than one about something else.
    """
    now = payload(call(ip="1"))
    same, other = payload(call(ip="1"), message="x"), payload(call(ip="2"))

    assert likeness(same, now) > likeness(other, now) > 0
    assert likeness(payload(call("disable user", "ad")), now) == 0
    assert likeness({}, now) == 0
