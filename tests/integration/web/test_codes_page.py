"""
Codes of an authenticator app on a page: shown once, proved, and taken away again.

In: browsers of people who have a password. Out: codes that are asked for from then on.
Never: a secret for who has not just confirmed, or codes that nobody has proved.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import pyotp
import pytest
import requests

from soar import identity
from soar.bootstrap import House
from soar.web import login
from tests.integration.rest.stage import serving
from tests.integration.web.op import Op, through
from tests.integration.web.sso import Browsers, audited, link
from tests.integration.web.stage import PASSWORD, Browser, hidden

PATH = "/account/codes"
OLD = "update session set authenticated_at = now() - interval '6 minutes' returning 1"


def begun(mine: Browser) -> tuple[pyotp.TOTP, requests.Response]:
    """Ask for a secret, and return the app that has read it."""
    page = mine.fill(PATH, what="begin")
    assert page.status_code == 200, page.text
    (secret,) = re.findall(r"<dt>Secret</dt><dd><code>([A-Z2-7]+)</code>", page.text)
    return pyotp.TOTP(secret), page


def later(app: pyotp.TOTP) -> str:
    """Return the next code, which counts already."""
    return app.at(int(time.time()) + 30)


def has_codes(house: House) -> bool:
    """Whether ada is asked for codes."""
    with house.database.begin() as work:
        row = work.credentials.of("ada")
    return bool(row and row["totp"])


def test_codes_count_once_one_of_them_was_given(
    house: House, mine: Browser, browser: Callable[[], Browser]
) -> None:
    """
    Until then the password alone lets in; afterwards it does not, and other sessions have ended.
    """
    other = browser()
    other.sign_in()
    assert "<dd>no</dd>" in mine.get("/account").text
    app, page = begun(mine)
    assert not has_codes(house)

    wrong = mine.post(PATH, {**hidden(page), "code": "000000"})
    assert (wrong.status_code, has_codes(house), app.secret in wrong.text) == (401, False, False)
    right = mine.post(PATH, {**hidden(wrong), "code": app.now()})

    assert (right.status_code, right.headers["Location"]) == (303, "/account")
    assert has_codes(house)
    assert (mine.is_signed_in, other.is_signed_in) == (True, False)
    assert browser().sign_in().status_code == 401
    assert browser().sign_in(code=later(app)).status_code == 303
    assert "<dd>yes</dd>" in mine.get("/account").text
    assert audited(house, "codes enrolled")[0][1]["sessions"] == 1


def test_the_secret_is_shown_once_as_text_and_as_a_drawing(house: House, mine: Browser) -> None:
    """
    The drawing is part of the page, an app reads the address, and nothing keeps it in clear.
    """
    app, page = begun(mine)

    assert "<svg " in page.text
    assert "style=" not in page.text
    assert f"otpauth://totp/SOAR:ada?secret={app.secret}" in unescape(page.text)
    assert page.headers["Cache-Control"] == "no-store"
    assert app.secret not in mine.get(PATH).text
    kept = house.database.run("select c::text from new_codes c", {})
    assert app.secret not in str(kept)
    assert app.secret not in str(house.database.run("select entry from audit", {}))
    assert begun(mine)[0].secret != app.secret


def test_who_has_not_just_confirmed_is_sent_to_do_so(house: House, mine: Browser) -> None:
    """
    The page leads there and back; a form that was opened before does nothing.
    """
    form = hidden(mine.get(PATH))
    house.database.run(OLD, {})

    sent = mine.get(PATH)
    refused = mine.post(PATH, {**form, "what": "begin"})

    assert (sent.status_code, sent.headers["Location"]) == (303, f"/confirm?next={PATH}")
    assert (refused.status_code, "Secret" in refused.text) == (403, False)
    assert not house.database.run("select 1 from new_codes", {})
    done = mine.fill(sent.headers["Location"], password=PASSWORD)
    assert done.headers["Location"] == PATH
    assert mine.get(PATH).status_code == 200


def test_to_remove_codes_needs_one_of_them_and_ends_the_other_sessions(
    house: House, mine: Browser, browser: Callable[[], Browser]
) -> None:
    """
    A wrong one, one that was used, or none: nothing is removed, and it counts as a failure.
    """
    app, page = begun(mine)
    used = app.now()
    mine.post(PATH, {**hidden(page), "code": used})
    for code in ("", "000000", used):
        assert mine.fill(PATH, what="remove", code=code).status_code == 401
    assert has_codes(house)

    assert mine.fill(PATH, what="remove", code=later(app)).status_code == 303
    assert not has_codes(house)
    assert mine.is_signed_in
    assert browser().sign_in().status_code == 303
    assert audited(house, "codes removed")[0][0] == "ada"


def test_guesses_at_a_code_wait_longer_and_longer(house: House, mine: Browser) -> None:
    """
    As those at the form to sign in do.
    """
    begun(mine)
    form = {"csrf": hidden(mine.get(PATH))["csrf"], "what": "prove"}
    for _ in range(identity.FREE_NAME):
        assert mine.post(PATH, {**form, "code": "000000"}).status_code == 401
    house.database.run(
        "update login_failure set failed_at = now() + interval '1 hour' returning 1", {}
    )

    early = mine.post(PATH, {**form, "code": "000000"})
    assert (early.status_code, early.headers["Retry-After"]) == (429, "1")


def test_a_secret_that_was_shown_long_ago_is_forgotten(house: House, mine: Browser) -> None:
    """
    After ten minutes; and proving without having begun does nothing.
    """
    csrf = hidden(mine.get(PATH))["csrf"]
    assert mine.post(PATH, {"csrf": csrf, "what": "prove", "code": "123456"}).status_code == 400
    app, page = begun(mine)
    house.database.run(
        "update new_codes set create_time = now() - interval '11 minutes' returning 1", {}
    )

    late = mine.post(PATH, {**hidden(page), "code": app.now()})
    assert (late.status_code, "begin again" in late.text) == (400, True)
    assert not has_codes(house)


def test_codes_are_not_put_over_codes(house: House, mine: Browser) -> None:
    """
    A form that was opened before cannot change them.
    """
    app, page = begun(mine)
    mine.post(PATH, {**hidden(page), "code": app.now()})
    form = {"csrf": hidden(page)["csrf"]}

    assert mine.post(PATH, {**form, "what": "begin"}).status_code == 409
    assert mine.post(PATH, {**form, "what": "prove", "code": later(app)}).status_code == 409
    assert mine.post(PATH, {**form, "what": "else"}).status_code == 400


def test_who_has_no_password_needs_no_codes(house: House, sso: Browsers, op: Op) -> None:
    """
    The provider asks for what it asks for.
    """
    with house.database.begin() as work:
        work.identities.new_person("tom")
    link(house, op, "tom", "tom-there")
    op.says["sub"] = "tom-there"
    op.signed_in = time.time()
    mine = sso()
    through(mine)

    assert "you have none here" in mine.get(PATH).text
    csrf = hidden(mine.get("/account"))["csrf"]
    assert mine.post(PATH, {"csrf": csrf, "what": "begin"}).status_code == 403


@pytest.mark.parametrize("path", ["/login", "/confirm"])
def test_only_so_many_sign_ins_are_judged_at_once(
    house: House, ada: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """
    The others wait, and hold up no other page.
    """
    busy, most, change = [0], [0], threading.Condition()
    full = threading.Event()

    def slow(*_: Any, **__: Any) -> None:
        with change:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
            if busy[0] >= login.AT_ONCE:
                full.set()
        let_go.wait(30)
        with change:
            busy[0] -= 1
        raise identity.NotAuthenticated("no")

    let_go = threading.Event()
    with serving(house) as url:
        mine = Browser(url)
        if path == "/confirm":
            mine.sign_in()
        form = {**hidden(mine.get(path)), "username": "ada", "password": "x"}
        cookies = mine.session.cookies.get_dict()
        monkeypatch.setattr(identity, "confirm" if path == "/confirm" else "sign_in", slow)

        def send(_: int) -> int:
            return requests.post(
                url + path, data=form, cookies=cookies, allow_redirects=False, timeout=60
            ).status_code

        with ThreadPoolExecutor(3 * login.AT_ONCE) as pool:
            sent = [pool.submit(send, n) for n in range(3 * login.AT_ONCE)]
            assert full.wait(30)
            assert requests.get(f"{url}/static/soar.css", timeout=30).status_code == 200
            let_go.set()
            assert {one.result() for one in sent} == {401}

    assert most[0] == login.AT_ONCE
