"""
Many answers at once, and answers sent again.

In: a real server and fifty people with tokens. Out: one decision.
Never: two, or one that the audit trail does not have.
"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import requests

from soar.bootstrap import House
from soar.domain import gate
from soar.domain.policy import Rule
from soar.store.rows import as_json
from tests.integration.rest.stage import Client, Question, client_of, stored

PEOPLE = 50


def at_once(clients: list[Client], path: str, bodies: list[dict[str, Any]]) -> list[int]:
    """Post all bodies at the same moment, and return the status of each answer."""
    together, codes = threading.Barrier(len(clients)), [0] * len(clients)

    def post(number: int) -> None:
        together.wait()
        codes[number] = clients[number].post(path, bodies[number]).status_code

    threads = [threading.Thread(target=post, args=(n,)) for n in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return codes


def test_of_fifty_answers_at_once_one_decides(
    house: House, url: str, analyst: Client, question: Question
) -> None:
    """
    Half of them say yes and half no; the others hear that it is decided, by whom and how.
    """
    clients = [client_of(house, url, f"person{n}", "soc_tier2") for n in range(PEOPLE)]
    path = f"/rest/approval/{question.id}"
    digest = analyst.get(path).json()["payload_digest"]
    choices = ["Isolate Host", "Monitor Only"]
    bodies = [{"choice": choices[n % 2], "payload_digest": digest} for n in range(PEOPLE)]

    codes = at_once(clients, path, bodies)

    assert Counter(codes) == {200: 1, 409: PEOPLE - 1}
    winner = codes.index(200)
    kept = stored(house, lambda work: work.approvals.get(question.id))
    assert (kept["answered_by"], kept["answer"]) == (f"person{winner}", choices[winner % 2])
    trail = house.database.run("select who from audit where what = 'approval answered'", {})
    assert trail == [(f"person{winner}",)]
    late = clients[winner - 1].post(path, bodies[winner - 1])
    assert f"already decided: person{winner} chose" in late.json()["message"]


def test_of_fifty_consents_at_once_two_decide_where_two_are_needed(
    house: House, url: str, analyst: Client, question: Question
) -> None:
    """
    Each is kept or told that it is decided; what waited goes on once.
    """
    asked = stored(house, lambda work: work.approvals.get(question.id))["payload"]
    terms = Rule(needs="2 of soc_tier2").terms(apart=(), asked_at=datetime.now(UTC))
    asked["policy"] = {"Isolate Host": [terms]}
    values = {"payload": as_json(asked), "digest": gate.digest(asked), "id": question.id}
    house.database.run(
        "update approval set payload = %(payload)s::jsonb, payload_digest = %(digest)s"
        " where id = %(id)s returning id",
        values,
    )
    clients = [client_of(house, url, f"person{n}", "soc_tier2") for n in range(PEOPLE)]
    path = f"/rest/approval/{question.id}"
    body = {"choice": "Isolate Host", "payload_digest": values["digest"]}

    codes = at_once(clients, path, [body] * PEOPLE)

    assert Counter(codes) == {200: 2, 409: PEOPLE - 2}
    trail = house.database.run("select what from audit order by id", {})
    assert trail == [("ballot given",), ("approval answered",)]
    assert len(analyst.get(path).json()["ballots"]) == 2


def test_the_same_answer_sent_fifty_times_decides_once(
    house: House, analyst: Client, question: Question
) -> None:
    """
    A retrying client or a replayed request changes nothing more.
    """
    path = f"/rest/approval/{question.id}"
    body = {"choice": "Monitor Only", "payload_digest": analyst.get(path).json()["payload_digest"]}

    codes = at_once([analyst] * PEOPLE, path, [body] * PEOPLE)

    assert Counter(codes) == {200: 1, 409: PEOPLE - 1}
    assert house.database.run("select count(*) from audit", {}) == [(1,)]


def test_looking_decides_nothing(analyst: Client, question: Question) -> None:
    """
    What a mail scanner does: it follows the address with every safe method, as often as it likes,
    and with what it finds in the page as parameters.
    """
    address = f"{analyst.url}/rest/approval/{question.id}"
    headers = {"ph-auth-token": analyst.token, "sec-purpose": "prefetch"}

    for method in ("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE"):
        for query in ("", "?choice=Isolate%20Host", "?status=approve&responses=Isolate%20Host"):
            requests.request(method, address + query, headers=headers, timeout=30)

    assert analyst.get(f"/rest/approval/{question.id}").json()["responses"] == []
