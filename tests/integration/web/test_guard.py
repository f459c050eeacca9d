"""
The door of every page: sessions that end, forms that are ours, and headers on everything.

In: a real server on loopback, browsers, and what a hostile page could make them send.
Out: a page, or a refusal that changes nothing. Never: a GET that changes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.responses import Response

from soar import identity, users
from soar.bootstrap import House
from soar.web import guard
from soar.web.app import create
from soar.web.guard import HEADERS, Visit
from tests.integration.rest.stage import serving
from tests.integration.web.stage import PASSWORD, Browser, hidden, person

Browsers = Callable[[], Browser]
SEEN = "update session set seen_at = now() - interval '31 minutes' returning 1"
OLD = "update session set ends_at = now() returning 1"


@pytest.fixture
def mine(ada: str, browser: Browsers) -> Browser:
    """A browser in which somebody is signed in."""
    made = browser()
    assert made.sign_in().status_code == 303
    return made


def tables(
    house: House, *, but: tuple[str, ...] = ("session", "alembic_version")
) -> dict[str, Any]:
    """Return everything that stands in the database."""
    names = house.database.run(
        "select tablename from pg_tables where schemaname = 'public' order by 1", {}
    )
    kept = [name for (name,) in names if name not in but]
    return {n: house.database.run(f"select t::text from {n} t order by 1", {}) for n in kept}


def sessions(house: House) -> list[tuple[Any, ...]]:
    """Return all of every session but when it was last in use."""
    return house.database.run(
        "select id, hash, authenticated_at, ends_at, ended_at, only_password from session"
        " order by id",
        {},
    )


def test_a_session_ends_without_use_and_in_the_end(house: House, mine: Browser) -> None:
    """
    Thirty minutes without a page, or twelve hours in all; using it moves the first only.
    """
    house.database.run("update session set seen_at = now() - interval '29 minutes' returning 1", {})
    assert mine.is_signed_in
    house.database.run(
        "update session set seen_at = seen_at - interval '29 minutes' returning 1", {}
    )
    assert mine.is_signed_in

    house.database.run(SEEN, {})
    assert not mine.is_signed_in
    assert not mine.is_signed_in
    mine.sign_in()
    house.database.run(OLD, {})
    assert not mine.is_signed_in


def test_the_limits_of_a_session_are_settings(house: House, ada: str) -> None:
    """
    They hold for sessions that begin under them.
    """
    changed = house.settings.model_copy(update={"session_idle_minutes": 5, "session_hours": 1})
    with serving(_with(house, changed)) as url:
        Browser(url).sign_in()

    assert house.database.run(
        "select idle_seconds, extract(epoch from ends_at - create_time)::int from session", {}
    ) == [(300, 3600)]


def _with(house: House, settings: Any) -> House:
    from dataclasses import replace

    return replace(house, settings=settings)


def test_signing_out_ends_the_session_itself(mine: Browser, browser: Browsers) -> None:
    """
    A copy of its cookie is of no use afterwards.
    """
    copy = browser()
    copy.take(mine.cookie)
    assert copy.is_signed_in

    done = mine.fill("/account", to="/logout")

    assert (done.status_code, done.headers["Location"]) == (303, "/login")
    assert not mine.cookie
    assert not copy.is_signed_in


def test_somebody_who_is_disabled_is_signed_out_at_once(house: House, mine: Browser) -> None:
    """
    And stays out when they are enabled again: the session has ended.
    """
    with house.database.begin() as work:
        assert users.set_active(work, "ada", active=False, by="test") == 1
    assert not mine.is_signed_in
    with house.database.begin() as work:
        users.set_active(work, "ada", active=True, by="test")

    assert not mine.is_signed_in
    assert mine.sign_in().status_code == 303


def test_roles_that_were_taken_away_are_gone_at_once(house: House, mine: Browser) -> None:
    """
    A session holds no roles of its own.
    """
    assert "soc_tier2" in mine.get("/account").text
    with house.database.begin() as work:
        users.set_roles(work, "ada", roles=["observer"], by="test")

    assert "soc_tier2" not in mine.get("/account").text


def test_a_form_without_its_token_does_nothing(
    house: House, mine: Browser, browser: Browsers
) -> None:
    """
    Missing, empty, guessed, or of somebody else's session.
    """
    person(house, "eve")
    other = browser()
    other.sign_in("eve")
    tokens = [None, "", "0" * 64, "é", hidden(other.get("/account"))["csrf"]]

    for path in ("/logout", "/confirm", "/password"):
        for token in tokens:
            form = {"password": PASSWORD, "current": PASSWORD, "new": "x" * 20, "again": "x" * 20}
            answer = mine.post(path, form if token is None else {**form, "csrf": token})
            assert answer.status_code == 403
            assert "nothing was done" in answer.text
    assert mine.is_signed_in


def test_a_form_from_another_site_does_nothing(
    house: House, mine: Browser, browser: Browsers
) -> None:
    """
    Even with the right token; also the form to sign in.
    """
    form = hidden(mine.get("/account"))
    out = browser()
    entering = {**hidden(out.get("/login")), "username": "ada", "password": PASSWORD}
    before = tables(house)

    for headers in (
        {"Origin": "https://evil.test"},
        {"Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": mine.url},
    ):
        assert mine.post("/logout", form, **headers).status_code == 403
        assert out.post("/login", entering, **headers).status_code == 403
    assert mine.is_signed_in
    assert tables(house) == before


def test_our_own_forms_are_taken(mine: Browser) -> None:
    """
    As browsers send them from a page that forbids referrers, old ones included.
    """
    for headers in (
        {},
        {"Origin": "null"},
        {"Origin": mine.url, "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://behind.a.proxy.test", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ):
        form = {**hidden(mine.get("/confirm")), "password": PASSWORD}
        assert mine.post("/confirm", form, **headers).status_code == 303


def test_nobody_can_be_signed_in_by_a_form_of_somebody_else(ada: str, browser: Browsers) -> None:
    """
    The form to sign in belongs to the browser that opened it.
    """
    attacker, victim = browser(), browser()
    form = hidden(attacker.get("/login"))
    entering = {**form, "username": "ada", "password": PASSWORD}

    assert victim.post("/login", entering).status_code == 400
    victim.get("/login")
    assert victim.post("/login", entering).status_code == 403
    assert not victim.is_signed_in


def test_the_form_leads_to_no_other_site(mine: Browser, browser: Browsers) -> None:
    """
    What is no plain address of ours is left out: on the page, in what it sends, and for who is in.
    """
    for wanted in (
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test/",
        "/\t/evil.test/",
        "/\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "http:evil.test",
        "evil.test",
        "/login?next=/login",
        "/" + "a" * 3000,
        "",
    ):
        asked = "/login?" + urlencode({"next": wanted})
        shown = hidden(browser().get(asked))["next"]
        inside = mine.get(asked).headers["Location"]
        confirmed = hidden(mine.get("/confirm?" + urlencode({"next": wanted})))["next"]
        assert {shown, inside, confirmed} == {"/account"}, wanted

    other = browser()
    form = {**hidden(other.get("/login")), "username": "ada", "password": PASSWORD}
    answer = other.post("/login", {**form, "next": "//evil.test/"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")


def test_to_get_a_page_changes_nothing(house: House, mine: Browser, browser: Browsers) -> None:
    """
    GET, HEAD, OPTIONS and a prefetch, signed in or not: rows stay as they are.
    """
    before, stood = tables(house), sessions(house)
    for path in ("/login", "/logout", "/confirm", "/password", "/account"):
        for verb in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"):
            for who in (mine, browser()):
                who.session.request(
                    verb,
                    who.url + path,
                    headers={"Sec-Purpose": "prefetch"},
                    params={"username": "ada", "password": PASSWORD, "next": "/account"},
                    allow_redirects=False,
                    timeout=30,
                )

    assert tables(house) == before
    assert sessions(house) == stood
    assert mine.is_signed_in


def test_a_page_cannot_write_when_it_is_asked_for_by_get(house: House, ada: str) -> None:
    """
    Its transaction is read-only, whatever the page does.
    """

    def write(visit: Visit) -> Response:
        visit.work.people.set_roles(1, ["admin"])
        return Response("written")

    app = create(house)
    app.router.routes.append(guard.page(house, "/writes", get=write, post=write))
    with serving(house, app=app) as url:
        mine = Browser(url)
        mine.sign_in()
        answer = mine.get("/writes")
        allowed = mine.post("/writes", hidden(mine.get("/account")))

    assert answer.status_code == 500
    assert "read-only" not in answer.text
    assert allowed.text == "written"


def test_every_page_has_its_headers(mine: Browser, browser: Browsers) -> None:
    """
    Pages, refusals and redirects: nothing but our own style, no frame, no cache, no referrer.
    """
    pages = [mine.get(p) for p in ("/account", "/confirm", "/password")]
    pages += [browser().get(p) for p in ("/login", "/account", "/password")]
    pages += [mine.post("/logout", {}), browser().post("/login", {}), mine.post("/confirm", {})]

    for answer in pages:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, answer.url
        assert "<script" not in answer.text
        assert "style=" not in answer.text
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    style = mine.get("/static/soar.css")
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css; charset=utf-8")


def test_what_somebody_typed_is_never_part_of_the_page(ada: str, browser: Browsers) -> None:
    """
    Markup in an address or a name stays text.
    """
    mine = browser()
    answer = mine.get("/login?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    refused = mine.sign_in('"><script>alert(1)</script>')

    assert "<script" not in answer.text
    assert "<script" not in refused.text


def test_a_form_is_bounded_and_of_one_kind(mine: Browser) -> None:
    """
    Too large, of another type, a field twice, or not text: refused before anything is looked at.
    """
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    assert mine.post("/logout", {"x": "y" * 70_000}).status_code == 413
    assert mine.post("/logout", b"{}", **{"Content-Type": "application/json"}).status_code == 400  # type: ignore[arg-type]
    for body in (b"csrf=a&csrf=b", b"csrf=%ff", b"csrf=\xff", b"&".join([b"a=1"] * 200)):
        assert mine.post("/logout", body, **form).status_code == 400  # type: ignore[arg-type]
    assert mine.is_signed_in


def test_confirming_needs_the_password_and_makes_the_session_young(
    house: House, mine: Browser
) -> None:
    """
    A wrong one counts as a failure; the session goes on either way.
    """
    house.database.run(
        "update session set authenticated_at = now() - interval '1 hour' returning 1", {}
    )

    wrong = mine.fill("/confirm?next=/account?x=1", password="wrong password")
    assert (wrong.status_code, identity.REFUSED in wrong.text) == (401, True)
    assert _age(house) > 3500
    right = mine.fill("/confirm?next=/account?x=1", password=PASSWORD)

    assert (right.status_code, right.headers["Location"]) == (303, "/account?x=1")
    assert _age(house) < 300
    for _ in range(identity.FREE_NAME):
        mine.fill("/confirm", password="wrong password")
    house.database.run(
        "update login_failure set failed_at = now() + interval '1 hour' returning 1", {}
    )
    assert mine.fill("/confirm", password=PASSWORD).status_code == 429
    assert mine.is_signed_in


def _age(house: House) -> float:
    rows = house.database.run(
        "select extract(epoch from now() - authenticated_at)::float from session", {}
    )
    return float(rows[0][0])
