"""
Signing in: who gets in, who does not, and what both are told.

In: a real server on loopback, and browsers. Out: a session, or one sentence.
Never: a different answer for an unknown name, a wrong password and a wrong code.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from soar import identity, passwords, users
from soar.access import NotAuthenticated, Throttled, create_token
from soar.bootstrap import House
from tests.integration.rest.stage import serving
from tests.integration.web.stage import PASSWORD, Browser, hidden, person

Browsers = Callable[[], Browser]


@pytest.fixture
def codes(house: House, ada: str) -> pyotp.TOTP:
    """The authenticator app of somebody who has codes."""
    with house.database.begin() as work:
        address = users.enrol(work, ada, vault=house.vault(), by="test")
    secret = parse_qs(urlsplit(address).query)["secret"][0]
    return pyotp.TOTP(secret)


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


def test_every_wrong_sign_in_gets_the_same_answer(
    house: House, ada: str, codes: pyotp.TOTP, browser: Browsers
) -> None:
    """
    Unknown, wrong password, right password with a wrong or no code, disabled, a machine, somebody
    with no password: one sentence, one status.
    """
    person(house, "eve")
    with house.database.begin() as work:
        users.set_active(work, "eve", active=False, by="test")
        create_token(work, "bot", roles=[], kind="automation")
        create_token(work, "tom", roles=[])
    attempts = [
        ("nobody", PASSWORD, ""),
        ("no such name!", PASSWORD, ""),
        ("ada", "wrong password", codes.now()),
        ("ada", PASSWORD, ""),
        ("ada", PASSWORD, "000000"),
        ("eve", PASSWORD, ""),
        ("bot", "", ""),
        ("tom", "", ""),
        ("ada", "x" * 3000, ""),
    ]

    answers = [browser().sign_in(*attempt) for attempt in attempts]

    assert {answer.status_code for answer in answers} == {401}
    assert all(identity.REFUSED in answer.text for answer in answers)
    assert not any("soar" in answer.cookies for answer in answers)
    assert not house.database.run("select 1 from session", {})


@pytest.mark.parametrize("name", ["ada", "nobody", "bad name\x00", "eve"])
def test_one_password_is_verified_whoever_is_asked_for(
    house: House, ada: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    So the time of an answer does not tell who exists, is disabled or has a password.
    """
    person(house, "eve")
    verified: list[str] = []

    class Counting(passwords.PasswordHasher):
        def verify(self, *given: object) -> bool:
            verified.append("one")
            return super().verify(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(passwords, "HASHER", Counting(1, 64, 1))
    with house.database.begin() as work:
        users.set_active(work, "eve", active=False, by="test")
        verified.clear()
        with pytest.raises(NotAuthenticated, match=identity.REFUSED):
            identity.sign_in(work, username=name, password="wrong password", address="::1")

    assert verified == ["one"]


def test_a_code_counts_once(ada: str, codes: pyotp.TOTP, browser: Browsers) -> None:
    """
    Who has codes needs one; shown again, by the same person or another, it is refused.
    """
    first, second = browser(), browser()
    code = codes.now()

    assert first.sign_in(code=f"{code[:3]} {code[3:]}").status_code == 303
    assert second.sign_in(code=code).status_code == 401
    assert (first.is_signed_in, second.is_signed_in) == (True, False)


def test_the_same_code_at_the_same_moment_lets_one_in(
    house: House, ada: str, codes: pyotp.TOTP
) -> None:
    """
    Two processes cannot take the same step.
    """
    code = codes.now()

    def attempt(_: int) -> bool:
        try:
            with house.database.begin() as work:
                identity.sign_in(
                    work,
                    username=ada,
                    password=PASSWORD,
                    code=code,
                    address="192.0.2.1",
                    vault=house.vault,
                )
        except NotAuthenticated:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(4))) == 1


def test_an_earlier_code_is_refused_after_a_later_one(
    house: House, ada: str, codes: pyotp.TOTP
) -> None:
    """
    What was read over a shoulder a moment ago is of no use any more.
    """
    with house.database.begin() as work:
        row = work.credentials.of(ada)
        assert row is not None

        assert work.credentials.use_step(row["person_id"], 101)
        assert not work.credentials.use_step(row["person_id"], 101)
        assert not work.credentials.use_step(row["person_id"], 100)


def test_codes_cannot_be_checked_without_a_vault(house: House, ada: str, codes: pyotp.TOTP) -> None:
    """
    A server that has lost its vault key lets nobody with codes in, and says whom to ask.
    """
    bare = replace(house, settings=house.settings.model_copy(update={"vault_key_file": None}))
    with serving(bare) as url:
        answer = Browser(url).sign_in(code=codes.now())

    assert answer.status_code == 503
    assert "vault key" in answer.text
    assert not house.database.run("select 1 from session", {})


def test_a_session_gets_a_new_secret_at_each_sign_in(
    house: House, ada: str, browser: Browsers
) -> None:
    """
    A secret that somebody planted in a browser never becomes a session, and an old one ends.
    """
    mine = browser()
    mine.take("planted")
    mine.sign_in()
    first = mine.cookie
    mine.take("planted", "soar-door")
    mine.fill("/account", to="/logout")
    mine.sign_in()

    assert len({"planted", first, mine.cookie}) == 3
    for old in ("planted", first):
        other = browser()
        other.take(old)
        assert not other.is_signed_in
    assert mine.is_signed_in
    kept = house.database.run("select hash from session", {})
    assert mine.cookie not in str(kept)


def test_signing_in_again_ends_the_session_that_the_browser_had(
    ada: str, browser: Browsers
) -> None:
    """
    One browser holds one session.
    """
    mine, other = browser(), browser()
    form = mine.get("/login")
    door = mine.session.cookies["soar-door"]
    mine.sign_in()
    other.take(mine.cookie)
    other.take(door, "soar-door")
    other.post("/login", {**hidden(form), "username": ada, "password": PASSWORD})

    assert (other.is_signed_in, mine.is_signed_in) == (True, False)


def test_the_cookie_is_hidden_from_scripts_and_other_sites(
    house: House, ada: str, browser: Browsers
) -> None:
    """
    Behind a proxy with TLS it is also bound to this host, and never sent in clear.
    """
    plain = browser().sign_in().headers["Set-Cookie"]
    with serving(house, trusted_proxies="127.0.0.1") as url:
        behind = Browser(url)
        tls = {"X-Forwarded-Proto": "https"}
        page = behind.get("/login", **tls)
        door = page.headers["Set-Cookie"].partition(";")[0]
        form = {**hidden(page), "username": ada, "password": PASSWORD}
        safe = behind.post("/login", form, **tls, Cookie=door).headers["Set-Cookie"]

    for cookie in (plain, safe):
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split(", ")[0].split("; "))
        assert "Max-Age" not in cookie.partition(",")[0]
    assert plain.startswith("soar=")
    assert "Secure" not in plain
    assert safe.startswith("__Host-soar=")
    assert "Secure" in safe.partition(",")[0]


def test_a_one_time_password_only_sets_a_new_one(house: House, browser: Browsers) -> None:
    """
    Every page leads back to it until a password is set; then the one-time one is gone.
    """
    with house.database.begin() as work:
        given = users.add(work, "ben", roles=["analyst"], by="test")
    mine, late = browser(), browser()

    answer = mine.sign_in("ben", given)
    late.sign_in("ben", given)
    assert answer.headers["Location"] == "/password"
    assert mine.get("/account").headers["Location"].startswith("/login")
    assert mine.get("/login").headers["Location"] == "/password"
    assert mine.post("/confirm", {"password": given}).headers["Location"].startswith("/login")

    assert "12 characters" in mine.fill("/password", new="short", again="short").text
    assert "two different" in mine.fill("/password", new=PASSWORD, again="other").text
    assert "it replaces" in mine.fill("/password", new=given, again=given).text
    done = mine.fill("/password", new=PASSWORD, again=PASSWORD)

    assert done.status_code == 303
    assert mine.is_signed_in
    assert late.get("/password").headers["Location"].startswith("/login")
    assert browser().sign_in("ben", given).status_code == 401
    assert browser().sign_in("ben").status_code == 303


def test_a_one_time_password_ends_unused(house: House, browser: Browsers) -> None:
    """
    After seven days it lets nobody in.
    """
    with house.database.begin() as work:
        given = users.add(work, "ben", roles=[], by="test")
    house.database.run("update credential set expires_at = now() returning 1", {})

    assert browser().sign_in("ben", given).status_code == 401


def test_changing_a_password_needs_the_old_one_and_ends_the_other_sessions(
    ada: str, browser: Browsers
) -> None:
    """
    A browser that was left open gives nobody the account.
    """
    mine, other = browser(), browser()
    mine.sign_in()
    other.sign_in()
    before, new = mine.cookie, "a password that is new"

    wrong = mine.fill("/password", current="wrong password", new=new, again=new)
    right = mine.fill("/password", current=PASSWORD, new=new, again=new)

    assert (wrong.status_code, right.status_code) == (401, 303)
    assert (mine.is_signed_in, other.is_signed_in) == (True, False)
    assert mine.cookie != before
    assert browser().sign_in().status_code == 401


def test_after_five_failures_the_next_attempts_wait_longer_and_longer(
    house: House, ada: str, browser: Browsers
) -> None:
    """
    Also with the right password; the page says how long, and after it the person gets in.
    """
    for _ in range(identity.FREE_NAME):
        assert browser().sign_in(password="wrong password").status_code == 401
    _just_now(house)
    early = browser().sign_in()

    assert (early.status_code, early.headers["Retry-After"]) == (429, "1")
    assert "try again in 1 s" in early.text
    assert [identity.wait_after(n, 5) for n in (4, 5, 6, 9, 14, 15, 99, 10**6)] == [
        0, 1, 2, 16, 512, 900, 900, 900,
    ]  # fmt: skip
    _let_pass(house)
    assert browser().sign_in().status_code == 303
    assert browser().sign_in(password="wrong password").status_code == 401


def _just_now(house: House) -> None:
    """Let no time pass since the last failures, however slow the machine is."""
    house.database.run(
        "update login_failure set failed_at = now() + interval '1 hour' returning 1", {}
    )


def _let_pass(house: House) -> None:
    """Let fifteen minutes pass."""
    house.database.run(
        "update login_failure set failed_at = now() - interval '900 seconds' returning 1", {}
    )


def test_failures_are_counted_even_where_the_work_is_undone(house: House, ada: str) -> None:
    """
    A caller that lets the refusal through, and so rolls back, forgives no guess.
    """
    for _ in range(identity.FREE_NAME):
        with pytest.raises(NotAuthenticated, match=identity.REFUSED), house.database.begin() as w:
            identity.sign_in(w, username=ada, password="wrong password", address="192.0.2.1")
    _just_now(house)

    with pytest.raises(Throttled), house.database.begin() as work:
        identity.sign_in(work, username=ada, password=PASSWORD, address="192.0.2.2")


def test_guesses_at_the_same_moment_see_each_other(house: House, ada: str) -> None:
    """
    Thirty at once, of a name that has used up its free ones: at most one is judged.
    """
    for _ in range(identity.FREE_NAME + 10):
        with house.database.begin() as work:
            work.login_failures.count([identity._name_key(work, ada, "192.0.2.1")])
    _let_pass(house)

    def guess(number: int) -> type[Exception]:
        try:
            with house.database.begin() as work:
                identity.sign_in(
                    work, username=ada, password="wrong password", address=f"192.0.2.{number}"
                )
        except NotAuthenticated as error:
            return type(error)
        raise AssertionError

    with ThreadPoolExecutor(10) as pool:
        kinds = list(pool.map(guess, range(30)))

    assert kinds.count(NotAuthenticated) == 1
    assert kinds.count(Throttled) == 29


def test_an_address_that_tries_many_names_waits(house: House, ada: str) -> None:
    """
    The 64 bits that one owner has in IPv6 are one address; a success of its own forgives nothing.
    """
    for number in range(identity.FREE_ADDRESS):
        with pytest.raises(NotAuthenticated), house.database.begin() as work:
            identity.sign_in(
                work,
                username=f"nobody{number}",
                password="wrong password",
                address=f"2001:db8::{number:x}",
            )
        if number == 10:
            with house.database.begin() as work:
                identity.sign_in(work, username=ada, password=PASSWORD, address="2001:db8::a")

    _just_now(house)

    with pytest.raises(Throttled), house.database.begin() as work:
        identity.sign_in(work, username="ben", password=PASSWORD, address="2001:db8::ffff")
    with house.database.begin() as work:
        assert identity.sign_in(work, username=ada, password=PASSWORD, address="2001:db8:1::1")


def test_a_stranger_who_guesses_does_not_make_the_person_wait(house: House, ada: str) -> None:
    """
    An address from which somebody signed in lately counts on its own.
    """
    with house.database.begin() as work:
        identity.sign_in(work, username=ada, password=PASSWORD, address="192.0.2.1")
    for number in range(identity.FREE_NAME):
        with pytest.raises(NotAuthenticated), house.database.begin() as work:
            identity.sign_in(
                work, username=ada, password="wrong password", address=f"198.51.100.{number}"
            )
    _just_now(house)

    with pytest.raises(Throttled), house.database.begin() as work:
        identity.sign_in(work, username=ada, password=PASSWORD, address="198.51.100.9")
    with house.database.begin() as work:
        assert identity.sign_in(work, username=ada, password=PASSWORD, address="192.0.2.1")


def test_what_failed_is_forgotten_and_never_kept_in_clear(house: House, ada: str) -> None:
    """
    A password typed as a name stands nowhere; a day later nothing of it is left.
    """
    with pytest.raises(NotAuthenticated), house.database.begin() as work:
        identity.sign_in(work, username=PASSWORD, password="", address="192.0.2.1")
    kept = house.database.run("select key from login_failure", {})
    house.database.run(
        "update login_failure set failed_at = now() - interval '2 days' returning 1", {}
    )
    with house.database.begin() as work:
        work.login_failures.count(["name:other"])

    assert len(kept) == 2
    assert "horse" not in str(kept)
    assert house.database.run("select key from login_failure", {}) == [("name:other",)]


def test_a_password_is_hashed_again_when_the_parameters_change(
    house: House, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    At the next sign-in, without anybody noticing; nothing is done where they are the same.
    """

    def kept() -> str:
        return str(house.database.run("select password_hash from credential", {})[0][0])

    def enter() -> None:
        with house.database.begin() as work:
            identity.sign_in(work, username=ada, password=PASSWORD, address="192.0.2.1")

    before = kept()
    enter()
    assert kept() == before
    monkeypatch.setattr(passwords, "HASHER", passwords.PasswordHasher(2, 64, 1))
    enter()

    assert before.startswith("$argon2id$")
    assert "t=2" in kept()
    enter()


def test_signing_in_and_out_is_audited(house: House, ada: str, browser: Browsers) -> None:
    """
    Who, from where, and whether a code was shown; no secret.
    """
    mine = browser()
    mine.sign_in()
    secret = mine.cookie
    mine.fill("/account", to="/logout")

    rows = house.database.run("select who, what, detail::text from audit order by id", {})
    assert [row[1] for row in rows[-2:]] == ["signed in", "signed out"]
    assert rows[-2][0] == ada
    assert "127.0.0.1" in rows[-2][2]
    assert PASSWORD not in str(rows)
    assert secret not in str(rows)
