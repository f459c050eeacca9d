"""
The one choice of an answer, in the forms that clients send.
"""

from __future__ import annotations

from typing import Any

import pytest

from soar.api.approvals import choice_of
from soar.domain.errors import BadInput


@pytest.mark.parametrize(
    ("body", "choice"),
    [
        ({"choice": "Both"}, "Both"),
        ({"responses": ["Both"]}, "Both"),
        ({"status": "approve"}, "Approve"),
        ({"status": "deny"}, "Deny"),
        ({"status": "approve", "responses": ["Both"], "type": "manual"}, "Both"),
        ({"status": "deny", "responses": []}, "Deny"),
        ({"choice": "both", "responses": ["Both"]}, "both"),
        ({"status": "denied", "choice": "deny"}, "deny"),
    ],
)
def test_every_form_means_one_choice(body: dict[str, Any], choice: str) -> None:
    """
    choice, responses and status may be given alone, or together where they agree.
    """
    assert choice_of(body) == choice


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choice": ""},
        {"choice": 1},
        {"status": "later"},
        {"responses": "Both"},
        {"responses": ["a", "b"]},
        {"responses": [1]},
        {"choice": "a", "responses": ["b"]},
        {"status": "deny", "choice": "Isolate Host"},
        {"status": "approve", "responses": ["Deny"]},
    ],
)
def test_an_answer_with_two_meanings_has_none(body: dict[str, Any]) -> None:
    """
    What contradicts itself, or says nothing, is refused: nobody guesses.
    """
    with pytest.raises(BadInput):
        choice_of(body)
