"""
The page of an approval that one answer does not decide, or that asks more than one thing.

In: people who have signed in, questions on terms. Out: signed ballots and answers.
Never: an answer that counts for more than one person.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from soar.bootstrap import House
from soar.domain import gate
from soar.domain.policy import Rule
from tests.integration.web.questions import Case, ask, at, row, run_sql
from tests.integration.web.stage import PASSWORD, Browser, person

Browsers = Callable[[], Browser]


def test_two_people_agree_on_the_page_and_each_sees_who_has(
    house: House, mine: Browser, browser: Browsers, about: Case
) -> None:
    """
    The first answer does not decide; the page says so, whose it was, and whom it still needs.
    """
    terms = Rule(needs="2 of soc_tier2").terms(apart=["carl"], asked_at=datetime.now(UTC))
    number = ask(house, about, policy={gate.APPROVE: [terms]})
    other = browser()
    other.sign_in(person(house, "ben", "soc_tier2"))
    assert mine.fill(at(house, number), choice=gate.APPROVE).status_code == 303
    assert row(house, number)["status"] == "open"

    shown = other.get(at(house, number)).text
    assert "2 of soc_tier2; not carl" in shown
    assert re.search(r"<strong>ada</strong>: Approve", shown)
    assert other.get("/approvals").text.count(at(house, number)) == 1
    assert other.fill(at(house, number), choice=gate.APPROVE).status_code == 303

    assert row(house, number)["status"] == "answered"


def test_who_signed_in_long_ago_is_sent_to_show_it_again(
    house: House, mine: Browser, about: Case
) -> None:
    """
    A policy that asks for a fresh sign-in: refused, then confirmed, then recorded.
    """
    terms = Rule(needs="soc_tier2", fresh=5).terms(apart=(), asked_at=datetime.now(UTC))
    number = ask(house, about, policy={gate.APPROVE: [terms]})
    run_sql(house, "update session set authenticated_at = now() - interval '6 minutes'")
    refused = mine.fill(at(house, number), choice=gate.APPROVE)
    assert refused.status_code == 403
    assert "signed in within the last 5 minutes" in refused.text
    confirm = f"/confirm?next={at(house, number)}"
    assert confirm in refused.text

    assert mine.fill(confirm, password=PASSWORD).status_code == 303
    assert mine.fill(at(house, number), choice=gate.APPROVE).status_code == 303

    signed = row(house, number)["signed"]
    assert signed["signed_in"] <= signed["answered_at"]


def test_several_questions_are_answered_at_once_on_the_page(
    house: House, mine: Browser, about: Case
) -> None:
    """
    A choice, a number and words; one that is left out is refused, and nothing is recorded.
    """
    asked = [
        {"prompt": "Real?", "options": {"type": "list", "choices": ["Yes", "No"]}},
        {"prompt": "How sure?", "options": {"type": "range", "min": 1, "max": 100}},
        {"prompt": "Why?", "options": {"type": "message"}},
    ]
    number = ask(house, about, kind="prompt", options=[], questions=asked)
    refused = mine.fill(at(house, number), response1="Yes", response2="80")
    assert refused.status_code == 400
    given = {"response1": "Yes", "response2": "80", "response3": "seen"}
    assert mine.fill(at(house, number), **given).status_code == 303

    assert row(house, number)["responses"] == ["Yes", 80, "seen"]
