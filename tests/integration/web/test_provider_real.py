"""
Signing in through a real provider: oidc-provider, which is certified by the OpenID Foundation.

In: node, and the folder in which the package is installed (``OIDC_PROVIDER_DIR``).
Out: our own stand-in of a provider told the truth. Never: an address other than loopback.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from soar.bootstrap import House
from tests.conftest import eventually
from tests.integration.web.op import PUBLIC, SECRET, Op, leave
from tests.integration.web.sso import at, audited, link, roles
from tests.integration.web.stage import Browser

NODE, FOLDER = shutil.which("node"), os.environ.get("OIDC_PROVIDER_DIR", "")
SCRIPT = Path(__file__).with_name("real_op.mjs")
ACTION = re.compile(r'<form[^>]* action="([^"]+)"')
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


def _why_not() -> str:
    """Say what is missing for a real provider here, or nothing."""
    if not NODE:
        return "node is not installed"
    if not (Path(FOLDER) / "node_modules/oidc-provider").is_dir() or not FOLDER:
        return "OIDC_PROVIDER_DIR names no folder with oidc-provider (npm install oidc-provider)"
    return ""


pytestmark = [
    pytest.mark.oidc_real,
    pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "ready"),
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A running provider, by its issuer."""
    assert NODE
    process = subprocess.Popen(
        [NODE, str(SCRIPT), FOLDER, f"{PUBLIC}/login/callback", SECRET],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        with process.stdout as lines:
            yield next(line.strip() for line in lines if line.startswith("http://"))
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def real(issuer: str) -> Op:
    """The provider, as far as settings and links need it."""
    return Op(url=issuer)


class Person:
    """Somebody's browser at the provider."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.session = requests.Session()
        self.logins = 0

    def go(self, address: str) -> str:
        """Sign in and consent where asked; return the path on which the browser comes back."""
        for _ in range(20):
            answer = self.session.get(address, allow_redirects=False, timeout=30)
            while "Location" not in answer.headers:
                answer = self._fill(answer)
            address = urljoin(answer.url, answer.headers["Location"])
            if address.startswith(PUBLIC):
                return address.removeprefix(PUBLIC)
        raise AssertionError("the provider does not come to an end")

    def _fill(self, page: requests.Response) -> requests.Response:
        assert page.status_code == 200, page.text
        fields = {name: unescape(value) for name, value in FIELD.findall(page.text)}
        if 'name="login"' in page.text:
            self.logins += 1
            fields |= {"login": self.name, "password": "any"}
        found = ACTION.search(page.text)
        assert found is not None, page.text
        to = urljoin(page.url, unescape(found[1]))
        return self.session.post(to, data=fields, allow_redirects=False, timeout=30)


def test_a_real_provider_lets_in_whom_an_operator_has_linked(
    house: House, ada: str, real: Op, tmp_path: Path
) -> None:
    """
    With the time of the sign-in there, and the roles of the groups that its userinfo tells.
    """
    link(house, real)
    with at(house, real, tmp_path, oidc_client_id="soar", oidc_roles="soc-analysts=analyst") as new:
        mine, there = new(), Person("ada-there")
        inside = mine.get(there.go(leave(mine)))
        assert (inside.status_code, inside.headers["Location"]) == (303, "/account")
        assert mine.is_signed_in

        assert roles(house) == ["soc_tier2", "analyst"]
        ((who, detail),) = audited(house, "signed in")
        assert (who, detail["subject"]) == ("ada", "ada-there")
        assert detail["auth_time"] is not None
        assert _goes_in_again(new(), there)
    assert there.logins == 1


def _goes_in_again(mine: Browser, there: Person) -> bool:
    mine.get(there.go(leave(mine)))
    return mine.is_signed_in


def test_a_real_provider_asks_again_to_confirm(
    house: House, ada: str, real: Op, tmp_path: Path
) -> None:
    """
    Although the person is signed in there: the session is young afterwards.
    """
    link(house, real)
    with at(house, real, tmp_path, oidc_client_id="soar") as browsers:
        mine, there = browsers(), Person("ada-there")
        mine.get(there.go(leave(mine)))
        began = int(time.time())
        eventually(lambda: int(time.time()) > began)  # an auth_time has whole seconds

        done = mine.get(there.go(leave(mine, "/confirm", "/confirm/provider")))

    assert done.status_code == 303, done.text
    assert there.logins == 2
    assert len(audited(house, "confirmed")) == 1


def test_somebody_else_at_a_real_provider_gets_no_further(
    house: House, ada: str, real: Op, tmp_path: Path
) -> None:
    """
    A stranger is refused; where people are made, they are made under the name of userinfo.
    """
    link(house, real)
    with at(house, real, tmp_path, oidc_client_id="soar") as browsers:
        mine = browsers()
        assert mine.get(Person("ben").go(leave(mine))).status_code == 403
    with at(house, real, tmp_path, oidc_client_id="soar", oidc_create_people=True) as browsers:
        mine = browsers()
        assert mine.get(Person("ben").go(leave(mine))).status_code == 303
        assert "ben" in mine.get("/account").text


def test_a_code_of_a_real_provider_counts_once_and_with_its_verifier(
    house: House, ada: str, real: Op, tmp_path: Path
) -> None:
    """
    It refuses another browser's verifier, and a code that was used.
    """
    link(house, real)
    with at(house, real, tmp_path, oidc_client_id="soar") as browsers:
        mine, other = browsers(), browsers()
        path = Person("ada-there").go(leave(mine))
        code = _code(path)
        others = Person("ada-there").go(leave(other))
        assert other.get(others.replace(_code(others), code)).status_code == 403

        assert mine.get(path).status_code == 303
        mine.fill("/account", to="/logout")
        again = Person("ada-there").go(leave(mine))
        assert mine.get(again.replace(_code(again), code)).status_code == 403
        assert {mine.is_signed_in, other.is_signed_in} == {False}


def _code(path: str) -> str:
    return path.partition("code=")[2].partition("&")[0]


def test_the_wrong_secret_is_no_client_of_a_real_provider(
    house: House, ada: str, real: Op, tmp_path: Path
) -> None:
    """
    Nobody gets in, and the page says it in one sentence.
    """
    link(house, real)
    wrong = tmp_path / "wrong"
    wrong.write_text("another secret")
    more = {"oidc_client_id": "soar", "oidc_client_secret_file": wrong}
    with at(house, real, tmp_path, **more) as browsers:
        mine = browsers()
        refused = mine.get(Person("ada-there").go(leave(mine)))

    assert (refused.status_code, "did not accept" in refused.text) == (403, True)
