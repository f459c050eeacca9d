"""
What the page tests stand on: people with passwords, and a browser that keeps cookies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import pytest
import requests

from soar import passwords, users
from soar.bootstrap import House

PASSWORD = "correct horse battery staple"
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


@dataclass
class Browser:
    """Somebody's browser: it keeps cookies, and follows no redirect by itself."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **headers: str) -> requests.Response:
        """Open an address."""
        return self.session.get(self.url + path, headers=headers, allow_redirects=False, timeout=30)

    def post(self, path: str, form: dict[str, Any], **headers: str) -> requests.Response:
        """Send a form."""
        return self.session.post(
            self.url + path, data=form, headers=headers, allow_redirects=False, timeout=30
        )

    def fill(self, path: str, to: str = "", **fields: str) -> requests.Response:
        """Open the page of a form, fill it in and send it with what is hidden in it."""
        return self.post(to or path.partition("?")[0], {**hidden(self.get(path)), **fields})

    def sign_in(
        self, username: str = "ada", password: str = PASSWORD, code: str = "", path: str = "/login"
    ) -> requests.Response:
        """Fill in the form to sign in."""
        return self.fill(path, username=username, password=password, code=code)

    def take(self, secret: str, name: str = "soar") -> None:
        """Hold a cookie that somebody else got, or made up."""
        self.session.cookies.set(name, secret, domain="127.0.0.1", path="/")

    @property
    def cookie(self) -> str:
        """The session's secret."""
        return self.session.cookies.get("soar") or ""

    @property
    def is_signed_in(self) -> bool:
        """Whether a page is shown to this browser."""
        return self.get("/account").status_code == 200


def hidden(page: requests.Response) -> dict[str, str]:
    """Return the hidden fields of a page's last form."""
    last = page.text.rpartition("<form")[2]
    return {name: unescape(value) for name, value in FIELD.findall(last)}


def person(
    house: House, username: str, *roles: str, password: str = PASSWORD, looks: bool = True
) -> str:
    """Make somebody with a password, who *looks* at everything."""
    given = [*roles, *(["Observer"] if looks else [])]
    with house.database.begin() as work:
        users.add(work, username, roles=given, by="test")
        users.set_password(work, username, password, by="test")
    return username


QUICK = passwords.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hashes that cost next to nothing; a unit test looks at those that people get."""
    passwords._nobodys.cache_clear()
    monkeypatch.setattr(passwords, "HASHER", QUICK)
    yield
    passwords._nobodys.cache_clear()


@pytest.fixture
def ada(house: House, quick_hashes: None) -> str:
    """Somebody with a password."""
    return person(house, "ada", "soc_tier2")


@pytest.fixture
def browser(url: str, quick_hashes: None) -> Callable[[], Browser]:
    """Make browsers."""
    return lambda: Browser(url)
