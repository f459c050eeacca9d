"""Verdicts: what holds for every set of answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.domain.verdict import (
    RANK,
    Folded,
    Handling,
    Verdict,
    disposition,
    fold,
    judge,
    opinion,
)


def lookup(action, status, summary):
    return {
        "action": action,
        "app": "virustotal",
        "status": status,
        "message": "m",
        "summary": summary,
        "parameter": {"value": "x", "context": {"artifact_id": 1}},
    }


ACTIONS = st.sampled_from(
    ["url reputation", "file reputation", "ip reputation", "domain reputation"]
)
COUNTS = st.integers(0, 90)
SUMMARIES = st.one_of(
    st.builds(lambda n: {"malicious": n, "positives": n, "known": True}, COUNTS),
    st.just({"known": False, "malicious": 0, "positives": 0}),
    st.builds(lambda n: {"abuse_confidence_score": n}, st.integers(0, 100)),
    st.just({}),
)
LOOKUPS = st.builds(lookup, ACTIONS, st.just("success"), SUMMARIES)
FAILED = st.builds(lookup, ACTIONS, st.sampled_from(["failed", "parked", ""]), SUMMARIES)


@given(st.lists(LOOKUPS), st.lists(FAILED, min_size=1))
def test_a_failed_source_never_counts_as_clean(answered, failed):
    """
    With one failed lookup among any others nothing is clean, and confidence is not full.
    """
    folded = fold([*answered, *failed])

    assert folded.verdict is not Verdict.CLEAN
    assert not folded.closes
    assert folded.confidence < 1
    assert len(folded.failed) == len(failed)


@given(st.lists(LOOKUPS, min_size=1))
def test_the_worst_opinion_wins(results):
    """
    The verdict of a container is the worst of its lookups.
    """
    opinions = [opinion(result).verdict for result in results]

    assert fold(results).verdict is min(opinions, key=RANK.__getitem__)


@given(st.lists(st.one_of(LOOKUPS, FAILED)), st.randoms())
def test_the_order_of_the_answers_does_not_matter(results, chance):
    """
    Whoever answers first, the verdict and its confidence are the same.
    """
    shuffled = list(results)
    chance.shuffle(shuffled)
    one, other = fold(results), fold(shuffled)

    assert (one.verdict, one.confidence) == (other.verdict, other.confidence)


@given(st.lists(LOOKUPS), LOOKUPS)
def test_one_more_answer_never_makes_it_better(results, another):
    """
    A further opinion may worsen a verdict, never mend it (where there was one).
    """
    if results:
        before, after = fold(results).verdict, fold([*results, another]).verdict
        assert RANK[after] <= RANK[before]


@given(st.lists(st.one_of(LOOKUPS, FAILED)))
def test_it_closes_only_when_all_were_looked_up_and_all_are_clean(results):
    """
    Closing needs at least one lookup, no failure, and nothing but clean.
    """
    opinions = [opinion(result) for result in results]
    all_clean = bool(opinions) and all(o.verdict is Verdict.CLEAN for o in opinions)

    assert fold(results).closes == all_clean


@pytest.mark.parametrize(
    ("action", "summary", "verdict"),
    [
        ("url reputation", {"malicious": 6}, Verdict.MALICIOUS),
        ("url reputation", {"malicious": 5}, Verdict.SUSPICIOUS),
        ("url reputation", {"malicious": 1}, Verdict.SUSPICIOUS),
        ("url reputation", {"malicious": 0}, Verdict.CLEAN),
        ("file reputation", {"positives": 11}, Verdict.MALICIOUS),
        ("file reputation", {"positives": 10}, Verdict.SUSPICIOUS),
        ("ip reputation", {"malicious": 4}, Verdict.MALICIOUS),
        ("ip reputation", {"malicious": 3}, Verdict.SUSPICIOUS),
        ("ip reputation", {"abuse_confidence_score": 76}, Verdict.MALICIOUS),
        ("ip reputation", {"abuse_confidence_score": 75}, Verdict.SUSPICIOUS),
        ("ip reputation", {"abuse_confidence_score": 25}, Verdict.CLEAN),
        ("url reputation", {"known": False, "malicious": 0}, Verdict.UNKNOWN),
        ("url reputation", {"malicious": "many"}, Verdict.UNKNOWN),
        ("url reputation", {"malicious": float("nan")}, Verdict.UNKNOWN),
        ("url reputation", {}, Verdict.UNKNOWN),
        ("geolocate ip", {"country": "NL"}, None),
    ],
)
def test_the_seeds_thresholds_stand(action, summary, verdict):
    """
    More than five engines for a URL, ten for a file, three for an address; and what is no number
    says nothing.
    """
    assert judge(action, summary) is verdict


def test_nothing_looked_up_is_unknown():
    """
    No answers are no clean answers.
    """
    assert fold([]).verdict is Verdict.UNKNOWN
    assert fold([]).confidence == 0


@given(st.sampled_from(Verdict), st.booleans(), st.booleans(), st.booleans())
def test_only_clean_is_a_false_positive_and_only_malicious_a_true_one(
    verdict, contained, ticketed, closed
):
    """
    Nothing that was done changes what a container was found to be.
    """
    handling = Handling(contained=contained, ticketed=ticketed, closed=closed, asked=1)
    text = disposition(Folded(verdict=verdict, confidence=1.0), handling)

    assert text.startswith("False Positive") == (verdict is Verdict.CLEAN)
    assert text.startswith("True Positive") == (verdict is Verdict.MALICIOUS)
    assert text.endswith("IR") == (verdict is Verdict.MALICIOUS and (contained or ticketed))
