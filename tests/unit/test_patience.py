"""
A database that restarts is waited for, a little.
"""

from __future__ import annotations

import psycopg2
import pytest

from soar.store import patience
from soar.store.patience import patiently


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait."""
    monkeypatch.setattr(patience, "PAUSES", (0.0, 0.0))


def test_a_step_is_taken_again_until_the_server_answers() -> None:
    """
    What it returns then is the answer.
    """
    answers = iter((psycopg2.OperationalError(), psycopg2.InterfaceError(), "written"))

    def step() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert patiently(step) == "written"


def test_a_server_that_stays_away_is_told_of_in_the_end() -> None:
    """
    Patience has an end, and the error is the server's.
    """
    tried = []

    def step() -> None:
        tried.append(1)
        raise psycopg2.OperationalError

    with pytest.raises(psycopg2.OperationalError):
        patiently(step)
    assert len(tried) == 3


def test_any_other_error_is_not_waited_for() -> None:
    """
    A mistake does not become right by repeating it.
    """
    tried = []

    def step() -> None:
        tried.append(1)
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        patiently(step)
    assert tried == [1]
