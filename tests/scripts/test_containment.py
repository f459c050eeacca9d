"""What containment asks for, told as dialogues."""

from __future__ import annotations

import pytest

HOST, USER = "WORKSTATION-042", "jdoe"
QUARANTINE = ("quarantine device", [{"hostname": HOST}], ["crowdstrike_prod"])
DISABLE = ("disable user", [{"username": USER}], ["ad_prod"])


@pytest.fixture
def run(play, alert):
    fields = {"threat": "trojan.emotet"}
    cef = {"sourceHostName": HOST, "sourceUserName": USER}
    return play("containment", alert(cef, custom_fields=fields))


def test_tier_2_is_asked_before_anything_is_contained(run):
    """
    The first thing is a question that names host, user and threat, open for 15 minutes.
    """
    (prompt,) = run.asks
    assert (prompt.to, prompt.minutes) == (("soc_tier2",), 15)
    assert prompt.options == ("Isolate Host", "Disable Account", "Both", "Monitor Only")
    assert f"Host: {HOST}\nUser: {USER}\nThreat: trojan.emotet\n" in prompt.message


@pytest.mark.parametrize(
    ("choice", "acts"),
    [
        ("Isolate Host", [QUARANTINE]),
        ("Disable Account", [DISABLE]),
        ("Both", [QUARANTINE, DISABLE]),
        ("Monitor Only", []),
    ],
)
def test_exactly_what_was_chosen_is_asked_for(run, choice, acts):
    """
    Each choice leads to its acts, and to no other.
    """
    run.hears_answer(choice)

    assert run.acts == acts
    assert run.comments == [f"Analyst chose: {choice}"]
    assert run.plan.outputs == {"response": choice}


def test_no_answer_in_time_contains_nothing_and_says_so(run):
    """
    Fifteen minutes of silence: a comment, and nothing else.
    """
    run.hears_timeout()

    assert run.acts == []
    assert run.comments == ["Nobody answered in 15 minutes: nothing was contained."]


def test_only_what_there_is_is_offered(play, alert):
    """
    Without an account there is nothing to disable; a destination host counts where no source is.
    """
    run = play("containment", alert({"destinationHostName": HOST}))

    assert run.asks[0].options == ("Isolate Host", "Monitor Only")
    assert run.asks[0].handle == {"hosts": [HOST], "users": []}


def test_a_case_without_host_and_account_asks_nobody(play, alert):
    """
    A question with one choice is no question.
    """
    run = play("containment", alert({"requestURL": "http://evil.example/"}))

    assert run.plan.prompts == []
    assert run.comments == ["The alert names no host and no account to contain."]


def test_the_host_asked_about_is_the_one_isolated(run):
    """
    An artifact that comes while the question is open changes nothing of the answer.
    """
    run.memory.shape["artifacts"].insert(
        0, {"id": 99, "label": "event", "cef": {"sourceHostName": "SRV-FILE-01"}}
    )

    run.hears_answer("Isolate Host")

    assert run.acts == [QUARANTINE]


def test_what_came_of_it_is_noted(run, refused):
    """
    A containment that failed is said in the case.
    """
    run.hears_answer("Isolate Host")

    run.hears_results([refused("crowdstrike_prod", HOST, "no such host")])

    assert run.comments == ["quarantine device FAILED: no such host"]
