"""
Approval policies: read as they are written, and met by different people only.

In: texts, ballots by chance. Out: nothing. Never: an example that a second person counts twice in.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soar.domain import policy
from soar.domain.errors import BadInput
from soar.domain.hours import Hours
from soar.domain.policy import Asked, Ballot, Place, Rule, Wanted, fills, opens, unmet

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ASKED = Asked(action="quarantine device", asset="edr", label="events", severity="high", at=NOW)


def ballot(
    by: str, *roles: str, instead_of: str = "", after: int = 1, signed_in: int | None = None
) -> Ballot:
    """Return a ballot given so many minutes after noon."""
    at = NOW + timedelta(minutes=after)
    since = None if signed_in is None else at - timedelta(minutes=signed_in)
    return Ballot(by=by, instead_of=instead_of, roles=frozenset(roles), at=at, signed_in=since)


def terms(needs: str, *, apart: tuple[str, ...] = (), fresh: int = 0) -> list[dict[str, object]]:
    """Return the terms of a rule as a question carries them."""
    return [Rule(needs=needs, fresh=fresh).terms(apart=apart, asked_at=NOW)]


@pytest.mark.parametrize(
    ("needs", "enough", "short"),
    [
        ("lead", [ballot("a", "lead")], [ballot("a", "tier2")]),
        ("anna", [ballot("anna")], [ballot("ben", "lead")]),
        ("anna|ben", [ballot("ben")], [ballot("cleo")]),
        ("2 of tier2", [ballot("a", "tier2"), ballot("b", "tier2")], [ballot("a", "tier2")]),
        (
            "tier2 and lead",
            [ballot("a", "tier2", "lead"), ballot("b", "tier2")],
            [ballot("a", "tier2", "lead")],
        ),
        ("Incident Commander", [ballot("a", "Incident Commander")], [ballot("a", "Incident")]),
        ("@soc", [ballot("a", "@soc")], [ballot("a", "soc")]),
    ],
)
def test_needs_are_met_by_those_who_must_agree_and_by_no_others(
    needs: str, enough: list[Ballot], short: list[Ballot]
) -> None:
    """
    One of a role, somebody by name, several, two different roles.
    """
    assert unmet(terms(needs), enough) == []
    assert unmet(terms(needs), short) == [needs]
    assert unmet(terms(needs), []) == [needs]


def test_nobody_counts_twice_neither_for_themselves_nor_in_somebodys_stead() -> None:
    """
    Ben for Anna and Anna herself are one consent; so are Ben, and Ben for Anna.
    """
    two = terms("2 of tier2")
    anna, for_anna = ballot("anna", "tier2"), ballot("ben", "tier2", instead_of="anna", after=2)
    assert unmet(two, [anna, for_anna]) == ["2 of tier2"]
    assert unmet(two, [for_anna, ballot("ben", "tier2")]) == ["2 of tier2"]
    assert unmet(two, [for_anna, ballot("cleo", "tier2")]) == []


def test_a_ladder_opens_its_steps_one_after_the_other() -> None:
    """
    Whoever comes later may not answer before; whoever was first may still answer then.
    """
    ladder = terms("tier2 for 15 minutes, then lead for 1 hour, then ciso")
    assert opens(ladder, ballot("a", "tier2", after=0))
    assert not opens(ladder, ballot("l", "lead", after=14))
    assert opens(ladder, ballot("l", "lead", after=15))
    assert opens(ladder, ballot("a", "tier2", after=20))
    assert not opens(ladder, ballot("c", "ciso", after=74))
    assert unmet(ladder, [ballot("c", "ciso", after=75)]) == []
    assert unmet(ladder, [ballot("l", "lead", after=14)]) == ["tier2"]


def test_the_first_step_has_begun_whatever_the_clocks_of_two_machines_say() -> None:
    """
    An answer may bear an earlier time than its question.
    """
    assert unmet(terms("tier2"), [ballot("a", "tier2", after=-1)]) == []


def test_whoever_asked_or_wrote_it_is_no_consent_not_even_through_another() -> None:
    """
    Four eyes: also where they stand in for somebody, or somebody for them.
    """
    apart = terms("tier2", apart=("anna",))
    assert unmet(apart, [ballot("anna", "tier2")]) == ["tier2"]
    assert unmet(apart, [ballot("ben", "tier2", instead_of="anna")]) == ["tier2"]
    assert unmet(apart, [ballot("anna", "tier2", instead_of="ben")]) == ["tier2"]
    assert unmet(apart, [ballot("ben", "tier2")]) == []


@pytest.mark.parametrize(
    ("signed_in", "counts"), [(None, False), (6, False), (5, True), (-1, False)]
)
def test_where_a_fresh_sign_in_is_asked_for_a_stale_one_is_no_consent(
    signed_in: int | None, counts: bool
) -> None:
    """
    A token does not tell when its person signed in, so it cannot count; nor can the future.
    """
    given = ballot("a", "lead", signed_in=signed_in)
    assert (unmet(terms("lead", fresh=5), [given]) == []) is counts


PEOPLE = st.sampled_from("abcdef")
ROLES = st.frozensets(st.sampled_from(["r1", "r2", "r3"]), max_size=3)


@given(
    places=st.lists(
        st.builds(
            lambda count, names: Place(count=count, names=names),
            count=st.integers(1, 2),
            names=st.frozensets(st.sampled_from(["r1", "r2", "r3", "a", "b"]), min_size=1),
        ),
        min_size=1,
        max_size=3,
    ),
    given_=st.dictionaries(PEOPLE, ROLES, max_size=6),
)
def test_places_are_filled_exactly_where_some_seating_of_different_people_exists(
    places: list[Place], given_: dict[str, frozenset[str]]
) -> None:
    """
    Compared with trying every seating.
    """
    ballots = [ballot(who, *roles, after=n) for n, (who, roles) in enumerate(given_.items())]
    seats = [place.names for place in places for _ in range(place.count)]
    seatings = permutations(ballots, len(seats)) if len(seats) <= len(ballots) else []
    possible = any(all(b.names & s for b, s in zip(row, seats, strict=True)) for row in seatings)
    assert fills(places, ballots) is possible


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_its_field_named(text: str) -> None:
    """
    Never another error, and never needs that nobody has to meet.
    """
    field, steps = "needs", []
    try:
        steps = policy.steps_of(text)
    except BadInput as error:
        field = error.field
    places = [place for step in steps for place in policy.places_of(step.needs)]
    assert field == "needs"
    assert all(place.count >= 1 and place.names for place in places)
    assert len(places) >= len(steps)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"needs": ""}, "needs"),
        ({"needs": "0 of tier2"}, "needs"),
        ({"needs": "99 of tier2"}, "needs"),
        ({"needs": "tier2 then lead"}, "needs"),
        ({"needs": "tier2 for 0 minutes, then lead"}, "needs"),
        ({"needs": "tier2, lead"}, "needs"),
        ({"needs": "tier2", "apart": "owner"}, "apart"),
        ({"needs": "tier2", "fresh": -1}, "fresh"),
        ({"needs": "tier2", "fresh": "soon"}, "fresh"),
        ({"needs": "tier2", "hours": "weekdays"}, "hours"),
        ({"needs": "tier2", "hours": "mon-fri 18:00-08:00 UTC"}, "hours"),
        ({"needs": "tier2", "hours": "mon 08:00-25:00 UTC"}, "hours"),
        ({"needs": "tier2", "hours": "mon 08:00-18:00 Mars/Olympus"}, "hours"),
        ({"needs": 5}, "needs"),
        ("tier2", "policy"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_field_named(raw: object, field: str) -> None:
    """
    One clear sentence for whoever wrote it.
    """
    with pytest.raises(BadInput) as refused:
        policy.parse(raw)
    assert refused.value.field == field


def test_the_most_specific_policy_counts_and_of_two_alike_the_newer() -> None:
    """
    Its asset first, then action, label, severity and hours.
    """
    everywhere = Rule(number=1, needs="tier2")
    severe = Rule(number=2, severity="high", needs="lead")
    action = Rule(number=3, action="quarantine device", needs="2 of tier2")
    asset = Rule(number=4, asset="edr", needs="ciso")
    other = Rule(number=5, asset="firewall", needs="nobody")
    newer = Rule(number=6, asset="edr", needs="board")
    known = [everywhere, severe, action, asset, other]
    assert policy.choose(known, ASKED) is asset
    assert policy.choose([*known, newer], ASKED) is newer
    assert policy.choose(known[:3], ASKED) is action
    assert policy.choose([other], ASKED) is None


def test_a_policy_for_any_action_is_about_containments_only() -> None:
    """
    Opening a ticket needs nobody because isolating needs two.
    """
    ticket = Asked(
        action="create ticket",
        asset="itsm",
        label="",
        severity="high",
        at=NOW,
        is_containment=False,
    )
    assert policy.choose([Rule(needs="lead")], ticket) is None
    named = Rule(action="create ticket", needs="lead")
    assert policy.choose([named], ticket) is named


def test_no_policy_frees_a_high_impact_call_of_consent() -> None:
    """
    "none" frees what is not high-impact, and nothing else.
    """
    none = Rule(action="block ip", needs="none")
    assert not Wanted(rule=none).gated
    freed = Wanted(rule=none, high_impact=True)
    assert freed.gated
    assert freed.terms(usual="tier2", apart=(), at=NOW)[0]["steps"][0]["needs"] == "tier2"


@pytest.mark.parametrize(
    ("text", "at", "holds"),
    [
        ("mon-fri 08:00-18:00 UTC", datetime(2026, 6, 1, 8, tzinfo=UTC), True),
        ("mon-fri 08:00-18:00 UTC", datetime(2026, 6, 1, 18, tzinfo=UTC), False),
        ("mon-fri 08:00-18:00 UTC", datetime(2026, 6, 6, 12, tzinfo=UTC), False),
        ("not mon-fri 08:00-18:00 UTC", datetime(2026, 6, 6, 12, tzinfo=UTC), True),
        ("fri-mon 00:00-24:00 UTC", datetime(2026, 6, 7, 23, 59, tzinfo=UTC), True),
        ("fri-mon 00:00-24:00 UTC", datetime(2026, 6, 2, 0, tzinfo=UTC), False),
        ("mon 08:00-18:00 Europe/Berlin", datetime(2026, 6, 1, 6, 30, tzinfo=UTC), True),
        ("mon 08:00-18:00 Europe/Berlin", datetime(2026, 1, 5, 6, 30, tzinfo=UTC), False),
    ],
)
def test_hours_hold_in_their_own_time_zone(text: str, at: datetime, holds: bool) -> None:
    """
    Summer time included.
    """
    assert Hours.parse(text).holds(at) is holds
