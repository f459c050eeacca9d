"""
Signing in through a provider: the way there and back, the session, and how it is made young.

In: a real server, browsers, and a provider on loopback. Out: a session, or one sentence.
Never: somebody let in on less than the provider's signed word for this very browser.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from soar import users
from soar.bootstrap import House
from soar.domain import gate
from soar.domain.policy import Rule
from soar.oidc import provider as providers
from tests.integration.web.op import CLIENT, PUBLIC, SECRET, Op, back, key, leave, signed, through
from tests.integration.web.questions import ask, case, row
from tests.integration.web.questions import at as address_of
from tests.integration.web.sso import Browsers, at, audited, link
from tests.integration.web.stage import PASSWORD, hidden, person

AGE = (
    "select extract(epoch from now() - authenticated_at)::float from session where ended_at is null"
)
REFUSED = "sign-in through the provider refused"
OLD = "update session set authenticated_at = now() - interval '1 hour' returning 1"


def test_who_is_linked_gets_in_and_lands_where_they_wanted(
    house: House, sso: Browsers, op: Op
) -> None:
    """
    The session is as old as the sign-in at the provider, and the entry names it.
    """
    mine = sso()

    inside = through(mine, mine.get("/account?x=1").headers["Location"])

    assert (inside.status_code, inside.headers["Location"]) == (303, "/account?x=1")
    page = mine.get("/account").text
    assert "ada" in page
    assert "Example SSO, or a password" in page
    assert 55 < float(house.database.run(AGE, {})[0][0]) < 300
    ((who, detail),) = audited(house, "signed in")
    assert (who, detail["issuer"], detail["subject"]) == ("ada", op.url, "ada-there")


def test_the_way_there_carries_what_it_must_and_nothing_that_is_kept(
    house: House, sso: Browsers, op: Op
) -> None:
    """
    Code flow, PKCE with S256, a state, a nonce, our fixed address; only hashes stand in the
    database, and the client's secret nowhere but in the request for the token.
    """
    mine = sso()
    where = leave(mine)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(where).query).items()}
    kept = str(house.database.run("select h::text from sign_in_hop h", {}))

    assert where.startswith(f"{op.url}/authorize?")
    assert asked.pop("state") not in kept
    assert len(asked.pop("nonce")) == len(asked.pop("code_challenge")) == 43
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": f"{PUBLIC}/login/callback",
        "scope": "openid profile email",
        "code_challenge_method": "S256",
        "max_age": str(12 * 3600),
    }
    assert mine.session.cookies["soar-door"] not in kept
    mine.get(back(where))
    (form,) = [form for path, form in op.asked if path == "/token"]
    assert len(form["code_verifier"]) == 43
    assert SECRET not in str(op.asked)
    assert not house.database.run("select 1 from sign_in_hop", {})


def test_the_button_is_there_where_there_is_a_provider(ada: str, sso: Browsers, url: str) -> None:
    """
    Without one, there is no button, and its addresses lead nowhere.
    """
    plain = type(sso())(url)

    assert "Sign in with Example SSO" in sso().get("/login").text
    assert "Sign in with" not in plain.get("/login").text
    assert plain.get("/login/callback?code=a&state=b").status_code == 404
    assert plain.post("/login/provider", {}).status_code == 404


def test_the_button_needs_the_form_of_this_browser(house: House, sso: Browsers) -> None:
    """
    No other site sends anybody to the provider, and a GET does nothing.
    """
    mine, other = sso(), sso()
    form = hidden(mine.get("/login"))

    assert mine.post("/login/provider", {"next": "/account"}).status_code == 403
    assert mine.post("/login/provider", form, Origin="https://evil.test").status_code == 403
    assert other.post("/login/provider", form).status_code == 400
    assert mine.get("/login/provider").status_code == 405
    assert not house.database.run("select 1 from sign_in_hop", {})


def test_head_of_the_way_back_does_nothing(house: House, sso: Browsers) -> None:
    """
    Whatever looks at the address before the browser does cannot use it up.
    """
    mine = sso()
    path = back(leave(mine))

    looked = mine.session.head(mine.url + path, allow_redirects=False, timeout=30)

    assert looked.status_code == 405
    assert mine.get(path).status_code == 303
    assert mine.is_signed_in


def test_signing_out_ends_our_session(sso: Browsers) -> None:
    """
    The one at the provider is its own matter: signing in again is one button.
    """
    mine = sso()
    through(mine)
    mine.fill("/account", to="/logout")
    assert not mine.is_signed_in

    through(mine)
    assert mine.is_signed_in


def test_a_sign_in_through_the_provider_ends_the_session_that_the_browser_had(
    house: House, sso: Browsers, op: Op
) -> None:
    """
    One browser holds one session.
    """
    person(house, "eve")
    mine, eves = sso(), sso()
    eves.sign_in("eve")
    path = back(leave(mine))
    mine.take(eves.cookie)

    assert mine.get(path).status_code == 303
    assert "ada" in mine.get("/account").text
    assert not eves.is_signed_in


def test_who_has_no_password_confirms_at_the_provider_alone(
    house: House, sso: Browsers, op: Op
) -> None:
    """
    The page offers what this person has: no password form for who has none.
    """
    with house.database.begin() as work:
        work.identities.new_person("tom")
    link(house, op, "tom", "tom-there")
    op.says["sub"] = "tom-there"
    mine = sso()
    through(mine)

    page = mine.get("/confirm?next=/account").text
    assert "Confirm with Example SSO" in page
    assert 'name="password"' not in page
    assert "/password" not in mine.get("/account").text
    assert sso().sign_in("tom", "").status_code == 401


def test_confirming_asks_the_provider_anew_and_makes_the_session_young(
    house: House, sso: Browsers, op: Op
) -> None:
    """
    With max_age=0 and prompt=login; a policy that wants a fresh sign-in then takes the answer.
    """
    terms = Rule(needs="soc_tier2", fresh=5).terms(apart=(), asked_at=datetime.now(UTC))
    number = ask(house, case(house), policy={gate.APPROVE: [terms]})
    op.signed_in = time.time() - 3000
    mine = sso()
    through(mine)
    assert mine.fill(address_of(house, number), choice=gate.APPROVE).status_code == 403

    where = leave(mine, f"/confirm?next={address_of(house, number)}", "/confirm/provider")
    asked = parse_qs(urlsplit(where).query)
    assert (asked["max_age"], asked["prompt"]) == (["0"], ["login"])
    done = mine.get(back(where))

    assert (done.status_code, done.headers["Location"]) == (303, address_of(house, number))
    assert float(house.database.run(AGE, {})[0][0]) < 300
    assert audited(house, "confirmed")[0][1]["issuer"] == op.url
    assert mine.fill(address_of(house, number), choice=gate.APPROVE).status_code == 303
    assert row(house, number)["answer"] == gate.APPROVE


def test_a_provider_that_does_not_ask_again_confirms_nothing(
    house: House, sso: Browsers, op: Op
) -> None:
    """
    An old auth_time, or none, is no proof: the session stays as old as it was.
    """
    mine = sso()
    through(mine)
    house.database.run(OLD, {})
    op.asks_again = False
    for says, sentence in (
        ({"auth_time": int(time.time()) - 600}, "did not ask you again"),
        ({"auth_time": None}, "does not say when you signed in"),
    ):
        op.says = says
        refused = through(mine, "/confirm", "/confirm/provider")
        assert (refused.status_code, sentence in refused.text) == (403, True)

    assert float(house.database.run(AGE, {})[0][0]) > 3500
    whys = [detail["why"] for _, detail in audited(house, REFUSED)]
    assert whys == ["auth_time not new", "no auth_time"]


def test_the_same_proof_does_not_confirm_twice(house: House, sso: Browsers, op: Op) -> None:
    """
    The sign-in with which the session began is not a new one, however young it is.
    """
    op.signed_in = time.time() - 5
    mine = sso()
    through(mine)
    op.asks_again = False

    assert through(mine, "/confirm", "/confirm/provider").status_code == 403


def test_somebody_else_at_the_provider_confirms_nothing(
    house: House, sso: Browsers, op: Op
) -> None:
    """
    Whether they are linked here to another person, or to nobody.
    """
    person(house, "eve")
    link(house, op, "eve", "eve-there")
    mine = sso()
    through(mine)
    house.database.run(OLD, {})

    for subject in ("eve-there", "nobody-there"):
        op.says["sub"] = subject
        refused = through(mine, "/confirm", "/confirm/provider")
        assert refused.status_code == 403
        assert "somebody else" in refused.text
    assert float(house.database.run(AGE, {})[0][0]) > 3500
    assert mine.is_signed_in


def test_a_way_back_to_confirm_is_of_one_session(house: House, sso: Browsers) -> None:
    """
    Another browser of the same person cannot use it, and it cannot begin a session.
    """
    mine, other = sso(), sso()
    through(mine)
    through(other)
    path = back(leave(mine, "/confirm", "/confirm/provider"))
    stranger = sso()
    stranger.get("/login")

    assert other.get(path).status_code == 403
    assert stranger.get(path).status_code == 403
    assert not stranger.is_signed_in
    assert mine.get(path).status_code == 303


def test_a_provider_that_says_no_time_begins_a_session_that_is_not_fresh(
    house: House, sso: Browsers, op: Op
) -> None:
    """
    It lets in, and whatever asks for a fresh sign-in asks again.
    """
    op.says["auth_time"] = None
    mine = sso()
    through(mine)

    assert mine.is_signed_in
    assert "does not say when" in mine.get("/account").text
    assert float(house.database.run(AGE, {})[0][0]) > 10**9


def test_a_sign_in_that_is_older_than_a_session_may_be_begins_none(sso: Browsers, op: Op) -> None:
    """
    The provider was asked for at most twelve hours, and gave more.
    """
    op.signed_in = time.time() - 13 * 3600
    mine = sso()

    refused = through(mine)

    assert (refused.status_code, "too long ago" in refused.text) == (403, True)
    assert not mine.is_signed_in


def test_how_strongly_people_sign_in_there_can_be_demanded(
    house: House, ada: str, op: Op, tmp_path: Path
) -> None:
    """
    The value is asked for, and what comes without it does not count.
    """
    link(house, op)
    with at(house, op, tmp_path, oidc_acr="mfa phr") as browsers:
        where = leave(browsers())
        assert parse_qs(urlsplit(where).query)["acr_values"] == ["mfa phr"]
        assert through(browsers()).status_code == 403
        op.says["acr"] = "phr"
        assert through(browsers()).status_code == 303


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/.well-known/openid-configuration", (500, b"{}")),
        ("/.well-known/openid-configuration", (200, b"not json")),
        ("/.well-known/openid-configuration", (200, b"[]")),
        ("/.well-known/openid-configuration", (200, b'{"a": "' + b"x" * 600_000 + b'"}')),
        ("/.well-known/openid-configuration", (302, b"")),
    ],
)
def test_a_provider_that_is_away_is_said_in_one_sentence(
    sso: Browsers, op: Op, path: str, answer: tuple[int, bytes]
) -> None:
    """
    Broken, talking nonsense or too much: the page says so, and a password still lets in.
    """
    op.answers[path] = answer
    mine = sso()

    page = mine.post("/login/provider", hidden(mine.get("/login")))

    assert (page.status_code, "cannot be reached" in page.text) == (503, True)
    assert mine.sign_in().status_code == 303


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.test"},
        {"token_endpoint": "http://other.test/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
)
def test_a_discovery_that_cannot_be_right_is_not_believed(
    sso: Browsers, op: Op, change: dict[str, str | None]
) -> None:
    """
    Another issuer's, or with addresses in clear beyond this machine: nobody is sent there.
    """
    op.metadata = dict(change)
    mine = sso()

    page = mine.post("/login/provider", hidden(mine.get("/login")))

    assert page.status_code == 503
    assert "Refresh" not in page.headers


@pytest.mark.parametrize("path", ["/token", "/keys"])
@pytest.mark.parametrize("answer", [(500, b"{}"), (200, b"[]"), (302, b""), (200, b"{")])
def test_a_provider_that_fails_half_way_lets_nobody_in(
    house: House, sso: Browsers, op: Op, path: str, answer: tuple[int, bytes]
) -> None:
    """
    And the failure is on the record.
    """
    op.answers[path] = answer
    mine = sso()

    refused = through(mine)

    assert (refused.status_code, "cannot be reached" in refused.text) == (503, True)
    assert not mine.is_signed_in
    assert audited(house, REFUSED)[0][1]["why"] == "the provider is away"


def test_keys_are_read_again_when_the_provider_has_new_ones(
    sso: Browsers, op: Op, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Not more often than each thirty seconds: anybody may name a key that nobody knows.
    """
    through(sso())
    op.keys = [key("two")]
    op.sign = lambda claims: signed(claims, key("two"))
    refused = through(sso())
    monkeypatch.setattr(providers, "AGAIN", -1.0)

    assert refused.status_code == 403
    assert through(sso()).status_code == 303
    assert [path for path, _ in op.asked].count("/keys") == 2


def test_people_who_are_disabled_stay_out(house: House, sso: Browsers) -> None:
    """
    Whatever the provider says of them.
    """
    with house.database.begin() as work:
        users.set_active(work, "ada", active=False, by="test")
    mine = sso()

    refused = through(mine)

    assert (refused.status_code, "may not sign in here" in refused.text) == (403, True)
    assert not mine.is_signed_in


def test_a_password_still_lets_in_who_has_one(sso: Browsers) -> None:
    """
    And confirms; the provider is one way among two.
    """
    mine = sso()
    assert mine.sign_in().status_code == 303
    assert mine.fill("/confirm", password=PASSWORD).status_code == 303
