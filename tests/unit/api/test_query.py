"""
The query language of lists, without a database.
"""

from __future__ import annotations

import pytest

from soar.api import nouns, playbook_nouns, query
from soar.domain.errors import BadInput
from soar.store.listing import Condition, Listing

ALL = [
    value
    for room in (nouns, playbook_nouns)
    for value in vars(room).values()
    if isinstance(value, Listing)
]


def conditions(*pairs: tuple[str, str]) -> list[Condition]:
    """Return the conditions that parameters of the container list make."""
    return list(query.read(pairs, nouns.CONTAINERS).wanted.conditions)


@pytest.mark.parametrize("listing", ALL, ids=lambda listing: listing.noun)
def test_every_list_can_be_sorted_by_id(listing: Listing) -> None:
    """
    The id breaks ties, so every listing has one.
    """
    assert listing.fields["id"].kind == "int"


def test_a_path_leads_into_json_and_may_end_with_an_operator() -> None:
    """
    custom_fields__a__b__icontains is the operator icontains at a, b.
    """
    assert conditions(("_filter_custom_fields__a__b__icontains", "x")) == [
        Condition(field="custom_fields", path=("a", "b"), operator="icontains", value="x")
    ]


def test_the_longest_known_name_is_the_field() -> None:
    """
    container__name is a field of an artifact, not a path into its container.
    """
    read = query.read([("_filter_container__name__icontains", "x")], nouns.ARTIFACTS)

    assert list(read.wanted.conditions) == [
        Condition(field="container__name", operator="icontains", value="x")
    ]


@pytest.mark.parametrize("written", ["1.10", "007", "True"])
def test_a_bare_number_is_a_text_where_texts_are_compared(written: str) -> None:
    """
    A container named 1.10 is not one named 1.1.
    """
    assert conditions(("_filter_name", written)) == [Condition(field="name", value=written)]


def test_numbers_inside_json_are_compared_as_numbers() -> None:
    """
    Greater-than inside custom fields takes the number itself.
    """
    assert conditions(("_filter_custom_fields__n__gt", "1.10")) == [
        Condition(field="custom_fields", path=("n",), operator="gt", value=1.1)
    ]


def test_the_same_name_twice_is_two_conditions() -> None:
    """
    All conditions must hold, in whichever form they came.
    """
    made = conditions(
        ("_filter_tags__contains", "a"),
        ("_filter_tags__contains", "b"),
        ("_exclude_status", "closed"),
        ("filter", '{"label": "phishing"}'),
    )

    assert [(c.field, c.value, c.negated) for c in made] == [
        ("tags", ["a"], False),
        ("tags", ["b"], False),
        ("status", "closed", True),
        ("label", "phishing", False),
    ]


def test_conditions_have_a_limit() -> None:
    """
    Nobody needs more than fifty; a database does not need to plan more.
    """
    with pytest.raises(BadInput, match="more than 50"):
        conditions(*[("_filter_name", "x")] * 51)


@pytest.mark.parametrize("unknown", ["_annotation_x", "pretty", "timerange", "anything"])
def test_parameters_that_are_no_filter_are_left_alone(unknown: str) -> None:
    """
    Clients send flags of Splunk's that we do not have; they change nothing.
    """
    assert conditions((unknown, "1")) == []


@pytest.mark.parametrize(
    ("text", "expected"), [("", True), ("1", True), ("True", True), ("no", False), ("false", False)]
)
def test_a_flag_stands_there_or_says_no(text: str, expected: bool) -> None:
    """
    include_expensive alone is enough; "false" and 0 mean it is not set.
    """
    assert query.is_set({"flag": text}, "flag") is expected
    assert query.is_set({}, "flag") is False


@pytest.mark.parametrize(
    ("written", "value"),
    [("2", "open"), ('"open"', "open"), ("9", "9"), ("[1, 3]", ["new", "closed"])],
)
def test_an_id_stands_for_the_word_that_it_numbers(written: str, value: object) -> None:
    """
    Clients name a status by its name, or by the id that the list of statuses gives it.
    """
    name = "_filter_status__in" if isinstance(value, list) else "_filter_status"

    assert [c.value for c in conditions((name, written))] == [value]
