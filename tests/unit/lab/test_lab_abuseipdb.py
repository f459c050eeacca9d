"""
The lab's AbuseIPDB refuses as AbuseIPDB does.

In: requests without a network. Out: nothing. Never: the real AbuseIPDB.
"""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from soar.lab.simulator import Lab
from soar.lab.vendors.abuseipdb import build
from soar.lab.world import World

KEY = {"Key": World().keys["abuseipdb"]}


@pytest.fixture
def abuseipdb() -> Client:
    """
    A caller of a fresh AbuseIPDB.
    """
    return Client(Lab(simulators=(build(World()),)))


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({}, "ipAddress"),
        ({"ipAddress": "evil.example"}, "ipAddress"),
        ({"ipAddress": "203.0.113.66", "maxAgeInDays": "0"}, "maxAgeInDays"),
        ({"ipAddress": "203.0.113.66", "maxAgeInDays": "366"}, "maxAgeInDays"),
        ({"ipAddress": "203.0.113.66", "maxAgeInDays": "x"}, "maxAgeInDays"),
    ],
)
def test_an_unusable_query_is_422_and_names_its_parameter(
    abuseipdb: Client, query: dict[str, str], parameter: str
) -> None:
    """
    The error says in JSON:API style which parameter it is about.
    """
    answer = abuseipdb.get("/api/v2/check", query_string=query, headers=KEY)

    assert answer.status_code == 422
    error: Any = answer.get_json()["errors"][0]
    assert (error["status"], error["source"]) == (422, {"parameter": parameter})


def test_every_answer_says_how_much_of_the_day_is_left(abuseipdb: Client) -> None:
    """
    The rate headers count down, on answers and on refusals.
    """
    first = abuseipdb.get("/api/v2/check?ipAddress=203.0.113.66", headers=KEY)
    refused = abuseipdb.get("/api/v2/check", headers=KEY)

    assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == (
        "1000",
        "999",
    )
    assert refused.headers["X-RateLimit-Remaining"] == "998"
    assert abuseipdb.get("/lab/state").get_json() == {
        "abuseipdb": {"checks": 2, "daily_limit": 1000}
    }


def test_no_key_is_401(abuseipdb: Client) -> None:
    """
    Without a key nothing is checked.
    """
    answer = abuseipdb.get("/api/v2/check?ipAddress=203.0.113.66")

    assert answer.status_code == 401
    assert "API key" in answer.get_json()["errors"][0]["detail"]
