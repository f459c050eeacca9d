"""
Many answers at once, and answers sent again.

In: a real server and fifty people with tokens. Out: one decision.
Never: two, or one that the audit trail does not have.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import requests

from soar.bootstrap import House
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
