"""
Who has seen a question: one entry for each person and question within some minutes.

In: people and others who open the page of an approval. Out: entries in the audit trail.
Never: an entry for who is not signed in, or a chain that a reload fills.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from soar.bootstrap import House
from tests.integration.web.questions import Case, ask, at, row
from tests.integration.web.scanner import PREFETCH
from tests.integration.web.sso import audited
from tests.integration.web.stage import Browser, person

Browsers = Callable[[], Browser]
VIEWED = "approval viewed"


def test_a_view_is_on_the_record_with_what_was_shown(
    house: House, mine: Browser, about: Case
) -> None:
    """
    Who, which question, the digest of what stood there, from where, and how young the session is.
    """
    number = ask(house, about)
    shown = mine.get(at(house, number), **{"User-Agent": "a browser " + "x" * 500})

    assert shown.status_code == 200
    ((who, detail),) = audited(house, VIEWED)
    kept = row(house, number)
    assert who == "ada"
    assert detail["approval"] == kept["public_id"]
    assert detail["payload_digest"] == kept["payload_digest"]
    assert (detail["channel"], detail["address"]) == ("web", "127.0.0.1")
    assert (detail["agent"][:9], len(detail["agent"])) == ("a browser", 200)
    assert "signed_in" in detail


def test_a_storm_of_reloads_leaves_one_entry(house: House, mine: Browser, about: Case) -> None:
    """
    Also at the same moment; ten minutes later it is a new view.
    """
    number = ask(house, about)
    path, cookies = at(house, number), mine.session.cookies.get_dict()

    def reload(_: int) -> int:
        return requests.get(mine.url + path, cookies=cookies, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(reload, range(40))) == {200}
    assert len(audited(house, VIEWED)) == 1
    house.database.run(
        "update approval_view set seen_at = now() - interval '11 minutes' returning 1", {}
    )
    mine.get(path)
    mine.get(path)

    assert len(audited(house, VIEWED)) == 2


def test_each_person_and_each_question_has_its_own_entry(
    house: House, mine: Browser, browser: Browsers, about: Case
) -> None:
    """
    Two people and two questions are four.
    """
    numbers = [ask(house, about), ask(house, about)]
    other = browser()
    other.sign_in(person(house, "ben"))

    for number in numbers:
        for who in (mine, other, mine):
            who.get(at(house, number))

    seen = [(who, detail["approval"]) for who, detail in audited(house, VIEWED)]
    assert len(seen) == len(set(seen)) == 4


def test_who_is_not_signed_in_and_what_is_no_get_leave_nothing(
    house: House, mine: Browser, browser: Browsers, about: Case
) -> None:
    """
    A scanner or prefetcher of a mail has no session; HEAD shows nothing; no such question, neither.
    """
    number = ask(house, about)
    nobody = browser()
    for verb in ("GET", "HEAD", "OPTIONS"):
        nobody.session.request(
            verb,
            nobody.url + at(house, number),
            headers=PREFETCH,
            allow_redirects=False,
            timeout=30,
        )
    mine.session.head(mine.url + at(house, number), timeout=30)
    mine.get("/approvals")
    mine.get("/approvals/999999")

    assert audited(house, VIEWED) == []
    assert house.database.run("select 1 from approval_view", {}) == []


def test_a_get_that_says_it_is_a_prefetch_is_a_view(
    house: House, mine: Browser, about: Case
) -> None:
    """
    In a person's own session: else anybody could look without a trace.
    """
    mine.get(at(house, ask(house, about)), **PREFETCH)

    assert len(audited(house, VIEWED)) == 1
