"""
Lists: pages, order, filters.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.rest.stage import Client, add_container


def test_a_list_comes_in_pages(analyst: Client) -> None:
    """
    Ten rows a page unless asked otherwise; 0 means all; numbers may be quoted.
    """
    for number in range(12):
        add_container(analyst, name=f"mail {number}")

    first = analyst.get("/rest/container").json()
    assert (first["count"], first["num_pages"], len(first["data"])) == (12, 2, 10)
    second = analyst.get("/rest/container", page='"1"', page_size='"10"').json()
    assert [row["name"] for row in second["data"]] == ["mail 10", "mail 11"]
    everything = analyst.get("/rest/container", page_size=0).json()
    assert (everything["num_pages"], len(everything["data"])) == (1, 12)


def test_a_page_past_the_end_says_so(reader: Client) -> None:
    """
    Clients stop at a refusal with these words; the first page of nothing is empty.
    """
    answer = reader.get("/rest/artifact", page=1)

    assert answer.status_code == 400
    assert "That page contains no results" in answer.json()["message"]
    assert reader.get("/rest/artifact").json() == {"count": 0, "num_pages": 1, "data": []}


def test_a_list_is_sorted(analyst: Client) -> None:
    """
    By any field, either way, and by id where that is equal.
    """
    first, second, third = (add_container(analyst, name=n) for n in ("b", "a", "b"))

    assert analyst.ids("/rest/container", sort="name") == [second, first, third]
    assert analyst.ids("/rest/container", sort="name", order="desc") == [third, first, second]


@pytest.fixture
def mails(analyst: Client) -> dict[str, int]:
    """Three containers that filters can tell apart."""
    return {
        "phish": add_container(
            analyst,
            name="Phishing 100%_sure",
            label="phishing",
            severity="high",
            tags=["mail", "vip"],
            custom_fields={"score": 7, "team": {"name": "blue"}},
        ),
        "malware": add_container(
            analyst,
            name="malware",
            label="malware",
            severity="low",
            tags=["host"],
            custom_fields={"score": 70, "done": True},
        ),
        "event": add_container(analyst, name='O\'Hara said "hi"', status="closed"),
    }


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("_filter_label", '"phishing"', "phish"),
        ("_filter_label", "'phishing'", "phish"),
        ("_filter_label", "phishing", "phish"),
        ("_filter_label__in", "['phishing','malware']", "phish malware"),
        ("_filter_label__in", '["phishing"]', "phish"),
        ("_filter_label__in", "[]", ""),
        ("_filter_name__iexact", '"MALWARE"', "malware"),
        ("_filter_name__contains", '"100%_"', "phish"),
        ("_filter_name__contains", '"%"', "phish"),
        ("_filter_name__icontains", '"PHISH"', "phish"),
        ("_filter_name__contains", '"PHISH"', ""),
        ("_filter_name__startswith", '"mal"', "malware"),
        ("_filter_name__endswith", '"sure"', "phish"),
        ("_filter_name", '"O\'Hara said \\"hi\\""', "event"),
        ("_filter_status", '"closed"', "event"),
        ("_exclude_status", '"closed"', "phish malware"),
        ("_exclude_label__in", "['phishing','malware']", "event"),
        ("_exclude_close_time__gt", "2020-01-01", "phish malware"),
        ("_filter_close_time__isnull", "False", "event"),
        ("_filter_close_time__isnull", "true", "phish malware"),
        ("_filter_tags__contains", '"vip"', "phish"),
        ("_filter_tags__contains", '["mail","vip"]', "phish"),
        ("_filter_tags__in", '["host","vip"]', "phish malware"),
        ("_filter_tags__isnull", "True", "event"),
        ("_filter_tags__icontains", '"VI"', "phish"),
        ("_filter_custom_fields__score", "7", "phish"),
        ("_filter_custom_fields__score__gt", "8", "malware"),
        ("_filter_custom_fields__score__in", "[7, 70]", "phish malware"),
        ("_filter_custom_fields__team__name", '"blue"', "phish"),
        ("_filter_custom_fields__done", "True", "malware"),
        ("_filter_custom_fields__done__gt", "False", "malware"),
        ("_filter_custom_fields__team__isnull", "True", "malware event"),
        ("_filter_custom_fields__icontains", '"BLUE"', "phish"),
        ("_filter_id__gt", "999999999999999999999999", ""),
        ("_filter_id__in", '["1", 2]', "phish malware"),
        ("_filter_create_time__gt", '"2020-01-01"', "phish malware event"),
        ("_filter_create_time__lt", "2020-01-01T00:00:00.5Z", ""),
        ("_filter_asset", "None", ""),
        ("filter", '{"label": "phishing", "severity__in": ["high"]}', "phish"),
        ("filter", "{'label': 'malware'}", "malware"),
    ],
)
def test_filters_find_what_they_say(
    analyst: Client, mails: dict[str, int], name: str, value: str, expected: str
) -> None:
    """
    Every operator, on every kind of field, in every spelling of its value.
    """
    found = analyst.ids("/rest/container", **{name: value})

    assert [n for n, number in mails.items() if number in found] == expected.split()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"_filter_external_id": "1"}, ["external_id", "known fields", "severity"]),
        ({"_filter_name__regex": "a"}, ["regex", "icontains"]),
        ({"_filter_id": '"x"'}, ["_filter_id", "whole number"]),
        ({"_filter_id__gt": "1.5"}, ["whole number"]),
        ({"_filter_create_time__gt": "yesterday"}, ["must be a time"]),
        ({"_filter_create_time__gt": "99999999999999"}, ["must be a time"]),
        ({"_filter_create_time__contains": "2020"}, ["contains"]),
        ({"_filter_name": "[1]"}, ["__in"]),
        ({"_filter_configuration": "1"}, ["configuration"]),
        ({"sort": "pg_sleep(1)"}, ["sort", "known fields"]),
        ({"order": "sideways"}, ["asc", "desc"]),
        ({"page": "-1"}, ["page"]),
        ({"page_size": "many"}, ["page_size"]),
        ({"filter": "[]"}, ["must be an object"]),
        ({"filter": '{"nothing": 1}'}, ["filter.nothing", "known fields"]),
    ],
)
def test_a_question_that_cannot_be_understood_is_named(
    reader: Client, parameters: dict[str, str], words: list[str]
) -> None:
    """
    400 names the parameter, and what could stand there instead.
    """
    answer = reader.get("/rest/container", **parameters)

    assert answer.status_code == 400
    assert all(word in answer.json()["message"] for word in words), answer.text


NASTY = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "' or 1=1 --",
            '" or ""="',
            "'; drop table container; --",
            "\\",
            "%",
            "_",
            "\x00",
            "[",
            "['a",
            '["\\ud800"]',
            "{}",
            "((((",
            ":v0",
            "%(v0)s",
            "1e400",
            "-1",
            "None",
            "[None]",
            "'\\x00'",
            "$1",
            "{x}",
            "*",
            "9" * 400,
        ]
    ),
    st.lists(st.text(max_size=10), max_size=3).map(json.dumps),
)


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    field_name=st.sampled_from(
        ["id", "name", "tags", "custom_fields", "custom_fields__a", "create_time", "artifact_count"]
    ),
    operator=st.sampled_from(["", "__in", "__icontains", "__gt", "__isnull", "__endswith", "__x"]),
    value=NASTY,
    way=st.sampled_from(["_filter_", "_exclude_"]),
)
def test_no_filter_value_breaks_or_injects(
    analyst: Client, field_name: str, operator: str, value: str, way: str
) -> None:
    """
    Whatever stands in a filter is compared as a value: never a 500, never a match by trickery.
    """
    if not analyst.ids("/rest/container"):
        add_container(analyst, name="only one")

    answer = analyst.get("/rest/container", **{f"{way}{field_name}{operator}": value})

    assert answer.status_code in {200, 400}, answer.text
    if answer.status_code == 200 and (way, field_name, operator) == ("_filter_", "name", ""):
        assert answer.json()["count"] == 0 or "only one" in value
