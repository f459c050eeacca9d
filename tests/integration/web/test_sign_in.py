"""
Signing in: who gets in, who does not, and what both are told.

In: a real server on loopback, and browsers. Out: a session, or one sentence.
Never: a different answer for an unknown name, a wrong password and a wrong code.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.web.stage import Browser

Browsers = Callable[[], Browser]


def test_who_has_the_password_gets_in_and_lands_where_they_wanted(
    ada: str, browser: Browsers
) -> None:
    """
    A page that needs a session sends to the form, and the form back to the page.
    """
    mine = browser()

    sent = mine.get("/account?x=1")
    assert (sent.status_code, sent.headers["Location"]) == (303, "/login?next=/account%3Fx%3D1")
    inside = mine.sign_in(path=sent.headers["Location"])

    assert (inside.status_code, inside.headers["Location"]) == (303, "/account?x=1")
    assert "ada" in mine.get("/account").text
